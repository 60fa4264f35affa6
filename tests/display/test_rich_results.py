"""Plans and sums left out as tables of a notebook: the same words as the lines, each once."""

from __future__ import annotations

import re
from html import unescape

import pytest

import pgmlang
from pgmlang.objectives.objective import per_unit

MODEL = pgmlang.compile("mu ~ Normal(0, 1)\nplate row {\n  z ~ Bernoulli(0.3)\n  y ~ Normal(mu + z, 1)\n}")
DATA = {"y": [1.0, 2.0, 3.0, 2.0, 1.0]}


def words(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", html))


def test_plan() -> None:
    plan = MODEL.plan(DATA)
    html = plan._repr_html_()
    assert html.count("<table") == 1
    for block in plan.blocks:
        assert f">{block.kernel}</td>" in html
        for text in (*block.variables, *block.reasons, *(f"{k} = {v}" for k, v in block.options.items())):
            assert words(html).count(text) >= 1
    for name, reason in plan.refused:
        assert f"not {name}: {reason}" in words(html)


def test_plan_of_cases() -> None:
    plan = MODEL.plan()
    cases = list(plan.cases())
    html = plan._repr_html_()
    assert html.count("<table") == len(cases)
    for blocks in cases:
        assert blocks[0].when in words(html)


def test_sums_left_out() -> None:
    options = {"draws": 50, "warmup": 50, "chains": 2}
    fit = MODEL.fit(DATA, method="hmc", seed=1, options=options)
    for sums in (fit.loo(DATA), fit.waic(DATA)):
        html = sums._repr_html_()
        assert html.count("<table") == 1
        assert f">{sums.elpd:.2f}</td>" in html
        assert f">{sums.se:.2f}</td>" in html
        assert sums.k_hats in words(html)
        assert sums.k_hats in str(sums)
        assert sums.display.to_dict()["estimate"] == [sums.elpd, sums.p]


@pytest.mark.parametrize(("method", "words_of"), [("map", "log-density"), ("elbo", "bound")])
def test_what_was_climbed_names_its_unit(method: str, words_of: str) -> None:
    """A sum over three schools is divided by three, not by its four pupils, and called so."""
    text = "mu ~ Normal(0, 1)\nplate school {\n  plate pupil {\n    y ~ Normal(mu, 1)\n  }\n}\n"
    data = {"school": ["a", "a", "b", "c"], "y": [1.0, 2.0, 3.0, 4.0]}
    fit = pgmlang.compile(text).fit(data, method=method, seed=1)
    assert fit.record.objective == f"{words_of} per school"
    if method == "map":
        total = fit.record.provenance["log_density"]
        assert fit.record.trace[-1] == pytest.approx(total / 3, rel=1e-6)
    assert per_unit(words_of, None) == words_of

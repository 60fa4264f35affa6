"""Latent numbers of rows: no joint mode unasked, and rows that stand for several are rows written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.plan import make_plan

ITEMS = """a ~ Normal(0, 2)
s ~ HalfNormal(2)
plate row {
  t ~ Normal(0, 1)
  x ~ Bernoulli(logit = a + s * t)
  y ~ Bernoulli(logit = a - s * t)
}
"""
SCALED = "param s : positive\nplate row {\n  h ~ Normal(0, s)\n  y ~ Normal(h, 1)\n}\n"
GROUPS = "s ~ HalfNormal(3)\nplate g {\n  h ~ StudentT(4, 0, s)\n  plate row { y ~ Normal(h, 1) }\n}\n"
NUMBERS = [0.3, -1.2, 2.1, 0.4]
MODELS = {
    "bits": (ITEMS, {"x": [0, 1, 1, 0], "y": [1, 1, 0, 0]}),
    "a param beside": (SCALED, {"y": NUMBERS}),
    "groups": (GROUPS, {"g": ["u", "u", "v", "w"], "y": NUMBERS}),
    "labels too": (
        "s ~ HalfNormal(2)\nplate row {\n  z : bit ~ Bernoulli(0.4)\n  h ~ Normal(z, s)\n  y ~ Normal(h, 1)\n}\n",
        {"y": NUMBERS},
    ),
    "a network": (
        "dim k[2], one[1]\nnet f : k -> one = mlp(3, act = tanh)\nplate row {\n  h[k] ~ Normal(0, 1)\n  y ~ Normal(sum(f(h)), 1)\n}\n",
        {"y": NUMBERS},
    ),
}


def bound(name: str, clause: str) -> Any:
    text, data = MODELS[name]
    model = pgmlang.compile(text)
    return model, model.bind({**data, "n": [2, 1, 3, 1]}, **({clause: "n"} if clause else {}))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("clause", ["", "counts"])
def test_auto_integrates_them(name: str, clause: str) -> None:
    model, binding = bound(name, clause)
    block = make_plan(model.model, binding).blocks[0]
    assert block.method in ("hmc", "elbo", "gibbs", "meanfield", "em")
    if block.method == "em":
        # its sums over rows have the counts as they are
        return
    assert any("written out" in r for r in block.reasons) == (clause == "counts" and name != "groups")


@pytest.mark.parametrize("name", [n for n in MODELS if n != "groups"])
def test_auto_refuses_weights_of_such_rows(name: str) -> None:
    model, binding = bound(name, "weights")
    with pytest.raises(PgmError) as error:
        make_plan(model.model, binding)
    assert error.value.diagnostics[0].code == "PGM0601"
    assert any("map: " in note and "latent in every row" in note for note in error.value.diagnostics[0].notes)


def test_by_name_it_warns_with_the_names() -> None:
    fit = pgmlang.compile(SCALED).fit({"y": NUMBERS}, method="map", seed=1)
    said = [w for w in fit.record.warnings if w.code == "PGM0810"]
    assert len(said) == 1
    assert "`h`" in said[0].message
    assert "`s`" in said[0].message


def test_what_has_no_latents_of_rows_warns_of_nothing() -> None:
    fit = pgmlang.compile("m ~ Normal(0, 9)\nplate row { y ~ Normal(m, 1) }\n").fit(
        {"y": NUMBERS}, method="map", seed=1
    )
    assert not fit.record.warnings


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("hmc", {"warmup": 20, "draws": 20, "chains": 2}),
        ("tempering", {"warmup": 10, "draws": 10, "chains": 2, "temperatures": 2}),
        ("elbo", {"epochs": 30}),
        ("meanfield", {"epochs": 30}),
        ("gibbs", {"warmup": 20, "draws": 20, "chains": 2}),
    ],
)
def test_counts_are_the_rows_written_out(method: str, options: dict[str, int]) -> None:
    text = "m ~ Normal(0, 2)\ns ~ HalfNormal(2)\nplate row {\n  t ~ Normal(0, 1)\n  x ~ Bernoulli(logit = m + s * t)\n}\n"
    if method == "gibbs":
        text = "m ~ Normal(0, 2)\nplate row {\n  t ~ Normal(m, 1)\n  x ~ Normal(t, 1)\n}\n"
    model = pgmlang.compile(text)
    counted = model.bind({"x": [0, 1], "n": [3, 2]}, counts="n")
    one = model.fit(counted, method=method, seed=4, options=options)
    two = model.fit({"x": [0, 0, 0, 1, 1]}, method=method, seed=4, options=options)
    assert set(one.draws) == set(two.draws)
    assert {"m", "t"} <= set(one.draws)
    for name in one.draws:
        np.testing.assert_array_equal(one.draws[name], two.draws[name])
    assert one.record.sizes["row"] == 5

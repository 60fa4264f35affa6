"""Choices on data are linear forms: a piecewise mean, its 0/1 columns and an index have one plan and the same numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest

import pgmlang
from pgmlang.infer.conjugate import conjugate_family
from pgmlang.infer.gibbs import kinds_of
from pgmlang.normal import normal_form
from pgmlang.normal.affine import COMPLEMENT, FREE, ITSELF, LINEAR, form_in, forms_in
from pgmlang.plan import Plan, make_plan, show
from pgmlang.sema import compile_source

rng = np.random.default_rng(3)
X, T = rng.normal(size=40), rng.integers(0, 2, 40)
Y = 1 + T * 2 * X + rng.normal(size=40)
COUNTS = rng.poisson(np.where(T == 1, 2.0, 6.0))

MEANS = [
    "if t then a + b * x else a", "a + t * b * x", "a + (if t then b * x else 0)", "a + (if t == 0 then 0 else b) * x",
    "(1 - t) * a + t * (a + x * b)",
]  # fmt: skip


def line(mean: str) -> str:
    return f"a ~ Normal(0, 5)\nb ~ Normal(0, 5)\nplate row {{\n input x : real\n input t : bit\n y ~ Normal({mean}, 1)\n}}"


def without_seconds(plan: Plan) -> str:
    """A plan's text but for the seconds that it estimates: a spelling with more in it takes longer."""
    return re.sub(r"[\d.]+ s\b", "", show(plan))


@pytest.fixture(scope="module")
def posterior() -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of (a, b), in closed form."""
    design = np.stack([np.ones(40), T * X], 1)
    precision = design.T @ design + np.eye(2) / 25
    return np.linalg.solve(precision, design.T @ Y), np.linalg.inv(precision)


@pytest.mark.parametrize("mean", MEANS)
def test_a_mean_by_pieces_has_the_draws_of_its_plain_spelling(
    mean: str, posterior: tuple[np.ndarray, np.ndarray]
) -> None:
    data = {"x": X, "t": T, "y": Y}
    model = pgmlang.compile(line(mean))
    assert normal_form(model.model) == normal_form(compile_source(line(MEANS[1])))
    assert kinds_of(model.model, ("a", "b")) == {"a": "conjugate", "b": "conjugate"}
    bound, plain = model.bind(data), pgmlang.compile(line(MEANS[1])).bind(data)
    assert without_seconds(make_plan(bound.model, bound)) == without_seconds(make_plan(plain.model, plain))
    draws = model.fit(data, method="gibbs", seed=2, options={"chains": 4, "warmup": 100, "draws": 500}).draws
    center, spread = posterior
    for i, name in enumerate("ab"):
        assert np.mean(draws[name]) == pytest.approx(center[i], abs=0.06 * 4)
        assert np.std(draws[name]) == pytest.approx(np.sqrt(spread[i, i]), rel=0.15)


RATES = {
    "choice": ("l ~ Gamma(2, 1)\nm ~ Gamma(2, 1)", "if t then l else m"),
    "columns": ("l ~ Gamma(2, 1)\nm ~ Gamma(2, 1)", "t * l + (1 - t) * m"),
    "index": ("dim arm = {off, on}\nr[arm] ~ Gamma(2, 1)", "r[k]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("spelling", RATES)
def test_rates_by_pieces_are_gamma(spelling: str) -> None:
    prior, rate = RATES[spelling]
    text = f"{prior}\nplate row {{\n input t : bit\n input k : arm\n n ~ Poisson({rate})\n}}"
    if spelling != "index":
        text = text.replace(" input k : arm\n", "")
    else:
        text = text.replace(" input t : bit\n", "")
    data = {"n": COUNTS, **({"k": np.where(T == 1, "on", "off")} if spelling == "index" else {"t": T})}
    model = pgmlang.compile(text)
    names = [v.name for v in model.model.of_role("random") if v.name != "n"]
    assert all(conjugate_family(model.model, name) == "Gamma" for name in names)
    draws = model.fit(data, method="gibbs", seed=1, options={"chains": 4, "warmup": 20, "draws": 1000}).draws
    rates = draws["r"] if spelling == "index" else np.stack([draws["m"], draws["l"]], -1)
    for value in (0, 1):
        shape, total = 2 + COUNTS[value == T].sum(), 1 + (value == T).sum()
        assert np.mean(rates[..., value]) == pytest.approx(shape / total, rel=0.02)
        assert np.std(rates[..., value]) == pytest.approx(np.sqrt(shape) / total, rel=0.06)


FORMS = {
    "if t then u else v": (ITSELF, FREE),
    "t * u + (1 - t) * v": (ITSELF, FREE),
    "if t then u else 1 - u": (ITSELF, COMPLEMENT),
    "v + (if x > 0 then 2 * u else 0)": (LINEAR, FREE),
    "if x > 0 then u else 3": (ITSELF, FREE),
    "if k == b then u else if k == c then v else 0": (ITSELF, FREE),
    "(k == b) * u + (k == c) * v": (ITSELF, FREE),
    "if t then exp(u) else v": None,
    "if u > 0 then v else x": None,
}


@pytest.mark.parametrize("text", FORMS)
def test_forms_by_case(text: str) -> None:
    head = "dim g = {a, b, c}\nu ~ Beta(1, 1)\nv ~ Normal(0, 1)\n"
    model = normal_form(
        compile_source(
            f"{head}plate row {{ input x : real\n input t : bit\n input k : g\n y ~ Normal({text}, 1) }}"
        )
    )
    mean = dict(model.conditional_of["y"].distribution.arguments)["loc"]  # type: ignore[union-attr]
    wanted = FORMS[text]
    forms = {f for f in forms_in(model, mean, "u") if not f.is_free}  # type: ignore[arg-type]
    if wanted is None:
        assert not form_in(model, mean, "u").is_linear  # type: ignore[arg-type]
    else:
        assert forms == {f for f in wanted if not f.is_free}


def test_a_branch_that_may_be_infinite_stays_a_choice() -> None:
    """0 times the logarithm of 0 is no number: the normal form means what the model does there."""
    import torch

    from pgmlang.lower import lower

    text = "b ~ Normal(0, 1)\nplate row { input x : real\n y ~ Normal(if x > 0 then b * log(x) else 0, 1) }"
    model = compile_source(text)
    module = lower(normal_form(model)).load()
    data, layout, params, nets, values = module.example()
    data = {**data, "x": torch.zeros_like(data["x"])}
    assert torch.isfinite(module.log_joint(values, data, layout, params, nets))

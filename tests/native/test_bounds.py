"""Bounds that hang on other values, on data, or are one for each element: compiled loops are as torch."""

from __future__ import annotations

import pytest

import pgmlang
from tests.native.test_equal import ROWS, assert_equal, target_over

MODELS = {
    "bounds in a row": "u ~ Uniform(0, 5)\nv ~ Uniform(0, u)\nw ~ Uniform(-1, 1 - v)\nplate r { y ~ Normal(v + w, u) }",
    "within a type's own": "a ~ Uniform(0, 1)\nb ~ Uniform(0, 1 - a)\nplate r { y ~ Normal(a - b, 1) }",
    "one below": "m ~ Normal(0, 1)\nn ~ Truncated(Normal(0, 1), lower = m)\nplate r { y ~ Normal(m * n, 1) }",
    "one above, by group": "m ~ Normal(0, 1)\nplate c {\n  e ~ Truncated(Normal(0, 1), upper = m)\n  plate r { y ~ Normal(e, 1) }\n}",
    "of data": "m ~ HalfNormal(1)\nplate r {\n  input p : real\n  e ~ Truncated(Exponential(m), lower = p)\n  y ~ Normal(e, 1)\n}",
    "along an axis": "dim f = {one, two}\nm[f] ~ Normal(0, 1)\nn[f] ~ Uniform(m, m + 1)\nplate r { y ~ Normal(n[one] * n[two], 1) }",
    "of a choice": "m ~ Normal(0, 1)\nplate r {\n  input x : real\n  e ~ if x > 0 then Truncated(Normal(0, 1), lower = m) else Truncated(Normal(0, 2), lower = m - 1)\n"
    "  y ~ Normal(e, 1)\n}",
}  # fmt: skip
ALWAYS = ("within a type's own", "one above, by group")


@pytest.mark.parametrize(
    "text", [pytest.param(t, id=n, marks=() if n in ALWAYS else pytest.mark.slow) for n, t in MODELS.items()]
)
def test_models(text: str) -> None:
    assert_equal(target_over(text))


def test_a_plan_has_loops() -> None:
    text = MODELS["within a type's own"]
    plan = pgmlang.compile(text).plan({"y": ROWS["y"]}, method="hmc", options={"draws": 50_000})
    assert "us a gradient a chain estimated" in "; ".join(r for b in plan.blocks for r in b.reasons)

"""A table of models and verdicts: what `check` calls good some method fits, or the plan says why none does."""

from __future__ import annotations

from typing import Any

import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

Y = [0.3, -0.4, 1.2, 0.8]
FITTED: dict[str, tuple[str, dict[str, Any]]] = {
    "uniform scale": ("s ~ Uniform(0, 10)\nplate row { y ~ Normal(0, s) }", {"y": Y}),
    "half Student": ("s : positive ~ Truncated(StudentT(3, 0, 2), lower = 0)\nplate row { y ~ Normal(0, s) }", {"y": Y}),
    "noisy or": ("w ~ HalfNormal(1)\nplate row {\n  input x : positive\n  y ~ Bernoulli(1 - exp(-w * x))\n}",
                 {"x": [1.0, 2.0, 0.1, 3.0], "y": [0, 1, 0, 1]}),
    "leak": ("u ~ Beta(1, 1)\nplate row { y ~ Bernoulli(0.2 + 0.3 * u) }", {"y": [0, 1, 0, 1]}),
    "thirds": ("dim c = {a, b, d}\nm[c] ~ Normal(0, 3)\nplate row {\n  x : c ~ Categorical(1/3)\n  y ~ Normal(m[x], 1)\n}",
               {"y": Y}),
    "constant in a plate": ("mu ~ Normal(0, 2)\ntau = 0.7\nplate row { y ~ Normal(mu, tau) }", {"y": Y}),
    "indicator": ("mu ~ Normal(0, 1)\nbig = if mu > 0 then 1 else 0\nplate row { y ~ Normal(mu + big, 1) }", {"y": Y}),
    "truth of a row": ("mu ~ Normal(0, 1)\nplate row {\n  input x : real\n  big = x > 0\n  both = big and mu > 0\n"
                       "  y ~ Normal(if both then mu else 0, 1)\n}", {"x": [1.0, -1.0, 2.0, 0.5], "y": Y}),
    "bit outside of plates": ("z ~ Bernoulli(0.5)\nplate row { y ~ Normal(if z == 1 then 1 else 0, 1) }", {"y": Y}),
    "mean of rows": ("mu ~ Normal(0, 1)\nplate row { y ~ Normal(mu, 1) }\nm = mean(y, over = row)", {"y": Y}),
    "copy along an axis": ("dim k[2]\ndim l like k\na[k] ~ Normal(0, 1)\nb[l] = a\nplate row { y ~ Normal(sum(b), 1) }",
                           {"y": Y}),
    "hard constraint": ("plate row {\n  field a : bit\n  field b : bit\n  factor if a == b then 0 else log(0)\n}",
                        {"a": [0, 1, 1, 0]}),
    "bounded field": ("plate row {\n  field x : unit\n  y ~ Normal(0, 1)\n  factor 3 * log(x) + log(1 - x)\n}", {"y": Y}),
    "labels that all rows enter": ("m ~ Normal(0, 1)\nplate row {\n  z ~ Bernoulli(0.4)\n  y ~ Normal(z + m, 1)\n}\n"
                                   "s = sum(z, over = row)\nw ~ Normal(s, 1)", {"y": Y}),
    "unknown upper end": ("top ~ Exponential(0.01)\nplate row { y ~ Uniform(0, top) }", {"y": [30.0, 60.0, 12.0]}),
    "recursion": ("a ~ HalfNormal(1)\nb ~ Beta(1, 1)\nplate t = chain {\n  v = if first then a else a + b * prev(v)\n"
                  "  y ~ Normal(0, v)\n}", {"y": Y}),
}  # fmt: skip


def is_fitted_or_explained(text: str, data: dict[str, Any]) -> bool:
    try:
        fit = pgmlang.compile(text + "\n").fit(data, seed=1)
    except PgmError as error:
        told = error.diagnostics[0]
        assert told.code in ("PGM0601", "PGM0602")
        assert told.help or told.notes
        return False
    assert all(r["mean"] is not None for r in fit.summary())
    return True


@pytest.mark.parametrize("name", FITTED)
def test_fitted(name: str) -> None:
    assert is_fitted_or_explained(*FITTED[name])


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "positive field to learn": ("param a : positive\nplate row {\n  field x : positive\n  factor -a * x\n}",
                                {"x": [1.0, 2.0, 3.0]}),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_explained(name: str) -> None:
    assert not is_fitted_or_explained(*REFUSED[name])

"""Values over all rows in discrete models: no row's network may take its own value for all rows' (closed forms)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

X, V = np.array([1.0, 2.0, -3.0, 0.5]), np.array([0.5, 2.0])
S, T, U, G = np.array([1, 1, 0, 0]), np.array([1, 0, 0, 1]), np.array([1, 0]), ["p", "p", "q", "q"]
MEANS = X.reshape(2, 2).mean(1)
ROWS = {"x": X, "s": S}
GROUPS = {"g": {"g": ["p", "q"], "s": U, "v": V}, "row": {"g": G, "x": X}}
DRAWN = 2 * np.log(0.3) + 2 * np.log(0.7)


def bits(y: np.ndarray, logit: np.ndarray) -> float:
    return float(-np.logaddexp(0, np.where(y == 1, -logit, logit)).sum())


def hidden() -> float:
    z = 1 / (1 + np.exp(-(X - X.mean())))
    p = z * 0.8 + (1 - z) * 0.3
    return float(np.log(np.where(S == 1, p, 1 - p)).sum())


CENTRED = bits(S, X - X.mean())
MODELS: dict[str, tuple[str, Mapping[str, Any], float]] = {
    "a centred predictor": (
        "param b : real\nm = mean(x, over = row)\nplate row {\n  input x : real\n  s ~ Bernoulli(logit = b * (x - m))\n}",
        ROWS, CENTRED,
    ),
    "of a field": (
        "param b : real\nm = mean(x, over = row)\nplate row {\n  input x : real\n  field s : bit\n  factor s * b * (x - m)\n}",
        ROWS, CENTRED,
    ),
    "through another name": (
        "param b : real\nm = mean(x, over = row)\nplate row {\n  input x : real\n  c = b * (x - m)\n  s ~ Bernoulli(logit = c)\n}",
        ROWS, CENTRED,
    ),
    "above a latent": (
        "param b : real\nm = mean(x, over = row)\nplate row {\n  input x : real\n  z ~ Bernoulli(logit = b * (x - m))\n"
        "  s ~ Bernoulli(if z == 1 then 0.8 else 0.3)\n}",
        ROWS, hidden(),
    ),
    "of the rows of an outer element": (
        "param b : real\nplate g {\n  input v : real\n  m = mean(x, over = row)\n  s ~ Bernoulli(logit = b * m * v)\n}\n"
        "plate row in g { input x : real }",
        GROUPS, bits(U, MEANS * V),
    ),
    "without a name": (
        "param b : real\nplate g {\n  input v : real\n  s ~ Bernoulli(logit = b * v * mean(x, over = row))\n}\n"
        "plate row in g { input x : real }",
        GROUPS, bits(U, MEANS * V),
    ),
    "centred by group": (
        "param b : real\nplate g { m = mean(x, over = row) }\nplate row in g {\n  input x : real\n"
        "  s ~ Bernoulli(logit = b * (x - m))\n}",
        {**ROWS, "g": G}, bits(S, X - np.repeat(MEANS, 2)),
    ),
    "of what is random": (
        "n = sum(s, over = row)\nplate row {\n  s ~ Bernoulli(0.3)\n  t ~ Bernoulli(logit = n - 2)\n}",
        {"s": S, "t": T}, DRAWN + bits(T, np.zeros(4)),
    ),
    "of what is random in a group": (
        "plate g {\n  n = sum(s, over = row)\n  u ~ Bernoulli(logit = n - 1)\n}\nplate row in g {\n  s ~ Bernoulli(0.3)\n"
        "  t ~ Bernoulli(logit = n - 1)\n}",
        {"g": {"g": ["p", "q"], "u": U}, "row": {"g": G, "s": S, "t": T}},
        DRAWN + bits(U, np.array([1, -1])) + bits(T, np.array([1, 1, -1, -1])),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "data", "expected"), MODELS.values(), ids=MODELS)
def test_log_likelihood(text: str, data: Mapping[str, Any], expected: float) -> None:
    fixed = {"b": 1.0} if "param b" in text else None
    fit = pgmlang.compile(text).fit(data, method="exact", fixed=fixed)
    assert fit.record.log_likelihood == pytest.approx(expected, rel=1e-12)


def test_a_fresh_row_is_centred_by_the_rows_of_the_fit() -> None:
    text, data, _ = MODELS["a centred predictor"]
    fit = pgmlang.compile(text).fit(data, method="exact", fixed={"b": 1.0})
    with pytest.raises(PgmError, match="no value of it is given"):
        fit.query("P(s)")
    chance = 1 / (1 + np.exp(-(1 - data["x"].mean())))
    assert fit.query("P(s | x = 1)").probabilities["1"] == pytest.approx(chance, abs=1e-9)

"""Numbers that are hidden below hidden labels, in rows and in sequences: scores and questions against quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import pgmlang

GRID = np.linspace(-9, 10, 4001)
COUNTS = [2, None, 0, 5]


def likelihood(label: int, count: int | None) -> float:
    """Of a count given the label of its row."""
    if count is None:
        return 1.0
    return float(np.trapezoid(stats.norm.pdf(GRID, label) * stats.poisson.pmf(count, np.exp(GRID)), GRID))


def near(score, right: np.ndarray) -> None:
    error = 1e-6 if score.ess is None else 4 / np.sqrt(score.ess)
    assert np.asarray(score.values) == pytest.approx(right, abs=error)


def test_rows() -> None:
    text = "plate row { z ~ Bernoulli(0.3) ; u ~ Normal(z, 1) ; k ~ Poisson(exp(u)) }"
    given = pgmlang.compile(text).given()
    right = np.array([0.7 * likelihood(0, k) + 0.3 * likelihood(1, k) for k in (2, 0, 5)])
    near(given.score_rows({"k": [2, 0, 5]}), np.log(right))
    answer = given.query("P(z | k = 5)", seed=1)
    (row,) = [r for r in answer.table if r["z"] == "1"]
    assert row["p"] == pytest.approx(0.3 * likelihood(1, 5) / right[2], abs=1e-6)


def test_a_sequence() -> None:
    text = """plate t = chain {
      z ~ Bernoulli(if first then 0.5 else if prev(z) == 1 then 0.9 else 0.2)
      u ~ Normal(z, 1) ; k ~ Poisson(exp(u))
    }"""
    forward = np.array([0.5, 0.5]) * [likelihood(z, COUNTS[0]) for z in (0, 1)]
    for count in COUNTS[1:]:
        forward = forward @ np.array([[0.8, 0.2], [0.1, 0.9]]) * [likelihood(z, count) for z in (0, 1)]
    score = pgmlang.compile(text).given().score_rows({"k": COUNTS})
    assert score.plate == "data"
    near(score, np.log([forward.sum()]))


def test_a_walk_below_counts() -> None:
    """A hidden walk whose rows hang together: one number for all of them, by the forward recursion on a grid."""
    text = "plate t = chain { x ~ Normal(if first then 0 else 0.5 * prev(x), 1) ; k ~ Poisson(exp(x)) }"
    grid = GRID[::5]
    step = stats.norm.pdf(grid[None, :], 0.5 * grid[:, None]) * (grid[1] - grid[0])
    forward = stats.norm.pdf(grid) * stats.poisson.pmf(COUNTS[0], np.exp(grid))
    for count in COUNTS[1:]:
        forward = forward @ step * (1 if count is None else stats.poisson.pmf(count, np.exp(grid)))
    score = pgmlang.compile(text).given().score_rows({"k": COUNTS})
    near(score, np.log([np.trapezoid(forward, grid)]))

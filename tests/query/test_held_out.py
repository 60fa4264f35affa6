"""A score has its total, mean and errors where Python asks too."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import pgmlang

MODEL = "plate row { y ~ Normal(0, 1) }"
ROWS = {"y": [0.0, 1.0, None, -2.0], "n": [3, 2, 5, 0]}


def test_rows_by_their_counts_in_the_order_of_the_table() -> None:
    asked = pgmlang.compile(MODEL).given()
    score = asked.score_rows(ROWS, counts="n", missing="drop")
    each = stats.norm.logpdf([0.0, 1.0])
    assert score.values[:2] == pytest.approx(each)
    assert np.isnan(score.values[2])
    assert score.weights.tolist() == [3, 2, 0, 0]
    assert (score.number, score.total) == pytest.approx((5, each @ [3, 2]))
    assert score.mean == pytest.approx(score.total / 5)
    assert score.mcse is score.total_mcse is score.mean_mcse is None
    assert np.array_equal(np.asarray(score), score.values, equal_nan=True)
    assert np.array_equal(asked.score(ROWS, counts="n", missing="drop"), score.values, equal_nan=True)


def test_an_impossible_row_that_does_not_count() -> None:
    asked = pgmlang.compile("plate row { y ~ Uniform(0, 1) }").given()
    rows = {"y": [0.5, 3.0], "n": [2, 0]}
    assert asked.score_rows(rows, counts="n").total == 0
    score = asked.score_rows(rows)
    assert score.total == -np.inf
    assert [w.code for w in score.warnings] == ["PGM0806"]


def test_simulated_scores_tell_their_errors() -> None:
    text = "plate row { u ~ Normal(0, 1) ; v ~ Normal(0, 1) ; w ~ Normal(0, 1) ; k ~ Poisson(exp(u + v + w)) }"
    score = pgmlang.compile(text).given().score_rows({"k": [0, 3]}, seed=1)
    assert score.mcse is not None
    assert score.mcse.max() * 0.95 < score.total_mcse < 1.05 * score.mcse.sum()
    assert score.mean_mcse == pytest.approx(score.total_mcse / 2)
    assert "(mcse" in repr(score).splitlines()[0]

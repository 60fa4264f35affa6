"""Vectors of which some elements are seen: these tell of the others by the conditional normal distribution, in every verb."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.api import FittedModel
from pgmlang.diagnostics import PgmError

AXES = "dim age = {p, q, r}\ndim to like age\n"
ONE = AXES + "param m[age] : real\nparam S[age, to] : cov\nplate boy { y[age] ~ MultivariateNormal(m, S) }\n"
MIXED = (
    AXES
    + """param w[k] : simplex
plate k[2] { param m[age] : real ; param S[age, to] : cov }
plate boy { z : k ~ Categorical(w) ; y[age] ~ MultivariateNormal(m[z], S[z]) }
"""
)


def _rows(count: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(3)
    cov = np.array([[1.5, 0.8, -0.3], [0.8, 1.0, 0.2], [-0.3, 0.2, 0.7]])
    rows = rng.multivariate_normal([0, 1, 2], cov, count) + np.where(np.arange(count) % 3, 0.0, 8.0)[:, None]
    return dict(zip("pqr", rows.T.tolist(), strict=True))


@pytest.fixture(scope="module")
def one() -> FittedModel:
    return pgmlang.compile(ONE).fit({k: [v % 4 for v in vs] for k, vs in _rows(40).items()}, seed=1)


@pytest.fixture(scope="module")
def mixed() -> FittedModel:
    return pgmlang.compile(MIXED).fit(_rows(90), seed=1)


def _given(mean: np.ndarray, cov: np.ndarray, seen: dict[int, float]) -> tuple[float, np.ndarray, np.ndarray]:
    """The log-density of what is seen; means and variances of the rest."""
    at, values = list(seen), np.array(list(seen.values()))
    rest = [i for i in range(len(mean)) if i not in seen]
    gain = cov[np.ix_(rest, at)] @ np.linalg.inv(cov[np.ix_(at, at)])
    left = cov[np.ix_(rest, rest)] - gain @ cov[np.ix_(at, rest)]
    log_prob = stats.multivariate_normal(mean[at], cov[np.ix_(at, at)]).logpdf(values)
    return float(log_prob), mean[rest] + gain @ (values - mean[at]), np.diag(left)


def test_rows_with_holes(one: FittedModel) -> None:
    log_prob, means, variances = _given(one.params["m"], one.params["S"], {0: 1.0, 2: 2.5})
    rows = {"p": [1.0, 1.0], "q": [None, 0.5], "r": [2.5, 2.0]}
    columns = one.predict_columns(rows).columns
    assert columns["y[q]"][0] == pytest.approx(means[0], rel=1e-6)
    assert columns["y[q].sd"][0] == pytest.approx(math.sqrt(variances[0]), rel=1e-6)
    whole = stats.multivariate_normal(one.params["m"], one.params["S"]).logpdf([1.0, 0.5, 2.0])
    assert sum(one.score(rows)) == pytest.approx(log_prob + whole, rel=1e-6)


def test_questions(one: FittedModel) -> None:
    log_prob, means, variances = _given(one.params["m"], one.params["S"], {1: 0.7})
    answer = one.query("E(y | y[q] = 0.7)")
    assert [r["mean"] for r in answer.table] == pytest.approx([means[0], 0.7, means[1]], rel=1e-6)
    assert answer.log_evidence == pytest.approx(log_prob, rel=1e-6)
    (row,) = one.query("P(y[r] > 2 | y[q] = 0.7)").table
    assert row["p"] == pytest.approx(stats.norm.sf(2, means[1], math.sqrt(variances[1])), rel=1e-6)


@pytest.mark.parametrize("seen", [{0: 3.0}, {1: 4.0, 2: 6.0}, {0: 2.0, 1: 4.0, 2: 5.5}], ids=str)
def test_labels_above_vectors(mixed: FittedModel, seen: dict[int, float]) -> None:
    parts = [_given(m, S, seen) for m, S in zip(mixed.params["m"], mixed.params["S"], strict=True)]
    weights = mixed.params["w"] * np.exp([p[0] for p in parts])
    told = ", ".join(f"y[{'pqr'[i]}] = {v}" for i, v in seen.items())
    answer = mixed.query(f"P(z | {told})")
    assert [r["p"] for r in answer.table] == pytest.approx(list(weights / weights.sum()), rel=1e-6)
    assert answer.log_evidence == pytest.approx(math.log(weights.sum()), rel=1e-6)
    rest = [i for i in range(3) if i not in seen]
    means = dict(zip(rest, (weights / weights.sum()) @ [p[1] for p in parts], strict=True))
    asked = mixed.query(f"E(y | {told})").table
    assert [r["mean"] for r in asked] == pytest.approx([{**means, **seen}[i] for i in range(3)], rel=1e-6)
    assert all(asked[i]["sd"] == pytest.approx(0, abs=1e-6) for i in seen)
    assert all(asked[i][q] == pytest.approx(v, rel=1e-9) for i, v in seen.items() for q in ("q5", "q50", "q95"))


def test_vectors_without_a_closed_form() -> None:
    given = pgmlang.compile("dim c = {a, b, d}\nplate row { x[c] ~ Dirichlet(2) }\n").given()
    for verb in (given.predict, given.score):
        with pytest.raises(PgmError, match="seen in part") as refused:
            verb({"a": [0.2], "b": [None], "d": [0.3]})
        assert refused.value.diagnostics[0].code == "PGM0602"
    # of which nothing is seen
    rows = {"a": [0.2, None], "b": [0.5, None], "d": [0.3, None]}
    assert list(given.score(rows)) == pytest.approx(
        [stats.dirichlet([2, 2, 2]).logpdf([0.2, 0.5, 0.3]), 0], abs=1e-9
    )
    columns = given.predict_columns(rows, seed=1).columns
    assert columns["x[a]"][1] == pytest.approx(1 / 3, abs=4 * columns["x[a].mcse"][1])

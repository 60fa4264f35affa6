"""Cells that are seen tell of what hangs on them, where other cells of the same variable are missing: in rows, along axes and below
fields; against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

import pgmlang
from pgmlang.query.conditional import ConditionalAnswers
from pgmlang.query.parse import parse_query

SCALED = "plate row { x ~ Normal(0, 1) ; u ~ Gamma(2, 2) ; y ~ Normal(x, u) ; z ~ Bernoulli(logit = 3 * y) }\n"
AXES = """dim k = {one, two}
plate row {
  z : {x, y} ~ Table() { 0.3, 0.7 }
  w[k] ~ Bernoulli(if z == x then 0.2 else 0.6)
  m[k] ~ Normal(w, 1)
  total = sum(m, over = k)
}
"""
FIELDS = "dim k[3]\nplate row { field v[k] : bit ; factor 0.5 * sum(v, over = k) ; m[k] ~ Normal(v, 0.1) ; n[k] ~ Normal(m, 0.1) }\n"


def test_numbers_below_a_column_with_holes() -> None:
    columns = (
        pgmlang.compile(SCALED).given().predict_columns({"x": [5.0, None, -5.0]}, targets=["y"], seed=1).columns
    )
    for row, mean in enumerate((5.0, 0.0, -5.0)):
        assert columns["y"][row] == pytest.approx(mean, abs=4 * columns["y.mcse"][row])
    columns = (
        pgmlang.compile(SCALED).given().predict_columns({"x": [5.0, None, -5.0]}, targets=["z"], seed=1).columns
    )
    assert columns["P(z = 1)"][0] > 0.95 > 0.6 > columns["P(z = 1)"][1] > 0.4 > 0.05 > columns["P(z = 1)"][2]


@pytest.mark.parametrize("question", ["E(total | w[one] = 1)", "E(m[one] | w[one] = 1)"])
def test_elements_of_an_axis(question: str) -> None:
    given = pgmlang.compile(AXES).given()
    right = {"E(total | w[one] = 1)": 1.55, "E(m[one] | w[one] = 1)": 1.0}[question]
    answers = [
        given.query(question, seed=2),
        ConditionalAnswers(given.posterior.fit, 2).answer(parse_query(question)),
    ]
    for answer in answers:
        (row,) = answer.table
        assert row["mean"] == pytest.approx(right, abs=max(4 * row.get("mcse", 0.0), 1e-9))


def test_draws_given_an_element() -> None:
    columns = pgmlang.compile(AXES).given().sample_columns(2000, seed=3, evidence="w[one] = 1").columns
    assert set(columns["w[one]"]) == {"1"}
    assert np.mean(columns["m[one]"]) == pytest.approx(1.0, abs=4 / np.sqrt(2000))
    assert np.mean(columns["m[two]"]) == pytest.approx(0.55, abs=4 * 1.12 / np.sqrt(2000))


def test_numbers_below_numbers_below_fields() -> None:
    given = pgmlang.compile(FIELDS).given()
    (row,) = given.query("E(n[0] | m[0] = 3)", seed=1).table
    assert row["mean"] == pytest.approx(3.0, abs=max(4 * row.get("mcse", 0.0), 1e-9))
    columns = given.sample_columns(300, seed=1, evidence="m[0] = 3").columns
    assert np.mean(columns["n[0]"]) == pytest.approx(3.0, abs=4 * 0.1 / np.sqrt(300))


AUTOREGRESSIVE = """plate row = chain {
  x ~ if first then Normal(0, 1) else Normal(0.5 * prev(x), 1)
  y ~ Normal(x, 1)
}
"""
ROWS = 6
XS: list[float | None] = [3.0, None, None, -1.0, None, None]
YS: list[float | None] = [None, 2.0, None, None, 1.0, None]


def joint_covariance() -> np.ndarray:
    """Of x and y together, from the innovations."""
    effects = np.zeros((ROWS, ROWS))
    for i in range(ROWS):
        effects[i, i] = 1
        effects[i] += 0.5 * effects[i - 1] if i else 0
    cov = effects @ effects.T
    return np.block([[cov, cov], [cov, cov + np.eye(ROWS)]])


def given_seen(values: list[float | None]) -> tuple[np.ndarray, np.ndarray, float]:
    """Means and standard deviations of all cells given those seen, and the log-density of these."""
    cov = joint_covariance()
    seen = [i for i, v in enumerate(values) if v is not None]
    of_seen, told = cov[np.ix_(seen, seen)], np.array([values[i] for i in seen], dtype=float)
    gain = cov[:, seen] @ np.linalg.inv(of_seen)
    spread = np.diag(cov - gain @ cov[seen])
    return (
        gain @ told,
        np.sqrt(np.maximum(spread, 0)),
        float(stats.multivariate_normal.logpdf(told, None, of_seen)),
    )


def test_a_series_with_holes() -> None:
    """Cells of normal series are smoothed, forecast and scored in closed form."""
    given = pgmlang.compile(AUTOREGRESSIVE).given()
    means, sds, log_p = given_seen(XS + YS)
    rows = {"x": XS, "y": YS}
    assert given.score(rows).sum() == pytest.approx(log_p, abs=1e-9)
    for name, at in (("x", slice(0, ROWS)), ("y", slice(ROWS, None))):
        columns = given.predict_columns(rows, targets=[name]).columns
        np.testing.assert_allclose(columns[name], means[at], atol=1e-9)
        np.testing.assert_allclose(columns[f"{name}.sd"], sds[at], atol=1e-7)


@pytest.mark.parametrize(
    ("question", "told", "asked"),
    [
        ("E(x[1] | x[0] = 3)", {0: 3.0}, 1),
        ("E(y[2] | x[0] = 3)", {0: 3.0}, ROWS + 2),
        ("E(x[0] | x[1] = 2)", {1: 2.0}, 0),
        ("E(x[3] | x[0] = 1, y[1] = 2)", {0: 1.0, ROWS + 1: 2.0}, 3),
        ("E(x[0])", {}, 0),
        ("E(x | y = 2)", {ROWS: 2.0}, 0),
    ],
)
def test_forecasts(question: str, told: dict[int, float], asked: int) -> None:
    means, sds, log_p = (
        given_seen([told.get(i) for i in range(2 * ROWS)]) if told else (np.zeros(1), np.ones(1), 0.0)
    )
    answer = pgmlang.compile(AUTOREGRESSIVE).given().query(question)
    (row,) = answer.table
    assert answer.method == "exact"
    assert (row["mean"], row["sd"]) == pytest.approx((means[asked], sds[asked]), abs=1e-9)
    assert answer.log_evidence == pytest.approx(log_p, abs=1e-9)


def test_holes_that_are_not_normal_are_weighed() -> None:
    text = "plate row = chain { x ~ if first then Gamma(2, 1) else Gamma(2, prev(x)) }\n"
    score = pgmlang.compile(text).given().score_rows({"x": [1.0, None, 2.0]})

    def both(x: float) -> float:
        return float(stats.gamma.pdf(1, 2) * stats.gamma.pdf(x, 2) * stats.gamma.pdf(2, 2, scale=1 / x))

    assert score.mcse is not None
    right = np.log(integrate.quad(both, 0, np.inf)[0])
    assert score.values.sum() == pytest.approx(right, abs=5 * score.mcse[0])

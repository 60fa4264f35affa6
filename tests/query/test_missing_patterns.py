"""Rows in which a number with others below it is seen in some cells and missing in others, against scipy's quadrature and
enumeration of counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

import pgmlang
from pgmlang.diagnostics import PgmError

BELOW = "plate row { input x : real ; y ~ StudentT(4, x, 1) ; z : bit ~ Bernoulli(logit = y) }"
NAN = math.nan


def moments(x: float, z: int | None) -> tuple[float, float, float]:
    """ln P(z), E(y | z) and P(z = 1 | ...)."""

    def integral(function) -> float:
        return float(
            integrate.quad(lambda y: function(y) * stats.t.pdf(y, 4, x), -np.inf, np.inf, epsabs=1e-12)[0]
        )

    def weight(y: float) -> float:
        return 1.0 if z is None else float(special.expit(y if z else -y))

    share = integral(weight)
    one = integral(special.expit) if z is None else float(z)
    return math.log(share), integral(lambda y: weight(y) * y) / share, one


def test_rows_of_each_pattern_are_answered_by_what_answers_their_kind() -> None:
    given = pgmlang.compile(BELOW).given()
    rows = {"x": [1.0, 2.0, 1.0, -1.0], "y": [NAN, 1.5, NAN, 0.5], "z": ["", "", "1", "0"]}
    score = given.score_rows(rows)
    right = [
        0.0,
        stats.t.logpdf(1.5, 4, 2),
        moments(1, 1)[0],
        stats.t.logpdf(0.5, 4, -1) + math.log(special.expit(-0.5)),
    ]
    np.testing.assert_allclose(score.values, right, atol=1e-5)
    assert score.mcse is None
    told = given.predict_columns(rows).columns
    np.testing.assert_allclose(told["P(z = 1)"], [moments(1, None)[2], special.expit(1.5), 1.0, 0.0], atol=1e-5)
    assert told["z"] == ["1", "1", "1", "0"]
    errors = np.array(told["y.mcse"])
    assert (np.abs(np.array(told["y"]) - [1.0, 1.5, moments(1, 1)[1], 0.5]) <= 5 * errors + 1e-9).all()
    assert errors[[1, 3]].tolist() == [0, 0]
    # the same rows in another order, and each alone
    backwards = given.predict_columns({k: v[::-1] for k, v in rows.items()}).columns
    np.testing.assert_allclose(backwards["P(z = 1)"], told["P(z = 1)"][::-1], atol=1e-9)
    np.testing.assert_allclose(
        given.score_rows({k: v[2:3] for k, v in rows.items()}).values, right[2:3], atol=1e-5
    )


@pytest.mark.slow
def test_draws_of_the_globals_average_the_same() -> None:
    text = BELOW.replace("plate row", "a ~ Normal(1, 0.2)\nplate row").replace("(4, x", "(4, a * x")
    given = pgmlang.compile(text)
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    y = x + rng.standard_t(4, size=40)
    fit = given.fit({"x": x, "y": y, "z": rng.integers(2, size=40)}, method="hmc", seed=1)
    rows = {"x": [1.0, 2.0, 1.0], "y": [NAN, 1.5, NAN], "z": ["", "", "1"]}
    score, told = fit.score_rows(rows), fit.predict_columns(rows).columns
    slopes = np.asarray(fit.draws["a"]).ravel()[:: max(1, fit.draws["a"].size // 60)]
    right = [0.0, special.logsumexp(stats.t.logpdf(1.5, 4, 2 * slopes)) - math.log(len(slopes)),
             math.log(np.mean([math.exp(moments(a, 1)[0]) for a in slopes]))]  # fmt: skip
    np.testing.assert_allclose(score.values, right, atol=0.03)
    assert told["P(z = 1)"][0] == pytest.approx(
        np.mean([moments(a, None)[2] for a in slopes]), abs=5 * told["z.mcse"][0] + 0.01
    )
    assert told["y"][2] == pytest.approx(
        np.mean([moments(a, 1)[1] for a in slopes]), abs=5 * told["y.mcse"][2] + 0.02
    )


@pytest.mark.slow
def test_groups_whose_rows_are_seen_in_part_are_weighed() -> None:
    """Two rows of one group: a unit in which one cell is seen and another is not."""
    text = """plate group { u ~ Normal(0, 1) }
    plate row in group { y ~ StudentT(4, u, 1) ; z : bit ~ Bernoulli(logit = y) }"""
    score = pgmlang.compile(text).given().score_rows({"group": ["a", "a"], "y": [1.5, NAN], "z": [NAN, "1"]})

    def both(y: float, u: float) -> float:
        return float(stats.norm.pdf(u) * stats.t.pdf(1.5, 4, u) * stats.t.pdf(y, 4, u) * special.expit(y))

    right = math.log(integrate.dblquad(both, -7, 7, -30, 30, epsabs=1e-8)[0])
    assert score.mcse is not None
    assert score.values[0] == pytest.approx(right, abs=5 * score.mcse[0] + 1e-6)
    assert score.mcse[0] < 0.05


K = np.arange(60)
STEP = stats.poisson.pmf(K[None, :], 1 + 0.5 * K[:, None])
COUNTS = "plate step = chain { k ~ Poisson(if first then 2 else 1 + 0.5 * prev(k)) }"


@pytest.mark.parametrize(
    ("question", "weights"),
    [
        ("E(k[1] | k[0] = 4)", STEP[4]),
        ("E(k[2] | k[0] = 4)", STEP[4] @ STEP),
        ("E(k[0] | k[1] = 4)", stats.poisson.pmf(K, 2) * STEP[:, 4]),
        ("E(k[1] | k[0] = 4, k[2] = 6)", STEP[4] * STEP[:, 6]),
    ],
)
def test_questions_about_a_chain_of_counts(question: str, weights: np.ndarray) -> None:
    fit = pgmlang.compile(COUNTS).given()
    (row,) = fit.query(question, seed=1).table
    assert row["mean"] == pytest.approx(weights @ K / weights.sum(), abs=5 * row["mcse"])
    assert row["mcse"] < 0.05
    assert fit.query(question, seed=1).table == fit.query(question, seed=1).table


def test_events_and_rows_of_a_chain_of_counts() -> None:
    fit = pgmlang.compile(COUNTS).given()
    (row,) = fit.query("P(k[2] > 3 | k[0] = 4)").table
    assert row["p"] == pytest.approx((STEP[4] @ STEP)[4:].sum(), abs=5 * row["mcse"])
    told = fit.predict_columns({"k": [4, NAN, 6, NAN, NAN]}).columns
    between, after = STEP[4] * STEP[:, 6], STEP[6]
    right = [4, between @ K / between.sum(), 6, after @ K, (after @ STEP) @ K]
    assert (np.abs(np.array(told["k"]) - right) <= 5 * np.array(told["k.mcse"])).all()
    score = fit.score_rows({"k": [4, NAN, 6, NAN, NAN]})
    assert score.mcse is not None
    right_score = math.log(stats.poisson.pmf(4, 2) * between.sum())
    assert score.values.sum() == pytest.approx(right_score, abs=5 * score.mcse[0])


def test_what_lies_above_a_missing_cell_is_drawn_with_it() -> None:
    """A hidden state behind counts of which some are seen: one draw of both."""
    text = """plate step = chain {
      s ~ Normal(if first then 0 else prev(s), 0.5)
      k ~ Poisson(exp(s) + (if first then 0 else 0.5 * prev(k)))
    }"""
    fit = pgmlang.compile(text).given()

    def weight(s: float) -> float:
        return float(stats.norm.pdf(s, 0, 0.5) * stats.poisson.pmf(3, math.exp(s)))

    total = integrate.quad(weight, -4, 4)[0]
    mean = integrate.quad(lambda s: weight(s) * math.exp(s + 0.125), -4, 4)[0] / total + 1.5
    (row,) = fit.query("E(k[1] | k[0] = 3)").table
    assert row["mean"] == pytest.approx(mean, abs=5 * row["mcse"])
    assert row["mcse"] < 0.1


def test_too_few_effective_draws_are_refused() -> None:
    with pytest.raises(PgmError) as error:
        pgmlang.compile(COUNTS).given().query("E(k[0] | k[1] = 40)")
    assert error.value.diagnostics[0].code == "PGM0606"

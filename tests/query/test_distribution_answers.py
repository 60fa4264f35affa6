"""Numbers asked of a point estimate, by their own distributions: against scipy; models without plates are asked alike."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import pgmlang

COUNTS = """param a : real
plate row {
  input x : real
  z ~ Bernoulli(0.3)
  k ~ Poisson(exp(a * x) + 2 * z)
  w ~ Bernoulli(if z == 1 then 0.9 else 0.4)
  t ~ Gamma(3, exp(a * x))
}"""
A, X = 0.6, 1.5


def asked() -> object:
    return pgmlang.compile(COUNTS).given({"a": A})


def parts(weights: tuple[float, float]) -> list[tuple[float, object]]:
    return [(weights[z], stats.poisson(math.exp(A * X) + 2 * z)) for z in (0, 1)]


def given_w() -> tuple[float, float]:
    one, other = 0.3 * 0.9, 0.7 * 0.4
    return other / (one + other), one / (one + other)


EVENTS = {
    "k = 2": lambda d: d.pmf(2), "k != 2": lambda d: 1 - d.pmf(2), "k > 2": lambda d: d.sf(2), "k >= 2": lambda d: d.sf(1),
    "k < 2": lambda d: d.cdf(1), "k <= 2": lambda d: d.cdf(2), "k < 2.5": lambda d: d.cdf(2), "k = 2.5": lambda d: 0.0,
    "k < 0": lambda d: 0.0,
}  # fmt: skip


@pytest.mark.parametrize("event", EVENTS)
def test_events_of_counts(event: str) -> None:
    answer = asked().query(f"P({event} | x = {X}, w = 1)")
    right = sum(p * EVENTS[event](d) for p, d in parts(given_w()))
    assert answer.method == "exact"
    assert answer.table[0]["p"] == pytest.approx(right, abs=1e-8)
    assert answer.log_evidence == pytest.approx(math.log(0.3 * 0.9 + 0.7 * 0.4))


def test_moments() -> None:
    (row,) = asked().query(f"E(k | x = {X}, w = 1)").table
    mean = sum(p * d.mean() for p, d in parts(given_w()))
    assert row["mean"] == pytest.approx(mean)
    assert row["sd"] == pytest.approx(
        math.sqrt(sum(p * (d.var() + (d.mean() - mean) ** 2) for p, d in parts(given_w())))
    )
    (row,) = asked().query(f"E(t | x = {X}, k = 3)").table
    right = stats.gamma(3, scale=math.exp(-A * X))
    assert [row[n] for n in ("mean", "sd", "q5", "q50", "q95")] == pytest.approx(
        [right.mean(), right.std(), *right.ppf([0.05, 0.5, 0.95])]
    )
    assert asked().query(f"P(t > 2 | x = {X})").table[0]["p"] == pytest.approx(right.sf(2))


def test_a_number_that_is_set() -> None:
    """`do(k = 3)` says nothing of `z`."""
    (row,) = pgmlang.compile(COUNTS + "\n").given({"a": A}).query(f"E(k | x = {X}, do(w = 1))").table
    assert row["mean"] == pytest.approx(sum(p * d.mean() for p, d in parts((0.7, 0.3))))


WORLD = """a ~ Bernoulli(0.3)
y ~ Normal(2 * a, 1)
k ~ Poisson(1 + 3 * a)
u ~ Gamma(2, 1)
v ~ Poisson(u)
"""


def test_a_model_without_plates() -> None:
    given = pgmlang.compile(WORLD).given()
    one, other = 0.3 * stats.norm.pdf(1.5, 2), 0.7 * stats.norm.pdf(1.5, 0)
    a = one / (one + other)
    assert given.query("P(a = 1 | y = 1.5)").table[0]["p"] == pytest.approx(a)
    assert given.query("E(k | y = 1.5)").table[0]["mean"] == pytest.approx(1 + 3 * a)
    assert given.query("E(y | a = 1)").table[0]["mean"] == pytest.approx(2)
    (row,) = given.query("E(u | v = 3)", seed=1).table
    assert row["mean"] == pytest.approx(5 / 2)
    columns = given.sample_columns(2000, seed=1, evidence="y = 1.5").columns
    assert np.mean(np.asarray(columns["a"]) == "1") == pytest.approx(a, abs=0.05)
    assert len(given.sample_columns(5, seed=1).columns["y"]) == 5

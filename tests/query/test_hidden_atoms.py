"""Hidden numbers with a density and with points that have a chance of their own, below which something is seen: answers,
predictions and scores of them against scipy. No integral over the density alone is all of such a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import pgmlang

NORMAL = stats.norm
SEEN = (2.0, 0.0)
ERRORS = 5
"""Monte Carlo errors that an estimate may be off by: of some hundred figures the worst."""


@dataclass(frozen=True)
class Mixed:
    """A distribution: its ``atoms`` with their chances, and its density between two ends."""

    text: str
    atoms: Mapping[float, float]
    density: Callable[[float], float]
    ends: tuple[float, float]

    def total(self, weight: Callable[[float], float]) -> float:
        """The mean of a function."""
        smooth = integrate.quad(lambda x: self.density(x) * weight(x), *self.ends, epsabs=1e-13)[0]
        return float(smooth + sum(p * weight(x) for x, p in self.atoms.items()))

    def evidence(self, y: float) -> float:
        return self.total(lambda x: NORMAL.pdf(y, x))

    def given(self, y: float, weight: Callable[[float], float]) -> float:
        """The mean of a function of the number given a normal reading of it."""
        return self.total(lambda x: weight(x) * NORMAL.pdf(y, x)) / self.evidence(y)

    def chance(self, y: float, point: float) -> float:
        return self.atoms[point] * float(NORMAL.pdf(y, point)) / self.evidence(y)


MIXED = [
    Mixed("Censored(Exponential(1), upper = 2)", {2: math.exp(-2)}, stats.expon.pdf, (0, 2)),
    Mixed("Censored(Normal(0, 1), lower = -0.5, upper = 1)", {-0.5: NORMAL.cdf(-0.5), 1: NORMAL.sf(1)}, NORMAL.pdf, (-0.5, 1)),
    Mixed("ZeroInflated(0.3, Exponential(2))", {0: 0.3}, lambda x: 1.4 * math.exp(-2 * x), (0, 30)),
    Mixed("ZeroInflated(0.25, Truncated(Normal(0.5, 1), upper = 1))",
          {0: 0.25}, lambda x: 0.75 * NORMAL.pdf(x, 0.5) / NORMAL.cdf(0.5), (-8, 1)),
]  # fmt: skip


def model_of(mixed: Mixed) -> pgmlang.api.asked.Asked:
    return pgmlang.compile(f"plate row {{\n  x ~ {mixed.text}\n  y ~ Normal(x, 1)\n}}").given()


def check(row: Mapping[str, object], key: str, right: float) -> None:
    error = float(row["mcse"])  # type: ignore[arg-type]
    assert 0 < error < 0.05
    assert row[key] == pytest.approx(right, abs=ERRORS * error)


@pytest.mark.parametrize("mixed", MIXED, ids=lambda m: m.text)
def test_answers(mixed: Mixed) -> None:
    given = model_of(mixed)
    for y in SEEN:
        check(given.query(f"E(x | y = {y})").table[0], "mean", mixed.given(y, lambda x: x))
        for point in mixed.atoms:
            there = given.query(f"P(x = {point} | y = {y})").table[0]
            check(there, "p", mixed.chance(y, point))
            below, upto = (given.query(f"P(x {op} {point} | y = {y})").table[0]["p"] for op in ("<", "<="))
            assert upto - below == pytest.approx(there["p"], abs=1e-9)
    check(given.query("E(y)").table[0], "mean", mixed.total(lambda x: x))
    check(given.query("P(y > 1)").table[0], "p", mixed.total(lambda x: float(NORMAL.sf(1, x))))


@pytest.mark.parametrize("mixed", MIXED, ids=lambda m: m.text)
def test_rows(mixed: Mixed) -> None:
    given = model_of(mixed)
    rows = pd.DataFrame({"y": SEEN})
    predicted = given.predict(rows)
    right = np.array([mixed.given(y, lambda x: x) for y in SEEN])
    np.testing.assert_array_less(np.abs(predicted["x"] - right), ERRORS * predicted["x.mcse"])
    spread = [mixed.given(y, lambda x, m=m: (x - m) ** 2) for y, m in zip(SEEN, right, strict=True)]
    np.testing.assert_allclose(predicted["x.sd"], np.sqrt(spread), rtol=0.3)
    scores = given.score_rows(rows).values
    np.testing.assert_allclose(scores, [math.log(mixed.evidence(y)) for y in SEEN], atol=0.04)


def test_below_labels() -> None:
    given = pgmlang.compile("""plate row {
  a : {l, h} ~ Table() { 0.4, 0.6 }
  x ~ if a == l then Uniform(0, 1) else Censored(Normal(1, 1), lower = 0)
  w = 2 * x
  y ~ Normal(w, 1)
}""").given()
    low = 0.4 * integrate.quad(lambda x: NORMAL.pdf(0.5, 2 * x), 0, 1)[0]
    point = 0.6 * NORMAL.cdf(-1) * NORMAL.pdf(0.5)
    high = 0.6 * integrate.quad(lambda x: NORMAL.pdf(x, 1) * NORMAL.pdf(0.5, 2 * x), 0, 9)[0]
    total = low + point + high
    check(given.query("P(a | y = 0.5)").table[0], "p", low / total)
    check(given.query("P(x = 0 | y = 0.5)").table[0], "p", point / total)
    check(given.query("P(w = 0 | y = 0.5)").table[0], "p", point / total)
    check(given.query("P(x = 0 | y = 0.5, a = h)").table[0], "p", point / (point + high))
    assert given.query("P(x = 0 | a = l)").table[0]["p"] == 0
    assert given.query("P(x = 0 | a = h)").table[0]["p"] == pytest.approx(NORMAL.cdf(-1), rel=1e-9)
    rows = pd.DataFrame({"y": [0.5]})
    assert given.score_rows(rows).values[0] == pytest.approx(math.log(total), abs=0.04)
    predicted = given.predict(rows, targets=["a"]).iloc[0]
    assert predicted["P(a = l)"] == pytest.approx(low / total, abs=ERRORS * predicted["a.mcse"])


def test_of_groups() -> None:
    given = pgmlang.compile(
        "plate g {\n  x ~ Censored(Normal(1, 1), lower = 0)\n}\nplate row in g {\n  y ~ Normal(x, 1)\n}"
    ).given()
    rows = pd.DataFrame({"g": ["a", "a", "b", "b"], "y": [0.0, -0.5, 2.0, 1.0]})
    mixed = Mixed("", {0: NORMAL.cdf(-1)}, lambda x: NORMAL.pdf(x, 1), (0, 10))
    means, scores = [], []
    for _, y in rows.groupby("g")["y"]:

        def likelihood(x: float, y: pd.Series = y) -> float:
            return float(np.prod(NORMAL.pdf(y, x)))

        evidence = mixed.total(likelihood)
        scores.append(math.log(evidence))
        means.append(mixed.total(lambda x: x * likelihood(x)) / evidence)
    predicted = given.predict(rows, targets=["x"])
    np.testing.assert_array_less(np.abs(predicted["x"] - means), ERRORS * predicted["x.mcse"])
    np.testing.assert_allclose(given.score_rows(rows).values, scores, atol=0.05)


FITTED = [
    Mixed("ZeroInflated(0.4, Exponential(1))", {0: 0.4}, lambda x: 0.6 * math.exp(-x), (0, 30)),
    Mixed("Censored(Exponential(1), upper = 0.7)", {0.7: math.exp(-0.7)}, stats.expon.pdf, (0, 0.7)),
]


@pytest.mark.parametrize("mixed", FITTED, ids=lambda m: m.text)
def test_rows_new_to_a_fit(mixed: Mixed) -> None:
    """Where the fit has seen the number, rows that have no cell of it, and rows that have some."""
    model = pgmlang.compile(f"param c : real\nplate row {{\n  x : real ~ {mixed.text}\n  y ~ Normal(c * x, 1)\n}}")
    fit = model.fit({"x": [0.7, 0.3, 0.5, 0.7], "y": [1.5, -0.2, 0.9, 0.8]}, seed=1)
    c = float(fit.record.parameters["c"])
    evidence = [mixed.total(lambda x, y=y: NORMAL.pdf(y, c * x)) for y in SEEN]
    weighed = [mixed.total(lambda x, y=y: x * NORMAL.pdf(y, c * x)) for y in SEEN]
    right = np.divide(weighed, evidence)
    rows = pd.DataFrame({"y": SEEN})
    predicted = fit.predict(rows)
    np.testing.assert_array_less(np.abs(predicted["x"] - right), ERRORS * predicted["x.mcse"])
    np.testing.assert_allclose(fit.score_rows(rows).values, np.log(evidence), atol=0.04)
    (point,) = mixed.atoms
    partly = fit.predict(pd.DataFrame({"x": [point, None], "y": [0.0, SEEN[0]]}))
    assert partly["x"][0] == point
    assert abs(partly["x"][1] - right[0]) < ERRORS * partly["x.mcse"][1]
    answer = fit.query(f"P(x = {point} | y = {SEEN[0]})").table[0]
    check(answer, "p", mixed.atoms[point] * NORMAL.pdf(SEEN[0], c * point) / evidence[0])

"""Numbers whose families have no moments in closed form, truncated, censored and angles, predicted without draws: against
scipy and sums over fine grids."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import pgmlang

Z = 2.0


class Weighed:
    """A distribution by points and their weights."""

    def __init__(self, points: np.ndarray, weights: np.ndarray):
        self.points, self.weights = points, weights / weights.sum()

    def mean(self) -> float:
        return float(self.weights @ self.points)

    def std(self) -> float:
        return math.sqrt(self.weights @ (self.points - self.mean()) ** 2)

    def ppf(self, q: float) -> float:
        return float(self.points[np.searchsorted(np.cumsum(self.weights), q)])


def clipped(base, low: float, high: float) -> Weighed:
    chances = (np.arange(400_000) + 0.5) / 400_000
    return Weighed(np.clip(base.ppf(chances), low, high), np.ones(len(chances)))


def angle(loc: float, concentration: float) -> Weighed:
    x = (np.arange(400_000) + 0.5) / 400_000 * 2 * math.pi - math.pi
    return Weighed(x, np.exp(concentration * (np.cos(x - loc) - 1)))


COUNTS = np.arange(200)
FAMILIES = {
    "Truncated(Normal(0.7 * z, 1), lower = 0)": stats.truncnorm(-1.4, np.inf, 1.4, 1),
    "Truncated(Normal(0.7 * z, 1), lower = -1, upper = 2.5)": stats.truncnorm(-2.4, 1.1, 1.4, 1),
    "Truncated(Normal(0, 1), lower = 8)": stats.truncnorm(8, np.inf),
    "Truncated(Normal(0, 1), upper = 1000000)": stats.norm(),
    "Truncated(Beta(2, 3), lower = 0.2)": Weighed((x := np.linspace(0.2, 1, 400_001)), stats.beta.pdf(x, 2, 3)),
    "Truncated(Poisson(4), lower = 1, upper = 9)": Weighed(COUNTS[1:10], stats.poisson.pmf(COUNTS[1:10], 4)),
    "Truncated(Poisson(4), lower = 1)": Weighed(COUNTS[1:], stats.poisson.pmf(COUNTS[1:], 4)),
    "Censored(Normal(0.7 * z, 1), lower = 0)": clipped(stats.norm(1.4), 0, math.inf),
    "Censored(Normal(0.7 * z, 1), lower = -0.5, upper = 1)": clipped(stats.norm(1.4), -0.5, 1),
    "Censored(Exponential(0.01), upper = 10)": clipped(stats.expon(scale=100), 0, 10),
    "Censored(Poisson(4), upper = 5)": Weighed(np.minimum(COUNTS, 5)[:6], np.append(stats.poisson.pmf(COUNTS[:5], 4), stats.poisson.sf(4, 4))),
    "VonMises(0.7 * z, 2)": angle(1.4, 2),
    "VonMises(3, 0.5)": angle(3, 0.5),
}  # fmt: skip


def predicted(family: str) -> dict[str, float]:
    given = pgmlang.compile(f"plate row {{ input z : real ; y ~ {family} }}").given()
    return {k: float(v[0]) for k, v in given.predict_columns({"z": [Z]}, seed=3).columns.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_moments_and_quantiles(family: str) -> None:
    right, columns = FAMILIES[family], predicted(family)
    assert set(columns) == {"y", "y.sd", "y.q5", "y.q95"}
    assert columns["y"] == pytest.approx(right.mean(), rel=2e-5, abs=2e-5)
    assert columns["y.sd"] == pytest.approx(right.std(), rel=2e-5)
    for name, q in (("y.q5", 0.05), ("y.q95", 0.95)):
        assert columns[name] == pytest.approx(right.ppf(q), rel=1e-4, abs=5e-5)


def test_half_of_a_heavy_tail() -> None:
    columns = predicted("Truncated(StudentT(3, 0, 1), lower = 0)")
    mean = 2 * math.sqrt(3) / math.pi
    assert columns["y"] == pytest.approx(mean, rel=1e-7)
    assert columns["y.sd"] == pytest.approx(math.sqrt(3 - mean**2), rel=1e-6)
    assert math.isinf(predicted("Truncated(Cauchy(0, 1), lower = 0)")["y"])


def test_zero_or_a_truncated_number() -> None:
    columns, part = (
        predicted("ZeroInflated(0.3, Truncated(Normal(1, 1), lower = 0))"),
        stats.truncnorm(-1, np.inf, 1, 1),
    )
    assert columns["y"] == pytest.approx(0.7 * part.mean(), rel=1e-6)
    assert columns["y.sd"] == pytest.approx(math.sqrt(0.7 * part.var() + 0.21 * part.mean() ** 2), rel=1e-6)
    assert columns["y.q95"] == pytest.approx(part.ppf(1 - 0.05 / 0.7), rel=1e-6)


def test_a_narrow_angle() -> None:
    columns = predicted("VonMises(1, 1e6)")
    assert columns["y"] == pytest.approx(1, abs=1e-9)
    assert columns["y.sd"] == pytest.approx(1e-3, rel=1e-6)


def test_questions_of_them() -> None:
    given = pgmlang.compile(
        "plate row { a ~ Bernoulli(0.4) ; y ~ Censored(Normal(a, 1), lower = 0) ; w ~ VonMises(a, 3) }"
    ).given()
    mass = 0.6 * stats.norm.cdf(0) + 0.4 * stats.norm.cdf(-1)
    assert given.query("P(y <= 0)").table[0]["p"] == pytest.approx(mass)
    assert given.query("P(y > 1.5 | a = 1)").table[0]["p"] == pytest.approx(stats.norm.sf(0.5))
    answer = given.query("P(a = 1 | y = 0)")
    assert answer.table[0]["p"] == pytest.approx(0.4 * stats.norm.cdf(-1) / mass)
    right = 0.6 * (stats.vonmises.cdf(1, 3) - stats.vonmises.cdf(-math.pi, 3))
    right += 0.4 * (stats.vonmises.cdf(0, 3) - stats.vonmises.cdf(-math.pi - 1, 3))
    assert given.query("P(w < 1)").table[0]["p"] == pytest.approx(right, abs=1e-8)


def test_bounds_that_have_mass_of_their_own() -> None:
    """At an atom what is below it and what is at most it differ."""
    given = pgmlang.compile(
        "plate row { y ~ Censored(Normal(0, 1), lower = 0) ; m = 1 - y ; z ~ ZeroInflated(0.3, Normal(0, 1)) }"
    ).given()
    right = {
        "y < 0": 0, "y <= 0": 0.5, "y > 0": 0.5, "y >= 0": 1, "m < 1": 0.5, "m <= 1": 1, "m > 1": 0, "m >= 1": 0.5,
        "z < 0": 0.35, "z <= 0": 0.65, "z > 0": 0.35, "z >= 0": 0.65,
    }  # fmt: skip
    for event, p in right.items():
        assert given.query(f"P({event})").table[0]["p"] == pytest.approx(p, abs=1e-9), event

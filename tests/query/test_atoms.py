"""Numbers with a density and with points that have a chance of their own: chances of points, quantiles at them, and moments,
against scipy; and of draws."""

from __future__ import annotations

import pytest
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError

PHI = stats.norm.cdf
POINTS = {
    "Censored(Normal(0, 1), lower = 0)": {0: 0.5, 0.3: 0.0},
    "Censored(Normal(0, 1), lower = -1, upper = 1)": {-1: PHI(-1), 1: PHI(-1), 0: 0.0},
    "Censored(Normal(0, 1), lower = -8, upper = 8)": {-8: PHI(-8), 8: PHI(-8)},
    "Censored(Normal(2, 0.5), upper = 0.1)": {0.1: stats.norm.sf(0.1, 2, 0.5)},
    "ZeroInflated(0.3, Gamma(2, 1))": {0: 0.3, 1: 0.0},
    "Censored(Poisson(2), upper = 3)": {3: stats.poisson.sf(2, 2), 1: stats.poisson.pmf(1, 2)},
}


def given(text: str) -> pgmlang.api.asked.Asked:
    model = pgmlang.compile(f"plate row {{\n  z ~ {text}\n  y = 3 - 2 * z\n}}")
    return model.given()


@pytest.mark.parametrize("text", POINTS)
def test_chances_of_points(text: str) -> None:
    for point, chance in POINTS[text].items():
        p = given(text).query(f"P(z = {point})").table[0]["p"]
        assert p == pytest.approx(chance, rel=1e-7, abs=0 if chance else 1e-15), point
        if "Poisson" not in text:
            assert given(text).query(f"P(y = {3 - 2 * point:.12g})").table[0]["p"] == pytest.approx(
                chance, abs=1e-12
            )
            below = given(text).query(f"P(z < {point})").table[0]["p"]
            upto = given(text).query(f"P(z <= {point})").table[0]["p"]
            assert upto - below == pytest.approx(chance, abs=1e-9)


QUANTILES = {
    "Censored(Normal(0, 1), lower = 0)": (0, 0, stats.norm.ppf(0.95)),
    "Censored(Normal(0, 1), lower = 0.1, upper = 0.7)": (0.1, 0.1, 0.7),
    "Censored(Normal(0, 1), upper = -1000)": (-1000, -1000, -1000),
    "Censored(Gamma(2, 1), upper = 1.25)": (stats.gamma(2).ppf(0.05), 1.25, 1.25),
    "ZeroInflated(0.3, Normal(-1, 1))": (
        stats.norm(-1).ppf(0.05 / 0.7), stats.norm(-1).ppf(0.5 / 0.7) if PHI(1) * 0.7 > 0.5 else 0,
        stats.norm(-1).ppf((0.95 - 0.3) / 0.7),
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", QUANTILES)
def test_quantiles_at_points(text: str) -> None:
    row = given(text).query("E(z)").table[0]
    for name, right in zip(("q5", "q50", "q95"), QUANTILES[text], strict=True):
        assert row[name] == pytest.approx(right, rel=1e-6, abs=1e-15), name


def test_a_mean_of_zero_is_zero() -> None:
    assert given("Censored(Normal(0, 1), lower = -1, upper = 1)").query("E(z)").table[0]["mean"] == 0
    assert given("Truncated(Normal(0, 3), lower = -2, upper = 2)").query("E(z)").table[0]["mean"] == 0


def test_numbers_of_densities_alone_equal_nothing() -> None:
    for text in ("Normal(0, 1)", "Truncated(Normal(0, 1), lower = 0)"):
        with pytest.raises(PgmError, match="with probability zero"):
            given(text).query("P(z = 0)")


def test_points_of_draws() -> None:
    model = pgmlang.compile("a ~ Normal(0, 1)\nplate row {\n  z ~ Censored(Normal(a, 1), lower = 0)\n}")
    fit = model.fit({"z": [0.0, 0.5, 1.2, 0.0]}, method="hmc", seed=1, options={"draws": 100, "warmup": 100})
    answer = fit.query("P(z = 0)").table[0]
    assert answer["p"] == pytest.approx(1 - fit.query("P(z > 0)").table[0]["p"], abs=0.05)

"""Fresh rows of fits of draws and of point estimates."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

NORMAL = "m ~ Normal(0, 10)\nplate row { y ~ Normal(m, 2) ; hot : bit ~ Bernoulli(logit = y) }\n"


def test_rows_of_draws_are_the_posterior_predictive() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(3, 2, size=10)
    data = {"y": y, "hot": (rng.random(10) < 0.5).astype(int)}
    fit = pgmlang.compile(NORMAL).fit(data, method="hmc", seed=1)
    rows = fit.sample_columns(20_000, seed=2).columns
    precision = 1 / 100 + 10 / 4
    mean, sd = (y.sum() / 4) / precision, np.sqrt(4 + 1 / precision)
    found = np.asarray(rows["y"], dtype=float)
    # the 8,000 draws behind the rows are thinned to 400
    assert found.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(20_000) + 4 / np.sqrt(400 * precision))
    assert found.std() == pytest.approx(sd, rel=0.04)
    assert set(rows["hot"]) == {"0", "1"}


def test_rows_of_point_estimates_repeat_with_the_seed() -> None:
    data = {"y": [0.0, 2.0, 4.0], "hot": [0, 1, 1]}
    fit = pgmlang.compile(NORMAL.replace("m ~ Normal(0, 10)", "param m : real")).fit(data, method="map", seed=1)
    rows = fit.sample_columns(4000, seed=2).columns
    assert np.mean(rows["y"]) == pytest.approx(2, abs=0.15)
    same = fit.sample_columns(4000, seed=2).columns
    np.testing.assert_array_equal(rows["y"], same["y"])


def test_what_cannot_be_drawn_is_refused() -> None:
    text = "param b : real\nplate row { input x : real ; y ~ Normal(b * x, 1) }\n"
    fit = pgmlang.compile(text).fit({"x": [1.0, 2.0], "y": [1.0, 2.0]}, method="map", seed=1)
    with pytest.raises(PgmError, match="hang on the input"):
        fit.sample(3)


def test_rows_given_evidence() -> None:
    text = NORMAL.replace("m ~ Normal(0, 10)", "param m : real")
    fit = pgmlang.compile(text).fit({"y": [-1.0, 1.0], "hot": [0, 1]}, method="map", seed=1)
    rows = fit.sample_columns(4000, seed=1, evidence="hot = 1").columns
    assert set(rows["hot"]) == {"1"}
    y = np.linspace(-20, 20, 40_001)
    m = float(fit.params["m"])
    density = np.exp(-0.125 * (y - m) ** 2) / (1 + np.exp(-y))
    assert np.mean(rows["y"]) == pytest.approx((y * density).sum() / density.sum(), abs=0.12)


def test_a_fresh_row_is_no_row_of_the_fit() -> None:
    """The plate of the rows themselves names no element: what is told of it would be passed over."""
    given = pgmlang.compile(
        "plate pump { input t : positive ; theta ~ Gamma(1, 1) ; x ~ Poisson(theta * t) }\n"
    ).given()
    for ask in (
        lambda: given.query("E(x | t = 1, pump = 3)"),
        lambda: given.sample(2, evidence="t = 1, pump = 3"),
    ):
        with pytest.raises(PgmError, match="plate of the rows themselves"):
            ask()

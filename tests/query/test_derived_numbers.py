"""Defined numbers asked and predicted: as the distribution of the one number that they are affine in, else by draws with their
error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import pgmlang

TEXT = """plate row {
  input x : real
  u ~ Gamma(2, 1) ; k ~ Poisson(u) ; y ~ Normal(u, 1) ; t ~ Gamma(3, exp(x))
  a = 2 * x ; d = 3 - a * (y + 1) ; half = d / 2 ; s = -t + a
  e = exp(0.3 * y) ; both = y + u ; above = y > 2
}"""


def given():
    return pgmlang.compile(TEXT).given()


@pytest.mark.parametrize(("name", "shift", "slope"), [("d", 2.0, -1.0), ("half", 1.0, -0.5)])
def test_affine_in_a_number_below_a_latent(name: str, shift: float, slope: float) -> None:
    """Given the count the rate is Gamma(5, 2), and `y` has its moments and a unit of variance besides."""
    one = given()
    (row,) = one.query(f"E({name} | x = 0.5, k = 3)").table
    assert (row["mean"], row["sd"]) == pytest.approx((shift + slope * 2.5, abs(slope) * math.sqrt(1.25 + 1)))
    assert "mcse" not in row
    above = one.query(f"P({name} > 1.2 | x = 0.5, k = 3)").table[0]["p"]
    assert above == pytest.approx(one.query(f"P(y < {(1.2 - shift) / slope!r} | x = 0.5, k = 3)").table[0]["p"])
    columns = one.predict_columns({"x": [0.5, 0.0], "k": [3, 3]}, targets=[name, "y"]).columns
    assert columns[name][0] == pytest.approx(row["mean"])
    assert columns[f"{name}.q5"][0] == pytest.approx(shift + slope * columns["y.q95"][0])
    assert columns[f"{name}.sd"][1] == pytest.approx(0, abs=1e-12)


def test_a_family_turned_around() -> None:
    columns = given().predict_columns({"x": [0.4]}, targets=["s"]).columns
    right = stats.gamma(3, scale=math.exp(-0.4))
    assert columns["s"][0] == pytest.approx(0.8 - right.mean())
    assert columns["s.q5"][0] == pytest.approx(0.8 - right.ppf(0.95))


def test_others_are_drawn_with_their_error() -> None:
    one = given()
    grid = np.linspace(0.001, 25, 5001)
    w = stats.gamma.pdf(grid, 5, scale=0.5)
    w /= w.sum()
    right = {
        "e": w @ np.exp(0.3 * grid + 0.045), "both": 5.0, "P(above = 1)": w @ stats.norm.sf(2 - grid)
    }  # fmt: skip
    columns = one.predict_columns({"x": [1.0], "k": [3]}, targets=["e", "both", "above"], seed=4).columns
    for name, value in right.items():
        error = columns[f"{name.removeprefix('P(').partition(' ')[0]}.mcse"][0]
        assert columns[name][0] == pytest.approx(value, abs=5 * error)
    (row,) = one.query("E(both | x = 1, k = 3)", seed=1).table
    assert row["mean"] == pytest.approx(5, abs=5 * row["mcse"])
    assert row == one.query("E(both | x = 1, k = 3)", seed=1).table[0]
    assert "above" in str(one.query("P(y, above | x = 1, k = 3)"))

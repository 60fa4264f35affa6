"""What rows do not say beside fields is predicted: the distribution of each number, mixed over the configurations of the fields."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import pgmlang

TEXT = """
param w

plate row {
  field a : bit
  field b : bit
  field c : bit
  factor w * a * b - 0.5 * b * c + 0.3 * c
  y ~ Normal(3 * a - c, 1 + b)
  z : bit ~ Bernoulli(0.2 + 0.3 * b + 0.2 * c)
  k ~ Poisson(1 + 2 * a + b)
}
"""
ROWS = {
    "a": ["1", None, None, None, None],
    "b": [None, "1", None, None, "0"],
    "c": [None, None, None, "0", None],
    "y": [None, None, 1.2, 2.0, None],
    "z": [None, "1", None, None, "0"],
    "k": [None, None, 4, None, 0],
}


def posterior(row: dict[str, object]) -> list[tuple[float, tuple[int, int, int]]]:
    """Configurations of the fields with their probabilities, by enumeration."""
    weights = []
    for a, b, c in itertools.product((0, 1), repeat=3):
        if any(row[n] is not None and int(str(row[n])) != x for n, x in zip("abc", (a, b, c), strict=True)):
            weights.append(0.0)
            continue
        log = 0.7 * a * b - 0.5 * b * c + 0.3 * c
        if row["y"] is not None:
            log += -0.5 * ((float(row["y"]) - 3 * a + c) / (1 + b)) ** 2 - math.log(1 + b)  # type: ignore[arg-type]
        if row["z"] is not None:
            one = 0.2 + 0.3 * b + 0.2 * c
            log += math.log(one if row["z"] == "1" else 1 - one)
        if row["k"] is not None:
            rate = 1 + 2 * a + b
            log += int(row["k"]) * math.log(rate) - rate  # type: ignore[call-overload]
        weights.append(math.exp(log))
    total = sum(weights)
    return list(zip([w / total for w in weights], itertools.product((0, 1), repeat=3), strict=True))


def test_predictions_are_those_of_enumeration() -> None:
    columns = pgmlang.compile(TEXT).given({"w": 0.7}).predict_columns(ROWS).columns
    for i in range(5):
        row = {n: ROWS[n][i] for n in ROWS}
        parts = posterior(row)
        for place, name in enumerate("abc"):
            chance = sum(p for p, x in parts if x[place] == 1)
            assert columns[f"P({name} = 1)"][i] == pytest.approx(chance, abs=1e-9)
        if row["y"] is None:
            mean = sum(p * (3 * a - c) for p, (a, b, c) in parts)
            square = sum(p * ((3 * a - c) ** 2 + (1 + b) ** 2) for p, (a, b, c) in parts)
            assert columns["y"][i] == pytest.approx(mean, abs=1e-9)
            assert columns["y.sd"][i] == pytest.approx(math.sqrt(square - mean**2), abs=1e-9)
        if row["z"] is None:
            chance = sum(p * (0.2 + 0.3 * b + 0.2 * c) for p, (a, b, c) in parts)
            assert columns["P(z = 1)"][i] == pytest.approx(chance, abs=1e-9)
        if row["k"] is None:
            assert columns["k"][i] == pytest.approx(sum(p * (1 + 2 * a + b) for p, (a, b, c) in parts), abs=1e-9)
    assert not [name for name in columns if name.endswith(".mcse")]


def test_columns_that_are_not_there_are_predicted_too() -> None:
    model = pgmlang.compile(TEXT).given({"w": 0.7})
    columns = model.predict_columns({"b": ["1", "0"]}).columns
    answer = model.query("E(y | b = 1)")
    assert columns["y"][0] == pytest.approx(answer.table[0]["mean"], abs=1e-9)
    only = model.predict_columns({"b": ["1", "0"]}, targets=["y"]).columns
    assert "a" not in only
    assert np.array_equal(only["y"], columns["y"])


def test_under_draws_the_errors_cover_the_mean_over_the_draws() -> None:
    model = pgmlang.compile(
        "w ~ Normal(0, 1)\nplate row { field a : bit\n field b : bit\n factor w * a * b\n y ~ Normal(3 * a, 1) }"
    )
    data = {"a": ["0", "1", "1", "0"], "b": ["1", "1", "0", "0"], "y": [0.1, 2.8, 3.3, -0.4]}
    fit = model.fit(data, method="hmc", options={"warmup": 200, "draws": 200}, seed=1)
    columns = fit.predict_columns({"a": [None, None], "b": ["1", None], "y": [None, 2.0]}, seed=2).columns
    w = np.asarray(fit.draws["w"]).ravel()
    chance = 1 / (1 + np.exp(-w))
    spread = math.sqrt((1 + 9 * chance).mean() - (3 * chance.mean()) ** 2)
    assert abs(columns["P(a = 1)"][0] - chance.mean()) < 5 * columns["a.mcse"][0] + 0.01
    assert abs(columns["y"][0] - 3 * chance.mean()) < 5 * columns["y.mcse"][0]
    assert columns["y.sd"][0] == pytest.approx(spread, rel=0.15)


def test_numbers_that_hang_on_no_field_are_predicted_too() -> None:
    model = pgmlang.compile(
        "m ~ Normal(0, 3)\nplate row { field a : bit\n factor 0.5 * a\n x ~ Normal(m, 1)\n u ~ Normal(1, 2)\n v ~ Normal(u, 1) }"
    )
    data = {"a": ["1", "0", "1"], "x": [0.3, -0.2, 1.0], "v": [2.0, 1.0, 0.0]}
    fit = model.fit(data, method="hmc", options={"warmup": 200, "draws": 200}, seed=1)
    columns = fit.predict_columns({"a": [None, "1"], "x": [None, 2.0], "v": [3.0, None]}, seed=2).columns
    assert columns["P(a = 1)"][0] == pytest.approx(1 / (1 + math.exp(-0.5)), abs=1e-9)
    assert abs(columns["x"][0] - np.mean(fit.draws["m"])) < 5 * columns["x.mcse"][0]
    assert columns["x"][1] == 2.0
    assert abs(columns["u"][0] - (1 + 4 / 5 * 2)) < 5 * columns["u.mcse"][0] + 1e-9
    assert abs(columns["v"][1] - 1) < 5 * columns["v.mcse"][1]


def test_the_mean_of_certain_points_is_certain() -> None:
    from pgmlang.posterior.points import mean_columns
    from pgmlang.query.rows import Columns

    one = Columns({"a": ["1"], "P(a = 0)": np.array([0.0]), "P(a = 1)": np.array([1.0])})
    assert mean_columns([one] * 100).columns["P(a = 1)"][0] == 1.0
    weights = np.full(100, 0.01)
    assert mean_columns([one] * 100, weights).columns["P(a = 1)"][0] == 1.0

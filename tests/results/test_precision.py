"""No more digits are printed than the Monte Carlo error allows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pgmlang.query.answer import Answer
from pgmlang.results.precision import decimals, figure, rounded, rounded_columns, shortened_columns


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.567353, 0.0159607, "0.567"),
        (0.567353, 0.099, "0.567"),
        (0.567353, 0.1, "0.57"),
        (123456.789, 12000.0, "123000"),
        (-0.0004, 0.03, "-0"),
        (1.23456789e-9, 1e-11, "1.235e-09"),
        (0.567353, None, "0.567353"),
        (0.567353, 0.0, "0.567353"),
        (0.567353, math.inf, "0.567353"),
        (0.567353, math.nan, "0.567353"),
        (math.nan, 0.1, "nan"),
        (math.inf, 0.1, "inf"),
        (0.5, 1e-320, "0.5"),
    ],
)
def test_figure(value: float, error: float | None, text: str) -> None:
    assert figure(value, error) == text


def test_what_is_left_out_is_below_a_tenth_of_the_error() -> None:
    rng = np.random.default_rng(0)
    for value, error in zip(rng.normal(0, 100, 300), 10 ** rng.uniform(-6, 3, 300), strict=True):
        assert abs(float(figure(value, error, 17)) - value) <= 0.05 * error * (1 + 1e-9)
        assert decimals(error) is not None


def test_columns_of_a_row_have_the_digits_of_its_error() -> None:
    columns = {
        "y": np.array([1.23456, 2.34567]),
        "y.sd": np.array([0.54321, 0.65432]),
        "y.mcse": np.array([0.0123, 0.34567]),
        "z": ["a", "b"],
        "P(z = a)": np.array([0.87654, 0.12345]),
        "z.mcse": np.array([0.0, 0.02222]),
        "other": np.array([0.123456, 0.234567]),
    }
    out = rounded_columns(columns)
    assert list(out) == list(columns)
    assert np.array_equal(out["y"], [1.235, 2.35])
    assert np.array_equal(out["y.sd"], [0.543, 0.65])
    assert np.array_equal(out["y.mcse"], [0.012, 0.35])
    assert np.array_equal(out["P(z = a)"], [0.87654, 0.123])
    assert np.array_equal(out["z.mcse"], [0.0, 0.022])
    assert out["other"] is columns["other"]
    assert out["z"] is columns["z"]


def test_columns_are_rounded_as_numbers_are() -> None:
    rng = np.random.default_rng(1)
    values, errors = rng.normal(0, 1e3, 2000), 10 ** rng.uniform(-25, 6, 2000)
    errors[:4] = 0, np.nan, np.inf, 1e-320
    values[4:6] = np.nan, np.inf
    out = rounded_columns({"y": values, "y.mcse": errors})["y"]
    right = [
        value if error < 1e-21 else rounded(value, error) for value, error in zip(values, errors, strict=True)
    ]
    np.testing.assert_allclose(np.asarray(out), right, rtol=1e-15)


def test_answers_are_printed_so_and_kept_whole() -> None:
    answer = Answer("P(a)", "hmc", ("a",), ({"a": "x", "p": 0.567353, "mcse": 0.0159607},), 0.0)
    assert str(answer).split() == ["a", "p", "mcse", "x", "0.567", "0.016"]
    assert "0.567353" not in answer._repr_html_()
    assert answer.to_dict()["table"][0]["p"] == 0.567353


def test_columns_for_people_have_six_digits() -> None:
    columns = {"a": ["x", "y"], "P(a = x)": np.array([0.9560439560439561, np.nan]), "n": np.array([1, 2])}
    shown = shortened_columns(columns)
    assert shown["a"] == ["x", "y"]
    assert shown["P(a = x)"][0] == 0.956044
    assert np.isnan(shown["P(a = x)"][1])
    assert shown["n"] is columns["n"]

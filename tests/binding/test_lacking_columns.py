"""Inputs without a column, and numbers of NumPy as arguments."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import pgmlang
from pgmlang import PgmError

TEXT = "model m\nmu ~ Normal(0, 1)\nplate row {\n  input sd : real\n  y ~ Normal(mu, exp(sd))\n}\n"


def test_a_misspelt_column_of_an_input_is_named():
    with pytest.raises(PgmError, match="did you mean `sdd`"):
        pgmlang.compile(TEXT).bind({"y": [1.0, 2.0], "sdd": [1.0, 2.0]})


def test_a_scalar_where_a_column_belongs_is_said():
    for data in ({"y": 1.0, "sd": 2.0}, {"y": [1.0, 2.0], "sd": 2.0}):
        with pytest.raises(PgmError, match="`sd` is one value in the data, not a column"):
            pgmlang.compile(TEXT).bind(data)


@pytest.mark.parametrize("size", [4, np.int64(4), np.uint8(4), np.array(4)])
def test_numbers_of_numpy_are_settings_and_seeds(size):
    text = "model m(k = 2, s = 1.0)\nplate c[k] { z ~ Normal(0, s) }\nplate row { y ~ Normal(0, 1) }\n"
    for scale in (2.0, np.float32(2), np.float64(2), Fraction(2)):
        model = pgmlang.compile(text, k=size, s=scale)
        assert model.model == model.model
    pgmlang.compile(text, k=size).prior_draws(size, {"y": [1.0]}, seed=size)

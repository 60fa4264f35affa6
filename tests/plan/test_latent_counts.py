"""A latent count is refused with what to type in its place, which is then fitted."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

TEXT = """
early ~ Exponential(1)
late ~ Exponential(1)
switch ~ DiscreteUniform(1900, 1929)
plate row {
  input year : real
  k ~ Poisson(if year < switch then early else late)
}
"""
DATA = {"year": np.arange(1900, 1930), "k": np.r_[[4, 3, 5, 4, 2, 6, 3, 4, 5, 3, 4, 2], np.zeros(18, int)]}


def test_a_latent_count() -> None:
    assert pgmlang.compile(TEXT).plan(DATA).blocks[-1].kernel == "summed"


def test_one_of_more_values_than_are_listed() -> None:
    text = TEXT.replace("1929", "2999")
    with pytest.raises(PgmError) as error:
        pgmlang.compile(text).plan(DATA)
    (told,) = error.value.diagnostics
    assert told.code == "PGM0601"
    cure = [text for i, text in enumerate(told.help.split("`")) if i % 2]
    assert cure == [
        "dim n[1100]",
        "value[n] = 1900 + position(n)",
        "which : n ~ Categorical(1 / 1100)",
        "switch = value[which]",
    ]
    model = pgmlang.compile(text.replace("switch ~ DiscreteUniform(1900, 2999)", "\n".join(cure)))
    assert model.plan(DATA).blocks[-1].kernel == "summed"


def test_one_without_bounds() -> None:
    with pytest.raises(PgmError) as error:
        pgmlang.compile(TEXT.replace("DiscreteUniform(1900, 1929)", "Poisson(1910)")).plan(DATA)
    assert "upper = 100" in error.value.diagnostics[0].help

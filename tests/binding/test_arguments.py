"""Inputs of no declared type are what the data say: as arguments of distributions they are checked there, by themselves cell by cell, in
expressions where nothing is possible."""

from __future__ import annotations

import pytest

import pgmlang
from pgmlang.diagnostics import CompileError, PgmError

TEXT = """
plate row {
  input t, n, q
  th ~ Gamma(2, 1)
  x ~ Poisson(th * t)
  y ~ Binomial(n, q)
  w ~ Normal(th, t + 0.5)
}
"""
GOOD = {"t": [1.0, 2.0], "n": [3, 4], "q": [0.5, 0.25], "x": [2, 3], "y": [1, 2], "w": [0.1, 1.2]}


def test_inputs_need_no_type_where_the_data_say_it() -> None:
    typed = TEXT.replace("input t, n, q", "input t : positive; input n : count; input q : unit")
    fits = [
        pgmlang.compile(text).fit(GOOD, method="hmc", seed=0, options={"draws": 20, "warmup": 20})
        for text in (TEXT, typed)
    ]
    assert fits[0].draws["th"].tolist() == fits[1].draws["th"].tolist()


def test_a_declared_type_is_held_to() -> None:
    with pytest.raises(CompileError, match="`rate` of `Poisson` must be positive"):
        pgmlang.compile(TEXT.replace("input t, n", "input t : real, n"))


@pytest.mark.parametrize(
    ("column", "cell", "says"), [("n", 4.5, "`n` is `n` of `Binomial`"), ("q", 1.5, "`q` is `p` of `Binomial`"), ("n", -1, "`n` of")]
)  # fmt: skip
def test_a_cell_that_the_argument_cannot_be(column: str, cell: float, says: str) -> None:
    data = {**GOOD, column: [GOOD[column][0], cell]}
    with pytest.raises(PgmError) as told:
        pgmlang.compile(TEXT).bind(data)
    (error,) = told.value.diagnostics
    assert error.code == "PGM0706"
    assert says in error.message
    assert column in error.place


@pytest.mark.parametrize("method", ["hmc", "map", "elbo"])
def test_what_is_impossible_is_named_with_its_row(method: str) -> None:
    data = {**GOOD, "t": [1.0, -2.0]}
    with pytest.raises(PgmError) as told:
        pgmlang.compile(TEXT).fit(data, method=method, seed=0)
    (error,) = told.value.diagnostics
    assert error.code == "PGM0803"
    assert any("`x` in row 2" in n for n in error.notes)

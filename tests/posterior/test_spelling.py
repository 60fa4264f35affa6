"""An element is asked for in one way by every door: with or without blanks, of a lattice by its coordinates."""

from __future__ import annotations

import math

import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

GRID = "param J : real\nplate s = grid(3, 4) { field x : bit }\nplate pair(i, j) = edges(s) { factor J * (x[i] + x[j]) }\n"
AXES = "dim a = {p, q}\ndim b = {u, v}\nplate row { h ~ Bernoulli(0.3)\n o[a, b] ~ Bernoulli(0.2 + 0.5 * h)\n y ~ Normal(h, 1) }\n"


@pytest.mark.parametrize("text", ["x[2, 1]", "x[2,1]", "x[ 2 ,1 ]", "x[9]"])
def test_an_element_of_a_lattice(text: str) -> None:
    asked = pgmlang.compile(GRID).given({"J": 0.4})
    # each field is alone: the log-odds are J times the number of its neighbours
    answer = asked.query(f"E({text})")
    assert answer.table[0]["mean"] == pytest.approx(1 / (1 + math.exp(-1.2)))
    given = asked.query(f"P(x[0, 0] | {text} = 1)")
    assert given.probabilities["1"] == pytest.approx(1 / (1 + math.exp(-0.8)))


def test_a_lattice_in_each_row() -> None:
    text = GRID.replace("plate s", "plate row {\nplate s").replace("x[j]) }\n", "x[j]) } }\n")
    answer = pgmlang.compile(text).given({"J": 0.4}).query("E(x[2,1])")
    assert answer.table[0]["mean"] == pytest.approx(1 / (1 + math.exp(-1.2)))


def test_outside_of_a_lattice() -> None:
    with pytest.raises(PgmError, match="no such site") as caught:
        pgmlang.compile(GRID).given({"J": 0.4}).query("P(x[3, 0])")
    assert caught.value.diagnostics[0].code == "PGM0607"


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("text", [AXES, AXES.replace("\n y ~ Normal(h, 1)", "")])
def test_elements_of_two_axes_by_tables_and_by_densities(blank: str, text: str) -> None:
    asked = pgmlang.compile(text).given()
    name = f"o[q,{blank}u]"
    row = asked.query(f"E({name})").table[0]
    assert row["mean"] == pytest.approx(0.35, abs=6 * row.get("mcse", 0.0) + 1e-9)
    assert asked.query(f"P({name} = 1)").table[0]["p"] == pytest.approx(0.35, abs=0.02)

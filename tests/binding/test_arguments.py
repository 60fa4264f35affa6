"""Inputs of no declared type are what the data say: where they are arguments of distributions their cells are checked."""

from __future__ import annotations

import pytest

import pgmlang
from pgmlang.diagnostics import CompileError, PgmError

TEXT = """
plate row {
  input t, n, q
  th ~ Gamma(2, 1)
  x ~ Poisson(t)
  y ~ Binomial(n, q)
  w ~ Normal(th, 1)
  v ~ if x > 1 then Exponential(t) else Exponential(1)
}
"""
GOOD = {"t": [1.0, 2.0], "n": [3, 4], "q": [0.5, 0.25], "x": [2, 3], "y": [1, 2], "w": [0.1, 1.2], "v": [0.4, 0.1]}


def test_inputs_need_no_type_where_the_data_say_it() -> None:
    typed = TEXT.replace("input t, n, q", "input t : positive; input n : count; input q : unit")
    fits = [
        pgmlang.compile(text).fit(GOOD, method="hmc", seed=0, options={"draws": 20, "warmup": 20})
        for text in (TEXT, typed)
    ]
    assert fits[0].draws["th"].tolist() == fits[1].draws["th"].tolist()


@pytest.mark.parametrize("rate", ["t", "th * t", "exp(n) * t", "th - 1 + t"])
def test_what_is_no_input_by_itself_is_held_to(rate: str) -> None:
    text = TEXT.replace("Poisson(t)", f"Poisson({rate})")
    if rate == "t":
        text = text.replace("input t,", "input t : real,")
    with pytest.raises(CompileError, match="`rate` of `Poisson` must be positive") as told:
        pgmlang.compile(text)
    cure = told.value.diagnostics[0].help
    assert ("input t : positive" in cure) == (rate != "th - 1 + t"), cure


@pytest.mark.parametrize(
    ("column", "cell", "says"), [("n", 4.5, "`n` is `n` of `Binomial`"), ("q", 1.5, "`q` is `p` of `Binomial`"), ("n", -1, "`n` of"),
     ("t", -2.0, "`t` is `rate` of")]
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
    text = "p ~ Beta(1, 1)\nplate row { y ~ Truncated(Normal(p, 1), lower = 0) }"
    with pytest.raises(PgmError) as told:
        pgmlang.compile(text).fit({"y": [1.0, -2.0]}, method=method, seed=0)
    (error,) = told.value.diagnostics
    assert error.code == "PGM0803"
    assert any("`y` in row 2" in n for n in error.notes)

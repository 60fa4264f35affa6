"""What evidence cannot give and questions cannot ask is refused with the reason, and the cure runs when it is typed."""

from __future__ import annotations

import re

import pytest

import pgmlang
from pgmlang.diagnostics import PgmError

AXES = """dim k = {one, two}
plate row {
  z : {x, y} ~ Table() { 0.3, 0.7 }
  w[k] ~ Bernoulli(if z == x then 0.2 else 0.6)
  m[k] ~ Normal(w, 1)
  total = sum(w, over = k)
}
"""
TABLES = "plate row {\n a : {x, y} ~ Table() { 0.3, 0.7 }\n b ~ Bernoulli(if a == x then 0.2 else 0.6)\n s = 2 * b + (if a == x then 1 else 0)\n}\n"
CHAIN = "plate row = chain {\n z : {x, y} ~ if first then Table() { 0.5, 0.5 } else Table(prev(z)) { x : 0.9, 0.1 ; y : 0.2, 0.8 }\n}\n"
GROUPS = "plate g {\n u ~ Normal(0, 1)\n plate row { y ~ Normal(u, 1) }\n}\n"


@pytest.mark.parametrize(("text", "question", "code"), [
    (AXES, "P(z | w = 1)", "PGM0607"),
    (AXES, "P(z | do(w = 1))", "PGM0607"),
    (AXES, "P(z | total = 1)", "PGM0606"),
    (TABLES, "P(a | s = 2)", "PGM0606"),
    (CHAIN, "P(z[2000] | z[0] = x)", "PGM0606"),
    (GROUPS, "P(g = A)", "PGM0607"),
])  # fmt: skip
def test_refusals(text: str, question: str, code: str) -> None:
    with pytest.raises(PgmError) as error:
        pgmlang.compile(text).given().query(question)
    (problem,) = error.value.diagnostics
    assert problem.code == code
    assert problem.span is not None
    for given in re.findall(r"`(\w+\[\w+\] = \w+)`", problem.help):
        assert pgmlang.compile(text).given().query(f"P(z | {given})").table


def test_evidence_of_draws_is_checked_alike() -> None:
    with pytest.raises(PgmError) as error:
        pgmlang.compile(AXES).given().sample(3, evidence="w = 1")
    assert error.value.diagnostics[0].code == "PGM0607"


@pytest.mark.parametrize(
    ("question", "mean"), [("E(s)", 0.3 + 2 * 0.48), ("E(s | b = 1)", 2 + 0.06 / 0.48), ("E(s | do(a = y))", 1.2)]
)
def test_computed_names_of_tables_are_asked(question: str, mean: float) -> None:
    (row,) = pgmlang.compile(TABLES).given().query(question, seed=1).table
    assert row["mean"] == pytest.approx(mean, abs=1e-9)
    assert "mcse" not in row


def test_weights_of_a_label_that_is_asked() -> None:
    (row, _) = pgmlang.compile(AXES).given().query("P(z | z ~ {x: 0.5, y: 0.1}, m[one] = 0.5)").table
    weights = [0.3 * 0.5, 0.7 * 0.1]
    assert row["p"] == pytest.approx(weights[0] / sum(weights))


def test_the_first_row_by_its_number() -> None:
    given = pgmlang.compile(CHAIN).given()
    assert given.query("P(z[0] = x)").table[0]["p"] == given.query("P(z = x)").table[0]["p"] == pytest.approx(0.5)
    assert given.query("MAP(* | z[0] = x)").log_evidence == pytest.approx(-0.6931471805599453)


INPUTS = """dim d = {one, two}
plate row {
  input x[d]
  input k : {"p q", r}
  y ~ Normal(x[one] + x[two] + (if k == r then 1 else 0), 1)
  b ~ Bernoulli(if k == r then 0.2 else 0.7)
}
"""


@pytest.mark.parametrize("text", [INPUTS, INPUTS.replace("  input x[d]\n", "").replace("x[one] + x[two] + ", "")])
def test_inputs_are_given_as_the_cure_says(text: str) -> None:
    given = pgmlang.compile(text).given()
    told: list[str] = []
    for _ in range(4):
        try:
            assert given.query(f"P(b | {', '.join(told)})" if told else "P(b)").table
            return
        except PgmError as error:
            cure = error.diagnostics[0].help
            (one,) = re.findall(r"\(`(.* = .*)`\)", cure)
            told.append(one)
    pytest.fail(f"these cures lead nowhere: {told}")

"""Cells that are seen tell of what hangs on them, where other cells of the same variable are missing: in rows, along axes and below
fields; against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang
from pgmlang.query.conditional import ConditionalAnswers
from pgmlang.query.parse import parse_query

SCALED = "plate row { x ~ Normal(0, 1) ; u ~ Gamma(2, 2) ; y ~ Normal(x, u) ; z ~ Bernoulli(logit = 3 * y) }\n"
AXES = """dim k = {one, two}
plate row {
  z : {x, y} ~ Table() { 0.3, 0.7 }
  w[k] ~ Bernoulli(if z == x then 0.2 else 0.6)
  m[k] ~ Normal(w, 1)
  total = sum(m, over = k)
}
"""
FIELDS = "dim k[3]\nplate row { field v[k] : bit ; factor 0.5 * sum(v, over = k) ; m[k] ~ Normal(v, 0.1) ; n[k] ~ Normal(m, 0.1) }\n"


def test_numbers_below_a_column_with_holes() -> None:
    columns = pgmlang.compile(SCALED).given().predict({"x": [5.0, None, -5.0]}, targets=["y"], seed=1).columns
    for row, mean in enumerate((5.0, 0.0, -5.0)):
        assert columns["y"][row] == pytest.approx(mean, abs=4 * columns["y.mcse"][row])
    columns = pgmlang.compile(SCALED).given().predict({"x": [5.0, None, -5.0]}, targets=["z"], seed=1).columns
    assert columns["P(z = 1)"][0] > 0.95 > 0.6 > columns["P(z = 1)"][1] > 0.4 > 0.05 > columns["P(z = 1)"][2]


@pytest.mark.parametrize("question", ["E(total | w[one] = 1)", "E(m[one] | w[one] = 1)"])
def test_elements_of_an_axis(question: str) -> None:
    given = pgmlang.compile(AXES).given()
    right = {"E(total | w[one] = 1)": 1.55, "E(m[one] | w[one] = 1)": 1.0}[question]
    answers = [
        given.query(question, seed=2),
        ConditionalAnswers(given.posterior.fit, 2).answer(parse_query(question)),
    ]
    for answer in answers:
        (row,) = answer.table
        assert row["mean"] == pytest.approx(right, abs=max(4 * row.get("mcse", 0.0), 1e-9))


def test_draws_given_an_element() -> None:
    columns = pgmlang.compile(AXES).given().sample(2000, seed=3, evidence="w[one] = 1").columns
    assert set(columns["w[one]"]) == {"1"}
    assert np.mean(columns["m[one]"]) == pytest.approx(1.0, abs=4 / np.sqrt(2000))
    assert np.mean(columns["m[two]"]) == pytest.approx(0.55, abs=4 * 1.12 / np.sqrt(2000))


def test_numbers_below_numbers_below_fields() -> None:
    given = pgmlang.compile(FIELDS).given()
    (row,) = given.query("E(n[0] | m[0] = 3)", seed=1).table
    assert row["mean"] == pytest.approx(3.0, abs=max(4 * row.get("mcse", 0.0), 1e-9))
    columns = given.sample(300, seed=1, evidence="m[0] = 3").columns
    assert np.mean(columns["n[0]"]) == pytest.approx(3.0, abs=4 * 0.1 / np.sqrt(300))

"""Rows of a fresh sequence in questions: filtering, smoothing and forecasts of labels and of numbers, against enumeration
and the joint normal distribution."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError

RAIN = """plate day = chain {
  rain ~ Bernoulli(if first then 0.4 else if prev(rain) == 1 then 0.7 else 0.2)
  umbrella ~ Bernoulli(if rain == 1 then 0.9 else 0.25)
}"""
COLD = RAIN.replace("}", "  y ~ Normal(3 * rain, 1)\n}")


def paths(length: int, weigh):
    """Mean of each day's rain over all paths, and ln of their total weight."""
    total, sums = 0.0, np.zeros(length)
    for path in itertools.product((0, 1), repeat=length):
        p = 0.4 if path[0] else 0.6
        for before, now in itertools.pairwise(path):
            rain = 0.7 if before else 0.2
            p *= rain if now else 1 - rain
        p *= weigh(path)
        total, sums = total + p, sums + p * np.array(path)
    return sums / total, math.log(total)


def seen(state: int, umbrella: int) -> float:
    p = 0.9 if state else 0.25
    return p if umbrella else 1 - p


@pytest.mark.parametrize("text", [RAIN, COLD], ids=["tables", "mixed"])
def test_labels_of_a_sequence(text: str) -> None:
    given = pgmlang.compile(text).given()
    right, log_evidence = paths(4, lambda s: seen(s[0], 1) * seen(s[2], 0))
    for day in range(4):
        answer = given.query(f"P(rain[{day}] = 1 | umbrella[0] = 1, umbrella[2] = 0)")
        until = max(day, 2) + 1
        assert answer.table[0]["p"] == pytest.approx(right[day]), until
        assert answer.log_evidence == pytest.approx(log_evidence)
    # a name without a row is of the first one
    first = given.query("P(rain = 1 | umbrella = 1, umbrella[2] = 0)").table[0]["p"]
    assert first == pytest.approx(right[0])
    alone, _ = paths(1, lambda s: seen(s[0], 1))
    assert given.query("P(rain = 1 | umbrella = 1)").table[0]["p"] == pytest.approx(alone[0])
    p, _ = paths(3, lambda s: float(s[1] == 1))
    assert given.query("P(rain[2] = 1 | rain[1] = 1)").table[0]["p"] == pytest.approx(p[2])


def test_numbers_tell_of_labels() -> None:
    given = pgmlang.compile(COLD).given()
    right, _ = paths(3, lambda s: stats.norm.pdf(2.2, 3 * s[0]) * seen(s[1], 0))
    answer = given.query("P(rain[2] = 1 | y[0] = 2.2, umbrella[1] = 0)")
    assert answer.method == "exact"
    assert answer.table[0]["p"] == pytest.approx(right[2])
    assert given.query("E(y[2] | y[0] = 2.2, umbrella[1] = 0)").table[0]["mean"] == pytest.approx(3 * right[2])
    best = given.query("MAP(rain[0], rain[1] | y[0] = 2.2, y[1] = 0.1)").table[0]
    assert (best["rain[0]"], best["rain[1]"]) == ("1", "0")


def test_interventions_do_not_reach_back() -> None:
    given = pgmlang.compile(RAIN).given()
    p, _ = paths(1, lambda s: 1.0)
    assert given.query("P(rain[0] = 1 | do(rain[1] = 1))").table[0]["p"] == pytest.approx(p[0])
    assert given.query("P(rain[2] = 1 | do(rain[1] = 1))").table[0]["p"] == pytest.approx(0.7)


WALK = "plate t = chain { x ~ Normal(if first then 0 else 0.5 * prev(x), 1) ; y ~ Normal(x, 0.5) }"


def test_forecasts_of_a_walk() -> None:
    step = np.linalg.inv(np.eye(4) - np.diag([0.5] * 3, -1))
    cov = step @ step.T
    gain = cov[:, :2] @ np.linalg.inv(cov[:2, :2] + 0.25 * np.eye(2))
    mean, post = gain @ [1.0, -0.4], np.diag(cov - gain @ cov[:2])
    given = pgmlang.compile(WALK).given()
    for k in range(4):
        (row,) = given.query(f"E(x[{k}] | y[0] = 1, y[1] = -0.4)").table
        assert (row["mean"], row["sd"]) == (pytest.approx(mean[k]), pytest.approx(math.sqrt(post[k])))
    answer = given.query("E(y[3] | y[0] = 1, y[1] = -0.4)")
    assert answer.table[0]["mean"] == pytest.approx(mean[3])
    assert answer.table[0]["sd"] == pytest.approx(math.sqrt(post[3] + 0.25))
    right = stats.multivariate_normal.logpdf([1.0, -0.4], None, cov[:2, :2] + 0.25 * np.eye(2))
    assert answer.log_evidence == pytest.approx(right)


@pytest.mark.parametrize("text", [RAIN, COLD], ids=["tables", "mixed"])
def test_draws_given_rows(text: str) -> None:
    given = pgmlang.compile(text).given()
    right, _ = paths(3, lambda s: seen(s[2], 1))
    columns = given.sample_columns(4000, seed=1, evidence="umbrella[2] = 1").columns
    name = next(n for n in columns if n.startswith("rain") and "0" in n)
    assert np.mean(np.asarray(columns[name]) == "1") == pytest.approx(right[0], abs=0.04)
    assert len(columns[name]) == 4000
    first, _ = paths(1, lambda s: seen(s[0], 1))
    columns = given.sample_columns(4000, seed=1, evidence="umbrella = 1").columns
    assert set(columns["umbrella"]) == {"1"}
    assert np.mean(np.asarray(columns["rain"]) == "1") == pytest.approx(first[0], abs=0.04)


def test_a_chain_in_groups() -> None:
    """A fresh group with a label of its own, and an axis in every row."""
    text = """dim d[2]
    plate g { c ~ Bernoulli(0.3)
    plate t = chain {
      s ~ Bernoulli(if first then 0.5 else if prev(s) == 1 then 0.9 else 0.1)
      o[d] ~ Bernoulli(if s == 1 then (if c == 1 then 0.9 else 0.6) else 0.2)
      y ~ Normal(s, 1)
    } }"""
    given = pgmlang.compile(text).given()
    total = right = 0.0
    for c, s0, s1 in itertools.product((0, 1), repeat=3):
        rate = [0.2, 0.9 if c else 0.6]
        p = (0.3 if c else 0.7) * 0.5 * ((0.9 if s0 else 0.1) if s1 else (0.1 if s0 else 0.9))
        p *= rate[s0] * (1 - rate[s1]) * stats.norm.pdf(0.8, s1)
        total, right = total + p, right + p * c
    (row,) = given.query("P(c = 1 | o[0, 1] = 1, o[1, 0] = 0, y[1] = 0.8)").table
    assert row["p"] == pytest.approx(right / total)


def test_tables_of_a_chain_in_groups() -> None:
    text = """plate g { c ~ Bernoulli(0.3)
    plate t = chain { s ~ Bernoulli(if first then 0.5 else if prev(s) == 1 then 0.9 else (if c == 1 then 0.8 else 0.1)) } }"""
    given = pgmlang.compile(text).given()
    one, other = 0.3 * 0.8, 0.7 * 0.1
    assert given.query("P(c = 1 | s[0] = 0, s[1] = 1)").table[0]["p"] == pytest.approx(one / (one + other))
    assert given.query("P(s[2] = 1 | s[1] = 1)").table[0]["p"] == pytest.approx(0.9)


@pytest.mark.parametrize("question", ["P(rain[0, 1] = 1)", "P(rain[-1] = 1)", "P(rain[x] | umbrella[2] = 1)"])
def test_what_is_no_row(question: str) -> None:
    with pytest.raises(PgmError) as error:
        pgmlang.compile(RAIN).given().query(question)
    assert error.value.diagnostics[0].code in ("PGM0606", "PGM0607")


def test_a_term_times_zero_of_the_row_before_says_nothing() -> None:
    """It is no part of the normal form, by which the sum over the sequence is planned."""
    text = "plate row = chain { z : bit ~ Bernoulli(0.3)\n y ~ Normal(if first then z else z + 0.0 * prev(z), 1) }"
    scores = pgmlang.compile(text).given().score({"y": [1.0, 0.2]})
    right = [math.log(0.3 * stats.norm.pdf(y - 1) + 0.7 * stats.norm.pdf(y)) for y in (1.0, 0.2)]
    assert float(np.sum(scores)) == pytest.approx(sum(right), abs=1e-9)
    fields = "plate row = chain { field u : bit\n factor 0.5 * u\n factor if first then 0 else 0 * u * prev(u) }"
    columns = pgmlang.compile(fields).given().predict_columns({"u": ["1", None, None, "0"]}).columns
    assert columns["P(u = 1)"] == pytest.approx(
        [1, 1 / (1 + math.exp(-0.5)), 1 / (1 + math.exp(-0.5)), 0], abs=1e-9
    )

"""Answers of rows that their elements tell apart, by enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import norm

import pgmlang
from pgmlang.density.target import target_of
from pgmlang.diagnostics import PgmError
from pgmlang.tables.evaluate import Evaluator
from tests.infer.by_hand import problem_of
from tests.native.test_equal import assert_equal

ROWS = """
plate person {
  plate row {
    z ~ Bernoulli(if person == k2 then 0.9 else 0.2)
    b ~ Bernoulli(if z == 1 then 0.8 else FALSE)
  }
}
"""
DATA = {"person": ["k1", "k2", "k2"], "b": [1, 1, 0]}


def chances(b: int, person: str, otherwise: float) -> tuple[float, float]:
    """Of z = 1 given b, and the log-evidence."""
    prior = 0.9 if person == "k2" else 0.2
    one, zero = prior * (0.8 if b else 0.2), (1 - prior) * (otherwise if b else 1 - otherwise)
    return one / (one + zero), float(np.log(one + zero))


@pytest.mark.parametrize("method", ["exact", "gibbs"])
def test_rows_of_elements_that_are_named(method: str) -> None:
    fit = pgmlang.compile(ROWS.replace("FALSE", "0.1")).fit(DATA, seed=1, method=method)
    wanted = [chances(b, p, 0.1) for p, b in zip(DATA["person"], DATA["b"], strict=True)]
    assert list(fit.predict(DATA)["P(z = 1)"]) == pytest.approx([p for p, _ in wanted], abs=1e-9)
    assert list(fit.score(DATA)) == pytest.approx([e for _, e in wanted], abs=1e-9)
    assert fit.query("P(z | b = 1, person = k2)").probabilities["1"] == pytest.approx(wanted[1][0])
    if method == "exact":
        with pytest.raises(PgmError, match="each `person` has numbers of its own"):
            fit.query("P(z | b = 1)")


def test_rows_of_positions_that_are_named() -> None:
    """The first row of whatever rows are asked about."""
    fit = pgmlang.compile(ROWS.replace("FALSE", "if position(row) == 0 then 0.5 else 0.1")).fit(DATA, seed=1)
    wanted = [
        chances(b, p, 0.1 if k else 0.5)[0] for k, (p, b) in enumerate(zip(DATA["person"], DATA["b"], strict=True))
    ]
    assert list(fit.predict(DATA)["P(z = 1)"]) == pytest.approx(wanted, abs=1e-9)
    one = fit.predict({"person": ["k2"], "b": [1]})["P(z = 1)"]
    assert list(one) == pytest.approx([chances(1, "k2", 0.5)[0]], abs=1e-9)


YEARS = """
dim year[3]
b[year] ~ Normal(0, 1)
plate site { plate t = chain { y ~ Normal(b[position(t)], 1) } }
"""


def test_a_position_as_an_index() -> None:
    """Sequences whose rows share numbers by their place: means of four draws, of three, of two; rows past the last number are an error."""
    data = {
        "site": ["u"] * 3 + ["v"] * 2 + ["w"] * 3,
        "t": [0, 1, 2, 0, 1, 0, 1, 2],
        "y": [3.0, 1.0, -1.0, 2.0, 2.0, 1.0, 0.0, 2.0],
    }
    problem = problem_of(YEARS, data)
    assert_equal(target_of(problem))
    fit = pgmlang.compile(YEARS).fit(data, seed=1)
    means = {row["name"]: (row["mean"], row["mcse"]) for row in fit.summary()}
    for k, (total, count) in enumerate(((6.0, 3), (3.0, 3), (1.0, 2))):
        mean, error = means[f"b[{k}]"]
        assert abs(mean - total / (count + 1)) < 5 * error + 1e-9
    with pytest.raises(PgmError, match="`t` has 3 positions in the data, and `year` only 2 elements"):
        pgmlang.compile(YEARS.replace("year[3]", "year[2]")).fit(data)


def test_tables_of_elements() -> None:
    data = {"person": ["k1"] * 6 + ["k2"] * 4, "b": ["u"] * 5 + ["v"] * 5}
    fit = pgmlang.compile("plate person { plate row { b : {u, v} ~ Table(person, prior = 1) } }").fit(data, seed=1)
    assert list(fit.score({"person": ["k1", "k2"], "b": ["u", "v"]})) == pytest.approx(np.log([6 / 8, 5 / 6]))
    given = "dim food = {fish, bird}\nx[food] : {a, b} ~ Table(food) {\n  fish : 0.1, 0.9\n  bird : 0.6, 0.4\n}\n"
    assert pgmlang.compile(given).query("P(x[bird])").probabilities["a"] == pytest.approx(0.6)


def test_hidden_chains_that_hang_on_the_time() -> None:
    text = """
plate person { plate t = chain {
  z : {l, h} ~ if first then Table() { 0.5, 0.5 } else Table(prev(z)) {
    l : 0.9, 0.1
    h : 0.2, 0.8
  }
  y ~ Bernoulli(if z == h then 0.9 else 0.1 + 0.05 * position(t))
} }
"""
    sequences, moves = {"k1": [1, 0, 1], "k2": [0, 1, 1, 1]}, np.array([[0.9, 0.1], [0.2, 0.8]])
    data = {
        "person": [p for p, y in sequences.items() for _ in y],
        "y": [v for y in sequences.values() for v in y],
    }
    fit = pgmlang.compile(text).fit(data, seed=1)
    high: list[float] = []
    for ys in sequences.values():
        total, found = 0.0, np.zeros(len(ys))
        for path in itertools.product((0, 1), repeat=len(ys)):
            weight = 0.5 * np.prod([moves[a, b] for a, b in itertools.pairwise(path)])
            for k, (z, y) in enumerate(zip(path, ys, strict=True)):
                p = 0.9 if z else 0.1 + 0.05 * k
                weight *= p if y else 1 - p
            total, found = total + weight, found + weight * np.array(path)
        high += list(found / total)
    assert list(fit.predict(data)["P(z = h)"]) == pytest.approx(high, abs=1e-9)


def test_labels_that_are_summed_out_where_their_chances_hang_on_elements() -> None:
    text = """
beta ~ Normal(0, 1)
plate person { plate row {
  z ~ Bernoulli(if person == k02 then 0.9 else 0.1 + 0.05 * min(position(row), 3))
  y ~ Normal(if z == 1 then beta else 0, 1)
} }
"""
    person, y = ["k01", "k02", "k01", "k03", "k02"], np.array([0.3, 1.2, -0.4, 0.8, 0.1])
    target = target_of(problem_of(text, {"person": person, "y": y}))
    assert_equal(target)
    beta = 0.7
    chance = np.array([0.9 if p == "k02" else 0.1 + 0.05 * min(k, 3) for k, p in enumerate(person)])
    wanted = norm.logpdf(beta) + np.log(chance * norm.pdf(y, beta) + (1 - chance) * norm.pdf(y)).sum()
    value, _ = target.value_and_grad(torch.full((1, 1), beta, dtype=torch.float64))
    assert float(value) == pytest.approx(wanted, abs=1e-10)


def test_fields_that_hang_on_their_position() -> None:
    text = """
plate site = grid(2, 3) {
  field s : spin
  factor (if site == 0 then 2 else 0.1) * s + 0.05 * position(site) * s
}
plate bond(i, j) = edges(site) { factor 0.3 * s[i] * s[j] }
factor 0.5 * s[0] * s[5]
"""
    bonds = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]
    total, up = 0.0, np.zeros(6)
    for s in itertools.product((-1, 1), repeat=6):
        energy = sum((2 if k == 0 else 0.1) * v + 0.05 * k * v for k, v in enumerate(s))
        energy += 0.3 * sum(s[i] * s[j] for i, j in bonds) + 0.5 * s[0] * s[5]
        total, up = total + np.exp(energy), up + np.exp(energy) * (np.array(s) == 1)
    model = pgmlang.compile(text)
    for k in (0, 1, 5):
        assert model.query(f"P(s[{k}])").probabilities["1"] == pytest.approx(up[k] / total, abs=1e-9)


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("position(t) == 0", "first"), ("position(t) < 2", "first(2)"), ("2 > position(t)", "first(2)"), ("position(t) <= 1", "first(2)"),
        ("not position(t) > 1", "not not first(2)"), ("not position(t) >= 2", "not not first(2)"), ("0 == position(t)", "first"),
    ],
)  # fmt: skip
def test_positions_in_a_chain_exclude_first_rows(written: str, same: str) -> None:
    text = "plate t = chain {{ x ~ if {0} then Normal(0, 1) else Normal(prev(x) + prev(x, {1}), 1) }}"
    lag = 2 if "2" in same else 1
    mine, its = (pgmlang.compile(text.format(w, lag)).model for w in (written, same))
    assert mine.conditional_of["x"].distribution == its.conditional_of["x"].distribution


def test_a_position_that_is_compared_is_that_of_the_row() -> None:
    tests = ["== 2", "!= 2", "< 2", "<= 2", "> 2", ">= 2", "!= 0", ">= 0", "< 0", "== 1.5"]
    names = "".join(f"  d{i} = if position(t) {test} then 1 else 0\n" for i, test in enumerate(tests))
    problem = problem_of(f"plate t = chain {{\n{names}  y ~ Normal(0, 1)\n}}\n", {"y": [0.0] * 5})
    evaluator = Evaluator(problem.model, {}, problem.binding.layout)
    for i, test in enumerate(tests):
        got = evaluator.evaluate(problem.model.definition_of[f"d{i}"].value, ("t",)).to(("t",))
        wanted = [float(eval(f"{k} {test}")) for k in range(5)]
        np.testing.assert_array_equal(np.broadcast_to(got, 5), wanted)

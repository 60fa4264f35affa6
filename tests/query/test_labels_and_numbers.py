"""Questions about rows whose numbers are normal given labels, or are not normal at all: labels together, the most probable
labels, soft evidence, interventions. Against enumeration with scipy's densities."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

import pgmlang
from pgmlang.diagnostics import PgmError


class Groups:
    """A group with a number `u` and a label `c`, a row with labels `a`, `b` and numbers `y`, `v`: random, given in full."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        self.c, self.a = rng.uniform(0.1, 0.9, 2).round(2), rng.uniform(0.1, 0.9, (2,)).round(2)
        self.c = float(self.c[0])
        self.b = rng.uniform(0.1, 0.9, (2, 2)).round(2)
        self.sd, self.slope = round(float(rng.uniform(0.5, 2)), 2), rng.normal(0, 2, 3).round(2)
        self.text = f"""
        plate g {{ u ~ Normal(0, {self.sd}) ; c ~ Bernoulli({self.c}) }}
        plate row in g {{
          a ~ Bernoulli(if c == 1 then {self.a[1]} else {self.a[0]})
          b ~ Bernoulli(if c == 1 then (if a == 1 then {self.b[1, 1]} else {self.b[1, 0]})
                        else (if a == 1 then {self.b[0, 1]} else {self.b[0, 0]}))
          y ~ Normal(u + {self.slope[0]} * a + {self.slope[1]} * b, 1)
          v ~ Normal(u + {self.slope[2]} * c, 0.5)
        }}"""

    def prior(self, c: int, a: int, b: int) -> float:
        p, q = self.a[c], self.b[c, a]
        return float((self.c if c else 1 - self.c) * (p if a else 1 - p) * (q if b else 1 - q))

    def worlds(self, y: float, weigh=lambda c, a, b: 1.0, is_b_set=False):
        """The configurations with their weights given `y`, and the normal distribution of `u` in each."""
        variance = self.sd**2
        for c, a, b in itertools.product((0, 1), repeat=3):
            centre = self.slope[0] * a + self.slope[1] * b
            prior = self.prior(c, a, 0) + self.prior(c, a, 1) if is_b_set else self.prior(c, a, b)
            weight = prior * stats.norm.pdf(y, centre, math.sqrt(variance + 1)) * weigh(c, a, b)
            gain = variance / (variance + 1)
            yield (c, a, b), weight, gain * (y - centre), math.sqrt(variance * (1 - gain))

    def shares(self, y: float, **how):
        worlds = list(self.worlds(y, **how))
        total = sum(w for _, w, _, _ in worlds)
        return [(codes, w / total, m, s) for codes, w, m, s in worlds], math.log(total)


@pytest.mark.parametrize("seed", range(5))
def test_groups_with_labels_and_numbers(seed: int) -> None:
    one, y = Groups(seed), 1.3
    given = pgmlang.compile(one.text).given()
    shares, log_evidence = one.shares(y)
    joint = given.query(f"P(a, b | y = {y})")
    right = {(a, b): sum(p for (_, i, j), p, _, _ in shares if (i, j) == (a, b)) for a in (0, 1) for b in (0, 1)}
    assert {(int(r["a"]), int(r["b"])): r["p"] for r in joint.table} == pytest.approx(right)
    assert joint.log_evidence == pytest.approx(log_evidence)
    best = max(right, key=lambda k: right[k])
    (row,) = given.query(f"MAP(a, b | y = {y})").table
    assert (int(row["a"]), int(row["b"]), row["p"]) == (*best, pytest.approx(right[best]))
    (row,) = given.query(f"P(a = 1, u > 0.2 | y = {y})").table
    assert row["p"] == pytest.approx(sum(p * stats.norm.sf(0.2, m, s) for (_, a, _), p, m, s in shares if a))
    (row,) = given.query(f"E(u | y = {y})").table
    mean = sum(p * m for _, p, m, _ in shares)
    assert row["mean"] == pytest.approx(mean)
    assert row["sd"] == pytest.approx(math.sqrt(sum(p * (s**2 + (m - mean) ** 2) for _, p, m, s in shares)))
    low = optimize.brentq(lambda x: sum(p * stats.norm.cdf(x, m, s) for _, p, m, s in shares) - 0.05, -20, 20)
    assert row["q5"] == pytest.approx(low)
    (row,) = given.query(f"E(v | y = {y})").table
    assert row["mean"] == pytest.approx(sum(p * (m + one.slope[2] * c) for (c, _, _), p, m, _ in shares))


@pytest.mark.parametrize("seed", range(3))
def test_soft_evidence_beside_numbers(seed: int) -> None:
    one, y = Groups(seed), -0.4
    given = pgmlang.compile(one.text).given()
    shares, log_evidence = one.shares(y, weigh=lambda c, a, b: (0.2, 0.9)[b])
    answer = given.query(f"P(a = 1 | y = {y}, b ~ {{0: 0.2, 1: 0.9}})")
    assert answer.table[0]["p"] == pytest.approx(sum(p for (_, a, _), p, _, _ in shares if a))
    assert answer.log_evidence == pytest.approx(log_evidence)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_set_tells_nothing_of_its_causes(seed: int) -> None:
    one, y = Groups(seed), 0.7
    given = pgmlang.compile(one.text).given()
    shares, _ = one.shares(y, weigh=lambda c, a, b: float(b == 1), is_b_set=True)
    answer = given.query(f"P(c = 1 | y = {y}, do(b = 1))")
    assert answer.table[0]["p"] == pytest.approx(sum(p for (c, _, _), p, _, _ in shares if c))


GAMMA = """plate row {
  a ~ Bernoulli(0.3) ; b ~ Bernoulli(0.6) ; u ~ Gamma(2, 1)
  y ~ Normal(u * a + 2 * b, 1) ; k ~ Poisson(u)
}"""
"""A number that is not normal: it is integrated."""


def of_gamma(a: int, b: int, y: float) -> float:
    def density(u: float) -> float:
        return stats.gamma.pdf(u, 2) * stats.norm.pdf(y, u * a + 2 * b)

    return (0.3 if a else 0.7) * (0.6 if b else 0.4) * integrate.quad(density, 0, 40)[0]


@pytest.mark.slow
def test_labels_together_beside_numbers_that_are_not_normal() -> None:
    given = pgmlang.compile(GAMMA).given()
    right = {(a, b): of_gamma(a, b, 1.5) for a in (0, 1) for b in (0, 1)}
    total = sum(right.values())
    table = given.query("P(a, b | y = 1.5)", seed=3).table
    for row in table:
        p = right[int(row["a"]), int(row["b"])] / total
        assert row["p"] == pytest.approx(p, abs=1e-6)
    assert sum(r["p"] for r in table) == pytest.approx(1)
    assert given.query("MAP(a, b | y = 1.5)").table[0]["b"] == "1"
    weighed = {k: v * (1, 3)[k[1]] for k, v in right.items()}
    (row,) = given.query("P(a = 1 | y = 1.5, b ~ {0: 1, 1: 3})", seed=3).table
    p = sum(v for (a, _), v in weighed.items() if a) / sum(weighed.values())
    assert row["p"] == pytest.approx(p, abs=1e-6)


def test_a_count_has_probabilities() -> None:
    (row,) = pgmlang.compile(GAMMA).given().query("P(k = 1)", seed=1).table
    # a Poisson with a Gamma(2, 1) rate: negative binomial
    assert row["p"] == pytest.approx(float(stats.nbinom.pmf(1, 2, 0.5)), abs=1e-7)


ELEMENTS = """dim d[3]
plate row { z ~ Bernoulli(0.3) ; o[d] ~ Bernoulli(if z == 1 then 0.9 else 0.2) ; q ~ Normal(sum(o, over = d), 1) }"""


def test_elements_that_are_given() -> None:
    given = pgmlang.compile(ELEMENTS).given()
    z = 0.3 * 0.9 / (0.3 * 0.9 + 0.7 * 0.2)
    assert given.query("E(q | o[1] = 1)").table[0]["mean"] == pytest.approx(1 + 2 * (0.9 * z + 0.2 * (1 - z)))
    every = given.query("E(q | do(o[0] = 1), do(o[1] = 1), do(o[2] = 0))")
    assert every.table[0]["mean"] == pytest.approx(2)


@pytest.mark.parametrize(("question", "words"), [
    ("MAP(q | z = 1)", "a mixture over `o[0]`"),
    ("P(z | q ~ {0: 1, 1: 2})", "weights of labels"),
    ("P(z | o[0] ~ {0: 1}, q = 1)", "says nothing of"),
])  # fmt: skip
def test_what_has_no_answer(question: str, words: str) -> None:
    with pytest.raises(PgmError) as error:
        pgmlang.compile(ELEMENTS).given().query(question)
    assert words in error.value.diagnostics[0].message
    assert error.value.diagnostics[0].help

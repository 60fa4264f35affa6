"""Questions about fields, beside labels and numbers below them: exact where the fields can be gone through, by chains where
they cannot; against enumeration."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError
from pgmlang.query.field_answers import FieldAnswers
from pgmlang.query.parse import parse_query

SIZE = 3


class Machine:
    """A restricted Boltzmann machine of `SIZE` visible and two hidden fields, a label and a number below."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        self.w, self.b = rng.normal(0, 1, (SIZE, 2)).round(2), rng.normal(0, 1, SIZE).round(2)
        self.rate, self.slope = rng.uniform(0.1, 0.9, 2).round(2), round(float(rng.normal(0, 2)), 2)
        terms = [f"{self.w[i, j]} * v[{i}] * h[{j}]" for i in range(SIZE) for j in range(2)]
        terms += [f"{self.b[i]} * v[{i}]" for i in range(SIZE)]
        self.text = f"""dim i[{SIZE}], j[2]
        plate row {{
          field v[i] : bit
          field h[j] : bit
          factor {" + ".join(terms)}
          c ~ Bernoulli(if v[0] == 1 then {self.rate[1]} else {self.rate[0]})
          y ~ Normal({self.slope} * v[1], 1)
        }}"""

    def worlds(self) -> Iterator[tuple[np.ndarray, np.ndarray, int, float]]:
        """Fields and label with their weights, Z not divided out."""
        for bits in itertools.product((0, 1), repeat=SIZE + 2):
            v, h = np.array(bits[:SIZE]), np.array(bits[SIZE:])
            weight = math.exp(v @ self.w @ h + self.b @ v)
            for c in (0, 1):
                p = self.rate[v[0]]
                yield v, h, c, weight * (p if c else 1 - p)

    def mean(self, of, weigh) -> tuple[float, float]:
        """The mean of a number of a world given what weighs it, and ln P(evidence)."""
        worlds = [(of(v, h, c), w, w * weigh(v, h, c)) for v, h, c, w in self.worlds()]
        total = sum(w for _, _, w in worlds)
        return sum(x * w for x, _, w in worlds) / total, math.log(total / sum(w for _, w, _ in worlds))


def density(machine: Machine, y: float, v: np.ndarray) -> float:
    return float(stats.norm.pdf(y, machine.slope * v[1]))


QUESTIONS = {
    "P(v[2] = 1)": (lambda v, h, c: v[2], lambda m, v, h, c: 1.0),
    "P(h[0] = 1 | v[0] = 1)": (lambda v, h, c: h[0], lambda m, v, h, c: v[0]),
    "P(v[0] = 1 | c = 1)": (lambda v, h, c: v[0], lambda m, v, h, c: c),
    "P(c = 1 | h[1] = 1)": (lambda v, h, c: c, lambda m, v, h, c: h[1]),
    "P(v[1] = 1 | y = 0.4, h[0] = 0)": (lambda v, h, c: v[1], lambda m, v, h, c: (1 - h[0]) * density(m, 0.4, v)),
    "P(v[0] = 1, c = 1 | y = 0.4)": (lambda v, h, c: v[0] * c, lambda m, v, h, c: density(m, 0.4, v)),
    "P(h[1] = 1 | do(c = 1))": (lambda v, h, c: h[1], lambda m, v, h, c: 1.0),
    "P(c = 1 | v[1] ~ {0: 0.2, 1: 0.7}, y = 1)": (
        lambda v, h, c: c, lambda m, v, h, c: (0.2, 0.7)[v[1]] * density(m, 1, v)
    ),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("seed", range(2))
def test_fields_that_are_gone_through(seed: int, question: str) -> None:
    machine = Machine(seed)
    of, weigh = QUESTIONS[question]
    answer = pgmlang.compile(machine.text).given().query(question)
    right, log_evidence = machine.mean(of, lambda v, h, c: weigh(machine, v, h, c))
    assert answer.method == "exact"
    assert answer.table[0]["p"] == pytest.approx(right)
    assert answer.log_evidence == pytest.approx(log_evidence, abs=1e-9)


@pytest.mark.parametrize(
    "question", [q if n % 2 == 0 else pytest.param(q, marks=pytest.mark.slow) for n, q in enumerate(QUESTIONS)]
)
def test_chains_agree(question: str) -> None:
    machine = Machine(3)
    of, weigh = QUESTIONS[question]
    fit = pgmlang.compile(machine.text).given().posterior.fit
    answer = FieldAnswers(fit, 1).answer(parse_query(question))
    (row,) = answer.table
    assert row["p"] == pytest.approx(
        machine.mean(of, lambda v, h, c: weigh(machine, v, h, c))[0], abs=4 * row["mcse"]
    )
    assert 0 < row["mcse"] < 0.05


def test_a_number_below_the_fields() -> None:
    machine = Machine(5)
    given = pgmlang.compile(machine.text).given()
    right, _ = machine.mean(lambda v, h, c: machine.slope * v[1], lambda v, h, c: c)
    assert given.query("E(y | c = 1)").table[0]["mean"] == pytest.approx(right)
    (row,) = FieldAnswers(given.posterior.fit, 1).answer(parse_query("E(y | c = 1)")).table
    assert row["mean"] == pytest.approx(right, abs=4 * row["mcse"])


def test_draws_keep_to_the_evidence() -> None:
    machine = Machine(4)
    columns = pgmlang.compile(machine.text).given().sample_columns(3000, seed=1, evidence="c = 1, y = 0.4").columns
    right, _ = machine.mean(lambda v, h, c: v[0], lambda v, h, c: c * density(machine, 0.4, v))
    assert set(columns["c"]) == {"1"}
    assert set(np.asarray(columns["y"])) == {0.4}
    assert np.mean(np.asarray(columns["v[0]"]) == "1") == pytest.approx(right, abs=4 * 0.5 / math.sqrt(3000))


WIDE = """dim i[30]
plate row { field v[i] : bit ; field h[i] : bit ; factor 0.4 * sum(v, over = i) * sum(h, over = i) / 30 ; y ~ Normal(v[0], 1) }"""


@pytest.mark.parametrize(("question", "code"), [
    ("P(v[0] | do(v[1] = 1))", "PGM0608"),
    ("MAP(* | y = 1)", "PGM0606"),
    ("MAP(y | v[0] = 1)", "PGM0606"),
    ("P(v[0] | y = 1, nope = 2)", "PGM0607"),
    ("P(v[0] | y ~ {0: 1, 1: 2})", "PGM0606"),
])  # fmt: skip
def test_what_has_no_answer(question: str, code: str) -> None:
    with pytest.raises(PgmError) as error:
        pgmlang.compile(WIDE).given().query(question)
    assert error.value.diagnostics[0].code == code
    assert error.value.diagnostics[0].help


def test_wide_fields_by_chains() -> None:
    """The fields are exchangeable: `v` by the sums of both sides, of which there are few."""
    n, given = 30, pgmlang.compile(WIDE).given()
    counts = np.arange(n + 1)
    choose = np.array([math.comb(n, k) for k in counts], dtype=float)
    both = choose[:, None] * choose[None, :] * np.exp(0.4 * np.outer(counts, counts) / n)
    share = (both.sum(1) * counts).sum() / both.sum() / n
    answer = given.query("P(v[0] = 1)", seed=2)
    (row,) = answer.table
    assert "chains" in answer.notes[0]
    assert row["p"] == pytest.approx(share, abs=4 * row["mcse"])
    one, other = share * stats.norm.pdf(2, 1), (1 - share) * stats.norm.pdf(2, 0)
    (row,) = given.query("P(v[0] = 1 | y = 2)", seed=2).table
    assert row["p"] == pytest.approx(one / (one + other), abs=4 * row["mcse"])

"""Random rows of labels, a bit, a computed name, a number and a count: every kind of question given every kind of evidence (labels,
soft, set, numbers), draws, predictions and scores of the same row, against enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

import pgmlang
from pgmlang.diagnostics import PgmError

NAMES = "abc"
World = tuple[int, ...]


class Row:
    """Labels ``v0``, ``v1``, ... by random tables, the bit ``b``, ``s`` computed of it; ``y`` and ``n`` below, or not."""

    def __init__(self, seed: int):
        rng = self.rng = np.random.default_rng(seed)
        self.sizes = rng.integers(2, 4, int(rng.integers(2, 5))).tolist()
        self.parents = [
            sorted(rng.choice(i, int(rng.integers(0, min(i, 2) + 1)), replace=False).tolist()) if i else []
            for i in range(len(self.sizes))
        ]
        self.tables, lines = [], []
        for i, size in enumerate(self.sizes):
            shape = [self.sizes[p] for p in self.parents[i]]
            table = rng.integers(5, 40, (*shape, size)) / 100
            table[..., -1] = 1 - table[..., :-1].sum(-1)
            self.tables.append(table)
            cells = [
                (f"{', '.join(NAMES[k] for k in index)} : " if index else "")
                + ", ".join(f"{x:.2f}" for x in table[index])
                for index in np.ndindex(*shape)
            ]
            above = ", ".join(f"v{p}" for p in self.parents[i])
            lines.append(f"v{i} : {{{', '.join(NAMES[:size])}}} ~ Table({above}) {{ {' ; '.join(cells)} }}")
        self.above_bit, self.above_number = rng.integers(len(self.sizes), size=2).tolist()
        self.means, self.rates = rng.normal(size=2).round(2), rng.integers(1, 6, 2)
        lines += [
            f"b ~ Bernoulli(if v{self.above_bit} == a then 0.2 else 0.7)",
            "s = 2 * b + (if v0 == a then 1 else 0)",
        ]
        self.has_numbers = seed % 3 > 0
        if self.has_numbers:
            mean = f"(if v{self.above_number} == a then {self.means[0]} else {self.means[1]}) + b"
            lines += [
                f"y ~ Normal({mean}, 1)",
                f"n ~ Poisson(if b == 1 then {self.rates[1]} else {self.rates[0]})",
            ]
        self.text = "plate row {\n  " + "\n  ".join(lines) + "\n}\n"
        self.labels = {f"v{i}": NAMES[:size] for i, size in enumerate(self.sizes)} | {"b": "01"}

    def code(self, world: World, name: str) -> int:
        return world[list(self.labels).index(name)]

    def mean(self, world: World) -> float:
        return float(self.means[int(world[self.above_number] > 0)]) + world[-1]

    def probability(self, world: World, done: dict[str, int]) -> float:
        p = 1.0
        for i, name in enumerate(self.labels):
            if name in done:
                p *= world[i] == done[name]
            elif name == "b":
                rate = 0.7 if world[self.above_bit] else 0.2
                p *= rate if world[i] else 1 - rate
            else:
                p *= self.tables[i][(*(world[q] for q in self.parents[i]), world[i])]
        return p


class Told:
    """What a question gives, in words and as weights of worlds."""

    def __init__(self, row: Row, names: list[str]):
        rng = row.rng
        self.row = row
        self.seen: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self.soft: dict[str, np.ndarray] = {}
        self.numbers: dict[str, float] = {}
        for name in names:
            size, kind = (
                len(row.labels[name]),
                rng.choice(["seen", "done", "soft", ""], p=[0.25, 0.15, 0.15, 0.45]),
            )
            if kind in ("seen", "done"):
                getattr(self, kind)[name] = int(rng.integers(size))
            elif kind == "soft":
                self.soft[name] = rng.uniform(0.1, 1, size).round(2)
        if row.has_numbers and rng.random() < 0.5:
            self.numbers["y"] = round(float(rng.normal()), 2)
        if row.has_numbers and rng.random() < 0.4:
            self.numbers["n"] = int(rng.integers(0, 6))

    def words(self) -> str:
        labels = self.row.labels
        parts = [f"{n} = {labels[n][k]}" for n, k in self.seen.items()]
        parts += [f"do({n} = {labels[n][k]})" for n, k in self.done.items()]
        for name, weights in self.soft.items():
            inner = ", ".join(f"{t}: {w}" for t, w in zip(labels[name], weights, strict=True))
            parts.append(f"{name} ~ {{{inner}}}")
        return ", ".join([*parts, *(f"{n} = {v}" for n, v in self.numbers.items())])

    def weight(self, world: World) -> float:
        row = self.row
        p = row.probability(world, self.done)
        p *= math.prod(row.code(world, n) == k for n, k in self.seen.items())
        p *= math.prod(float(w[row.code(world, n)]) for n, w in self.soft.items())
        if "y" in self.numbers:
            p *= float(stats.norm.pdf(self.numbers["y"], row.mean(world), 1))
        if "n" in self.numbers:
            p *= float(stats.poisson.pmf(self.numbers["n"], row.rates[world[-1]]))
        return p

    def average(self, of) -> float:
        return sum(self.weight(w) * of(w) for w in self.worlds()) / self.total()

    def worlds(self):
        return itertools.product(*(range(len(t)) for t in self.row.labels.values()))

    def total(self) -> float:
        return sum(map(self.weight, self.worlds()))


def questions(row: Row, told: Told, target: str, other: str):
    """Texts with the right figure of each row of the answer."""
    bar = f" | {told.words()}" if told.words() else ""
    one, two = row.labels[target], row.labels[other]
    shares = [told.average(lambda w, k=k: row.code(w, target) == k) for k in range(len(one))]
    yield f"P({target}{bar})", shares
    if other not in told.seen and other not in told.done:
        pairs = itertools.product(range(len(one)), range(len(two)))
        yield (
            f"P({target}, {other}{bar})",
            [
                told.average(lambda w, j=j, k=k: row.code(w, target) == j and row.code(w, other) == k)
                for j, k in pairs
            ],
        )
    yield f"MAP({target}{bar})", [max(shares)]
    yield f"E(s{bar})", [told.average(lambda w: 2 * w[-1] + (w[0] == 0))]
    if row.has_numbers and "y" not in told.numbers:
        yield f"E(y{bar})", [told.average(row.mean)]
        yield f"P(y > 0.5{bar})", [told.average(lambda w: stats.norm.sf(0.5, row.mean(w), 1))]
    if row.has_numbers and "n" not in told.numbers:
        yield f"P(n = 2{bar})", [told.average(lambda w: stats.poisson.pmf(2, row.rates[w[-1]]))]
        yield f"E(n{bar})", [told.average(lambda w: row.rates[w[-1]])]


def check(seed: int, attempts: int) -> None:
    row = Row(seed)
    given = pgmlang.compile(row.text).given()
    for _ in range(attempts):
        target, *others = [list(row.labels)[i] for i in row.rng.permutation(len(row.labels))]
        told = Told(row, others)
        for text, right in questions(row, told, target, others[0]):
            answer = given.query(text, seed=seed)
            assert len(answer.table) == len(right), text
            for line, figure in zip(answer.table, right, strict=True):
                error = 4.5 * line.get("mcse", 0.0) + 1e-7
                assert line.get("p", line.get("mean")) == pytest.approx(figure, abs=error), (row.text, text)
            if told.seen or told.soft or told.numbers:
                error = 4.5 * (answer.log_evidence_mcse or 0.0) + 1e-7
                assert answer.log_evidence == pytest.approx(math.log(told.total()), abs=error), (row.text, text)
        if not told.done and not told.soft:
            check_rows(row, told, given, target, seed)


def check_rows(row: Row, told: Told, given: pgmlang.api.Asked, target: str, seed: int) -> None:
    """`sample`, `predict` and `score` of the row that the question tells of."""
    drawn = np.array(given.sample_columns(1500, seed=seed, evidence=told.words()).columns[target])
    columns = {n: [row.labels[n][k]] for n, k in told.seen.items()} | {n: [v] for n, v in told.numbers.items()}
    predicted = given.predict_columns(columns, targets=[target], seed=seed).columns if columns else {}
    for k, label in enumerate(row.labels[target]):
        right = told.average(lambda w, k=k: row.code(w, target) == k)
        spread = 6 * math.sqrt(max(right * (1 - right), 1e-4) / 1500)
        assert np.mean(drawn == label) == pytest.approx(right, abs=spread), (row.text, told.words())
        if columns:
            error = 4.5 * float(predicted.get(f"{target}.mcse", [0.0])[0]) + 1e-7
            assert predicted[f"P({target} = {label})"][0] == pytest.approx(right, abs=error), (
                row.text,
                told.words(),
            )
    if columns:
        assert given.score(columns).sum() == pytest.approx(math.log(told.total()), abs=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_every_kind_of_question(seed: int) -> None:
    check(seed, 3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 104))
def test_many_questions(seed: int) -> None:
    check(seed, 6)


@pytest.mark.parametrize("question", ["E(y | y = 1)", "P(v0 | nope = 1)", "P(nope)", "E(v0)"])
def test_what_makes_no_sense_is_refused(question: str) -> None:
    row = Row(1)
    with pytest.raises(PgmError) as error:
        pgmlang.compile(row.text).given().query(question)
    assert error.value.diagnostics[0].help

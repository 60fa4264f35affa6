"""Every door gives the same answer: generated models whose numbers are given, against an enumeration that knows nothing of
the compiler. Labels hang together in rows, chains, groups, crossed plates, along axes and in fields; leaves are labels,
bits, counts and numbers, some cells missing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import stats

import pgmlang

Cell = tuple[str, int]
LABELS = ("a", "b")


@dataclass
class World:
    """A model with its data. ``cells``: the discrete ones, with what is seen of each (None: nothing); ``log_p``: of codes by
    cell, up to the constant ``log_z``, real leaves and counts in it; ``columns`` of the table; ``outer``: the plate of labels
    that several rows share; ``is_discrete``: whether a fit by tables takes it."""

    text: str
    columns: dict[str, list]
    cells: dict[Cell, int | None]
    log_p: Callable[[dict[Cell, int]], float]
    log_z: float = 0.0
    outer: dict[str, str] = field(default_factory=dict)
    is_discrete: bool = True

    def completions(self):
        hidden = [c for c, seen in self.cells.items() if seen is None]
        known = {c: seen for c, seen in self.cells.items() if seen is not None}
        for codes in itertools.product((0, 1), repeat=len(hidden)):
            yield {**known, **dict(zip(hidden, codes, strict=True))}

    def log_evidence(self) -> float:
        return float(np.logaddexp.reduce([self.log_p(one) for one in self.completions()])) - self.log_z

    def chance(self, cell: Cell) -> float:
        """P(the cell is its second value | what is seen)."""
        pairs = [(self.log_p(one), one[cell]) for one in self.completions()]
        total = np.logaddexp.reduce([p for p, _ in pairs])
        return float(sum(math.exp(p - total) for p, code in pairs if code))


class Dice:
    """Random tables, printed with as many digits as they have."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def share(self) -> float:
        return float(self.rng.integers(5, 96)) / 100

    def row(self) -> np.ndarray:
        p = self.share()
        return np.array([p, 1 - p])

    def table(self, *parents: int) -> np.ndarray:
        return np.stack([self.row() for _ in range(math.prod(parents))]).reshape(*parents, 2)

    def seen(self, codes: list[int], holes: float = 0.3) -> list[int | None]:
        """Some of the codes, one at least: a table without a value is refused."""
        shown = [None if self.rng.random() < holes else c for c in codes]
        return shown if any(c is not None for c in shown) else codes

    def codes(self, count: int) -> list[int]:
        return self.rng.integers(0, 2, count).tolist()


def printed(table: np.ndarray) -> str:
    """The rows of a table, by labels of its parents."""
    if table.ndim == 1:
        return "{ " + ", ".join(f"{x:.2f}" for x in table) + " }"
    rows = [
        ", ".join(LABELS[i] for i in index) + " : " + ", ".join(f"{x:.2f}" for x in table[index])
        for index in np.ndindex(table.shape[:-1])
    ]
    return "{ " + " ; ".join(rows) + " }"


def column(codes: list[int | None], labels=LABELS) -> list:
    return [None if c is None else labels[c] for c in codes]


def rows(dice: Dice) -> World:
    z, x, w = dice.row(), dice.table(2), dice.table(2, 2)
    means, n = dice.rng.normal(size=2).round(2), 3
    xs, ws = dice.seen(dice.codes(n)), dice.seen(dice.codes(n))
    ys = dice.rng.normal(size=n).round(2).tolist()
    text = f"""plate row {{
  z : {{a, b}} ~ Table() {printed(z)}
  x : {{a, b}} ~ Table(z) {printed(x)}
  w : {{a, b}} ~ Table(z, x) {printed(w)}
  y ~ Normal(if z == a then {means[0]} else {means[1]}, 1)
}}"""

    def log_p(c):
        return sum(
            math.log(z[c["z", i]] * x[c["z", i], c["x", i]] * w[c["z", i], c["x", i], c["w", i]])
            + stats.norm.logpdf(ys[i], means[c["z", i]])
            for i in range(n)
        )

    cells = {("z", i): None for i in range(n)}
    cells |= {("x", i): v for i, v in enumerate(xs)} | {("w", i): v for i, v in enumerate(ws)}
    return World(text, {"x": column(xs), "w": column(ws), "y": ys}, cells, log_p, is_discrete=False)


def hidden_chain(dice: Dice) -> World:
    start, move, rates, n = dice.row(), dice.table(2), dice.rng.integers(1, 9, 2), 5
    counts = dice.rng.integers(0, 9, n).tolist()
    xs, table = dice.seen(dice.codes(n)), dice.table(2)
    text = f"""plate row = chain {{
  z : {{a, b}} ~ if first then Table() {printed(start)} else Table(prev(z)) {printed(move)}
  x : {{a, b}} ~ Table(z) {printed(table)}
  n ~ Poisson(if z == a then {rates[0]} else {rates[1]})
}}"""

    def log_p(c):
        total = math.log(start[c["z", 0]])
        for i in range(n):
            total += math.log(table[c["z", i], c["x", i]]) + stats.poisson.logpmf(counts[i], rates[c["z", i]])
            total += math.log(move[c["z", i - 1], c["z", i]]) if i else 0.0
        return total

    cells = {("z", i): None for i in range(n)} | {("x", i): v for i, v in enumerate(xs)}
    return World(text, {"x": column(xs), "n": counts}, cells, log_p, is_discrete=False)


def observed_chain(dice: Dice) -> World:
    start, move, n = dice.row(), dice.table(2), 7
    xs = dice.seen(dice.codes(n), 0.5)
    text = f"plate row = chain {{ x : {{a, b}} ~ if first then Table() {printed(start)} else Table(prev(x)) {printed(move)} }}"

    def log_p(c):
        return math.log(start[c["x", 0]]) + sum(math.log(move[c["x", i - 1], c["x", i]]) for i in range(1, n))

    return World(text, {"x": column(xs)}, {("x", i): v for i, v in enumerate(xs)}, log_p)


def groups(dice: Dice) -> World:
    top, inner, n = dice.row(), dice.table(2), 6
    means = dice.rng.normal(size=2).round(2)
    of = [0, 1, 0, 2, 1, 0]
    xs, ys = dice.seen(dice.codes(n)), dice.rng.normal(size=n).round(2).tolist()
    text = f"""plate g {{
  t : {{a, b}} ~ Table() {printed(top)}
  plate row {{ x : {{a, b}} ~ Table(t) {printed(inner)} ; y ~ Normal(if t == a then {means[0]} else {means[1]}, 2) }}
}}"""

    def log_p(c):
        return sum(math.log(top[c["t", k]]) for k in range(3)) + sum(
            math.log(inner[c["t", of[i]], c["x", i]]) + stats.norm.logpdf(ys[i], means[c["t", of[i]]], 2)
            for i in range(n)
        )

    cells = {("t", k): None for k in range(3)} | {("x", i): v for i, v in enumerate(xs)}
    columns = {"g": [f"g{k}" for k in of], "x": column(xs), "y": ys}
    return World(text, columns, cells, log_p, outer={"t": "g"}, is_discrete=False)


def crossed(dice: Dice) -> World:
    one, two, both = dice.row(), dice.row(), dice.table(2, 2)
    of, to, n = [0, 0, 1, 1, 2], [0, 1, 0, 1, 1], 5
    xs = dice.seen(dice.codes(n), 0.2)
    text = f"""plate g {{ s : {{a, b}} ~ Table() {printed(one)} }}
plate h {{ t : {{a, b}} ~ Table() {printed(two)} }}
plate row in g, h {{ x : {{a, b}} ~ Table(s, t) {printed(both)} }}"""

    def log_p(c):
        total = sum(math.log(one[c["s", k]]) for k in range(3)) + sum(math.log(two[c["t", k]]) for k in range(2))
        return total + sum(math.log(both[c["s", of[i]], c["t", to[i]], c["x", i]]) for i in range(n))

    cells = {("s", k): None for k in range(3)} | {("t", k): None for k in range(2)}
    cells |= {("x", i): v for i, v in enumerate(xs)}
    columns = {"g": [f"g{k}" for k in of], "h": [f"h{k}" for k in to], "x": column(xs)}
    return World(text, columns, cells, log_p, outer={"s": "g", "t": "h"})


def axis(dice: Dice) -> World:
    z, n = dice.row(), 3
    p = [[dice.share() for _ in range(3)] for _ in range(2)]
    bits = [dice.seen(dice.codes(n)) for _ in range(3)]
    names = ("one", "two", "three")
    text = f"""dim k = {{one, two, three}}
plate row {{
  z : {{a, b}} ~ Table() {printed(z)}
  s ~ Bernoulli(if z == a then {p[0][0]} else {p[1][0]})
  x[k] ~ Bernoulli(if z == a then {p[0][1]} else {p[1][1]})
}}"""

    def log_p(c):
        total = 0.0
        for i in range(n):
            total += math.log(z[c["z", i]])
            chance = p[c["z", i]]
            total += math.log(chance[0] if c["s", i] else 1 - chance[0])
            total += sum(math.log(chance[1] if c[f"x[{m}]", i] else 1 - chance[1]) for m in names)
        return total

    cells = {("z", i): None for i in range(n)} | {("s", i): None for i in range(n)}
    cells |= {(f"x[{m}]", i): bits[k][i] for k, m in enumerate(names) for i in range(n)}
    return World(text, {m: bits[k] for k, m in enumerate(names)}, cells, log_p)


def fields(dice: Dice) -> World:
    h, j, n = dice.rng.normal(size=3).round(2), dice.rng.normal(size=3).round(2), 3
    us = [dice.seen(dice.codes(n)) for _ in range(3)]
    text = f"""plate row {{
  field u : bit
  field v : bit
  field w : bit
  factor {h[0]} * u + {h[1]} * v + {h[2]} * w + {j[0]} * u * v + {j[1]} * v * w + {j[2]} * u * w
}}"""

    def energy(u, v, w):
        return h[0] * u + h[1] * v + h[2] * w + j[0] * u * v + j[1] * v * w + j[2] * u * w

    log_z = n * float(np.logaddexp.reduce([energy(*c) for c in itertools.product((0, 1), repeat=3)]))
    cells = {(m, i): us[k][i] for k, m in enumerate("uvw") for i in range(n)}

    def log_p(c):
        return sum(energy(c["u", i], c["v", i], c["w", i]) for i in range(n))

    return World(text, {m: us[k] for k, m in enumerate("uvw")}, cells, log_p, log_z)


def fields_below(dice: Dice) -> World:
    z, h, j, n = dice.row(), dice.rng.normal(size=2).round(2), round(float(dice.rng.normal()), 2), 3
    us = [dice.seen(dice.codes(n)) for _ in range(2)]
    text = f"""plate row {{
  z : {{a, b}} ~ Table() {printed(z)}
  field u : bit
  field v : bit
  factor (if z == a then {h[0]} else {h[1]}) * u + {j} * u * v
}}"""

    def energy(k, u, v):
        return h[k] * u + j * u * v

    log_zs = [
        float(np.logaddexp.reduce([energy(k, *c) for c in itertools.product((0, 1), repeat=2)])) for k in (0, 1)
    ]

    def log_p(c):
        return sum(
            math.log(z[c["z", i]]) + energy(c["z", i], c["u", i], c["v", i]) - log_zs[c["z", i]] for i in range(n)
        )

    cells = {("z", i): None for i in range(n)} | {(m, i): us[k][i] for k, m in enumerate("uv") for i in range(n)}
    return World(text, {m: us[k] for k, m in enumerate("uv")}, cells, log_p)


WORLDS = {f.__name__: f for f in (rows, hidden_chain, observed_chain, groups, crossed, axis, fields, fields_below)}


def check(world: World) -> None:
    model = pgmlang.compile(world.text)
    doors = [model.given()]
    log_evidence = world.log_evidence()
    if world.is_discrete:
        doors.append(model.fit(world.columns, method="exact"))
        assert doors[1].log_likelihood == pytest.approx(log_evidence, abs=1e-8)
    names = dict.fromkeys(name for (name, _), seen in world.cells.items() if seen is None)
    for asked in doors:
        assert float(np.nansum(asked.score(world.columns))) == pytest.approx(log_evidence, abs=1e-8)
        for name in names:
            columns = asked.predict_columns(world.columns, targets=[name.partition("[")[0]]).columns
            second = next(k for k in columns if k in (f"P({name} = b)", f"P({name} = 1)"))
            for cell, seen in world.cells.items():
                if cell[0] == name and seen is None:
                    row = place(world, columns, cell)
                    assert columns[second][row] == pytest.approx(world.chance(cell), abs=1e-8), cell


def place(world: World, columns: dict, cell: Cell) -> int:
    """The row of an answer that a cell stands in: its own, or one of its outer element."""
    plate = world.outer.get(cell[0])
    if plate is None:
        return cell[1]
    return list(columns.get(plate, world.columns[plate])).index(f"{plate}{cell[1]}")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", WORLDS)
def test_every_door_agrees_with_the_enumeration(name: str, seed: int) -> None:
    check(WORLDS[name](Dice(seed)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 253))
@pytest.mark.parametrize("name", WORLDS)
def test_many_worlds(name: str, seed: int) -> None:
    check(WORLDS[name](Dice(seed)))

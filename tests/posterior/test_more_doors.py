"""Further structures through every door, against the same kind of enumeration as `test_doors`: sequences within groups, longer
lags, chains with inputs, nested groups, two axes, sized plates, chains of fields, fields in groups and with inputs, computed
sums, and normal latents of groups and crossings above labels."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

import pgmlang
from tests.posterior.test_doors import Cell, Dice, World, check, column, place, printed


def bernoulli(p: float, code: int) -> float:
    return math.log(p if code else 1 - p)


def cells_of(**columns: list[int | None]) -> dict[Cell, int | None]:
    return {(name, i): v for name, values in columns.items() for i, v in enumerate(values)}


def hidden(name: str, count: int) -> dict[Cell, int | None]:
    return {(name, i): None for i in range(count)}


def sequences(dice: Dice) -> World:
    start, move, emit, of = dice.row(), dice.table(2), dice.table(2), [0, 1, 0, 1, 1, 0, 2]
    n, xs = len(of), dice.seen(dice.codes(len(of)), 0.4)
    text = f"""plate g {{ plate row = chain {{
  z : {{a, b}} ~ if first then Table() {printed(start)} else Table(prev(z)) {printed(move)}
  x : {{a, b}} ~ Table(z) {printed(emit)}
}} }}
"""
    before = [max((k for k in range(i) if of[k] == of[i]), default=None) for i in range(n)]

    def log_p(c):
        return sum(
            math.log(emit[c["z", i], c["x", i]])
            + math.log(start[c["z", i]] if before[i] is None else move[c["z", before[i]], c["z", i]])
            for i in range(n)
        )

    return World(text, {"g": [f"g{k}" for k in of], "x": column(xs)}, hidden("z", n) | cells_of(x=xs), log_p)


def second_lag(dice: Dice) -> World:
    start, one, two, n = dice.row(), dice.table(2), dice.table(2, 2), 6
    xs = dice.seen(dice.codes(n), 0.5)
    text = f"""plate row = chain {{ x : {{a, b}} ~ if first then Table() {printed(start)}
  else if first(2) then Table(prev(x)) {printed(one)} else Table(prev(x), prev(x, 2)) {printed(two)} }}
"""

    def log_p(c):
        x = [c["x", i] for i in range(n)]
        return math.log(start[x[0]] * one[x[0], x[1]]) + sum(
            math.log(two[x[i - 1], x[i - 2], x[i]]) for i in range(2, n)
        )

    return World(text, {"x": column(xs)}, cells_of(x=xs), log_p)


def chain_with_inputs(dice: Dice) -> World:
    rates, first, n = dice.rng.uniform(0.1, 0.9, (2, 2)).round(2), dice.share(), 5
    us, xs = dice.codes(n), dice.seen(dice.codes(n), 0.5)
    after = [f"(if prev(x) == 1 then {rates[u, 1]} else {rates[u, 0]})" for u in (0, 1)]
    text = f"""plate row = chain {{
  input u : bit
  x ~ if first then Bernoulli({first}) else Bernoulli(if u == 1 then {after[1]} else {after[0]})
}}
"""

    def log_p(c):
        return sum(bernoulli(rates[us[i], c["x", i - 1]] if i else first, c["x", i]) for i in range(n))

    return World(text, {"u": us, "x": xs}, cells_of(x=xs), log_p, is_discrete=False)


def nested_groups(dice: Dice) -> World:
    top, middle, low = dice.row(), dice.table(2), dice.table(2, 2)
    up, of = [0, 1, 0], [int(k) for k in dice.rng.permutation([0, 0, 1, 1, 2, 2, 2])]
    n, xs = len(of), dice.seen(dice.codes(7), 0.2)
    text = f"""plate h {{
  t : {{a, b}} ~ Table() {printed(top)}
  plate g {{
    s : {{a, b}} ~ Table(t) {printed(middle)}
    plate row {{ x : {{a, b}} ~ Table(t, s) {printed(low)} }}
  }}
}}
"""

    def log_p(c):
        total = sum(math.log(top[c["t", k]]) for k in range(2))
        total += sum(math.log(middle[c["t", up[k]], c["s", k]]) for k in range(3))
        return total + sum(math.log(low[c["t", up[of[i]]], c["s", of[i]], c["x", i]]) for i in range(n))

    columns = {"h": [f"h{up[k]}" for k in of], "g": [f"g{k}" for k in of], "x": column(xs)}
    cells = hidden("t", 2) | hidden("s", 3) | cells_of(x=xs)
    return World(text, columns, cells, log_p, outer={"t": "h", "s": "g"})


def two_axes(dice: Dice) -> World:
    z, p, n = dice.row(), dice.rng.uniform(0.1, 0.9, 4).round(2), 2
    text = f"""dim k = {{one, two}}, d[2]
plate row {{
  z : {{a, b}} ~ Table() {printed(z)}
  w[k] ~ Bernoulli(if z == a then {p[0]} else {p[1]})
  x[k, d] ~ Bernoulli(if w == 1 then {p[2]} else {p[3]})
}}
"""
    names = [(m, d) for m in ("one", "two") for d in (0, 1)]
    columns = {f"x[{m}, {d}]": dice.seen(dice.codes(n)) for m, d in names}

    def log_p(c):
        total = 0.0
        for i in range(n):
            total += math.log(z[c["z", i]])
            total += sum(bernoulli(p[c["z", i]], c[f"w[{m}]", i]) for m in ("one", "two"))
            total += sum(bernoulli(p[2 if c[f"w[{m}]", i] else 3], c[f"x[{m}, {d}]", i]) for m, d in names)
        return total

    cells = hidden("z", n) | hidden("w[one]", n) | hidden("w[two]", n) | cells_of(**columns)
    return World(text, columns, cells, log_p)


def sized_plates(dice: Dice) -> World:
    z, p, n = dice.row(), dice.rng.uniform(0.1, 0.9, 4).round(2), 2
    text = f"""plate row {{
  z : {{a, b}} ~ Table() {printed(z)}
  plate s[3] {{ x ~ Bernoulli(if z == a then {p[0]} else {p[1]}) ; y ~ Bernoulli(if x == 1 then {p[2]} else {p[3]}) }}
}}
"""
    columns = {f"y[{k}]": dice.seen(dice.codes(n)) for k in range(3)}

    def log_p(c):
        return sum(
            math.log(z[c["z", i]])
            + sum(bernoulli(p[c["z", i]], c[f"x[{k}]", i]) + bernoulli(p[2 if c[f"x[{k}]", i] else 3], c[f"y[{k}]", i])
                  for k in range(3))
            for i in range(n)
        )  # fmt: skip

    cells = hidden("z", n) | cells_of(**columns)
    for k in range(3):
        cells |= hidden(f"x[{k}]", n)
    return World(text, columns, cells, log_p)


def chain_of_fields(dice: Dice) -> World:
    (h, j), n = dice.rng.normal(size=2).round(2), 5
    us = dice.seen(dice.codes(n), 0.5)
    text = (
        f"plate row = chain {{ field u : bit ; factor {h} * u ; factor if first then 0 else {j} * u * prev(u) }}\n"
    )

    def energy(u):
        return h * sum(u) + j * sum(a * b for a, b in itertools.pairwise(u))

    log_z = float(np.logaddexp.reduce([energy(u) for u in itertools.product((0, 1), repeat=n)]))
    return World(text, {"u": us}, cells_of(u=us), lambda c: energy([c["u", i] for i in range(n)]), log_z)


def fields_in_groups(dice: Dice) -> World:
    t, h, j, of = dice.row(), dice.rng.normal(size=2).round(2), round(float(dice.rng.normal()), 2), [0, 1, 0, 1]
    n, us, vs = len(of), dice.seen(dice.codes(4)), dice.seen(dice.codes(4))
    text = f"""plate g {{
  t : {{a, b}} ~ Table() {printed(t)}
  plate row {{ field u : bit ; field v : bit ; factor (if t == a then {h[0]} else {h[1]}) * u + {j} * u * v }}
}}
"""
    log_zs = [float(np.logaddexp.reduce([k * u + j * u * v for u in (0, 1) for v in (0, 1)])) for k in h]

    def log_p(c):
        total = sum(math.log(t[c["t", k]]) for k in (0, 1))
        return total + sum(
            h[c["t", of[i]]] * c["u", i] + j * c["u", i] * c["v", i] - log_zs[c["t", of[i]]] for i in range(n)
        )

    columns = {"g": [f"g{k}" for k in of], "u": us, "v": vs}
    return World(text, columns, hidden("t", 2) | cells_of(u=us, v=vs), log_p, outer={"t": "g"})


def fields_with_inputs(dice: Dice) -> World:
    (h, j), n = dice.rng.normal(size=2).round(2), 3
    xs, us, vs = dice.rng.normal(size=n).round(2).tolist(), dice.seen(dice.codes(n)), dice.seen(dice.codes(n))
    text = f"plate row {{ input x ; field u : bit ; field v : bit ; factor {h} * x * u + {j} * u * v + x * v }}\n"

    def energy(x, u, v):
        return h * x * u + j * u * v + x * v

    log_z = sum(float(np.logaddexp.reduce([energy(x, u, v) for u in (0, 1) for v in (0, 1)])) for x in xs)

    def log_p(c):
        return sum(energy(xs[i], c["u", i], c["v", i]) for i in range(n))

    return World(text, {"x": xs, "u": us, "v": vs}, cells_of(u=us, v=vs), log_p, log_z, is_discrete=False)


def computed_sums(dice: Dice) -> World:
    z, p, n = dice.row(), dice.rng.uniform(0.1, 0.9, 5).round(2), 3
    columns = {f"x[{k}]": dice.seen(dice.codes(n)) for k in range(2)} | {"y": dice.seen(dice.codes(n))}
    text = f"""dim k[2]
plate row {{
  z : {{a, b}} ~ Table() {printed(z)}
  x[k] ~ Bernoulli(if z == a then {p[3]} else {p[4]})
  s = sum(x, over = k)
  y ~ Bernoulli(if s == 2 then {p[2]} else if s == 1 then {p[1]} else {p[0]})
}}
"""

    def log_p(c):
        total = 0.0
        for i in range(n):
            xs = [c[f"x[{k}]", i] for k in range(2)]
            total += math.log(z[c["z", i]]) + sum(bernoulli(p[3 + c["z", i]], x) for x in xs)
            total += bernoulli(p[sum(xs)], c["y", i])
        return total

    return World(text, columns, hidden("z", n) | cells_of(**columns), log_p)


def sequences_of_labelled_groups(dice: Dice) -> World:
    t, start, move, of = dice.row(), dice.row(), dice.table(2, 2), [0, 0, 0, 1, 1, 1]
    n, xs = len(of), dice.seen(dice.codes(6), 0.4)
    text = f"""plate g {{
  t : {{a, b}} ~ Table() {printed(t)}
  plate row = chain {{ x : {{a, b}} ~ if first then Table() {printed(start)} else Table(t, prev(x)) {printed(move)} }}
}}
"""

    def log_p(c):
        total = sum(math.log(t[c["t", k]]) for k in (0, 1))
        for k in (0, 1):
            x = [c["x", i] for i in range(n) if of[i] == k]
            total += math.log(start[x[0]]) + sum(math.log(move[c["t", k], a, b]) for a, b in itertools.pairwise(x))
        return total

    columns = {"g": [f"g{k}" for k in of], "x": column(xs)}
    return World(text, columns, hidden("t", 2) | cells_of(x=xs), log_p, outer={"t": "g"})


def normal_latents_of_groups(dice: Dice) -> World:
    z, means, of = dice.row(), dice.rng.normal(size=2).round(2), [0, 1, 0, 1, 1]
    n, ys = len(of), dice.rng.normal(size=5).round(2).tolist()
    text = f"""plate g {{
  u ~ Normal(0, 1.5)
  plate row {{ z : {{a, b}} ~ Table() {printed(z)} ; y ~ Normal(u + (if z == a then {means[0]} else {means[1]}), 0.7) }}
}}
"""

    def log_p(c):
        total = sum(math.log(z[c["z", i]]) for i in range(n))
        for k in (0, 1):
            here = [i for i in range(n) if of[i] == k]
            cov = 1.5**2 * np.ones((len(here), len(here))) + 0.49 * np.eye(len(here))
            total += stats.multivariate_normal.logpdf([ys[i] for i in here], [means[c["z", i]] for i in here], cov)
        return float(total)

    return World(text, {"g": [f"g{k}" for k in of], "y": ys}, hidden("z", n), log_p, is_discrete=False)


def crossed_normals(dice: Dice) -> World:
    z, means, of, to = dice.row(), dice.rng.normal(size=2).round(2), [0, 0, 1, 1], [0, 1, 0, 1]
    n, ys = len(of), dice.rng.normal(size=4).round(2).tolist()
    text = f"""plate g {{ u ~ Normal(0, 1) ; s : {{a, b}} ~ Table() {printed(z)} }}
plate h {{ v ~ Normal(0, 2) }}
plate row in g, h {{ y ~ Normal(u + v + (if s == a then {means[0]} else {means[1]}), 1) }}
"""
    cov = np.eye(n) + np.equal.outer(of, of) + 4.0 * np.equal.outer(to, to)

    def log_p(c):
        centre = [means[c["s", of[i]]] for i in range(n)]
        return sum(math.log(z[c["s", k]]) for k in (0, 1)) + float(
            stats.multivariate_normal.logpdf(ys, centre, cov)
        )

    columns = {"g": [f"g{k}" for k in of], "h": [f"h{k}" for k in to], "y": ys}
    return World(text, columns, hidden("s", 2), log_p, outer={"s": "g"}, is_discrete=False)


EXACT = {f.__name__: f for f in (
    sequences, second_lag, chain_with_inputs, nested_groups, two_axes, sized_plates, chain_of_fields, fields_in_groups,
    fields_with_inputs, computed_sums, sequences_of_labelled_groups,
)}  # fmt: skip
DRAWN = {f.__name__: f for f in (normal_latents_of_groups, crossed_normals)}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", EXACT)
def test_every_door_agrees_with_the_enumeration(name: str, seed: int) -> None:
    check(EXACT[name](Dice(seed)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 102))
@pytest.mark.parametrize("name", EXACT)
def test_many_worlds(name: str, seed: int) -> None:
    check(EXACT[name](Dice(seed)))


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_is_right_within_its_error(name: str) -> None:
    world = DRAWN[name](Dice(0))
    given = pgmlang.compile(world.text).given()
    scores = given.score_rows(world.columns, seed=1)
    error = scores.total_mcse or 0.0
    assert scores.values.sum() == pytest.approx(world.log_evidence(), abs=max(4 * error, 1e-8))
    ((target, _), *_) = world.cells
    columns = given.predict_columns(world.columns, targets=[target], seed=1).columns
    for cell in world.cells:
        row = place(world, columns, cell)
        assert columns[f"P({target} = b)"][row] == pytest.approx(
            world.chance(cell), abs=4 * columns[f"{target}.mcse"][row] if f"{target}.mcse" in columns else 1e-4
        )

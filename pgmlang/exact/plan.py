"""Which two tables to multiply when: a binary join tree (Shenoy 1997) along an elimination order. No numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pgmlang.graph.elimination import bits

NOMINAL_ROWS = 1000.0
_PAIRED = 6


class PlanStep(NamedTuple):
    """Table ``out`` = sum of ``a`` times ``b`` over what ``scope`` (a mask) lacks; ``b`` is -1 for a plain sum."""

    a: int
    b: int
    out: int
    scope: int


class ContractionPlan(NamedTuple):
    """Steps from the leaf tables (numbers 0..) to ``roots``, tables over the output variables alone."""

    steps: tuple[PlanStep, ...]
    scopes: tuple[int, ...]
    roots: tuple[int, ...]


class _Planner:
    """The tables not used yet, and for each variable those that hold it."""

    def __init__(self, scopes: Sequence[int], combos: Sequence[float], sizes: Sequence[int], outputs: int):
        self.sizes = sizes
        self.outputs = outputs
        self.scopes = list(scopes)
        self.combos = list(combos)
        self.costs = [self.cost(scope, combo) for scope, combo in zip(scopes, combos, strict=True)]
        self.live = set(range(len(scopes)))
        self.holders: list[set[int]] = [set() for _ in sizes]
        self.steps: list[PlanStep] = []
        for table, scope in enumerate(scopes):
            for v in bits(scope):
                self.holders[v].add(table)

    def cost(self, scope: int, combos: float) -> float:
        cells = min(combos, NOMINAL_ROWS)
        for v in bits(scope):
            cells *= self.sizes[v]
        return cells

    def kept(self, scope: int, users: int) -> int:
        """What of ``scope`` is still needed once its ``users`` tables are gone."""
        left, holders = scope, self.holders
        for v in bits(scope):
            if len(holders[v]) <= users and not self.outputs >> v & 1:
                left ^= 1 << v
        return left

    def replace(self, a: int, b: int, scope: int, combos: float) -> int:
        scopes, holders, sizes = self.scopes, self.holders, self.sizes
        out = len(scopes)
        self.steps.append(PlanStep(a, b, out, scope))
        for used in (a, b) if b >= 0 else (a,):
            self.live.discard(used)
            for v in bits(scopes[used]):
                holders[v].discard(used)
        cells = min(combos, NOMINAL_ROWS)
        for v in bits(scope):
            holders[v].add(out)
            cells *= sizes[v]
        scopes.append(scope)
        self.combos.append(combos)
        self.costs.append(cells)
        self.live.add(out)
        return out

    def reduce(self, table: int) -> int:
        """Sum out what this table alone holds."""
        left = self.kept(self.scopes[table], 1)
        return table if left == self.scopes[table] else self.replace(table, -1, left, self.combos[table])

    def contract(self, a: int, b: int) -> int:
        a, b = self.reduce(a), self.reduce(b)
        scope_a, scope_b = self.scopes[a], self.scopes[b]
        both = scope_a & scope_b
        return self.replace(a, b, (scope_a | scope_b) ^ both ^ self.kept(both, 2), self.combos[a] * self.combos[b])

    def cheapest_pair(self, tables: Sequence[int]) -> tuple[int, int]:
        """The pair whose product is smallest, among the smallest tables."""
        if len(tables) == 2:
            return tables[0], tables[1]
        few = sorted(tables, key=lambda t: (self.costs[t], t))[:_PAIRED]
        scopes, combos = self.scopes, self.combos
        best, chosen = math.inf, (few[0], few[1])
        for i, a in enumerate(few):
            for b in few[:i]:
                both = scopes[a] & scopes[b]
                scope = (scopes[a] | scopes[b]) ^ both ^ self.kept(both, 2)
                cost = self.cost(scope, combos[a] * combos[b])
                if cost < best:
                    best, chosen = cost, (b, a)
        return chosen


def contraction_plan(
    scopes: Sequence[int],
    combos: Sequence[float],
    sizes: Sequence[int],
    order: Sequence[int],
    outputs: int = 0,
    join: bool = True,
) -> ContractionPlan:
    """The steps for leaf ``scopes`` (masks) along ``order``; ``outputs`` (a mask) are never summed; ``join``:
    multiply what is left of them to one root.

    ``combos``: how many distinct versions evidence gives each leaf (1 without evidence): tables that do not
    depend on evidence are multiplied first, for they are multiplied once for all rows.
    """
    planner = _Planner(scopes, combos, sizes, outputs)
    for v in order:
        while len(planner.holders[v]) > 1:
            planner.contract(*planner.cheapest_pair(sorted(planner.holders[v])))
        if not outputs >> v & 1:
            for table in tuple(planner.holders[v]):
                planner.reduce(table)
    roots = sorted(planner.live)
    if outputs and join:
        wide = sorted((t for t in roots if planner.scopes[t]), key=lambda t: planner.costs[t])
        roots = [t for t in roots if not planner.scopes[t]]
        while len(wide) > 1:
            wide = [planner.contract(wide[0], wide[1]), *wide[2:]]
        roots += wide
    return ContractionPlan(tuple(planner.steps), tuple(planner.scopes), tuple(roots))

"""Small random networks and evidence for the tests of exact inference."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pgmlang.exact import Enumeration, brute_force
from pgmlang.tables import DiscreteNetwork, DiscreteVariable, TableFactor


class Case(NamedTuple):
    """A network with evidence rows; ``evidence`` as the engine takes it."""

    network: DiscreteNetwork
    evidence: dict[int, np.ndarray | int]
    soft: dict[int, np.ndarray]
    num_rows: int

    def row(self, r: int) -> Enumeration:
        """What listing all configurations says of one row."""
        codes = {v: int(np.broadcast_to(c, self.num_rows)[r]) for v, c in self.evidence.items()}
        soft = {v: w if w.ndim == 1 else w[r] for v, w in self.soft.items()}
        return brute_force(self.network, codes, soft)


def conditional(rng: np.random.Generator, shape: list[int], zeros: float) -> np.ndarray:
    """A random table whose last axis sums to one, with some cells exactly zero."""
    table = rng.random(shape) ** 3
    table[rng.random(shape) < zeros] = 0.0
    table += table.sum(axis=-1, keepdims=True) == 0
    return table / table.sum(axis=-1, keepdims=True)


def directed_factors(rng: np.random.Generator, sizes: np.ndarray, zeros: float) -> list[TableFactor]:
    factors = []
    for child in range(len(sizes)):
        count = min(child, int(rng.integers(0, 4)))
        parents = [int(v) for v in rng.choice(child, count, replace=False)] if child else []
        scope = (*parents, child)
        table = conditional(rng, [int(sizes[v]) for v in scope], zeros)
        if rng.random() < 0.3:
            with np.errstate(divide="ignore"):
                factors.append(TableFactor(scope, np.log(table), child, is_log=True))
        else:
            factors.append(TableFactor(scope, table, child))
    return factors


def potentials(
    rng: np.random.Generator, sizes: np.ndarray, count: int, zeros: float, spread: float, members: list[int]
) -> list[TableFactor]:
    factors = []
    for _ in range(count):
        scope = tuple(
            int(v) for v in rng.choice(members, min(len(members), int(rng.integers(1, 4))), replace=False)
        )
        logs = rng.normal(size=[int(sizes[v]) for v in scope]) * spread
        logs[rng.random(logs.shape) < zeros] = -np.inf
        is_log = spread > 30 or bool(rng.random() < 0.5)
        factors.append(TableFactor(scope, logs if is_log else np.exp(logs), is_log=is_log))
    return factors


def random_case(seed: int) -> Case:
    """Directed, undirected, a mix, or of huge range, by turns; evidence of every kind at once."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 8))
    sizes = rng.integers(1, 5, count)
    variables = tuple(
        DiscreteVariable(f"v{i}", tuple(str(k) for k in range(size))) for i, size in enumerate(sizes)
    )
    zeros = float(rng.choice([0.0, 0.15, 0.4]))
    kind = seed % 4
    if kind == 0:
        factors = directed_factors(rng, sizes, zeros)
    elif kind == 1:
        factors = potentials(rng, sizes, int(rng.integers(0, count + 3)), zeros / 3, 1.0, list(range(count)))
    elif kind == 2:
        factors = potentials(rng, sizes, int(rng.integers(0, count + 3)), zeros / 3, 300.0, list(range(count)))
    else:
        # A chain graph: conditionals whose children carry potentials among themselves besides.
        factors = directed_factors(rng, sizes, zeros)
        half = list(range(count // 2, count))
        factors += potentials(rng, sizes, int(rng.integers(0, 3)), zeros / 3, 1.0, half)
    rows = int(rng.integers(1, 7))
    evidence: dict[int, np.ndarray | int] = {}
    soft: dict[int, np.ndarray] = {}
    for v in range(count):
        size, draw = int(sizes[v]), rng.random()
        if draw < 0.12:
            evidence[v] = int(rng.integers(-1, size))
        elif draw < 0.25:
            evidence[v] = rng.integers(0, size, rows)
        elif draw < 0.5:
            evidence[v] = rng.integers(-1, size, rows)
        if rng.random() < 0.15:
            soft[v] = rng.random(size) if rng.random() < 0.5 else rng.random((rows, size))
            if rng.random() < 0.3:
                soft[v] = soft[v] * 10.0 ** rng.integers(-200, 200)
    return Case(DiscreteNetwork(variables, tuple(factors), f"case{seed}"), evidence, soft, rows)

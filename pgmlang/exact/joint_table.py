"""Posteriors of networks so small that the table of all hidden variables is made outright, in one product.

The plan of an elimination costs more than the arithmetic of a dozen variables. What the evidence separates has tables of its
own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pgmlang.exact.leaves import FactorTable

MOST_CELLS = 8192
MOST_VARIABLES = 16
"""And factors of one table: numpy multiplies so many arrays at once."""
SAFE_RANGE = 400.0
"""Products whose cells differ by less than e^400 lose none to underflow."""
Block = tuple[list[int], list[tuple[np.ndarray, list[int]]]]
"""Variables that hang together, and their factors without the observed axes, each with its variables."""


def enumerated(
    factors: Sequence[FactorTable], sizes: Sequence[int], fixed: Mapping[int, int], hidden: Sequence[int],
    wanted: Sequence[int], max_cells: int,
) -> tuple[np.ndarray, dict[int, np.ndarray]] | None:  # fmt: skip
    """log Z ``(1,)`` and the posteriors ``(1, size)`` of the ``wanted`` among the ``hidden`` variables, where the others
    have the codes ``fixed``; NaN where that is impossible. None where a table would be too large, or linear arithmetic
    not safe."""
    if len(hidden) > MOST_VARIABLES or sum([f.low for f in factors]) >= SAFE_RANGE:
        return None
    blocks = _blocks(factors, fixed, hidden)
    cells = [math.prod([sizes[v] for v in variables]) for variables, _ in blocks]
    if sum(cells) > min(MOST_CELLS, max_cells) or any(len(tables) > MOST_VARIABLES for _, tables in blocks):
        return None
    log_z = sum([f.scale for f in factors])
    posteriors: dict[int, np.ndarray] = {}
    for variables, tables in blocks:
        axis = {v: i for i, v in enumerate(variables)}
        operands: list[Any] = []
        for table, scope in tables:
            operands += (table, [axis[v] for v in scope])
        joint = np.array(np.einsum(*operands, [*axis.values()]))
        total = float(joint.sum())
        log_z += math.log(total) if total > 0.0 else -math.inf
        posteriors |= _marginals(joint, variables, total)
    for v in hidden:
        if v not in posteriors:  # in no factor
            posteriors[v] = np.full((1, sizes[v]), 1.0 / sizes[v])
            log_z += math.log(sizes[v])
    if log_z == -math.inf:
        return np.array([log_z]), {v: np.full((1, sizes[v]), np.nan) for v in wanted}
    return np.array([log_z]), {v: posteriors[v] for v in wanted}


def _blocks(factors: Sequence[FactorTable], fixed: Mapping[int, int], hidden: Sequence[int]) -> list[Block]:
    """The hidden variables' factors by what hangs together once the observed variables have their codes."""
    merged: list[tuple[int, Block]] = []
    for factor in factors:
        scope = [v for v in factor.scope if v not in fixed]
        table = factor.linear
        if len(scope) < len(factor.scope):
            table = table[tuple([fixed.get(v, slice(None)) for v in factor.scope])]
        mask = sum([1 << v for v in scope])
        tables = [(table, scope)]
        apart = []
        for other in merged:
            if other[0] & mask or not (other[0] or mask):
                mask |= other[0]
                tables += other[1][1]
            else:
                apart.append(other)
        merged = [*apart, (mask, ([], tables))]
    return [([v for v in hidden if mask >> v & 1], tables) for mask, (_, tables) in merged]


def _marginals(joint: np.ndarray, variables: Sequence[int], total: float) -> dict[int, np.ndarray]:
    """The sums of a table to each of its axes over its total: by halves of the axes, so that it is read twice only."""
    count = len(variables)
    half = count // 2
    posteriors = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        joint /= total
    shape = joint.shape
    flat = joint.reshape(math.prod(shape[:half]), -1)
    for start, part in (
        (0, flat.sum(axis=1).reshape(shape[:half])),
        (half, flat.sum(axis=0).reshape(shape[half:])),
    ):
        axes = tuple(range(part.ndim))
        for i in axes:
            posteriors[variables[start + i]] = np.add.reduce(part, axes[:i] + axes[i + 1 :]).reshape(1, -1)
    return posteriors

"""Walking a program backwards from the roots, one configuration for each row (and draw): the mode, or a draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pgmlang.exact.contract import ForwardTables
from pgmlang.exact.program import ContractionProgram
from pgmlang.exact.rows import RowIndex

# Picks one of the last axis's entries for each configuration, from their values (configurations, entries).
Pick = Callable[[np.ndarray], np.ndarray]


def _looked_up(
    table: np.ndarray,
    scope: Sequence[int],
    gone: Sequence[int],
    rows: RowIndex | None,
    codes: np.ndarray,
    row_of: np.ndarray,
) -> np.ndarray:
    """``table`` at each configuration's codes, free over ``gone``: (configurations, cells of ``gone``)."""
    axis_of = {v: i for i, v in enumerate(scope)}
    known = [v for v in scope if v not in gone]
    order = [axis_of[v] for v in known] + ([len(scope)] if rows is not None else []) + [axis_of[v] for v in gone]
    moved = table.transpose(order)
    depth = len(known) + (rows is not None)
    lead = moved.shape[:depth]
    flat = moved.reshape(int(np.prod(lead, dtype=np.int64)), -1)
    if not depth:
        return np.broadcast_to(flat, (len(codes), flat.shape[1]))
    index = [codes[:, v] for v in known]
    if rows is not None:
        index.append(row_of if rows.index is None else rows.index[row_of])
    return flat[np.ravel_multi_index(tuple(index), lead)]


def backtrack(
    program: ContractionProgram, tables: ForwardTables, codes: np.ndarray, row_of: np.ndarray, pick: Pick
) -> None:
    """Fill ``codes`` (configurations, variables) for all variables the program sums, in place.

    ``row_of``: the evidence row of each configuration. Observed variables and outputs must be filled in before.
    """
    combine = np.multiply if program.space == "linear" else np.add
    for a, b, out, _, _, _ in reversed(program.forward):
        scope_out = set(program.scopes[out])
        gone = [v for v in program.scopes[a] if v not in scope_out]
        if not gone:
            continue
        weights = None
        for table in (a, b) if b >= 0 else (a,):
            values = tables.values[table]
            assert values is not None
            looked_up = _looked_up(values, program.scopes[table], gone, tables.rows[table], codes, row_of)
            weights = looked_up if weights is None else combine(weights, looked_up)
        assert weights is not None
        chosen = np.unravel_index(pick(weights), [program.sizes[v] for v in gone])
        for v, column in zip(gone, chosen, strict=True):
            codes[:, v] = column


def first_largest(weights: np.ndarray) -> np.ndarray:
    """The first of the largest entries: ties always fall the same way."""
    return np.asarray(weights.argmax(axis=1))


def drawn(rng: np.random.Generator, logs: bool) -> Pick:
    """A pick at random in proportion to the weights (or to the exp of logarithms)."""

    def pick(weights: np.ndarray) -> np.ndarray:
        if logs:
            top = weights.max(axis=1, keepdims=True)
            weights = np.exp(weights - np.where(np.isfinite(top), top, 0.0))
        cumulative = weights.cumsum(axis=1)
        threshold = rng.random(len(weights)) * cumulative[:, -1]
        # Entries of weight zero are never taken: the threshold lies strictly below the cumulative weight.
        chosen = (cumulative <= threshold[:, None]).sum(axis=1)
        return np.minimum(chosen, weights.shape[1] - 1)

    return pick

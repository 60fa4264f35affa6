"""Checks that BIF and UAI share: rows of probabilities, cycles, and what a network must be to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.tables import DiscreteNetwork, TableFactor

ROW_TOLERANCE = 1e-2
"""A row this far from one is an error, not rounding: published networks carry two to six digits."""

MAX_AXES = 64
"""numpy's limit on the dimensions of an array."""

MAX_CELLS = 2**26
"""Cells of a table that the file does not spell out (default rows): half a gigabyte."""


def find_cycle(parents: Mapping[int, Sequence[int]]) -> list[int]:
    """A directed cycle as ``[a, b, ..., a]``, each a parent of the next; empty when there is none."""
    done: set[int] = set()
    for root in parents:
        if root in done:
            continue
        path: list[int] = [root]
        depth_of = {root: 0}
        stack = [iter(parents[root])]
        while stack:
            above = next((p for p in stack[-1] if p not in done), None)
            if above is None:
                stack.pop()
                left = path.pop()
                del depth_of[left]
                done.add(left)
            elif above in depth_of:
                return [above, *reversed(path[depth_of[above] :])]
            else:
                depth_of[above] = len(path)
                path.append(above)
                stack.append(iter(parents.get(above, ())))
    return []


def bad_cells(rows: np.ndarray) -> np.ndarray:
    """Mask of the cells that are no probabilities: negative, above one or not a number."""
    return ~((rows >= 0.0) & (rows <= 1.0))


def bad_sums(rows: np.ndarray) -> np.ndarray:
    """Mask of the rows (last axis) whose sum is not one within rounding."""
    return ~(np.abs(rows.sum(axis=-1) - 1.0) <= ROW_TOLERANCE)


def linear_values(factor: TableFactor) -> np.ndarray:
    """The table as nonnegative numbers, at its own scale (a log table is exponentiated)."""
    if not factor.is_log:
        return factor.values
    with np.errstate(over="ignore"):
        return np.exp(factor.values)


def cannot_say(message: str, help: str = "", notes: tuple[str, ...] = ()) -> PgmError:
    """The error for what a format cannot express."""
    return PgmError(Diagnostic("PGM0907", message, notes=notes, help=help))


def require_directed(network: DiscreteNetwork, format: str, help: str) -> None:
    """Refuses what is not a Bayesian network with proper tables."""
    if not network.variables:
        raise cannot_say(f"a network without variables cannot be written as {format}")
    if not network.is_directed:
        loose = sum(f.child is None for f in network.factors)
        what = f"{loose} undirected factors" if loose else "variables without a table of their own"
        raise cannot_say(f"a network with {what} cannot be written as {format}", help)
    for factor in network.factors:
        name = network.variables[factor.scope[-1]].name
        if factor.child != factor.scope[-1]:
            raise cannot_say(f"the table of `{name}` does not have its child last")
        values = linear_values(factor)
        if bad_cells(values).any() or bad_sums(values).any():
            raise cannot_say(f"the table of `{name}` does not hold rows of probabilities")

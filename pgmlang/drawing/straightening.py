"""Long edges made of few straight pieces: each line of dummies is moved, between its neighbours, into as few vertical runs
as there is room for. Least squares alone spreads a sideways step over all rows, which is drawn as a staircase."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from pgmlang.drawing.ordering import Rows

Gap = Callable[[int, int], float]


def straighten(
    rows: Rows, x: list[float], real: int, gap: Gap, inside: tuple[float, float], sweeps: int = 6
) -> None:
    """Moves dummies (nodes from ``real`` on) in place; ``gap``: the least distance of two neighbours of a row; ``inside``:
    what none of them leaves.

    Wires beside each other make room for one another from sweep to sweep, outer ones first.
    """
    lines = sorted(_lines(rows, real), key=len, reverse=True)
    index = {v: i for row in rows.rows for i, v in enumerate(row)}
    for number in range(sweeps):
        moved = 0.0
        for line in lines if number % 2 == 0 else lines[::-1]:
            moved = max(moved, _straighten_line(rows, x, line, index, gap, inside))
        if moved < 0.5:
            return


def _lines(rows: Rows, real: int) -> list[list[int]]:
    """The dummies of each edge or trunk from top to bottom; a trunk's branches end at nodes, so its dummies are a path."""
    following: dict[int, int] = {}
    preceded: set[int] = set()
    for chain in rows.chains.values():
        for u, v in pairwise(chain[1:-1]):
            if following.setdefault(u, v) == v:
                preceded.add(v)
    lines = []
    for first in sorted({v for chain in rows.chains.values() for v in chain[1:-1]} - preceded):
        line = [first]
        while line[-1] in following:
            line.append(following[line[-1]])
        lines.append(line)
    return lines


def _straighten_line(
    rows: Rows, x: list[float], line: list[int], index: dict[int, int], gap: Gap, inside: tuple[float, float]
) -> float:
    """The fewest vertical runs, greedily from the top; each as near as it can be to where its dummies were."""
    moved = 0.0
    start = 0
    low, high = _room(rows, x, line[0], index, gap, inside)
    for i in range(1, len(line) + 1):
        if i < len(line):
            next_low, next_high = _room(rows, x, line[i], index, gap, inside)
            if max(low, next_low) <= min(high, next_high):
                low, high = max(low, next_low), min(high, next_high)
                continue
        wanted = sorted(x[v] for v in line[start:i])[(i - start) // 2]
        where = min(max(wanted, low), high)
        for v in line[start:i]:
            moved = max(moved, abs(x[v] - where))
            x[v] = where
        if i < len(line):
            start, low, high = i, next_low, next_high
    return moved


def _room(
    rows: Rows, x: list[float], v: int, index: dict[int, int], gap: Gap, inside: tuple[float, float]
) -> tuple[float, float]:
    row, i = rows.rows[rows.layer[v]], index[v]
    low = x[row[i - 1]] + gap(row[i - 1], v) if i else inside[0]
    high = x[row[i + 1]] - gap(v, row[i + 1]) if i + 1 < len(row) else inside[1]
    # What rounding leaves of an empty room is the place where the dummy stands.
    return (low, high) if low <= high else (x[v], x[v])

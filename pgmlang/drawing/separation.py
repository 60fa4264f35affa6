"""Positions along one axis: least squares of weighted distances under minimum separations ``x[b] - x[a] >= d``.

Solved by the alternating direction method of multipliers (Boyd et al. 2011; the splitting of OSQP, Stellato et
al. 2020), then made exactly feasible: pushing right and pushing left each give a feasible answer, and so does
their mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Index = NDArray[np.int64]
_DENSE = 1200


@dataclass
class SeparationProblem:
    """``pulls`` (a, b, weight, wanted x[b] - x[a]); ``gaps`` (a, b, least x[b] - x[a]), which are acyclic."""

    count: int
    pulls: list[tuple[int, int, float, float]] = field(default_factory=list)
    gaps: list[tuple[int, int, float]] = field(default_factory=list)


def solve(problem: SeparationProblem, near: Vector | None = None, steps: int = 400) -> Vector:
    """The positions, feasible to rounding. ``near``: a feasible answer to start from."""
    if not problem.count:
        return np.zeros(0)
    gaps = _strongest(problem.gaps)
    order = _order(problem.count, gaps)
    into: list[list[tuple[int, float]]] = [[] for _ in range(problem.count)]
    out: list[list[tuple[int, float]]] = [[] for _ in range(problem.count)]
    for (a, b), d in gaps.items():
        into[b].append((a, d))
        out[a].append((b, d))
    low = _pushed_right([0.0] * problem.count, order, into)
    far = max(low)
    high = _pushed_left([far] * problem.count, order, out)
    start = (np.array(low) + np.array(high) - far) / 2 if near is None else near
    x = _relaxed(problem, gaps, start, steps) if gaps or problem.pulls else start
    # Symmetric, so that what was centred stays centred.
    right = np.array(_pushed_right(x.tolist(), order, into))
    left = np.array(_pushed_left(x.tolist(), order, out))
    return (right + left) / 2


def _strongest(gaps: list[tuple[int, int, float]]) -> dict[tuple[int, int], float]:
    best: dict[tuple[int, int], float] = {}
    for a, b, d in gaps:
        best[(a, b)] = max(d, best.get((a, b), d))
    return best


def _order(count: int, gaps: dict[tuple[int, int], float]) -> list[int]:
    waiting = [0] * count
    out: list[list[int]] = [[] for _ in range(count)]
    for a, b in gaps:
        waiting[b] += 1
        out[a].append(b)
    order = [v for v in range(count) if not waiting[v]]
    for v in order:
        for w in out[v]:
            waiting[w] -= 1
            if not waiting[w]:
                order.append(w)
    if len(order) != count:
        raise AssertionError("the separations of a drawing form a cycle")
    return order


def _pushed_right(x: list[float], order: list[int], into: list[list[tuple[int, float]]]) -> list[float]:
    for v in order:
        for a, d in into[v]:
            if x[a] + d > x[v]:
                x[v] = x[a] + d
    return x


def _pushed_left(x: list[float], order: list[int], out: list[list[tuple[int, float]]]) -> list[float]:
    for v in reversed(order):
        for b, d in out[v]:
            if x[b] - d < x[v]:
                x[v] = x[b] - d
    return x


def _relaxed(problem: SeparationProblem, gaps: dict[tuple[int, int], float], start: Vector, steps: int) -> Vector:
    """ADMM on x and z = A x with z >= d. ``tie`` draws all faintly to 0, so separate parts stay together."""
    n, rho, sigma, tie, over = problem.count, 0.6, 1e-3, 2e-3, 1.6
    tail, head = (np.array([g[i] for g in gaps], dtype=np.int64) for i in (0, 1))
    least = np.array(list(gaps.values()))
    pa, pb = (np.array([p[i] for p in problem.pulls], dtype=np.int64) for i in (0, 1))
    weight, wanted = (np.array([p[i] for p in problem.pulls], dtype=float) for i in (2, 3))

    def spread(a: Index, b: Index, values: Vector) -> Vector:
        return np.asarray(np.bincount(b, values, n) - np.bincount(a, values, n), dtype=np.float64)

    def matrix(x: Vector) -> Vector:
        return (
            (sigma + tie) * x
            + spread(pa, pb, weight * (x[pb] - x[pa]))
            + rho * spread(tail, head, x[head] - x[tail])
        )

    pull = spread(pa, pb, weight * wanted)
    inverse = _dense_inverse(n, [(pa, pb, weight), (tail, head, np.full(len(least), rho))], sigma + tie)
    diagonal = (
        sigma
        + tie
        + np.bincount(pa, weight, n)
        + np.bincount(pb, weight, n)
        + rho * (np.bincount(tail, minlength=n) + np.bincount(head, minlength=n))
    )
    x, z, y = start, np.maximum(start[head] - start[tail], least), np.zeros(len(least))
    most = 60 + 60_000_000 // (n * n) if inverse is not None else max(60, 1_500_000 // n)
    for step in range(min(steps, most)):
        right = sigma * x + pull + spread(tail, head, rho * z - y)
        new = inverse @ right if inverse is not None else _conjugate(matrix, right, x, diagonal)
        ax = over * (new[head] - new[tail]) + (1 - over) * z
        z = np.maximum(ax + y / rho, least)
        y = y + rho * (ax - z)
        moved = float(np.abs(new - x).max())
        x = new
        if moved < 0.01 and step > 20:
            break
    return x


def _dense_inverse(
    n: int, parts: list[tuple[Index, Index, Vector]], diagonal: float
) -> NDArray[np.float64] | None:
    if n > _DENSE:
        return None
    full = np.eye(n) * diagonal
    for a, b, w in parts:
        np.add.at(full, (a, a), w)
        np.add.at(full, (b, b), w)
        np.add.at(full, (a, b), -w)
        np.add.at(full, (b, a), -w)
    return np.asarray(np.linalg.inv(full), dtype=np.float64)


def _conjugate(
    matrix: Callable[[Vector], Vector], right: Vector, x: Vector, diagonal: Vector, steps: int = 12
) -> Vector:
    """A few conjugate gradient steps from a warm start (Jacobi preconditioned)."""
    rest = right - matrix(x)
    scaled = rest / diagonal
    along, size = scaled, float(rest @ scaled)
    for _ in range(steps):
        if size < 1e-4:
            break
        image = matrix(along)
        alpha = size / float(along @ image)
        x = x + alpha * along
        rest = rest - alpha * image
        scaled = rest / diagonal
        old, size = size, float(rest @ scaled)
        along = scaled + (size / old) * along
    return x

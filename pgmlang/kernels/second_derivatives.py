"""Second derivatives by differences of gradients, each number stepped in its own unit.

A step that suits a number near one is far too long for a mean of a million known to a tenth, and drowns in rounding where
the number's own scale is a million. Both show in what the step changes, in nats. Along a direction that seems to have no
curvature (two coefficients of a column far from zero) differences are taken along the direction itself, as far out as it
takes to see something.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""What is minimised: its values ``[m]`` at points ``[m, n]`` side by side, and its gradients ``[m, n]``."""

MOST_SECONDS = 60.0
"""Most processor time that the second derivatives at one place may take, as their first columns tell."""
COLUMNS = 64
"""Columns of second derivatives that are worked out side by side."""
TOO_LONG, TOO_SHORT, WISHED = 1e-2, 1e-14, 1e-6
"""What a step may change, in nats: a tenth of a standard deviation at the most, more than rounding at the least."""
GROWTH, ROUNDS = 1e3, 6
OVERFLOWING = 100.0
"""Nats that a step changes by curvature, beyond which an infinite value may be overflow."""
FLAT = 1e-7
"""A curvature below this share of the greatest, every number in units of its own curvature, is looked at from afar."""
NONE = 1e-13
"""And below this one there is none."""
SEEN = 1e-3
"""A rise or fall along a direction that is seen, in nats."""
FARTHEST = 1e6
"""Times the size of the numbers: no farther out along a direction."""
MOST_DIRECTIONS = 16
EPSILON = float(np.finfo(np.float64).eps)


class TooCostly(Exception):
    """Second derivatives would take more processor time than is spent on them; what it says is why there are none."""


def one_by_one(function: Callable[[np.ndarray], tuple[float, np.ndarray]]) -> Function:
    """A function of points side by side, from that of one."""

    def of_points(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs = [function(x) for x in points]
        return np.array([value for value, _ in pairs]), np.stack([gradient for _, gradient in pairs])

    return of_points


def hair(x: np.ndarray) -> np.ndarray:
    """The steps ``[n]`` of differences around a point, of numbers whose unit is not known."""
    return np.asarray(EPSILON ** (1 / 3) * np.maximum(np.abs(x), 1.0))


def second_derivatives(
    function: Function, x: np.ndarray, around: Callable[[np.ndarray], Function] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The Hessian ``[n, n]`` by central differences of gradients, made symmetric, NaN where a gradient is none; and the
    numbers ``[n]`` beside which the value is infinite. ``around``: the function to second order around a point, for steps as short as
    these are. Raises TooCostly."""
    if around is not None:
        near = around(x)
        if near != function:
            sizes = hair(x)
            square, is_infinite = _all_rows(near, x, sizes)
            if np.isfinite(square).all() and not is_infinite.any():
                return _completed(function, near, x, sizes, square), is_infinite
    sizes = hair(x)
    square, is_infinite = _all_rows(function, x, sizes)
    _off_edges(function, x, sizes, square, is_infinite)
    if np.isfinite(square).all():
        square = _completed(function, function, x, sizes, square)
    return 0.5 * (square + square.T), is_infinite


def _completed(
    function: Function, near: Function, x: np.ndarray, sizes: np.ndarray, square: np.ndarray
) -> np.ndarray:
    """The Hessian with steps that suit each number, short ones ``near``."""
    _shortened(near, x, sizes, square)
    _lengthened(function, x, sizes, square)
    square = _seen_from_afar(function, x, 0.5 * (square + square.T))
    return np.asarray(0.5 * (square + square.T))


def _all_rows(function: Function, x: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All rows of the Hessian by steps of these sizes, and beside which numbers the value is infinite. Raises TooCostly."""
    square, is_infinite = np.empty((len(x), len(x))), np.zeros(len(x), dtype=bool)
    begun = time.process_time()
    for first in range(0, len(x), COLUMNS):
        some = np.arange(first, min(first + COLUMNS, len(x)))
        square[some], is_infinite[some] = _rows(function, x, some, sizes[some])
        seconds = (time.process_time() - begun) * len(x) / (some[-1] + 1)
        if some[-1] + 1 < len(x) and seconds > MOST_SECONDS:
            raise TooCostly(
                f"the curvature of {len(x):,} numbers would take over {MOST_SECONDS:.0f} s of processor time"
            )
    return square, is_infinite


def own_units(square: np.ndarray) -> np.ndarray:
    """What each number is measured by, ``[n]``: the root of its own curvature."""
    roots = np.sqrt(np.abs(np.diagonal(square)))
    return np.where(roots > 0, roots, 1.0)


def is_well_curved(scaled: np.ndarray) -> bool:
    """Whether every curvature is above a `FLAT` share of a bound on the greatest (the largest sum of a row): a Cholesky
    factor tells it, at a tenth of the price of eigenvalues."""
    least = FLAT * float(np.abs(scaled).sum(1).max())
    try:
        np.linalg.cholesky(scaled - least * np.eye(len(scaled)))
    except np.linalg.LinAlgError:
        return False
    return True


def _rows(function: Function, x: np.ndarray, some: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the Hessian, of some numbers by steps of these sizes; and beside which the value is infinite."""
    above, below = np.repeat(x[None], len(some), axis=0), np.repeat(x[None], len(some), axis=0)
    each = np.arange(len(some))
    above[each, some] += sizes
    below[each, some] -= sizes
    values, gradients = function(np.concatenate([above, below]))
    # divided by what was added after rounding
    width = (above - below)[each, some]
    rows = (gradients[: len(some)] - gradients[len(some) :]) / width[:, None]
    return rows, np.asarray(np.isposinf(values).reshape(2, -1).any(0))


def _off_edges(
    function: Function, x: np.ndarray, sizes: np.ndarray, square: np.ndarray, is_infinite: np.ndarray
) -> None:
    """Rows of numbers beside which the value is infinite by its own steepness, by shorter steps, in place: it overflows where
    the first step went, while the curvature says as much. Beside an edge it says nothing of the kind."""
    for power in range(1, ROUNDS):
        some = np.flatnonzero(is_infinite & (sizes > 64 * EPSILON * np.abs(x) * GROWTH**power))
        if not len(some):
            return
        rows, is_still = _rows(function, x, some, sizes[some] / GROWTH**power)
        curved = np.abs(rows[np.arange(len(some)), some]) * sizes[some] ** 2
        is_steep = ~is_still & np.isfinite(rows).all(1) & (curved > OVERFLOWING)
        is_infinite[some[is_steep]] = False
        square[some[is_steep]] = rows[is_steep]
        sizes[some[is_steep]] /= GROWTH**power


def _shortened(function: Function, x: np.ndarray, sizes: np.ndarray, square: np.ndarray) -> None:
    """Rows of numbers whose steps changed more than they should, by shorter ones, in place: where these say something else
    (of a quadratic function long steps are the better ones)."""
    least = 64 * EPSILON * np.abs(x)
    some = np.flatnonzero((sizes**2 * np.abs(np.diagonal(square)) > TOO_LONG) & (sizes > least))
    for _ in range(ROUNDS):
        if not len(some):
            return
        last = np.diagonal(square)[some]
        sizes[some] = np.maximum(sizes[some] * np.sqrt(WISHED / (sizes[some] ** 2 * np.abs(last))), least[some])
        rows, _ = _rows(function, x, some, sizes[some])
        mine = rows[np.arange(len(some)), some]
        is_other = np.isfinite(rows).all(1) & (np.abs(mine - last) > 0.01 * np.abs(mine))
        some = some[is_other]
        square[some] = rows[is_other]
        some = some[
            (sizes[some] ** 2 * np.abs(np.diagonal(square)[some]) > TOO_LONG) & (sizes[some] > least[some])
        ]


def _lengthened(function: Function, x: np.ndarray, sizes: np.ndarray, square: np.ndarray) -> None:
    """Rows of numbers whose steps changed no more than rounding, by longer ones, in place: until two steps agree on the
    curvature; the first ones where none do."""
    change = sizes**2 * np.abs(np.diagonal(square))
    some = np.flatnonzero((change < TOO_SHORT) & (change > 0))
    last = np.diagonal(square)[some].copy()
    for power in range(1, ROUNDS):
        if not len(some):
            return
        rows, _ = _rows(function, x, some, sizes[some] * GROWTH**power)
        mine = rows[np.arange(len(some)), some]
        is_known = np.isfinite(rows).all(1)
        is_steady = is_known & (np.abs(np.where(is_known, mine, 0.0) - last) <= 0.1 * np.abs(mine))
        if power > 1:  # the first steps were good where the second ones say the same
            square[some[is_steady]] = rows[is_steady]
        is_open = is_known & ~is_steady
        some, last = some[is_open], mine[is_open]


def _seen_from_afar(function: Function, x: np.ndarray, square: np.ndarray) -> np.ndarray:
    """The Hessian with what directions of no curvature show far out, where it is the same on both sides, and exactly none
    where it is not."""
    units = own_units(square)
    scaled = square / units[:, None] / units
    if is_well_curved(scaled):
        return square
    values, vectors = np.linalg.eigh(scaled)
    weak = np.flatnonzero(np.abs(values) <= FLAT * float(np.abs(values).max()))
    if not len(weak):
        return square
    turned = np.diag(values)
    for j in weak:
        row = _along(function, x, vectors[:, j] / units) if j in weak[:MOST_DIRECTIONS] else None
        turned[j] = turned[:, j] = 0.0 if row is None else vectors.T @ (row / units)
    return np.asarray(vectors @ turned @ vectors.T * units[:, None] * units)


def _along(function: Function, x: np.ndarray, direction: np.ndarray) -> np.ndarray | None:
    """The Hessian times a direction ``[n]``, from steps far enough to see something; None where nothing is seen, or more on
    one side than on the other."""
    (value,), (gradient,) = function(x[None])
    slope = float(gradient @ direction)
    length = 1.0
    while length * float(np.abs(direction).max()) <= FARTHEST * max(1.0, float(np.abs(x).max())):
        values, gradients = function(np.stack([x + length * direction, x - length * direction]))
        rises = values - value - length * np.array([slope, -slope])
        if not (np.isfinite(values).all() and np.isfinite(gradients).all()):
            return None
        if abs(rises.sum()) > SEEN:
            is_even = rises.prod() > 0 and np.abs(rises).min() > 0.5 * np.abs(rises).max()
            return np.asarray((gradients[0] - gradients[1]) / (2 * length)) if is_even else None
        length *= 4.0
    return None

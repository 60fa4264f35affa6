"""Curvature at the end of a climb: whether the point is a maximum, and what the data leave open.

A gradient near zero says little by itself: a likelihood that rises for ever (separable classes) is flat far out, and so is
one along a direction that the data do not see. Two Newton steps tell them apart (Boyd and Vandenberghe 2004, section
9.5): at a proper maximum the second is far shorter than the first, on the way to infinity they stay as long, and along a
ridge there is no curvature to divide by. Where a hair further the density is zero (a support that ends at an observed
value) the height jumps, and curvature says nothing of a number: those are named, and held for the others.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Function = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""What is minimised: its values ``[m]`` at points ``[m, n]`` side by side, and its gradients ``[m, n]``."""

MOST = 4096
"""Most numbers whose curvature is worked out: 134 MB of second derivatives, and as much again three times."""
MOST_SECONDS = 60.0
"""Most processor time that the second derivatives at one place may take, as their first columns tell."""
FEW = 256
"""Numbers up to which second derivatives are taken anew after each step; of more, those of the first place serve for both."""
COLUMNS = 64
"""Columns of second derivatives that are worked out side by side."""
NEAR = 1e-4
"""A climb ended near its maximum where no more is to be gained, in nats: standard errors change by less than a hundredth."""
SETTLED = 1e-3
"""A Newton step this short, in units of a number's size, has arrived."""
ARRIVED = 1e-6
"""A first step this short needs no second."""
FLAT = 1e-7
"""A curvature below this share of the greatest, every number in units of its own curvature, is none."""
RIDGE = 1e-3
"""Along a ridge nothing rises by more, in nats."""
TRIALS = 30
TINY = float(np.finfo(np.float64).tiny)


class Curvature(NamedTuple):
    """``x`` ``[n]``: the point after the Newton steps; ``value``: what is minimised, there; ``hessian`` ``[n, n]``;
    ``decrement``: half the squared Newton decrement: how much lower the minimum should lie; ``step`` ``[n]``: the
    last Newton step; ``is_running`` ``[n]``: numbers whose Newton steps do not get shorter, or that have come to a
    plateau far out; ``flat`` ``[n, k]``: unit directions of ridges, along which nothing changes; ``is_saddle``: whether
    the value falls along some direction on both sides; ``is_on_edge`` ``[n]``: numbers beside which the value jumps to
    infinity, held for the rest; their second derivatives are NaN."""

    x: np.ndarray
    value: float
    hessian: np.ndarray
    decrement: float
    step: np.ndarray
    is_running: np.ndarray
    flat: np.ndarray
    is_saddle: bool = False
    is_on_edge: np.ndarray = np.zeros(0, dtype=bool)

    @property
    def is_minimum(self) -> bool:
        """Whether the point is a smooth minimum, and the only one near."""
        return self.is_minimum_off_edges and not self.is_on_edge.any()

    @property
    def is_minimum_off_edges(self) -> bool:
        """Whether the point is one in the numbers that are on no edge."""
        is_stationary = not self.is_running.any() and math.isfinite(self.decrement)
        return bool(is_stationary and not self.flat.shape[1] and not self.is_saddle)

    def covariance(self) -> np.ndarray:
        """The inverse Hessian ``[n, n]``: of minus a log-likelihood, the estimates' covariance by the observed
        information. NaN where the point is no minimum, and of numbers on an edge."""
        out = np.full_like(self.hessian, math.nan)
        smooth = np.flatnonzero(~self.is_on_edge) if len(self.is_on_edge) else np.arange(len(out))
        if self.is_minimum_off_edges and len(smooth):
            square = np.ix_(smooth, smooth)
            out[square] = np.linalg.inv(self.hessian[square])
        return out


class TooCostly(Exception):
    """Second derivatives would take more processor time than is spent on them; what it says is why there are none."""


def reason_against(numbers: int) -> str:
    """Why the curvature of so many numbers is not worked out; empty where it is, unless it is `TooCostly`."""
    if not numbers:
        return "nothing is free"
    if numbers > MOST:
        return f"{numbers:,} numbers were estimated together, and there is memory for the curvature of at most {MOST:,}"
    return ""


def hair(x: np.ndarray) -> np.ndarray:
    """The steps ``[n]`` of differences around a point."""
    return np.asarray(np.finfo(x.dtype).eps ** (1 / 3) * np.maximum(np.abs(x), 1.0))


def hessian(function: Function, x: np.ndarray) -> np.ndarray:
    """Second derivatives ``[n, n]`` by central differences of gradients, made symmetric; NaN where a gradient is none.
    Raises TooCostly."""
    return _differences(function, x)[0]


def _differences(function: Function, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Hessian, and the numbers ``[n]`` beside which the value is infinite."""
    sizes = hair(x)
    square = np.empty((len(x), len(x)))
    is_infinite = np.zeros(len(x), dtype=bool)
    begun = time.process_time()
    for first in range(0, len(x), COLUMNS):
        rows = np.arange(first, min(first + COLUMNS, len(x)))
        above, below = np.repeat(x[None], len(rows), axis=0), np.repeat(x[None], len(rows), axis=0)
        above[np.arange(len(rows)), rows] += sizes[rows]
        below[np.arange(len(rows)), rows] -= sizes[rows]
        values, gradients = function(np.concatenate([above, below]))
        # divided by what was added after rounding
        width = (above - below)[np.arange(len(rows)), rows]
        square[rows] = (gradients[: len(rows)] - gradients[len(rows) :]) / width[:, None]
        is_infinite[rows] = np.isposinf(values).reshape(2, -1).any(0)
        seconds = (time.process_time() - begun) * len(x) / (first + len(rows))
        if first + len(rows) < len(x) and seconds > MOST_SECONDS:
            raise TooCostly(
                f"the curvature of {len(x):,} numbers would take over {MOST_SECONDS:.0f} s of processor time"
            )
    return 0.5 * (square + square.T), is_infinite


def one_by_one(function: Callable[[np.ndarray], tuple[float, np.ndarray]]) -> Function:
    """A function of points side by side, from that of one."""

    def of_points(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs = [function(x) for x in points]
        return np.array([value for value, _ in pairs]), np.stack([gradient for _, gradient in pairs])

    return of_points


def curvature(function: Function, x: np.ndarray) -> Curvature | None:
    """The curvature of what is minimised at a point that a climb ended in, after at most two Newton steps from it. None
    with more than `MOST` numbers or none at all, or where derivatives are not finite. Raises TooCostly."""
    if not 0 < len(x) <= MOST:
        return None
    steps: list[np.ndarray] = []
    decrements: list[float] = []
    square = np.zeros((0, 0))
    for _ in range(2):
        value, gradient = _at(function, x)
        if not len(square) or len(x) <= FEW:
            square, is_on_edge = _differences(function, x)
            if is_on_edge.any() and math.isfinite(value):
                return _beside_edges(function, x, value, is_on_edge)
        if not (np.isfinite(square).all() and np.isfinite(gradient).all()):
            return None
        step, flat, is_saddle = _newton(square, gradient)
        if not flat.shape[1] and (np.abs(step) <= ARRIVED * np.maximum(np.abs(x), 1.0)).all():
            is_running = _is_far_out(function, x, value, square)
            return Curvature(x, value, square, float(-0.5 * gradient @ step), step, is_running, flat, is_saddle)
        steps.append(step)
        decrements.append(float(-0.5 * gradient @ step))
        x = _lower(function, x, value, step)
    value, gradient = _at(function, x)
    if len(x) <= FEW or decrements[0] > NEAR or flat.shape[1] or is_saddle:
        square = hessian(function, x)
    if not (np.isfinite(square).all() and np.isfinite(gradient).all()):
        return None
    step, flat, is_saddle = _newton(square, gradient)
    longest = np.abs(np.stack(steps)).min(0)
    size = SETTLED * np.maximum(np.abs(x), 1.0)
    is_running = (np.abs(step) > size) & (np.abs(step) > 0.25 * longest)
    is_plateau = _is_plateau(function, x, value, flat)
    # several directions of a plateau share their numbers: each number is measured by its part in all of them
    is_running = is_running | (np.linalg.norm(flat[:, is_plateau], axis=1) > 0.1)
    is_running = is_running | _is_far_out(function, x, value, square)
    decrement = float(-0.5 * gradient @ step)
    return Curvature(x, value, square, decrement, step, is_running, flat[:, ~is_plateau], is_saddle)


def _beside_edges(function: Function, x: np.ndarray, value: float, is_on_edge: np.ndarray) -> Curvature:
    """The curvature of the numbers on no edge, with those on one held."""
    free = np.flatnonzero(~is_on_edge)

    def of_free(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        whole = np.repeat(x[None], len(points), axis=0)
        whole[:, free] = points
        values, gradients = function(whole)
        return values, gradients[:, free]

    n = len(x)
    unknown = Curvature(x, value, np.full((n, n), math.nan), math.nan if len(free) else 0.0, np.zeros(n),
                        np.zeros(n, dtype=bool), np.zeros((n, 0)), False, is_on_edge)  # fmt: skip
    rest = curvature(of_free, x[free])
    if rest is None:
        return unknown
    there, square, flat = x.copy(), unknown.hessian.copy(), np.zeros((n, rest.flat.shape[1]))
    there[free], square[np.ix_(free, free)], flat[free] = rest.x, rest.hessian, rest.flat
    step, is_running, edges = unknown.step.copy(), unknown.is_running.copy(), is_on_edge.copy()
    step[free], is_running[free] = rest.step, rest.is_running
    if len(rest.is_on_edge):
        edges[free] = rest.is_on_edge
    return Curvature(there, rest.value, square, rest.decrement, step, is_running, flat, rest.is_saddle, edges)


def _is_plateau(function: Function, x: np.ndarray, value: float, flat: np.ndarray) -> np.ndarray:
    """Which flat directions ``[n, k]`` are so here alone: on the way back to the origin the value is higher."""
    if not flat.shape[1]:
        return np.zeros(0, dtype=bool)
    back = np.stack([x - t * (d @ x) * d for d in flat.T for t in (0.5, 0.9, 1.0)])
    highest = function(back)[0].reshape(-1, 3).max(1)
    return np.asarray(highest > value + RIDGE)


def _is_far_out(function: Function, x: np.ndarray, value: float, square: np.ndarray) -> np.ndarray:
    """Which numbers ``[n]`` are on a plateau: their curvature here, which may be rounding alone, tells nothing of how much
    higher the value is on the way back to the origin."""
    is_far = np.zeros(len(x), dtype=bool)
    weak = np.flatnonzero((0.5 * np.abs(np.diagonal(square)) * x * x < 0.1 * RIDGE) & (x != 0))
    if len(weak):
        back = np.repeat(x[None], 3 * len(weak), axis=0)
        back[np.arange(len(back)), np.repeat(weak, 3)] *= np.tile([0.5, 0.1, 0.0], len(weak))
        is_far[weak] = function(back)[0].reshape(-1, 3).max(1) > value + RIDGE
    return is_far


def _at(function: Function, x: np.ndarray) -> tuple[float, np.ndarray]:
    values, gradients = function(x[None])
    return float(values[0]), gradients[0]


def _newton(square: np.ndarray, gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """The Newton step within the directions that have curvature, the directions that have none, and whether some curve
    downwards. Every number is measured by the root of its own curvature, so that units do not matter; negative curvature
    is taken by its size."""
    roots = np.sqrt(np.abs(np.diagonal(square)))
    units = np.where(roots > 0, roots, 1.0)
    scaled = square / units[:, None] / units
    if _is_well_curved(scaled):
        return -np.linalg.solve(scaled, gradient / units) / units, np.zeros((len(square), 0)), False
    values, vectors = np.linalg.eigh(scaled)
    top = max(float(np.abs(values).max()), TINY)
    is_flat = np.abs(values) <= FLAT * top
    along = vectors.T @ (gradient / units)
    step = -(vectors @ np.where(is_flat, 0.0, along / np.maximum(np.abs(values), TINY)))
    flat = vectors[:, is_flat] / units[:, None]
    is_saddle = bool((values < -FLAT * top).any())
    return step / units, flat / np.maximum(np.linalg.norm(flat, axis=0), TINY), is_saddle


def _is_well_curved(square: np.ndarray) -> bool:
    """Whether every curvature is above a `FLAT` share of a bound on the greatest (the largest sum of a row): a Cholesky
    factor tells it, at a tenth of the price of eigenvalues."""
    least = FLAT * float(np.abs(square).sum(1).max())
    try:
        np.linalg.cholesky(square - least * np.eye(len(square)))
    except np.linalg.LinAlgError:
        return False
    return True


def _lower(function: Function, x: np.ndarray, value: float, step: np.ndarray) -> np.ndarray:
    """The point after a step, halved until the value is no higher; the point itself where none is."""
    t = 1.0
    for _ in range(TRIALS):
        there = x + t * step
        reached, gradient = _at(function, there)
        if reached <= value and np.isfinite(gradient).all():
            return there
        t *= 0.5
    return x

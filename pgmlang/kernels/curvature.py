"""Curvature at the end of a climb: whether the point is a maximum, and what the data leave open.

A gradient near zero says little by itself: a likelihood that rises for ever (separable classes) is flat far out, and so is
one along a direction that the data do not see. Two Newton steps tell them apart (Boyd and Vandenberghe 2004, section
9.5): at a proper maximum the second is far shorter than the first, on the way to infinity they stay as long, and along a
ridge there is no curvature to divide by. Where a hair further the density is zero (a support that ends at an observed
value) the height jumps, and curvature says nothing of a number: those are named, and held for the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pgmlang.kernels.second_derivatives import NONE, Function, is_well_curved, own_units, second_derivatives

MOST = 4096
"""Most numbers whose curvature is worked out: 134 MB of second derivatives, and as much again three times."""
FEW = 256
"""Numbers up to which second derivatives are taken anew after each step; of more, those of the first place serve for both."""
NEAR = 1e-4
"""A climb ended near its maximum where no more is to be gained, in nats: standard errors change by less than a hundredth."""
SETTLED = 1e-3
"""A Newton step this short, in units of a number's size, has arrived."""
ARRIVED = 1e-6
"""A first step this short needs no second."""
WITHIN = 1e-6
"""Where no more is to be gained than this, in nats: far from zero a step is short beside the number, and may be long beside
its standard error."""
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

    @property
    def flat_shares(self) -> np.ndarray:
        """How much each number ``[n]`` has to do with the ridges, every number in units of its own curvature."""
        inside = self.flat * own_units(self.hessian)[:, None]
        return np.asarray(np.linalg.norm(inside / np.maximum(np.linalg.norm(inside, axis=0), TINY), axis=1))

    def covariance(self) -> np.ndarray:
        """The inverse Hessian ``[n, n]``: of minus a log-likelihood, the estimates' covariance by the observed
        information. NaN where the point is no minimum, and of numbers on an edge."""
        out = np.full_like(self.hessian, math.nan)
        smooth = np.flatnonzero(~self.is_on_edge) if len(self.is_on_edge) else np.arange(len(out))
        if self.is_minimum_off_edges and len(smooth):
            square = np.ix_(smooth, smooth)
            units = own_units(self.hessian[square])
            out[square] = np.linalg.inv(self.hessian[square] / units[:, None] / units) / units[:, None] / units
        return out


def reason_against(numbers: int) -> str:
    """Why the curvature of so many numbers is not worked out; empty where it is, unless it is `TooCostly`."""
    if not numbers:
        return "nothing is free"
    if numbers > MOST:
        return f"{numbers:,} numbers were estimated together, and there is memory for the curvature of at most {MOST:,}"
    return ""


def hessian(
    function: Function, x: np.ndarray, around: Callable[[np.ndarray], Function] | None = None
) -> np.ndarray:
    """Second derivatives ``[n, n]``, NaN where a gradient is none. Raises TooCostly."""
    return second_derivatives(function, x, around)[0]


def curvature(
    function: Function, x: np.ndarray, around: Callable[[np.ndarray], Function] | None = None
) -> Curvature | None:
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
            square, is_on_edge = second_derivatives(function, x, around)
            if is_on_edge.any() and math.isfinite(value):
                return _beside_edges(function, x, value, is_on_edge)
        if not (np.isfinite(square).all() and np.isfinite(gradient).all()):
            return None
        step, flat, is_saddle = _newton(square, gradient)
        decrements.append(float(-0.5 * gradient @ step))
        is_short = (np.abs(step) <= ARRIVED * np.maximum(np.abs(x), 1.0)).all() and decrements[-1] <= WITHIN
        if is_short and not flat.shape[1]:
            is_running = _is_far_out(function, x, value, square)
            return Curvature(x, value, square, decrements[-1], step, is_running, flat, is_saddle)
        steps.append(step)
        x = _lower(function, x, value, step)
    value, gradient = _at(function, x)
    if len(x) <= FEW or decrements[0] > NEAR or flat.shape[1] or is_saddle:
        square = hessian(function, x, around)
    if not (np.isfinite(square).all() and np.isfinite(gradient).all()):
        return None
    step, flat, is_saddle = _newton(square, gradient)
    longest = np.abs(np.stack(steps)).min(0)
    decrement = float(-0.5 * gradient @ step)
    is_long = np.abs(step) > SETTLED * np.maximum(np.abs(x), 1.0)
    if decrement > WITHIN:
        is_long = is_long | (np.abs(step) * own_units(square) > 0.1)
    is_running = is_long & (np.abs(step) > 0.25 * longest)
    is_plateau = _is_plateau(function, x, value, flat)
    # several directions of a plateau share their numbers: each number is measured by its part in all of them
    is_running = is_running | (np.linalg.norm(flat[:, is_plateau], axis=1) > 0.1)
    is_running = is_running | _is_far_out(function, x, value, square)
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
    units = own_units(square)
    scaled = square / units[:, None] / units
    if is_well_curved(scaled):
        return -np.linalg.solve(scaled, gradient / units) / units, np.zeros((len(square), 0)), False
    values, vectors = np.linalg.eigh(scaled)
    top = max(float(np.abs(values).max()), TINY)
    is_flat = np.abs(values) <= NONE * top
    along = vectors.T @ (gradient / units)
    step = -(vectors @ np.where(is_flat, 0.0, along / np.where(is_flat, 1.0, np.maximum(np.abs(values), TINY))))
    flat = vectors[:, is_flat] / units[:, None]
    is_saddle = bool((values < -NONE * top).any())
    return step / units, flat / np.maximum(np.linalg.norm(flat, axis=0), TINY), is_saddle


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

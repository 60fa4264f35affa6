"""Limited-memory BFGS as a function from state to state (Nocedal and Wright 2006, algorithms 7.4 and 7.5).

``torch.optim.LBFGS`` keeps its history in an object, and its first use imports the compiler of torch, 1.5 seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pgmlang.kernels.log_density import GradientNotFinite

HISTORY = 20
TRIALS = 40
"""Most evaluations of a line search."""
DECREASE, CURVATURE = 1e-4, 0.9

Function = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Value and gradient at a vector."""


class Point(NamedTuple):
    """Where the descent is, with its last steps and the changes of the gradient along them. ``is_stuck``: no step
    downhill was found, up to rounding."""

    x: Tensor
    value: Tensor
    gradient: Tensor
    steps: tuple[Tensor, ...] = ()
    changes: tuple[Tensor, ...] = ()
    is_stuck: bool = False

    @property
    def largest_slope(self) -> float:
        """The gradient's largest number by size; zero where nothing is free."""
        return float(self.gradient.abs().max()) if self.gradient.numel() else 0.0


def start(function: Function, x: Tensor) -> Point:
    """The first point. Raises GradientNotFinite where the function has a value and no slope."""
    value, gradient = function(x)
    if bool(torch.isfinite(value)) and not bool(torch.isfinite(gradient).all()):
        raise GradientNotFinite(x)
    return Point(x, value, gradient)


def descend(
    function: Function, point: Point, iterations: int, is_over: Callable[[], bool] = lambda: False
) -> Point:
    """Some iterations; fewer where the gradient is zero, no lower value is found or the time
    ``is_over``. Raises GradientNotFinite where the
    function falls to values without a finite gradient and to no others."""
    for _ in range(iterations):
        if point.is_stuck or not point.largest_slope > 0:
            return point._replace(is_stuck=True)
        if is_over():
            break
        point = _iterate(function, point)
    return point


def _iterate(function: Function, point: Point) -> Point:
    direction = _direction(point)
    if not bool(direction @ point.gradient < 0):
        # rounding spoiled the history
        point = point._replace(steps=(), changes=())
        direction = -point.gradient
    if point.steps and -float(direction @ point.gradient) <= _rounding(point.value):
        return point._replace(is_stuck=True)
    first = 1.0 if point.steps else min(1.0, 1 / float(point.gradient.abs().sum()))
    accepted = _search(function, point, direction, first)
    if accepted is None:
        return point._replace(steps=(), changes=()) if point.steps else point._replace(is_stuck=True)
    x, value, gradient = accepted
    step, change = x - point.x, gradient - point.gradient
    if not bool(step @ change > 1e-14 * change @ change):
        return Point(x, value, gradient, point.steps, point.changes)
    return Point(x, value, gradient, (*point.steps, step)[-HISTORY:], (*point.changes, change)[-HISTORY:])


def _direction(point: Point) -> Tensor:
    """Minus the approximate inverse Hessian times the gradient, by the two loops."""
    q = point.gradient
    shares = []
    for step, change in zip(reversed(point.steps), reversed(point.changes), strict=True):
        share = (step @ q) / (step @ change)
        shares.append(share)
        q = q - share * change
    if point.steps:
        q = q * ((point.steps[-1] @ point.changes[-1]) / (point.changes[-1] @ point.changes[-1]))
    for step, change, share in zip(point.steps, point.changes, reversed(shares), strict=True):
        q = q + step * (share - (change @ q) / (step @ change))
    return -q


def _rounding(value: Tensor) -> float:
    """The least change that a value of this size shows."""
    return torch.finfo(value.dtype).eps * abs(float(value)) if bool(torch.isfinite(value)) else 0.0


def _search(
    function: Function, point: Point, direction: Tensor, first: float
) -> tuple[Tensor, Tensor, Tensor] | None:
    """A point that satisfies the weak Wolfe conditions, by bisection (Lewis and Overton 2013, algorithm 2.6); the
    lowest one seen when there is none, or None where none is lower. Points without a finite gradient are too far; no
    step is looked for that promises less than the rounding of the value."""
    slope = float(direction @ point.gradient)
    value, rounding = float(point.value), _rounding(point.value)
    low, high, t = 0.0, float("inf"), first
    best: tuple[Tensor, Tensor, Tensor] | None = None
    without_slope: Tensor | None = None
    for _ in range(TRIALS):
        x = point.x + t * direction
        f, g = function(x)
        is_lower, has_slope = float(f) <= value + DECREASE * t * slope, bool(torch.isfinite(g).all())
        without_slope = x if is_lower and not has_slope else None
        if not (is_lower and has_slope):
            high = t
        else:
            if best is None or bool(f < best[1]):
                best = (x, f, g)
            if float(direction @ g) >= CURVATURE * slope:
                return x, f, g
            low = t
        if -high * slope <= rounding:
            break
        t = 0.5 * (low + high) if high < float("inf") else 2 * low
    if best is None and without_slope is not None:
        raise GradientNotFinite(without_slope)
    return best if best is not None and float(best[1]) < value else None

"""Curvature at the end of a climb: whether the point is a maximum, and what the data leave open.

A gradient near zero says little by itself: a likelihood that rises for ever (separable classes) is flat far out, and so is
one along a direction that the data do not see. Two Newton steps tell them apart (Boyd and Vandenberghe 2004, section
9.5): at a proper maximum the second is far shorter than the first, on the way to infinity they stay as long, and along a
ridge there is no curvature to divide by.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pgmlang.kernels.lbfgs import Function

MOST = 256
"""Most numbers whose curvature is worked out: twice as many gradients, three times."""
SETTLED = 1e-3
"""A Newton step this short, in units of a number's size, has arrived."""
FLAT = 1e-7
"""A curvature below this share of the greatest, every number in units of its own curvature, is none."""
RIDGE = 1e-3
"""Along a ridge nothing rises by more, in nats."""
TRIALS = 30


class Curvature(NamedTuple):
    """``x`` ``[n]``: the point after the Newton steps; ``value``: what is minimised, there; ``hessian`` ``[n, n]``;
    ``decrement``: half the squared Newton decrement: how much lower the minimum should lie; ``step`` ``[n]``: the
    last Newton step; ``is_running`` ``[n]``: numbers whose Newton steps do not get shorter, or that have come to a
    plateau far out; ``flat`` ``[n, k]``: unit directions of ridges, along which nothing changes."""

    x: Tensor
    value: float
    hessian: Tensor
    decrement: float
    step: Tensor
    is_running: Tensor
    flat: Tensor

    @property
    def is_minimum(self) -> bool:
        """Whether the point is a minimum, and the only one near."""
        return not bool(self.is_running.any()) and not self.flat.shape[1] and math.isfinite(self.decrement)

    def covariance(self) -> Tensor:
        """The inverse Hessian ``[n, n]``: of minus a log-likelihood, the estimates' covariance by the observed
        information. NaN where the point is no minimum."""
        if not self.is_minimum:
            return torch.full_like(self.hessian, math.nan)
        return torch.linalg.inv(self.hessian)


def hessian(function: Function, x: Tensor) -> Tensor:
    """Second derivatives ``[n, n]`` by central differences of gradients, made symmetric; NaN where a gradient is none."""
    sizes = torch.finfo(x.dtype).eps ** (1 / 3) * x.abs().clamp(min=1.0)
    columns = []
    for i in range(len(x)):
        shift = torch.zeros_like(x)
        shift[i] = sizes[i]
        # what was added after rounding
        above, below = x + shift, x - shift
        columns.append((function(above)[1] - function(below)[1]) / (above[i] - below[i]))
    square = torch.stack(columns, 1)
    return 0.5 * (square + square.mT)


def curvature(function: Function, x: Tensor) -> Curvature | None:
    """The curvature of what is minimised at a point that a climb ended in, after at most two Newton steps from it. None
    with more than `MOST` numbers or none at all, or where derivatives are not finite."""
    if not 0 < len(x) <= MOST:
        return None
    steps: list[Tensor] = []
    for _ in range(2):
        value, gradient = function(x)
        square = hessian(function, x)
        if not (bool(torch.isfinite(square).all()) and bool(torch.isfinite(gradient).all())):
            return None
        step, flat = _newton(square, gradient)
        steps.append(step)
        x = _lower(function, x, float(value), step)
    value, gradient = function(x)
    square = hessian(function, x)
    step, flat = _newton(square, gradient)
    if not bool(torch.isfinite(square).all()):
        return None
    longest = torch.stack([s.abs() for s in steps]).amin(0)
    size = SETTLED * x.abs().clamp(min=1.0)
    is_running = (step.abs() > size) & (step.abs() > 0.25 * longest)
    is_plateau = _is_plateau(function, x, float(value), flat)
    # several directions of a plateau share their numbers: each number is measured by its part in all of them
    is_running = is_running | (flat[:, is_plateau].norm(dim=1) > 0.1)
    decrement = float(-0.5 * gradient @ step)
    return Curvature(x, float(value), square, decrement, step, is_running, flat[:, ~is_plateau])


def _is_plateau(function: Function, x: Tensor, value: float, flat: Tensor) -> Tensor:
    """Which flat directions ``[n, k]`` are so here alone: on the way back to the origin the value is higher."""
    back = [max(float(function(x - t * (d @ x) * d)[0]) for t in (0.5, 0.9, 1.0)) for d in flat.T]
    return torch.tensor([b > value + RIDGE for b in back], dtype=torch.bool, device=x.device)


def _newton(square: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """The Newton step within the directions that have curvature, and the directions that have none. Every number is
    measured by the root of its own curvature, so that units do not matter; negative curvature is taken by its size."""
    own = square.diagonal().abs().sqrt()
    units = torch.where(own > 0, own, torch.ones_like(own))
    values, vectors = torch.linalg.eigh(square / units[:, None] / units)
    top = values.abs().max().clamp(min=torch.finfo(square.dtype).tiny)
    is_flat = values.abs() <= FLAT * top
    along = vectors.mT @ (gradient / units)
    step = -(vectors @ torch.where(is_flat, 0.0, along / values.abs().clamp(min=torch.finfo(square.dtype).tiny)))
    flat = vectors[:, is_flat] / units[:, None]
    return step / units, flat / flat.norm(dim=0).clamp(min=torch.finfo(square.dtype).tiny)


def _lower(function: Function, x: Tensor, value: float, step: Tensor) -> Tensor:
    """The point after a step, halved until the value is no higher; the point itself where none is."""
    t = 1.0
    for _ in range(TRIALS):
        there = x + t * step
        reached, gradient = function(there)
        if float(reached) <= value and bool(torch.isfinite(gradient).all()):
            return there
        t *= 0.5
    return x

"""Where chains begin, and with which metric: paths of `pathfinder` in coordinates in which the posterior is about round.

L-BFGS goes nowhere where numbers hang together to ten digits, as an intercept and the slope of a predictor far from zero do. There the
second derivatives, every number in its own unit, tell the coordinates in which it does, and paths begin again in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.kernels.curvature import FEW
from pgmlang.kernels.kernel import normal
from pgmlang.kernels.log_density import LogDensity, value, value_and_grad
from pgmlang.kernels.metric import PRICE, Metric, of_factor
from pgmlang.kernels.pathfinder import Paths, best_of, pathfinder
from pgmlang.kernels.second_derivatives import TooCostly, own_units, second_derivatives

ROUNDS = 3
"""Most times that paths begin."""
ROUND = 1e4
"""Curvatures this many times apart are round enough for paths, in the coordinates of a path's normal distribution."""
LEAST = 1e-15
"""A curvature of less, every number in its own unit, is rounding."""
DRAWS = 24
"""Draws that the normal distribution of second derivatives is compared by."""
FAR_BELOW = 10.0
"""Nats, and half of one for each number: a path whose bound lies farther below the best has not arrived."""


class Beginning(NamedTuple):
    """``points [C, d]`` to begin at, ``metric`` to begin with; None where there is none."""

    points: Tensor
    metric: Metric | None


class _Turned:
    """A log-density of ``x = z B^T``, over z."""

    def __init__(self, logdensity: LogDensity, factor: Tensor) -> None:
        self.logdensity, self.factor = logdensity, factor

    def __call__(self, z: Tensor) -> Tensor:
        return self.logdensity(z @ self.factor.T)

    def value(self, z: Tensor) -> Tensor:
        return value(self.logdensity, z @ self.factor.T)

    def value_and_grad(self, z: Tensor) -> tuple[Tensor, Tensor]:
        height, slope = value_and_grad(self.logdensity, z @ self.factor.T)
        return height, slope @ self.factor


@torch.no_grad()
def beginning(
    logdensity: LogDensity,
    x: Tensor,
    generator: Generator,
    check: Callable[[], None] = lambda: None,
    *,
    attempts: int = 1,
    together: int = 1,
    price: float = PRICE,
    rounds: int = ROUNDS,
) -> Beginning:
    """From points ``[attempts * C, d]`` of positive density, of which every chain has some and takes the best, so many ``together``;
    ``check`` is called now and then, and may raise; ``price``: of a metric's direction; ``rounds``: most times that paths begin."""
    d = x.shape[-1]
    if d == 0:
        return Beginning(x[: len(x) // attempts], None)
    factor: Tensor | None = None
    points, highest = x, -math.inf
    chains = len(x) // attempts
    for i in range(rounds):
        seen = logdensity if factor is None else _Turned(logdensity, factor)
        try:
            z = points if factor is None else torch.linalg.solve(factor, points.T).T
            parts = z.split(chains * together) if i == 0 else (z,)
            paths = best_of([pathfinder(seen, part, generator, check) for part in parts], chains)
            bound = float(paths.bounds.max()) + _volume(factor)
            if bound < highest:
                break
            highest = bound
            z = _arrived(paths)
            points = z if factor is None else z @ factor.T
            if d > FEW:
                return Beginning(points, None if paths.normal is None else paths.normal.metric(price))
            check()
            inner, is_round = _rounded(seen, z, paths, generator)
        except torch.linalg.LinAlgError:
            # numbers too far apart for any factor: the warm-up has to do
            return Beginning(points[:chains], None)
        if inner is not None:
            factor = inner if factor is None else factor @ inner
        if is_round or inner is None:
            break
    is_usable = factor is not None and bool(torch.isfinite(factor).all() & (factor != 0).any(-1).all())
    return Beginning(points, of_factor(factor, price) if is_usable and factor is not None else None)


def _volume(factor: Tensor | None) -> float:
    """What a bound in turned coordinates lacks."""
    return 0.0 if factor is None else float(torch.linalg.slogdet(factor)[1])


def _arrived(paths: Paths) -> Tensor:
    """The points of paths, those far below the best in their bounds by draws of the best one."""
    d = paths.points.shape[-1]
    if not len(paths.others):
        return paths.points
    is_lost = paths.bounds < paths.bounds.max() - FAR_BELOW - 0.5 * d
    fill = paths.others[torch.arange(len(paths.points), device=is_lost.device) % len(paths.others)]
    return torch.where(is_lost.unsqueeze(-1), fill, paths.points)


def _rounded(logdensity: LogDensity, z: Tensor, paths: Paths, generator: Generator) -> tuple[Tensor | None, bool]:
    """A factor of the covariance around the best path, and whether its normal distribution was about that already. None where nothing is
    known of it."""
    d = z.shape[-1]
    eye = torch.eye(d, dtype=z.dtype, device=z.device)
    if paths.normal is None:
        centre, first = z[value(logdensity, z).argmax()], eye
    else:
        centre, first = paths.normal.mean[0], paths.normal.factor()
    hessian = _hessian(logdensity, centre, first)
    if hessian is None:
        return (None if paths.normal is None else first), True
    units = torch.from_numpy(own_units(hessian.cpu().numpy())).to(z)
    curvature, vectors = torch.linalg.eigh(hessian / units / units.unsqueeze(-1))
    by_curvature = first @ (vectors / curvature.abs().clamp(min=LEAST).sqrt() / units.unsqueeze(-1))
    whole = torch.linalg.eigvalsh(hessian)
    is_definite = bool(curvature[0] > LEAST)
    is_round = paths.normal is not None and is_definite and bool(whole[-1] < ROUND * whole[0])
    if paths.normal is not None and is_definite:
        _, slope = value_and_grad(logdensity, centre.unsqueeze(0))
        newton = centre + by_curvature @ (by_curvature.T @ slope[0])
        if _bound(logdensity, newton, by_curvature, generator) < _bound(logdensity, centre, first, generator):
            return first, is_round
    return by_curvature, is_round


def _bound(logdensity: LogDensity, mean: Tensor, factor: Tensor, generator: Generator) -> float:
    """The bound on the evidence of a normal distribution, by draws."""
    noise = normal(generator, mean.new_empty(DRAWS, len(mean)))
    points = mean + noise @ factor.T
    volume = torch.linalg.slogdet(factor)[1]
    bound = (value(logdensity, points) + 0.5 * noise.square().sum(-1)).mean() + volume
    return float(torch.nan_to_num(bound, nan=-torch.inf))


def _hessian(logdensity: LogDensity, centre: Tensor, factor: Tensor) -> Tensor | None:
    """Minus the second derivatives ``[d, d]`` at a point, in the coordinates of a factor; None where there are none."""

    def function(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shifted = centre + torch.from_numpy(u).to(centre) @ factor.T
        height, slope = value_and_grad(logdensity, shifted)
        return -height.double().cpu().numpy(), -(slope @ factor).double().cpu().numpy()

    try:
        hessian, _ = second_derivatives(function, np.zeros(len(centre)))
    except TooCostly:
        return None
    return torch.from_numpy(hessian).to(centre) if np.isfinite(hessian).all() else None

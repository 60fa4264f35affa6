"""Adaptation during warm-up: step size, metric, trajectory time.  What runs on is a separate immutable state each.

Estimates are pooled over the chains, the axis ``C`` of ``[..., C, d]``; axes before it keep estimates of their own.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from pgmlang.kernels import metric
from pgmlang.kernels.metric import Metric

# Hoffman and Gelman (2014), sec. 3.2.1
SHRINKAGE, DELAY, DECAY = 0.05, 10.0, 0.75
# rounds of the power method, after which a direction is near enough to the widest
POWERS = 30
# how often a window remembers the points of all chains at least, and how many of them together, where that is more; and the most numbers
# of these, four times apart
SNAPSHOTS, ENOUGH, REMEMBERED = 25, 600, 4_000_000


class DualAveraging(NamedTuple):
    """Step size by Nesterov's dual averaging (Hoffman and Gelman 2014, eq. 6)."""

    log_step: Tensor  # [..., 1], in use during warm-up
    log_average: Tensor  # [..., 1], to be used after it
    error: Tensor  # [..., 1], running mean of target - acceptance
    centre: Tensor  # [..., 1], log of ten times the first step
    seen: int


def dual_averaging(step_size: Tensor) -> DualAveraging:
    """Start from ``step_size [..., 1]``."""
    # of chains that are nowhere it may have come to nothing, and the average would be no number
    log_step = step_size.clamp(min=torch.finfo(step_size.dtype).tiny).log()
    return DualAveraging(log_step, log_step, torch.zeros_like(log_step), log_step + math.log(10.0), 0)


def average_step(state: DualAveraging, acceptance: Tensor, target: float) -> DualAveraging:
    """One update from the pooled acceptance ``[..., 1]``; an acceptance that is no number counts as zero."""
    count = state.seen + 1
    weight = 1.0 / (count + DELAY)
    error = (1.0 - weight) * state.error + weight * (target - torch.nan_to_num(acceptance, nan=0.0))
    log_step = state.centre - math.sqrt(count) / SHRINKAGE * error
    mix = count**-DECAY
    return DualAveraging(log_step, mix * log_step + (1.0 - mix) * state.log_average, error, state.centre, count)


class Moments(NamedTuple):
    """Welford's running mean and squares, pooled over chains and iterations."""

    seen: int
    mean: Tensor  # [..., 1, d]
    square: Tensor  # [..., 1, d], or [..., d, d] when dense


def moments(x: Tensor, dense: bool) -> Moments:
    """Empty moments for points ``x [..., C, d]``."""
    mean = torch.zeros_like(x[..., :1, :])
    return Moments(0, mean, torch.zeros_like(mean.transpose(-1, -2) @ mean if dense else mean))


def add_points(state: Moments, x: Tensor) -> Moments:
    """Moments with the ``C`` points of ``x [..., C, d]`` added (Chan, Golub, LeVeque 1983, eq. 2.1)."""
    size = x.shape[-2]
    total = state.seen + size
    centre = x.mean(-2, keepdim=True)
    inner, shift = x - centre, centre - state.mean
    between = state.seen * size / total
    if state.square.shape == state.mean.shape and x.shape[-1] != 1:
        square = inner.square().sum(-2, keepdim=True) + between * shift.square()
    else:
        # in one dimension both forms are [..., 1, 1]
        square = inner.transpose(-1, -2) @ inner + between * shift.transpose(-1, -2) @ shift
    return Moments(total, state.mean + shift * (size / total), state.square + square)


def metric_of(state: Moments, dense: bool) -> Metric:
    """The metric from the moments, diagonal or dense.

    Shrunk towards 1e-3 with the weight of five draws, as in Stan.  A covariance from fewer draws than twice its
    dimension keeps its diagonal only.
    """
    n = state.seen
    weight = n / (n + 5.0)
    estimate = weight * state.square / max(n - 1, 1)
    least = 1e-3 * (1.0 - weight)
    if not dense:
        return metric.diagonal(estimate + least)
    if n <= 2 * state.mean.shape[-1]:
        return metric.diagonal(estimate.diagonal(dim1=-2, dim2=-1).unsqueeze(-2) + least)
    eye = torch.eye(state.mean.shape[-1], dtype=estimate.dtype, device=estimate.device)
    return metric.dense(estimate + least * eye)


class Windows(NamedTuple):
    """Iterations of the warm-up at which the metric is learnt."""

    start: int
    ends: tuple[int, ...]  # the metric changes after the iteration end - 1

    def learns(self, iteration: int) -> bool:
        """Whether the points after this iteration count."""
        return bool(self.ends) and self.start <= iteration < self.ends[-1]

    def takes_points(self, iteration: int, chains: int, dimension: int) -> bool:
        """Whether those of so many chains are also remembered: some times in a window, evenly, its last iteration among them."""
        if not self.learns(iteration):
            return False
        most = min(max(SNAPSHOTS, ENOUGH // chains), max(4, REMEMBERED // max(chains * dimension, 1)))
        begin, end = next((b, e) for b, e in pairwise((self.start, *self.ends)) if iteration < e)
        return (end - 1 - iteration) % -(-(end - begin) // most) == 0


def windows(warmup: int, first: int = 75, last: int = 50, base: int = 25) -> Windows:
    """Stan's schedule: a first buffer, doubling windows, a last buffer for the step size alone.

    Short warm-ups take 15% and 10% for the buffers; below 20 iterations only the step size is adapted.
    """
    if warmup < 20:
        return Windows(warmup, ())
    if first + base + last > warmup:
        first, last = int(0.15 * warmup), int(0.1 * warmup)
        base = warmup - first - last
    ends, begin, stop = [], first, warmup - last
    while begin < stop:
        # a window that would leave less than the next one needs takes the rest
        end = begin + base if begin + 3 * base <= stop else stop
        ends.append(end)
        begin, base = end, 2 * base
    return Windows(first, tuple(ends))


def widest_variance(points: Tensor, metric: Metric) -> Tensor:
    """About the largest variance ``[]`` of any direction of ``points [draw, C, d]`` whitened by the metric, one at least.

    The largest eigenvalue of the whitened covariance sets the longest period of a trajectory (Hoffman and Sountsov 2022, sec. 3, tune by
    an estimate of it).  The direction is sought in one half of the chains (of one chain's draws) and its variance measured in the other: few points in many
    dimensions, whose own widest direction is far wider than any of the posterior, then err on the low side, towards the mean of all directions.
    """
    whitened = metric.whitened(points)
    whitened = whitened - whitened.mean((0, 1))
    parts = (whitened[:, ::2], whitened[:, 1::2]) if points.shape[1] > 1 else whitened.tensor_split(2)
    first, second = (p.reshape(-1, points.shape[-1]) for p in parts)
    along = _variance_along(second, _widest_direction(first)) + _variance_along(first, _widest_direction(second))
    return (0.5 * along).clamp(min=1.0)


def _widest_direction(x: Tensor) -> Tensor:
    """The first principal direction ``[d]`` of centred points ``x [n, d]``, by the power method from the point farthest out."""
    direction = x[x.square().sum(-1).argmax()]
    for _ in range(POWERS):
        direction = direction / direction.norm().clamp(min=torch.finfo(x.dtype).tiny)
        direction = (x @ direction) @ x
    return direction / direction.norm().clamp(min=torch.finfo(x.dtype).tiny)


def _variance_along(x: Tensor, direction: Tensor) -> Tensor:
    return torch.nan_to_num((x @ direction).square().mean(), nan=1.0, posinf=1.0)

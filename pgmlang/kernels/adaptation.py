"""Adaptation during warm-up: step size, metric, trajectory length.  Each is a separate immutable state.

Estimates are pooled over the chains, the axis ``C`` of ``[..., C, d]``; axes before it keep estimates of their own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

# Hoffman and Gelman (2014), sec. 3.2.1
SHRINKAGE, DELAY, DECAY = 0.05, 10.0, 0.75


class DualAveraging(NamedTuple):
    """Step size by Nesterov's dual averaging (Hoffman and Gelman 2014, eq. 6)."""

    log_step: Tensor  # [..., 1], in use during warm-up
    log_average: Tensor  # [..., 1], to be used after it
    error: Tensor  # [..., 1], running mean of target - acceptance
    centre: Tensor  # [..., 1], log of ten times the first step
    seen: int


def dual_averaging(step_size: Tensor) -> DualAveraging:
    """Start from ``step_size [..., 1]``."""
    log_step = step_size.log()
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


def metric_of(state: Moments, dense: bool) -> Tensor:
    """The metric from the moments: variances ``[..., 1, d]``, or when dense a Cholesky factor ``[..., d, d]``.

    Shrunk towards 1e-3 with the weight of five draws, as in Stan.  A covariance from fewer draws than twice its
    dimension keeps its diagonal only.
    """
    n = state.seen
    weight = n / (n + 5.0)
    estimate = weight * state.square / max(n - 1, 1)
    if not dense:
        return estimate + 1e-3 * (1.0 - weight)
    diagonal = torch.diag_embed(estimate.diagonal(dim1=-2, dim2=-1) + 1e-3 * (1.0 - weight))
    if n <= 2 * state.mean.shape[-1]:
        return diagonal.sqrt()
    eye = torch.eye(state.mean.shape[-1], dtype=estimate.dtype, device=estimate.device)
    factor, failed = torch.linalg.cholesky_ex(estimate + 1e-3 * (1.0 - weight) * eye)
    return torch.where((failed == 0)[..., None, None], factor, diagonal.sqrt())


class Windows(NamedTuple):
    """Iterations of the warm-up at which the metric is learnt."""

    start: int
    ends: tuple[int, ...]  # the metric changes after the iteration end - 1


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


class Chees(NamedTuple):
    """Trajectory time by ChEES (Hoffman, Radul, Sountsov 2021), with Adam's scaling of the gradient."""

    log_time: Tensor  # []
    log_average: Tensor  # []
    square: Tensor  # [], running mean of the squared gradient
    seen: int


RATE, MEMORY = 0.025, 0.95


def chees(time: Tensor) -> Chees:
    """Start from the trajectory time ``[]``."""
    return Chees(time.log(), time.log(), torch.zeros_like(time), 0)


def chees_gradient(
    before: Tensor, after: Tensor, momentum: Tensor, metric: Tensor, acceptance: Tensor, time: Tensor
) -> Tensor:
    """Gradient ``[]`` in log time, up to a positive factor, of the ChEES criterion per unit of time.

    ChEES is ``E[(|q'|^2 - |q|^2)^2] / 4`` about the means (sec. 3 there); its rate is the criterion that Sountsov and
    Hoffman (2021) prefer, and unlike ChEES itself it cannot run away where the orbits are periodic.  ``before``,
    ``after`` (proposed) and ``momentum`` at the end are ``[C, d]``, ``acceptance [C]``, ``time []`` that of the
    trajectory.  Taken in the coordinates whitened by ``metric [1, d]``, so that no one scale rules it.
    """
    scale = metric.sqrt()
    ok = torch.isfinite(after).all(-1) & torch.isfinite(momentum).all(-1)
    weight = torch.where(ok, acceptance, torch.zeros_like(acceptance))
    wide = ok.unsqueeze(-1)
    after = torch.where(wide, after, before) / scale
    before = before / scale
    velocity = torch.where(wide, momentum, torch.zeros_like(momentum)) * scale
    total = weight.sum().clamp(min=1e-10)
    from_start = before - before.mean(-2, keepdim=True)
    from_end = after - (weight.unsqueeze(-1) * after).sum(-2, keepdim=True) / total
    jump = from_end.square().sum(-1) - from_start.square().sum(-1)
    slope = time * jump * (from_end * velocity).sum(-1)
    return (weight * (slope - 0.25 * jump.square())).sum() / total


def lengthen(state: Chees, gradient: Tensor, shortest: Tensor, longest: Tensor) -> Chees:
    """One ascent step on the log time, kept between ``shortest []`` and ``longest []``."""
    count = state.seen + 1
    gradient = torch.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)
    square = MEMORY * state.square + (1.0 - MEMORY) * gradient.square()
    size = (square / (1.0 - MEMORY**count)).sqrt()
    log_time = state.log_time + RATE * gradient / (size + 1e-12)
    log_time = torch.minimum(torch.maximum(log_time, shortest.log()), longest.log())
    mix = count**-0.5
    return Chees(log_time, mix * log_time + (1.0 - mix) * state.log_average, square, count)

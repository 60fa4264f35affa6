"""Mean and variance of distributions that are known by their tails alone: integrals of the tails on both sides of the median
(``E (X - m)+ = int_m P(X > x) dx``) by the rules of Takahasi and Mori (1974), sums for whole numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pgmlang.density.quantiles import quantile

FIRST_STEP = 0.25
HALVINGS = 5
NEAR = 1e-10
"""Relative difference of two steps at which none is halved any more."""
REACH = 4.0
"""Of the nodes before the map, towards the median."""
REACH_BEYOND = 6.75
"""The same away from it: e to the 670 scales where there is no bound."""
NEGLIGIBLE = 1e-6
"""Share of the last node of an unbounded side above which the integral does not exist."""
CLOSE = 8.0
"""Scales of the middle that are integrated apart from what is beyond."""
BLOCK = 16
"""Nodes, and whole numbers, at a time."""
MOST_TERMS = 200_000
"""Most whole numbers on a side that are summed."""
ROUNDING = 1e-14
"""Of a mean, relative to the standard deviation."""

Tail = Callable[[Tensor], Tensor]


def tail_moments(
    log_cdf: Tail, log_survival: Tail, lower: Tensor, upper: Tensor, *, is_discrete: bool
) -> tuple[Tensor, Tensor]:
    """Mean and variance, elementwise; infinite where they are, NaN where whole numbers are too many to be summed and where
    there is nothing between the bounds. ``lower`` and ``upper``: the ends of the support, infinite ones where there is none."""
    unknown = torch.full_like(lower, math.nan)
    start = torch.where(torch.isfinite(lower), lower, torch.where(torch.isfinite(upper), upper, 0.0))

    def point(chance: float) -> Tensor:
        found = quantile(lambda x: log_cdf(x).exp(), chance, start, unknown, is_discrete=is_discrete)
        return torch.minimum(torch.maximum(found, lower), upper)

    median = point(0.5)
    if is_discrete:
        above = _sums(lambda k: log_survival(median + k), upper - median)
        below = _sums(lambda k: log_cdf(median - 1 - k), median - lower)
    else:
        scale = 0.5 * (point(0.84) - point(0.16))
        scale = torch.where(scale > 0, scale, torch.ones_like(scale))
        above = _integrals(lambda y: log_survival(median + y), upper - median, scale)
        below = _integrals(lambda y: log_cdf(median - y), median - lower, scale)
    shift = above[0] - below[0]
    mean, variance = median + shift, above[1] + below[1] - shift.square()
    # what is zero but for rounding of the two sides
    mean = torch.where(mean.abs() <= ROUNDING * variance.sqrt(), 0.0, mean)
    is_empty = torch.isneginf(torch.logaddexp(log_cdf(start), log_survival(start)))
    return torch.where(is_empty, unknown, mean), torch.where(is_empty, unknown, variance)


def _integrals(log_tail: Tail, width: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """The integrals of a tail and of twice the distance times it, over distances from zero to a width: near, and beyond."""
    is_open = torch.isinf(width)
    near = torch.where(is_open, width, torch.minimum(width, CLOSE * scale))
    beyond = torch.where(is_open, 0.0, width - near)
    zero = torch.zeros_like(width)
    first = _integrals_from(log_tail, zero, near, scale, is_open)
    if not bool((beyond > 0).any()):
        return first
    second = _integrals_from(log_tail, near, beyond, scale, torch.zeros_like(is_open))
    return first[0] + torch.where(beyond > 0, second[0], 0.0), first[1] + torch.where(beyond > 0, second[1], 0.0)


def _integrals_from(
    log_tail: Tail, start: Tensor, width: Tensor, scale: Tensor, is_open: Tensor
) -> tuple[Tensor, Tensor]:
    both = torch.zeros(2, *width.shape, dtype=width.dtype)
    ends = both
    for level in range(HALVINGS):
        step = FIRST_STEP / 2**level
        before, both = both, 0.5 * both
        line = step * torch.arange(round(-REACH / step), round(REACH_BEYOND / step) + 1, dtype=width.dtype)
        # nodes of the steps before are every other one
        for nodes in (line[1::2] if level else line).split(BLOCK):
            log_x, log_slope = _place(nodes.reshape(-1, *[1] * width.dim()), width, scale, is_open)
            x = start + log_x.exp().clamp(max=1e300)
            logs = log_tail(x) + log_slope
            terms = torch.stack([logs, logs + x.log() + math.log(2)]).exp()
            both = both + step * torch.where(torch.isfinite(terms), terms, 0.0).sum(1)
            ends = terms[:, -1]
        if level > 1 and bool(((both - before).abs() <= NEAR * both).all()):
            break
    both = torch.where(is_open & (ends > NEGLIGIBLE * both), math.inf, both)
    return both[0], both[1]


def _place(t: Tensor, width: Tensor, scale: Tensor, is_open: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithms of distances ``[T, *shape]`` and of their slopes by the nodes."""
    bend, log_bend = 0.5 * math.pi * t.sinh(), (0.5 * math.pi * t.cosh()).log()
    far = scale.log() + bend
    # x = width / (1 + exp(-2 bend)), whose slope has what is left of the width as a factor
    share, rest = torch.nn.functional.logsigmoid(2 * bend), torch.nn.functional.logsigmoid(-2 * bend)
    near = torch.where(is_open, 1.0, width).log() + share
    near_slope = near + rest + math.log(2) + log_bend
    return torch.where(is_open, far, near), torch.where(is_open, far + log_bend, near_slope)


def _sums(log_tail: Tail, width: Tensor) -> tuple[Tensor, Tensor]:
    """The sums of a tail at whole distances k = 0, 1, ... below a width, and of (2 k + 1) times it."""
    both = torch.zeros(2, *width.shape, dtype=width.dtype)
    for start in range(0, MOST_TERMS, BLOCK):
        k = torch.arange(start, start + BLOCK, dtype=width.dtype).reshape(-1, *[1] * width.dim())
        terms = torch.where(k < width, log_tail(k.expand(-1, *width.shape)).exp(), 0.0)
        added = torch.stack([terms.sum(0), ((2 * k + 1) * terms).sum(0)])
        both = both + added
        if bool(((added[1] <= 1e-16 * both[1]) | (start + BLOCK >= width)).all()):
            return both[0], both[1]
    return torch.full_like(width, math.nan), torch.full_like(width, math.nan)

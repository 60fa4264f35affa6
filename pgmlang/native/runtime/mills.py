"""Sums and differences of Mills' ratios and tails of the skew normal, by the formulas of `lower/runtime/mills`, with their slopes."""

from __future__ import annotations

import math

from pgmlang.native.compiled import part
from pgmlang.native.runtime.special import log1mexp, log_ndtr
from pgmlang.native.runtime.tails import NODES, WEIGHTS


@part
def fall_of_normal(slope, curvature):
    """How far exp(-slope s - curvature s^2 / 2) falls by e^-40."""
    return 80.0 / (slope + math.sqrt(slope * slope + 80.0 * curvature))


@part
def mills_pair(u, d, sign):
    """log(R(u) + sign R(u - d)) for u <= 0 <= d, and its slopes by u and d."""
    length = fall_of_normal(-u, 1.0)
    middle = min(length, 40.0 / (d - u + 1.0))
    total = by_u = by_d = 0.0
    for i in range(len(NODES)):
        for start, size in ((0.0, middle), (middle, length - middle)):
            way = start + size * NODES[i]
            share = size * WEIGHTS[i] * math.exp(u * way - 0.5 * way * way)
            both = share * (-math.expm1(-d * way) if sign < 0.0 else 1.0 + math.exp(-d * way))
            total += both
            by_u += way * both
            by_d -= sign * way * share * math.exp(-d * way)
    return math.log(total), by_u / total, by_d / total


@part
def skew_normal_tail(z, shape):
    """The log of the chance that a standard skew normal number is below z, and its slopes by z and the shape."""
    is_left = z <= 0.0
    at, lean = (z, shape) if is_left else (-z, -shape)
    curvature = 1.0 + max(lean, 0.0) * max(lean, 0.0)
    length = fall_of_normal(-at * curvature, curvature)
    step = min(max(at + 8.0 / max(abs(lean), 1e-300), 0.0), length)
    top = log_ndtr(lean * at)
    total = 0.0
    for i in range(len(NODES)):
        for start, size in ((0.0, step), (step, length - step)):
            way = start + size * NODES[i]
            total += size * WEIGHTS[i] * math.exp(at * way - 0.5 * way * way + log_ndtr(lean * (at - way)) - top)
    outer = min(math.log(total) + top - 0.5 * at * at - 0.22579135264472744, 0.0)
    value = outer if is_left else log1mexp(-outer)
    square = z * z
    by_z = math.exp(log_ndtr(shape * z) - 0.5 * square - 0.22579135264472744 - value)
    by_shape = -math.exp(-0.5 * square * (1.0 + shape * shape) - value) / (math.pi * (1.0 + shape * shape))
    return value, by_z, by_shape

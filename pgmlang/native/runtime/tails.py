"""Incomplete gamma and beta functions with their slopes: the tails of `lower/runtime/special`, by its formulas.

By t and p the slopes are densities; by the shapes they are means under what is integrated, by the same Gauss rule.
"""

from __future__ import annotations

import math

import numpy as np

from pgmlang.native.compiled import part
from pgmlang.native.runtime.special import (
    deviance,
    digamma,
    log1mexp,
    logaddexp,
    stirling,
)


def gauss_legendre():
    """Nodes and weights of Gauss's rule on the unit interval, from the eigenvalues of its Jacobi matrix
    (Golub and Welsch 1969)."""
    k = np.arange(1.0, 32.0)
    beside = k / np.sqrt(4 * k * k - 1)
    values, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
    return (values + 1) / 2, vectors[0] * vectors[0]


NODES, WEIGHTS = gauss_legendre()
ZETA_LESS_ONE = np.array([
    0.6449340668482264, 0.20205690315959424, 0.08232323371113814, 0.03692775514336999, 0.017343061984449237,
    0.008349277381922926, 0.0040773561979443596, 0.002008392826082117, 0.000994575127817976, 0.0004941886041194277,
    0.00024608655330804474, 0.00012271334757851804, 6.124813505881122e-05,
])  # fmt: skip
"""Riemann's zeta of 2, 3, ..., less one."""


@part
def gamma_kernel(shape, t, log_t):
    """shape log t - t - log Gamma(shape)."""
    return shape * deviance(shape, t, log_t) + 0.5 * math.log(shape) - 0.9189385332046727 - stirling(shape)


@part
def beta_kernel(a, b, p, q, log_p, log_q):
    """a log p + b log q - log B(a, b), q = 1 - p."""
    n = a + b
    log_n = math.log(n)
    exponent = a * deviance(a, n * p, log_n + log_p) + b * deviance(b, n * q, log_n + log_q)
    bulk = 0.5 * (math.log(a) + math.log(b) - log_n) - 0.9189385332046727
    return exponent + bulk - stirling(a) - stirling(b) + stirling(n)


@part
def longest_tail(slope, curvature):
    """Between which two lengths a log-concave density falls by e^-40: see `log_tail_length`."""
    both, linear = slope + curvature, 2.0 * slope - 40.0
    root = abs(linear) + math.sqrt(linear * linear + 320.0 * both)
    return math.log1p(40.0 / both), 160.0 / root if linear > 0.0 else root / (2.0 * both)


@part
def stretches(kink, length):
    """Where the second and the third of three stretches begin, of which the middle one is about the kink."""
    return min(max(kink - 6.0, 0.0), length), min(max(kink + 8.0, 0.0), length)


@part
def gamma_drop(way, distance, t, sign):
    """How far the density has fallen by a way outwards."""
    return distance * way + t * (math.expm1(sign * way) - sign * way)


@part
def gamma_integral(distance, t, sign, kink):
    """The log of the integral of exp(-drop), and the mean way."""
    low, high = longest_tail(distance, t)
    for _ in range(8):
        middle = math.sqrt(low * high)
        if gamma_drop(middle, distance, t, sign) < 40.0:
            low = middle
        else:
            high = middle
    first, second = stretches(kink, high)
    total = mean = 0.0
    for i in range(len(NODES)):
        for start, size in ((0.0, first), (first, second - first), (second, high - second)):
            way = start + size * NODES[i]
            share = size * math.exp(-gamma_drop(way, distance, t, sign)) * WEIGHTS[i]
            total += share
            mean += share * way
    return math.log(total), mean / total


@part
def gamma_tails(shape, t, log_t):
    """The logs of the chances that Gamma(shape, 1) is below and above t, their slopes by the shape, and by log t."""
    if shape < 0.1 and t < 1.0:
        return small_shape_tails(shape, t, log_t)
    is_left = t < shape
    kernel = gamma_kernel(shape, t, log_t)
    by_shape = log_t - digamma(shape)
    # P(a, t) = t^a e^-t / Gamma(a + 1) + P(a + 1, t): what is left falls fast
    is_raised = is_left and shape < 1.0
    sign = -1.0 if is_left else 1.0
    distance = (t - (shape + 1.0 if is_raised else shape)) * sign
    integral, way = gamma_integral(distance, t, sign, 0.0 if is_left else max(-log_t, 0.0))
    outer = kernel + integral
    if is_raised:
        raised = logaddexp(kernel, outer + log_t)
        slope = by_shape + math.exp(outer + log_t - raised) * sign * way - 1.0 / shape
        outer = raised - math.log(shape)
        density = math.exp(kernel - outer)
    else:
        slope, density = by_shape + sign * way, math.exp(-integral)
    inner, odds = log1mexp(-outer), -1.0 / math.expm1(-outer)
    if is_left:
        return outer, inner, slope, odds * slope, density, odds * density
    return inner, outer, odds * slope, slope, -odds * density, -density


@part
def small_shape_tails(shape, t, log_t):
    """As `gamma_tails`, for shape < 0.1 and t < 1: the power series of the incomplete gamma function (DLMF 8.7.1)."""
    series = by_shape = 0.0
    for n in range(18, 0, -1):
        part = 1.0 / (shape + n)
        by_shape = t / n * (-part * part - by_shape)
        series = t / n * (part - series)
    power = shape * log_t - lgamma1p(shape)
    slope = log_t - digamma(1.0 + shape)
    scale = math.exp(power)
    density = scale * shape * math.exp(-t)
    above = scale * shape * series - math.expm1(power)
    above_slope = scale * (slope * shape * series + series + shape * by_shape - slope)
    if above < 0.5:
        rest = 1.0 - above
        return (
            math.log1p(-above),
            math.log(above),
            -above_slope / rest,
            above_slope / above,
            density / rest,
            -density / above,
        )
    below = power + math.log1p(-shape * series)
    below_slope, odds = slope - (series + shape * by_shape) / (1.0 - shape * series), -1.0 / math.expm1(-below)
    density *= math.exp(-below)
    return below, log1mexp(-below), below_slope, odds * below_slope, density, odds * density


@part
def lgamma1p(x):
    """log Gamma(1 + x), accurate near 0, for |x| < 0.1 (Abramowitz and Stegun 6.1.33)."""
    series = 0.0
    for i in range(len(ZETA_LESS_ONE) - 1, -1, -1):
        series = x * (ZETA_LESS_ONE[i] / (i + 2) - series)
    return x * (series + 0.42278433509846714) - math.log1p(x)


@part
def beta_curve(way, p, q, limit):
    """log(q + p e^-way) + p way, by the smaller of p and q."""
    if way < limit:
        return math.log1p(q * math.expm1(way)) - q * way
    return math.log1p(p * math.expm1(-way)) + p * way


@part
def beta_integral(distance, n, p, q, limit, kink):
    """The log of the integral of exp(-drop), and the means of the way and of its curve."""
    low, high = longest_tail(distance, n * p * q)
    for _ in range(8):
        middle = math.sqrt(low * high)
        if distance * middle + n * beta_curve(middle, p, q, limit) < 40.0:
            low = middle
        else:
            high = middle
    first, second = stretches(kink, high)
    total = ways = curves = 0.0
    for i in range(len(NODES)):
        for start, size in ((0.0, first), (first, second - first), (second, high - second)):
            way = start + size * NODES[i]
            curve = beta_curve(way, p, q, limit)
            share = size * math.exp(-distance * way - n * curve) * WEIGHTS[i]
            total += share
            ways += share * way
            curves += share * curve
    return math.log(total), ways / total, curves / total


@part
def beta_outer(a, b, p, q, log_p, log_q):
    """The log of the chance that Beta(a, b) is below p, where that is left of its mean, and its slopes by a, b and logit p."""
    kernel = beta_kernel(a, b, p, q, log_p, log_q)
    both = digamma(a + b)
    by_a, by_b = log_p - digamma(a) + both, log_q - digamma(b) + both
    # I_p(a, b) = p^a q^b / (a B(a, b)) + I_p(a + 1, b): what is left falls fast
    is_raised = a < 1.0
    shape = a + 1.0 if is_raised else a
    limit = -log_q if q < p else 0.0
    integral, way, curve = beta_integral(shape * q - b * p, shape + b, p, q, limit, max(log_p - log_q, 0.0))
    outer, more_a, more_b = kernel + integral, -q * way - curve, p * way - curve
    if not is_raised:
        return outer, by_a + more_a, by_b + more_b, math.exp(-integral)
    rest = outer + log_p + math.log(a + b)
    raised = logaddexp(kernel, rest)
    share, slope = math.exp(rest - raised), 1.0 / (a + b)
    by_a, by_b = by_a + share * (more_a + slope) - 1.0 / a, by_b + share * (more_b + slope)
    return raised - math.log(a), by_a, by_b, math.exp(kernel - raised) * a


@part
def beta_tails(a, b, log_p, log_q):
    """The logs of the chances that Beta(a, b) is below and above p, and their slopes by a, by b and by log p alone; q = 1 - p."""
    p, q = math.exp(log_p), math.exp(log_q)
    if a * q - b * p > 0.0:
        outer, by_a, by_b, by_logit = beta_outer(a, b, p, q, log_p, log_q)
        by_log, odds = by_logit / q, -1.0 / math.expm1(-outer)
        return outer, log1mexp(-outer), by_a, odds * by_a, by_b, odds * by_b, by_log, odds * by_log
    outer, by_b, by_a, by_logit = beta_outer(b, a, q, p, log_q, log_p)
    by_log, odds = -by_logit / q, -1.0 / math.expm1(-outer)
    return log1mexp(-outer), outer, odds * by_a, by_a, odds * by_b, by_b, odds * by_log, by_log


@part
def hypergeometric_total(n, good, bad, odds):
    """The log of the mean of the odds to the number of good ones among n drawn, and its slope by the odds."""
    first, last = max(0.0, n - bad), min(n, good)
    log_odds = math.log(odds)
    term = plain = top = 0.0
    for k in range(int(last - first)):
        x = first + k
        ratio = math.log((good - x) * (n - x) / ((x + 1.0) * (bad - n + x + 1.0)))
        term, plain = term + ratio + log_odds, plain + ratio
        top = max(top, term, plain)
    term = plain = 0.0
    total, sum_of_plain, mean = math.exp(-top), math.exp(-top), first * math.exp(-top)
    for k in range(int(last - first)):
        x = first + k
        ratio = math.log((good - x) * (n - x) / ((x + 1.0) * (bad - n + x + 1.0)))
        term, plain = term + ratio + log_odds, plain + ratio
        total += math.exp(term - top)
        mean += (x + 1.0) * math.exp(term - top)
        sum_of_plain += math.exp(plain - top)
    return first * log_odds + math.log(total) - math.log(sum_of_plain), mean / total / odds

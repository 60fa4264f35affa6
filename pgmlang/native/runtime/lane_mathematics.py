"""Functions of the library of mathematics for `lanes`, without branches: within two units in the last place where values are normal numbers.

Polynomials are Chebyshev fits of what is named beside them, to less than half a unit.
"""

from __future__ import annotations

import math

from pgmlang.native.compiled import compiled_lanes
from pgmlang.native.runtime.lanes import (
    choose_lanes,
    exponent_of,
    larger_lanes,
    mantissa_of,
    size_lanes,
    smaller_lanes,
    square_root,
    times_power_of_two,
    whole_above,
    whole_below,
    whole_near,
)

LOG2_E = 1.4426950408889634
LN_2_HIGH, LN_2_LOW = 0.6931471803691238, 1.9082149292705877e-10
"""log 2 in two parts, the first of 33 bits: its products with whole numbers are exact."""
INFINITY = math.inf


@compiled_lanes
def near_zero(r):
    """exp(r) - 1 for |r| <= log(2) / 2: r + r^2 times a fit of (exp(r) - 1 - r) / r^2."""
    series = 2.5100472505694996e-08 * r + 2.7620201591031547e-07
    series = series * r + 2.7557268276905696e-06
    series = series * r + 2.4801521057868204e-05
    series = series * r + 0.00019841269863171557
    series = series * r + 0.0013888888917367081
    series = series * r + 0.008333333333330039
    series = series * r + 0.041666666666623824
    series = series * r + 0.16666666666666669
    series = series * r + 0.5000000000000001
    return r + r * r * series


@compiled_lanes
def exp(x):
    """exp(x); subnormal results are rounded twice."""
    inside = larger_lanes(smaller_lanes(x, 710.0), -746.0)
    nearest = whole_near(inside * LOG2_E)
    rest = near_zero(inside - nearest * LN_2_HIGH - nearest * LN_2_LOW)
    # in two halves, so that each power of two is a normal number
    half = whole_below(0.5 * nearest)
    power = times_power_of_two(times_power_of_two(1.0 + rest, half), nearest - half)
    return choose_lanes(x == x, choose_lanes(x < 709.782712893384, power, INFINITY), x)


@compiled_lanes
def expm1(x):
    """exp(x) - 1."""
    inside = larger_lanes(smaller_lanes(x, 710.0), -40.0)
    nearest = whole_near(inside * LOG2_E)
    rest = near_zero(inside - nearest * LN_2_HIGH - nearest * LN_2_LOW)
    # halved, so that the power of two is a normal number
    half = times_power_of_two(1.0, nearest - 1.0)
    value = 2.0 * ((half - 0.5) + half * rest)
    return choose_lanes(x == x, choose_lanes(x < 709.782712893384, choose_lanes(x == 0.0, x, value), INFINITY), x)


@compiled_lanes
def log(x):
    """log(x): with f = m - 1 of x = m * 2^e and s = f / (2 + f), log(m) = 2 s + s^3 times a fit of the rest of 2 artanh(s)."""
    is_tiny = x < 2.2250738585072014e-308
    scaled = choose_lanes(is_tiny, x * 18014398509481984.0, x)
    whole = exponent_of(scaled)
    f = mantissa_of(scaled) - 1.0
    whole = choose_lanes(is_tiny, whole - 54.0, whole)
    s = f / (2.0 + f)
    z = s * s
    series = 0.14616449685043406 * z + 0.15331721600556042
    series = series * z + 0.18182889125261723
    series = series * z + 0.2222221113479508
    series = series * z + 0.28571428625975487
    series = series * z + 0.39999999999899505
    series = series * z + 0.666666666666667
    half_square = 0.5 * f * f
    low = s * (half_square + z * series) + whole * LN_2_LOW
    value = whole * LN_2_HIGH - ((half_square - low) - f)
    at_edge = choose_lanes(x == 0.0, -INFINITY, choose_lanes(x == INFINITY, INFINITY, math.nan))
    return choose_lanes((x > 0.0) & (x < INFINITY), value, at_edge)


@compiled_lanes
def log1p(x):
    """log(1 + x), with what the sum lost."""
    total = 1.0 + x
    # what the larger of the two kept of the smaller
    lost = choose_lanes(size_lanes(x) < 1.0, x - (total - 1.0), 1.0 - (total - x))
    value = log(total) + lost / total
    return choose_lanes(size_lanes(x) < 1e-17, x, choose_lanes((x > -1.0) & (x < INFINITY), value, log(total)))


@compiled_lanes
def tanh(x):
    """tanh(x), of exp(2 |x|) - 1."""
    away = expm1(2.0 * smaller_lanes(size_lanes(x), 20.0))
    value = away / (away + 2.0)
    return choose_lanes(x == x, choose_lanes(x < 0.0, -value, choose_lanes(x == 0.0, x, value)), x)


@compiled_lanes
def sqrt(x):
    """The square root."""
    return square_root(x)


@compiled_lanes
def floor(x):
    """The whole number below."""
    return whole_below(x)


@compiled_lanes
def ceil(x):
    """The whole number above."""
    return whole_above(x)


@compiled_lanes
def rounded_lanes(x):
    """The nearest whole number, the even one of two."""
    return whole_near(x)

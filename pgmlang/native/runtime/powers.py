"""Powers of two as plain arithmetic, which compilers turn into instructions on many numbers at once (calls of a mathematical library are
made one by one)."""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import intrinsic

from pgmlang.native.compiled import inlined

LOG2_E, LN_2 = 1.4426950408889634, 0.6931471805599453
LOWEST_POWER = -1000.0
"""Powers below are zero."""


@intrinsic
def power_of_two(typing_context, exponent):
    """2.0**exponent of an integer in -1022..1023, by its bits."""

    def generate(context, builder, signature, arguments):
        word = arguments[0].type
        bits = builder.shl(builder.add(arguments[0], word(1023)), word(52))
        return builder.bitcast(bits, context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@inlined
def power_series(f):
    """2**f for |f| <= 1/2, to rounding: of a number or of lanes."""
    series = 1.3691488853904124e-12 * f + 2.5678435993488196e-11
    series = series * f + 4.44553827187081e-10
    series = series * f + 7.054911620801121e-09
    series = series * f + 1.0178086009239696e-07
    series = series * f + 1.3215486790144305e-06
    series = series * f + 1.5252733804059838e-05
    series = series * f + 0.00015403530393381606
    series = series * f + 0.0013333558146428441
    series = series * f + 0.009618129107628477
    series = series * f + 0.055504108664821576
    series = series * f + 0.2402265069591007
    series = series * f + 0.6931471805599453
    return series * f + 1.0


@inlined
def exp2(x):
    """2**x for x <= 0: the nearest integer's power times the series of 2**f, |f| <= 1/2, to rounding."""
    inside = max(x, LOWEST_POWER)
    nearest = math.floor(inside + 0.5)
    f = inside - nearest
    series = power_series(f)
    power = series * power_of_two(np.int64(np.int32(nearest)))
    return power if x >= LOWEST_POWER else 0.0

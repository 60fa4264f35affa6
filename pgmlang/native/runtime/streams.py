"""Random numbers of compiled loops: a stream of 64 bits for each seed (SplitMix64: Steele, Lea and Flood 2014), so that what a chain draws hangs
on its own seed and on no thread."""

from __future__ import annotations

import math

import numpy as np

from pgmlang.native.compiled import inlined

STEP = np.uint64(0x9E3779B97F4A7C15)
"""What a stream's state goes on by with each number."""
HALF = np.uint64(33)
"""Bits left out of a number of 31."""
MANTISSA = np.uint64(11)
"""Bits left out of a number of 53."""
TWO_PI = 2.0 * math.pi
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_BY = (np.uint64(30), np.uint64(27), np.uint64(31))
_BY_30, _BY_27, _BY_31 = _BY


@inlined
def mixed(state):  # type: ignore[no-untyped-def]
    """The number of a stream's state."""
    once = (state ^ (state >> _BY_30)) * _FIRST
    twice = (once ^ (once >> _BY_27)) * _SECOND
    return twice ^ (twice >> _BY_31)


@inlined
def bits_31(state):  # type: ignore[no-untyped-def]
    """31 bits of a stream's state."""
    return np.uint32(mixed(state) >> HALF)


@inlined
def uniform(state):  # type: ignore[no-untyped-def]
    """A number on [0, 1) of a stream's state."""
    return np.float64(mixed(state) >> MANTISSA) * 1.1102230246251565e-16


@inlined
def normal(state):  # type: ignore[no-untyped-def]
    """A standard normal number by the two numbers of a stream after its state (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(state + STEP)))
    return radius * math.cos(TWO_PI * uniform(state + STEP + STEP))

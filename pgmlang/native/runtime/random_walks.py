"""Random-walk Metropolis steps of one number at a time, on the scale on which it is free (Roberts and Rosenthal 2001, section 4)."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

from pgmlang.native.compiled import inlined
from pgmlang.native.runtime.streams import normal

OPTIMAL = 0.44
"""The rate of acceptance that a step of one number is tuned to."""


@inlined
def walked(value, step, low, high, stream):
    """A number beside ``value``, between the bounds ``low`` and ``high``, which may be infinite: the free one moved by ``step`` times the next
    normal number of a stream."""
    move = step * normal(stream)
    if math.isinf(low) and math.isinf(high):
        moved = value + move
    elif math.isinf(high):
        moved = low + (value - low) * math.exp(move)
    elif math.isinf(low):
        moved = high - (high - value) * math.exp(move)
    else:
        # odds times exp(move)
        odds = (value - low) / (high - value) * math.exp(move)
        moved = low + (high - low) * odds / (1.0 + odds) if odds < math.inf else high
    return moved


@inlined
def log_volume(value, low, high):
    """The logarithm of the derivative of a number by its free one, up to a constant; minus infinity at a bound, where it has rounded to."""
    if math.isinf(low) and math.isinf(high):
        volume = 0.0
    elif math.isinf(high):
        volume = math.log(value - low) if value > low else -math.inf
    elif math.isinf(low):
        volume = math.log(high - value) if value < high else -math.inf
    else:
        volume = math.log(value - low) + math.log(high - value) if low < value < high else -math.inf
    return volume


@inlined
def acceptance(new, old):
    """The chance that a step from a log-density to another is taken."""
    chance = 0.0
    if new > -math.inf:
        chance = math.exp(min(0.0, new - old)) if old > -math.inf else 1.0
    return chance

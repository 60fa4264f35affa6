"""The integral of `lower/runtime/saddle`, with its slope."""

from __future__ import annotations

import math

from pgmlang.native.compiled import part

ANGLES = 48
FARTHEST = 14.0


@part
def saddle_integral(width, x):
    """The mean of exp(width (cos t - 1)) cos(x (sin t - t)) over the circle, and its slope by ``width``."""
    end = min(FARTHEST / math.sqrt(max(width, 1.0)), math.pi)
    total = slope = 0.0
    for i in range(ANGLES + 1):
        angle = end * i / ANGLES
        fall = 2.0 * math.sin(0.5 * angle) * math.sin(0.5 * angle)
        height = math.exp(-width * fall) * math.cos(x * (math.sin(angle) - angle))
        if i == 0 or i == ANGLES:
            height *= 0.5
        total += height
        slope -= fall * height
    share = end / (math.pi * ANGLES)
    return share * total, share * slope

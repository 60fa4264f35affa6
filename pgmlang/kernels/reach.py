"""First steps of a climb towards what lies far from where it begins, in units of the data that are not one.

A descent that begins at numbers near one finds its way to a mean of a million millions badly: by then a spread has grown to
take the distance for noise, and the slope of the mean is lost. One gradient and its change along it tell how far the numbers
of one name have to go (the secant form of a Newton step).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Function = Callable[[Tensor], tuple[Tensor, Tensor]]

FAR, STEPS = 1e7, 8
"""Steps that are no longer than this are left to the climb; and how many are taken at the most."""
BENT = 1e-6
"""Share of a slope that has to change along a difference for it to be more than rounding."""
GROWTH, ROUNDS = 1e3, 7
TRIALS = 30


def in_reach(function: Function, x: Tensor, blocks: Sequence[slice]) -> Tensor:
    """The point after steps along the gradient of each block of numbers that has to go far, where the value is lower for
    them; most points as they are."""
    for block in blocks:
        for _ in range(STEPS):
            step, value = _step(function, x, block)
            if step is None:
                break
            x = _lower(function, x, value, step)
    return x


def _step(function: Function, x: Tensor, block: slice) -> tuple[Tensor | None, float]:
    """How far the numbers of a block have to go, None where that is not far; and the value where they are."""
    value, gradient = function(x)
    mine = gradient[block]
    norm = float(mine.norm())
    if not (bool(torch.isfinite(value)) and 0 < norm < float("inf")):
        return None, float(value)
    direction = torch.zeros_like(x)
    direction[block] = -mine / norm
    size = max(1.0, float(x[block].abs().max()))
    length = _length(function, x, direction, norm, 1e-5 * size)
    return (length * direction if length > FAR else None), float(value)


def _length(function: Function, x: Tensor, direction: Tensor, slope: float, size: float) -> float:
    """How far along a direction the slope, which falls by it, should be none; nothing where its change is not seen."""
    for power in range(ROUNDS):
        step = size * GROWTH**power
        value, gradient = function(x + step * direction)
        if not (bool(torch.isfinite(value)) and bool(torch.isfinite(gradient).all())):
            return 0.0
        bend = abs(slope + float(gradient @ direction))
        if bend > BENT * slope:
            return slope * step / bend
    return 0.0


def _lower(function: Function, x: Tensor, value: float, step: Tensor) -> Tensor:
    for _ in range(TRIALS):
        reached, gradient = function(x + step)
        if float(reached) < value and bool(torch.isfinite(gradient).all()):
            return x + step
        step = 0.5 * step
    return x

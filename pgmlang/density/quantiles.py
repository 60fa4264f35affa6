"""Quantiles of many distributions at once, by their distribution functions: few evaluations, as each may be an integral."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

WIDENINGS = 1_100
"""Doublings of a bracket: the whole range of doubles."""
STEPS = 200
EVERY = 5
"""A step among so many halves the bracket: atoms and kinks are come to as well."""
NEAR = 1e-8
"""Of the distribution function on the normal scale: the tails that are integrals are not told more exactly."""
NARROW = 1e-13
"""Of a bracket, relative to its end: around an atom it is all there is to come to."""
BESIDE = 1e-12
"""How far beside a point something is that is nearly there, relative to it and to the scale; and of chances."""
ROUNDED = (6, 9)
"""Digits of the scale that the place of an atom is looked for by."""
JUMP = 1e-9
"""Of a distribution function at an atom, at least."""

Function = Callable[[Tensor], Tensor]


def quantile(
    cdf: Function, chance: float, mean: Tensor, sd: Tensor, *, is_discrete: bool, has_atoms: bool = False
) -> Tensor:
    """The least x with ``cdf(x) >= chance``, elementwise. ``mean`` and ``sd`` say where to look first; either may be no
    number. ``has_atoms``: there may be points with a chance of their own beside a density."""
    z = math.sqrt(2) * float(torch.erfinv(torch.tensor(2 * chance - 1, dtype=torch.float64)))
    centre = torch.where(torch.isfinite(mean), mean, torch.zeros_like(mean))
    scale = torch.where(torch.isfinite(sd) & (sd > 0), sd, torch.ones_like(sd))
    start = centre + z * scale
    if is_discrete:
        start = torch.floor(start)
        return _whole(cdf, chance, *_bracket(cdf, chance, start - 1, start, torch.ones_like(start)))
    low, high = _bracket(cdf, chance, start - 0.5 * scale, start + 0.5 * scale, scale)
    point = _between(cdf, chance, z, low, high)
    return _at_atom(cdf, chance, point, scale) if has_atoms else point


def just_below(x: Tensor, sd: Tensor, width: float = 1.0) -> Tensor:
    """A point so near below x that nothing but an atom at x lies between, in the units of a distribution. ``width``: how many
    times as far below."""
    scale = torch.where(torch.isfinite(sd) & (sd > 0), sd, torch.ones_like(sd))
    return x - width * BESIDE * (x.abs() + scale)


def _at_atom(cdf: Function, chance: float, point: Tensor, scale: Tensor) -> Tensor:
    """The round number by a point, where the distribution function steps over the chance at it."""
    for digits in ROUNDED:
        step = 10.0 ** (torch.floor(torch.log10(scale)) - digits)
        rounded = torch.round(point / step) * step
        beside = BESIDE * (rounded.abs() + scale)
        is_atom = (cdf(rounded + beside) >= chance - BESIDE) & (cdf(rounded - beside) < chance - JUMP)
        point = torch.where(is_atom, rounded, point)
    return point


def _bracket(cdf: Function, chance: float, low: Tensor, high: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Points with the chance between their values of the distribution function."""
    for _ in range(WIDENINGS):
        too_high, too_low = cdf(low) >= chance, cdf(high) < chance
        if not bool((too_high | too_low).any()):
            break
        low, high = (
            torch.where(too_high, low - step, torch.where(too_low, high, low)),
            torch.where(too_low, high + step, torch.where(too_high, low, high)),
        )
        step = 2 * step
    return low, high


def _whole(cdf: Function, chance: float, low: Tensor, high: Tensor) -> Tensor:
    """The least whole number, by halving."""
    while bool((high - low > 1).any()):
        middle = torch.floor(0.5 * (low + high))
        under = cdf(middle) < chance
        low, high = torch.where(under, middle, low), torch.where(under, high, middle)
    return high


def _between(cdf: Function, chance: float, z: float, low: Tensor, high: Tensor) -> Tensor:
    """Secants within the bracket on the normal scale, where most distribution functions are nearly straight; the end that
    stays put counts half (the Illinois method: Dowell and Jarratt 1971)."""

    def excess(x: Tensor) -> Tensor:
        return torch.special.ndtri(cdf(x).clamp(0.0, 1.0)) - z

    below, above = excess(low), excess(high)
    was_under = was_over = torch.zeros_like(high, dtype=torch.bool)
    best, is_done = high, torch.zeros_like(high, dtype=torch.bool)
    for step in range(STEPS):
        width = high - low
        share = below / (below - above)
        is_straight = torch.isfinite(share) & (share > 0) & (share < 1)
        if step % EVERY == EVERY - 1:
            is_straight = torch.zeros_like(is_straight)
        x = low + torch.where(is_straight, share, torch.full_like(share, 0.5)) * width
        value = excess(x)
        is_under = value < 0
        above = torch.where(is_under, torch.where(was_under, 0.5 * above, above), value)
        below = torch.where(is_under, value, torch.where(was_over, 0.5 * below, below))
        was_under, was_over = is_under, ~is_under
        low, high = torch.where(is_under, x, low), torch.where(is_under, high, x)
        is_near = value.abs() <= NEAR
        is_there = is_near | (high - low <= NARROW * torch.maximum(high.abs(), torch.ones_like(high)))
        best = torch.where(is_done, best, torch.where(is_near, x, high))
        is_done = is_done | is_there
        if bool(is_done.all()):
            break
    return best

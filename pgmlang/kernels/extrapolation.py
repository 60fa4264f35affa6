"""Climbs that converge linearly, such as EM's: how much is still to be gained, and steps ahead of the next ones.

Aitken's extrapolation tells from two gains what all later ones will sum to (Boehning et al. 1994), which a small gain alone
does not: an EM that leaves a saddle gains little at first and ever more. SQUAREM steps ahead along the difference of two
steps (Varadhan and Roland 2008, scheme S3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

ROUNDING = 1e-13
"""Gains below this share of an objective are rounding."""


def still_to_gain(objectives: Sequence[float]) -> float:
    """What the steps to come should add to an objective, from its last three values: infinity where gains do not get
    smaller, or with fewer values."""
    if len(objectives) < 3:
        return math.inf
    before, gain = objectives[-2] - objectives[-3], objectives[-1] - objectives[-2]
    if gain <= ROUNDING * max(1.0, abs(objectives[-1])):
        return 0.0
    if not 0 < gain < before:
        return math.inf
    return gain * gain / (before - gain)


def ahead(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """A point ahead of three successive ones, each ``[..., n]``: where their steps seem to lead; the third where they do
    not get shorter or longer."""
    step = second - first
    change = (third - second) - step
    length, bend = np.linalg.norm(step, axis=-1, keepdims=True), np.linalg.norm(change, axis=-1, keepdims=True)
    reach = np.maximum(np.divide(length, bend, out=np.ones_like(length), where=bend > 0), 1.0)
    return np.asarray(first + 2 * reach * step + reach**2 * change)

"""How well a guide stands for the posterior: k-hat of its importance weights against the joint."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.density.importance import log_weights as log_row_weights
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.results.psis import RELIABLE, pareto_shape, smoothed

MOST_DRAWS, FEWEST_DRAWS = 100_000, 100
"""Draws that are weighed: few leave k-hat an error of some tenths."""
FIRST_LOOK = 50
"""Draws after which k-hat is looked at for the first time, then at four times as many: where it is clear, more are not taken."""
CLEAR = 4.0
"""Standard errors from 0.7 that are clear."""
NUMBERS = 100_000_000
"""Terms of factors that all draws may cost."""
BLOCK = 4_000_000
"""Terms in memory at a time."""

ROWS, ROW_DRAWS = 100, 500
"""Rows whose own guide is judged, and the draws of each."""


def pareto_k(joint: BoundDensity, summed: Collection[str], log_weights: Callable[[int], Tensor]) -> float:
    """k-hat of a guide (Yao, Vehtari, Simpson and Gelman 2018). ``log_weights``: logarithms of the weights ``[n]`` of n fresh
    draws, the discrete latents ``summed`` out of the joint; the more draws the cheaper they are."""
    elements = sum(math.prod(joint.layout.size(a) for a in axes) for axes in joint.factor_axes.values())
    terms = max(1, elements * math.prod(joint.num_states(n) for n in summed))
    left = min(MOST_DRAWS, max(FEWEST_DRAWS, NUMBERS // terms))
    weights, looked_at = torch.zeros(0), FIRST_LOOK
    while left > 0:
        count = min(left, max(1, BLOCK // terms), max(1, looked_at - len(weights)))
        weights = torch.cat([weights.to(joint.device, joint.dtype), log_weights(count).expand(count)])
        left -= count
        if len(weights) >= looked_at and left:
            looked_at *= 4
            k = pareto_shape(weights.cpu().numpy())
            # of M tail weights the shape has a standard error of about (1 + k) / sqrt(M); a poor guide is known by that of
            # the worst good one
            tail = min(0.2 * len(weights), 3 * math.sqrt(len(weights)))
            if abs(k - RELIABLE) > CLEAR * (1 + min(max(k, 0.0), RELIABLE)) / math.sqrt(tail):
                return k
    return pareto_shape(weights.cpu().numpy())


def row_pareto_k(
    joint: BoundDensity, plate: str, params: Values, nets: Any, generator: Generator, given: Values
) -> np.ndarray:
    """The k-hat of each row's written guide, ``[rows]``, the row's latents against its own terms: of up to 100 rows, evenly
    spaced (of all where the guide has params by row). ``given``: values ``[1, *shape]`` of latents that it does not name."""
    count = joint.layout.size(plate)
    guide = joint.model.guide
    by_row = any(v.role == "param" and v.plates for v in guide.variables) if guide is not None else False
    if count > ROWS and not by_row:
        joint = restricted_to_rows(joint, plate, np.unique(np.linspace(0, count - 1, ROWS).astype(int)))
    weights = log_row_weights(joint, params, nets, ROW_DRAWS, generator, plate, given)
    return smoothed(weights.cpu().numpy())[1]

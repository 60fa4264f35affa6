"""The unit of the data, by which it is judged whether an estimate is far out."""

from __future__ import annotations

import math

import torch

from pgmlang.density.bound import BoundDensity


def log_unit(joint: BoundDensity) -> float:
    """How far from one, in logarithms, the numbers of the data are or spread: a spread of 1e-9 is 21 below zero."""
    logs = [0.0]
    for value in joint.observed.values():
        if not value.dtype.is_floating_point:
            continue
        finite = value[torch.isfinite(value)]
        sizes = torch.stack([finite.abs().median(), finite.std(correction=0)]) if finite.numel() else finite
        logs += [abs(math.log(size)) for size in sizes.tolist() if size > 0]
    return max(logs)

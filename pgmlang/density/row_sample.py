"""A sample of the rows of a density, each of which stands for as many as there are to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from pgmlang.density.bound import BoundDensity
from pgmlang.density.row_subset import rows_apart


def sample_of_rows(joint: BoundDensity, plate: str, count: int) -> BoundDensity:
    """The density of so many rows of a plain plate, one out of each of as many stretches of equal length, the same ones each time; in expectation
    that of all rows."""
    size = joint.layout.size(plate)
    edges = np.arange(count + 1) * size // count
    rows = np.random.default_rng(0).integers(edges[:-1], edges[1:])
    sample = rows_apart(joint, plate, rows)
    before = joint.weights.get(plate)
    whole = torch.ones(size, dtype=joint.dtype, device=joint.device) if before is None else before.to(joint.dtype)
    weights = whole[torch.as_tensor(rows, device=joint.device)]
    return replace(sample, weights={**sample.weights, plate: weights * (whole.sum() / weights.sum())})

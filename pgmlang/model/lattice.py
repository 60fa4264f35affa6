"""Grids: which elements are neighbours."""

from __future__ import annotations

import math

import numpy as np


def grid_edges(shape: tuple[int, ...]) -> np.ndarray:
    """Neighbouring elements of a grid, ``(edges, 2)``, smaller element first, sorted."""
    sites = np.arange(math.prod(shape)).reshape(shape)
    pairs = []
    for d in range(len(shape)):
        a = np.take(sites, range(shape[d] - 1), d).ravel()
        b = np.take(sites, range(1, shape[d]), d).ravel()
        pairs.append(np.stack([a, b], 1))
    edges = np.concatenate(pairs) if pairs else np.zeros((0, 2), dtype=np.int64)
    return edges[np.lexsort((edges[:, 1], edges[:, 0]))]

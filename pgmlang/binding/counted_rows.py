"""Rows that stand for several, written out where each has a part of its own in what ties them together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pgmlang.binding.record import Binding


def row_counts(binding: Binding) -> np.ndarray | None:
    """How often each row counts ``[rows]``: once where nothing says it; None for weights that are no whole numbers."""
    if binding.weights is None:
        return np.ones(binding.sizes.get(binding.plate, 1), dtype=np.int64)
    counts = np.asarray(binding.weights).astype(np.int64)
    return counts if (counts == binding.weights).all() else None


def rows_written_out(binding: Binding) -> Binding:
    """Each row as often as it counts. Raises ValueError for weights that are no whole numbers."""
    if binding.weights is None:
        return binding
    counts = row_counts(binding)
    if counts is None:
        raise ValueError("weights are no counts")
    return replace(binding, weights=None).rows_of(binding.plate, np.repeat(np.arange(len(counts)), counts))

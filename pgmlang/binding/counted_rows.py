"""Rows that stand for several, written out where each has a part of its own in what ties them together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError


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


def data_set_of(binding: Binding) -> Binding:
    """The rows as a data set holds them, each as often as it counts. Raises PgmError PGM0602 for weights that are no whole
    numbers, of which there are no such rows."""
    if row_counts(binding) is None:
        message = "rows with weights that are no whole numbers are no data set: there is no row to draw or to leave out for each"
        cure = 'let each row count once: `--weights ""` (`weights=None`), or name counts: `--counts COLUMN`'
        raise PgmError(Diagnostic("PGM0602", message, place=binding.source, help=cure))
    return replace(rows_written_out(binding), weighed_by=None)

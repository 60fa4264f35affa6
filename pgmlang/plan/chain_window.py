"""A short window of long chains, which stands for the whole where only the structure counts."""

from __future__ import annotations

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.model import Model
from pgmlang.model.expr import Ref, walk

ROWS, LAGS = 64, 8
"""Rows of a window, and the least number of longest lags that it covers."""


def longest_lag(model: Model) -> int:
    """The most rows that any `prev` looks back."""
    exprs = (e for f in model.factors for e in model.expressions(f))
    values = (d.value for d in model.definitions)
    return max((e.lag for top in (*exprs, *values) for e in walk(top) if isinstance(e, Ref)), default=0)


def chain_window(binding: Binding) -> tuple[Binding, float]:
    """The data with at most so many rows of each sequence of a chain, and how many times the rows that it had. A lone
    sequence is cut where most of its cells are missing, which is where its network is widest."""
    chain = next((p.name for p in binding.model.plates if p.is_rows and binding.model.is_chain(p.name)), None)
    if chain is None or not binding.layout.has_size(chain):
        return binding, 1.0
    rows = max(ROWS, LAGS * longest_lag(binding.model))
    sequences = binding.layout.sequences(chain)
    if int(sequences.position.max(initial=0)) < rows:
        return binding, 1.0
    if len(sequences.position) == int(sequences.position.max()) + 1:
        first = _widest(binding, chain, rows)
        chosen = sequences.order[first : first + rows]
    else:
        chosen = np.flatnonzero(sequences.position < rows)
    return binding.rows_of(chain, chosen), len(sequences.position) / len(chosen)


def _widest(binding: Binding, chain: str, rows: int) -> int:
    """The first row of the window with the most missing cells of a lone sequence."""
    missing = np.zeros(binding.sizes[chain])
    for cells in binding.layout.missing.values():
        if chain in cells.axes:
            mask = np.moveaxis(cells.mask, cells.axes.index(chain), 0)
            missing += mask.reshape(len(missing), -1).sum(1)
    sums = np.cumsum(np.r_[0, missing])
    return int(np.argmax(sums[rows:] - sums[:-rows]))

"""Which evidence rows look alike to a table: a table depends only on the evidence below it in the join tree."""

from __future__ import annotations

import numpy as np

_WORTH_IT = 0.75


class RowIndex:
    """``index[r]``: the version of a table that evidence row r sees (None: version r); ``count`` versions."""

    __slots__ = ("count", "index")

    def __init__(self, index: np.ndarray | None, count: int) -> None:
        self.index = index
        self.count = count

    def expand(self, values: np.ndarray) -> np.ndarray:
        """``values`` (..., count) as (..., rows)."""
        return values if self.index is None else values.take(self.index, axis=-1)


Merged = tuple[RowIndex, np.ndarray | None, np.ndarray | None]


class RowMerger:
    """Joint versions of two tables, remembered: neighbouring steps ask for the same ones."""

    def __init__(self, num_rows: int) -> None:
        self.whole = RowIndex(None, num_rows)
        self.found: dict[tuple[int, int], Merged] = {}

    def merge(self, a: RowIndex, b: RowIndex) -> Merged:
        """The versions of a product, and for each operand which of its versions each takes (None: in order)."""
        key = (id(a), id(b))
        known = self.found.get(key)
        if known is None:
            known = self.found[key] = self._merge(a, b)
        return known

    def _merge(self, a: RowIndex, b: RowIndex) -> Merged:
        whole = self.whole
        if a.index is None:
            return whole, None, b.index
        if b.index is None:
            return whole, a.index, None
        pairs = a.index.astype(np.int64) * b.count + b.index
        distinct, first, inverse = np.unique(pairs, return_index=True, return_inverse=True)
        count = len(distinct)
        if count > _WORTH_IT * whole.count:
            return whole, a.index, b.index
        if count == a.count:
            # b's version follows from a's: keep a's numbering, so that later merges meet the same object.
            order = np.empty(count, dtype=np.int64)
            order[a.index[first]] = b.index[first]
            return a, None, order
        if count == b.count:
            order = np.empty(count, dtype=np.int64)
            order[b.index[first]] = a.index[first]
            return b, order, None
        return RowIndex(inverse.reshape(-1), count), a.index[first], b.index[first]


def row_index(codes: np.ndarray) -> tuple[RowIndex, np.ndarray]:
    """Versions of whole numbers ``codes`` (rows,), and the code of each version."""
    distinct, inverse = np.unique(codes, return_inverse=True)
    if len(distinct) > _WORTH_IT * len(codes):
        return RowIndex(None, len(codes)), codes
    return RowIndex(inverse.reshape(-1), len(distinct)), distinct

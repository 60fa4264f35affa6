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
        # The operands are kept with the answer, so that their ids stay theirs.
        self.merges: dict[tuple[int, int], tuple[RowIndex, RowIndex, Merged]] = {}

    def merge(self, a: RowIndex, b: RowIndex) -> Merged:
        """The versions of a product, and for each operand which of its versions each takes (None: in order)."""
        key = (id(a), id(b))
        known = self.merges.get(key)
        if known is None:
            known = self.merges[key] = (a, b, self._merge(a, b))
        return known[2]

    def _merge(self, a: RowIndex, b: RowIndex) -> Merged:
        whole = self.whole
        if a.index is None:
            return whole, None, b.index
        if b.index is None:
            return whole, a.index, None
        pairs = a.index.astype(np.int64) * b.count + b.index
        distinct, first, inverse = _distinct(pairs, a.count * b.count)
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
        return RowIndex(inverse, count), a.index[first], b.index[first]


def _distinct(codes: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct values of ``codes`` (all below ``limit``), where each occurs, and the rank of each code."""
    if limit > 8 * len(codes):
        distinct, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
        return distinct, first, inverse.reshape(-1)
    # A table of all possible codes is cheaper than sorting.
    occurs = np.full(limit, -1, dtype=np.int64)
    occurs[codes] = np.arange(len(codes))
    distinct = np.flatnonzero(occurs >= 0)
    rank = np.empty(limit, dtype=np.int64)
    rank[distinct] = np.arange(len(distinct))
    return distinct, occurs[distinct], rank[codes]


def row_index(codes: np.ndarray) -> tuple[RowIndex, np.ndarray]:
    """Versions of whole numbers ``codes`` (rows,), and the code of each version."""
    distinct, _, inverse = _distinct(codes, int(codes.max(initial=0)) + 1)
    if len(distinct) > _WORTH_IT * len(codes):
        return RowIndex(None, len(codes)), codes
    return RowIndex(inverse, len(distinct)), distinct

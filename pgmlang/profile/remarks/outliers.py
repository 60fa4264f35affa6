"""Numbers far outside of the others, on the scale of the column: beyond three quartile ranges (Tukey's far-out values)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.remarks.doubtful_cells import doubtful_cells
from pgmlang.profile.remarks.missing_codes import coded_missing
from pgmlang.profile.table import TableProfile

_FEW = 0.01
"""The largest share of cells that are taken for outliers; more are a tail."""


def far_out(column: ColumnProfile) -> np.ndarray:
    """The distinct values far out, ascending; of a positive column with a long tail, on the scale of logarithms."""
    values = column.sorted_numbers
    if column.kind not in ("number", "skewed", "count") or len(values) < 20:
        return np.zeros(0)
    values = values[~np.isin(values, coded_missing(column))]
    scaled = (
        np.log(values)
        if values[0] > 0 and (column.kind == "skewed" or _has_long_tail(values))
        else np.sqrt(values)
        if column.kind == "count" and values[0] >= 0
        else values
    )
    low, high = np.quantile(scaled, (0.25, 0.75))
    if high <= low:
        return np.zeros(0)
    far = (scaled < low - 3 * (high - low)) | (scaled > high + 3 * (high - low))
    return np.unique(values[far]) if 0 < far.sum() <= max(1, _FEW * len(values)) else np.zeros(0)


def _has_long_tail(values: np.ndarray) -> bool:
    """Whether the bulk is nearer to even on the scale of logarithms: the half above the median is twice as wide as that below."""
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return bool(high - middle > 2 * (middle - low))


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.columns.values():
        far = far_out(column)
        if not len(far):
            continue
        places = [int(i) for i in np.flatnonzero(np.isin(column.label_values, far))]
        low, high = np.quantile(column.sorted_numbers, (0.05, 0.95))
        shown = ", ".join(f"{v:.6g}" for v in far[:4]) + (", …" if len(far) > 4 else "")
        yield doubtful_cells(
            "outliers", table, column, places, f"far out: {shown}; nine in ten lie from {low:.6g} to {high:.6g}",
            cure="look at them; if they are slips, read them as missing, else `StudentT` in place of `Normal` bears them",
        )  # fmt: skip


KIND = RemarkKind("outliers", "numbers far from the others", _look)

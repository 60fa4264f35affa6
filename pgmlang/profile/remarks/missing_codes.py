"""Numbers that often mean that a value is not known: 999, -99, far from all others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.remarks.doubtful_cells import doubtful_cells
from pgmlang.profile.table import TableProfile

CODES = (
    -1.0,
    -9.0,
    -99.0,
    -999.0,
    -9999.0,
    -99999.0,
    99.0,
    999.0,
    9999.0,
    99999.0,
    999999.0,
    -88.0,
    -77.0,
    88.0,
    77.0,
    98.0,
    998.0,
    9998.0,
)


def coded_missing(column: ColumnProfile) -> list[float]:
    """The codes that a column of numbers seems to have: at an end of it, and apart from all other values."""
    if not column.is_numeric or column.kind in ("id", "group", "binary", "ordinal"):
        return []
    values = column.sorted_numbers
    found: list[float] = []
    # several codes stand together: each is held against what is none of them
    is_code = np.isin(values, CODES)
    rest = values[~is_code]
    if not is_code.any() or len(rest) < 5:
        return []
    low, high = rest[0], rest[-1]
    for code in CODES:
        if not (values == code).any():
            continue
        spread = np.subtract(*np.quantile(rest, (0.75, 0.25))) or high - low
        if code == -1:  # -1 and 1 alone are spins
            is_apart = 0 <= low < high and bool((rest == np.floor(rest)).all()) and column.is_whole
        else:
            is_apart = (code < 0 <= low and code < low - 1.5 * spread) or code > high + max(
                3 * spread, 0.5 * (high - low)
            )
        if is_apart:
            found.append(code)
    # beside one code, another negative one needs no such distance where all values are positive
    beside = [c for c in CODES if c < -1 and c not in found and low >= 0 and (values == c).any()] if found else []
    return found + beside


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.columns.values():
        codes = coded_missing(column)
        for code in codes:
            places = [int(i) for i in np.flatnonzero(column.label_values == code)]
            rest = column.sorted_numbers[~np.isin(column.sorted_numbers, codes)]
            yield doubtful_cells(
                "missing-codes", table, column, places, f"{code:g}, the others from {rest[0]:g} to {rest[-1]:g}: a code for missing?",
                is_sure=column.counts[places].sum() > 1 and abs(code) > 99 and abs(code) > 5 * max(abs(rest[0]), abs(rest[-1])),
            )  # fmt: skip


KIND = RemarkKind("missing-codes", "numbers that may be codes for missing", _look)

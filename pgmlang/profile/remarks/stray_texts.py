"""Texts in columns of numbers that are no words for missing."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.data.problems import quoted
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.remarks.doubtful_cells import doubtful_cells
from pgmlang.profile.table import TableProfile


def stray_labels(column: ColumnProfile) -> list[int]:
    """The labels of a column of numbers that are neither numbers nor words for missing."""
    return [i for i in column.strays if not column.is_missing_word(i)] if column.is_numeric else []


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.columns.values():
        strays = stray_labels(column)
        if not strays:
            continue
        shown = ", ".join(quoted(column.labels[i], 30) for i in strays[:4]) + (", …" if len(strays) > 4 else "")
        yield doubtful_cells(
            "mixed-types", table, column, strays, f"of text among numbers: {shown}", cure="correct the cells, or read them as missing"
        )  # fmt: skip


KIND = RemarkKind("mixed-types", "text among numbers", _look)

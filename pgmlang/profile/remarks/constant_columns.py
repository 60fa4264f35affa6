"""Columns that say nothing: without a value, or with one only."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.data.problems import quoted
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.of_kind("empty", "constant"):
        if column.kind == "empty":
            message = "no value in any row"
        else:
            value = column.labels[int((column.counts > 0).argmax())]
            beside = f" in {column.present:,} rows, missing in the others" if column.missing else " in every row"
            message = f"the same value, {quoted(value)},{beside}"
        yield Remark("constant", (column.name,), message, cure="leave it out: it tells nothing of the rest")


KIND = RemarkKind("constant", "columns without a value, or with one only", _look)

"""A column that seems to say how many rows each row stands for."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.profile.counting_columns import counting_column
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile


def _look(table: TableProfile) -> Iterator[Remark]:
    suspect = counting_column(table.frame, tuple(table.columns))
    if suspect is not None:
        yield Remark("counts", (suspect.name,), ("" if suspect.is_sure else "may be ") + suspect.why, binding=(f"--{suspect.option}", suspect.name),
                     cure="says so, where it is meant so")  # fmt: skip


KIND = RemarkKind("counts", "a column of the numbers of rows that each row stands for", _look)

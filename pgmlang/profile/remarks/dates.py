"""Dates: text, until they are read as numbers of days."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.data.frame import TextColumn
from pgmlang.data.problems import quoted
from pgmlang.data.reading import Reading
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.of_kind("date"):
        formats = column.date_formats
        name, cure = column.name, "reads them as days since 1970-01-01"
        if len(formats) > 1:
            cure = f"which may also be `--dates {name}={formats[1]}`: day and month cannot be told apart"
        how = formats[0]
        if isinstance(column.column, TextColumn) and column.column.holds_dates:
            how, cure = "", "reads them as days since 1970-01-01"
        first = next(t for i, t in enumerate(column.labels) if not column.is_missing_word(i))
        yield Remark("dates", (name,), f"dates, such as {quoted(first)}", (), Reading(dates=((name, how),)), cure)


KIND = RemarkKind("dates", "columns of dates", _look)

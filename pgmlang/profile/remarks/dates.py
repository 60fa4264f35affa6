"""Dates: text, until they are read as numbers of days."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from pgmlang.data.bridge import strings_of
from pgmlang.data.date_formats import parse_dates
from pgmlang.data.frame import TextColumn
from pgmlang.data.problems import quoted
from pgmlang.data.reading import Reading
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.of_kind("date"):
        formats = column.date_formats
        if not formats:
            yield _in_several_forms(table, column)
            continue
        name, cure = column.name, "reads them as days since 1970-01-01"
        if len(formats) > 1:
            also = " or ".join(f"`--dates {shlex.quote(f'{name}={f}')}`" for f in formats[1:3])
            cure = f"unless it is {also}: no cell says which"
        how = formats[0]
        if isinstance(column.column, TextColumn) and column.column.holds_dates:
            how, cure = "", "reads them as days since 1970-01-01"
        first = next(t for i, t in enumerate(column.labels) if not column.is_missing_word(i))
        yield Remark("dates", (name,), f"dates, such as {quoted(first)}", (), Reading(dates=((name, how),)), cure)


def _in_several_forms(table: TableProfile, column: ColumnProfile) -> Remark:
    forms = column.mixed_date_formats
    texts = [t for i, t in enumerate(column.labels) if column.counts[i] and not column.is_missing_word(i)]
    other = next(t for t in texts if parse_dates(strings_of([t]), forms[0])[1][0])
    usual = next(t for t in texts if not parse_dates(strings_of([t]), forms[0])[1][0])
    return Remark(
        "dates", (column.name,), f"dates in more than one spelling: {quoted(usual)} and {quoted(other)} ({', '.join(forms)})",
        table.lines(column.rows_of([column.labels.index(other)])),
        cure="bring them into one form, such as 2024-03-31; then `--dates` reads them",
    )  # fmt: skip


KIND = RemarkKind("dates", "columns of dates", _look)

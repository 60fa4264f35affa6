"""Numbers written with marks between thousands, decimal commas, currencies, percent signs or units."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pgmlang.data.frame import TextColumn
from pgmlang.data.numbers import PLAIN, parse_numbers
from pgmlang.data.problems import quoted
from pgmlang.data.reading import Reading
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.number_formats import CURRENCIES
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.columns.values():
        if isinstance(column.column, TextColumn) and column.is_numeric:
            yield from _of_column(table, column, column.column)


def _of_column(table: TableProfile, column: ColumnProfile, cells: TextColumn) -> Iterator[Remark]:
    told, seen = cells.number_format, column.number_format
    if told == seen:
        return
    values, _ = parse_numbers(column.texts, seen)
    before, _ = parse_numbers(column.texts, told)
    changed = [int(i) for i in np.flatnonzero(~np.isnan(values) & (np.isnan(before) | (before != values)))]
    if not changed:
        return
    name, options, words = column.name, Reading(), []
    if seen.unit and seen.unit != told.unit:
        options = options.plus(Reading(unit=((name, seen.unit),)))
        what = "percent signs" if seen.unit == "%" else "a currency" if seen.unit in CURRENCIES else "a unit"
        words.append(f"{what}, {quoted(seen.unit)}")
    if seen.decimal != told.decimal:
        options = options.plus(Reading(decimal=((name, seen.decimal),)))
        words.append(f"decimal mark {quoted(seen.decimal)}")
    if seen.thousands != told.thousands:
        options = options.plus(Reading(thousands=((name, seen.thousands),)))
        words.append(f"{quoted(seen.thousands)} between thousands")
    count = int(column.counts[changed].sum())
    example = changed[0]
    # `1.234` alone may be one and a bit, or more than a thousand
    is_sure = (
        seen.thousands == told.thousands
        or seen.unit != ""
        or seen.decimal != told.decimal
        or _is_grouped(column, seen.thousands)
    )
    yield Remark(
        "number-marks", (name,),
        f"{count:,} cell{'s' * (count != 1)} with {' and '.join(words)}: {quoted(column.labels[example])} is {values[example]:.12g}?",
        table.lines(column.rows_of(changed)), options, is_sure=is_sure,
        cure="" if is_sure or told != PLAIN else "or is it the decimal mark? then `--decimal`",
    )  # fmt: skip


def _is_grouped(column: ColumnProfile, mark: str) -> bool:
    """Whether every such mark has three digits behind it, and some cell says for sure that it parts thousands."""
    return (
        mark in (" ", "'")
        or any(t.count(mark) > 1 or "." in t for t in column.labels)
        or all(len(t.rpartition(mark)[2]) == 3 for t in column.labels if mark in t)
    )


KIND = RemarkKind("number-marks", "numbers written with marks, currencies, percent signs or units", _look)

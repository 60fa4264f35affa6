"""Numbers written with marks between thousands, decimal commas, currencies, percent signs or units."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import numpy as np

from pgmlang.data.frame import TextColumn
from pgmlang.data.numbers import NumberFormat, parse_numbers
from pgmlang.data.problems import cells, quoted
from pgmlang.data.reading import Reading
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.number_formats import CURRENCIES
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.columns.values():
        if column.mixed_units:
            yield _several_units(table, column)
        elif isinstance(column.column, TextColumn) and column.is_numeric:
            yield from _of_column(table, column, column.column)


def _of_column(table: TableProfile, column: ColumnProfile, of_text: TextColumn) -> Iterator[Remark]:
    told, seen = of_text.number_format, column.number_format
    if told == seen:
        yield from _maybe_thousands(table, column)
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
        words.append(f"{what} ({quoted(seen.unit)})")
    if seen.decimal != told.decimal:
        options = options.plus(Reading(decimal=((name, seen.decimal),)))
        words.append(f"decimal mark {quoted(seen.decimal)}")
    if seen.thousands != told.thousands:
        options = options.plus(Reading(thousands=((name, seen.thousands),)))
        words.append(f"{quoted(seen.thousands)} between thousands")
    if seen.accounting and not told.accounting:
        options = options.plus(Reading(accounting=(name,)))
        words.append("negative numbers in parentheses")
    if seen.magnitudes and not told.magnitudes:
        options = options.plus(Reading(magnitudes=(name,)))
        words.append("letters for powers of ten")
    count = int(column.counts[changed].sum())
    example = _telling(column, changed, seen)
    if column.is_open_number:
        yield _open_remark(table, column, changed, values, options)
        return
    yield Remark(
        "number-marks", (name,),
        f"{cells(count)} with {_listed(words)}: {quoted(column.labels[example])} is {values[example]:.12g}?",
        table.lines(column.rows_of(changed)), options,
        is_sure=seen.thousands == told.thousands or seen[2:] != told[2:] or seen.decimal != told.decimal or _is_grouped(column, seen.thousands),
    )  # fmt: skip


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _telling(column: ColumnProfile, changed: list[int], seen: NumberFormat) -> int:
    """The label that shows most of how numbers are written: one that fewer marks do not read."""
    for poorer in (seen._replace(accounting=False), seen._replace(magnitudes=False)):
        if poorer != seen:
            values, _ = parse_numbers(column.texts, poorer)
            if left := [i for i in changed if np.isnan(values[i])]:
                return left[0]
    return changed[0]


def _several_units(table: TableProfile, column: ColumnProfile) -> Remark:
    units = column.mixed_units
    examples = [
        next(i for i, t in enumerate(column.labels) if column.counts[i] and any(ch.isdigit() for ch in t)
             and (u in t if u else "%" not in t))
        for u in units
    ]  # fmt: skip
    shown = ", ".join(quoted(column.labels[i], 30) for i in examples[:4])
    return Remark(
        "number-marks", (column.name,), f"numbers in several units: {shown}", table.lines(column.rows_of(examples[1:])),
        cure="bring them to one, by what one is worth in the other" + (" (`5%` may be 0.05)" if "%" in units else ""),
    )  # fmt: skip


def _open_remark(
    table: TableProfile, column: ColumnProfile, changed: list[int], values: np.ndarray, options: Reading
) -> Remark:
    """`1,234` alone may be one and a bit, or more than a thousand: both, with what the column then holds."""
    seen, name = column.number_format, column.name
    decimals, _ = parse_numbers(column.texts, seen._replace(decimal=",", thousands=""))
    return Remark(
        "number-marks", (name,),
        f"{quoted(column.labels[changed[0]])} is {values[changed[0]]:.12g} (then all are {_range(values)}) or "
        f"{decimals[changed[0]]:.12g} (then {_range(decimals)})? no cell says which",
        table.lines(column.rows_of(changed)), options,
        cure=f"if `,` parts thousands; if it is the decimal mark, `--decimal {shlex.quote(name + '=,')}`",
    )  # fmt: skip


def _maybe_thousands(table: TableProfile, column: ColumnProfile) -> Iterator[Remark]:
    """Points with three digits behind them, where the columns beside have decimal commas."""
    values, name = column.dotted_thousands, column.name
    if values is None:
        return
    dotted = [int(i) for i in np.flatnonzero(column.label_values != values)]
    first = dotted[0]
    yield Remark(
        "number-marks", (name,),
        f"{quoted(column.labels[first])} is read as {column.label_values[first]:.12g} (all are {_range(column.label_values)}); other "
        f"columns have decimal commas, so that it may be {values[first]:.12g} (then {_range(values)})",
        table.lines(column.rows_of(dotted)), Reading(decimal=((name, ","),), thousands=((name, "."),)), cure="if `.` parts thousands",
    )  # fmt: skip


def _range(values: np.ndarray) -> str:
    return f"{np.nanmin(values):.6g} to {np.nanmax(values):.6g}"


def _is_grouped(column: ColumnProfile, mark: str) -> bool:
    """Whether every such mark has three digits behind it, and some cell says for sure that it parts thousands."""
    return (
        mark in (" ", "'")
        or any(t.count(mark) > 1 or "." in t for t in column.labels)
        or all(len(t.rpartition(mark)[2]) == 3 for t in column.labels if mark in t)
    )


KIND = RemarkKind("number-marks", "numbers written with marks, currencies, percent signs or units", _look)

"""Whether comma or point is the decimal mark: what the numbers of a column, and those of the columns beside it, say of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pgmlang.data import Frame
from pgmlang.data.frame import TextColumn
from pgmlang.data.numbers import NumberFormat

_PROBED = 500
_NUMBER = re.compile(r"[^\d+\-.,]{0,6}+[+-]?+[^\d+\-.,]{0,6}+(\d[\d.,' \u00a0\u2009\u202f\u2019]*)[^\d.,]{0,8}")


def _decimal(mark: str, other: str) -> re.Pattern[str]:
    m, o = re.escape(mark), re.escape(other)
    return re.compile(
        rf"0+{m}\d+|\d+{m}(\d{{1,2}}|\d{{4,}})|\d{{4,}}{m}\d+|\d{{1,3}}({o}\d{{3}})+{m}\d+|\d{{1,3}}({o}\d{{3}}){{2,}}"
        rf"|\d{{1,3}}([ '\u2019\u00a0\u202f]\d{{3}})+{m}\d+"
    )


_DECIMAL = {",": _decimal(",", "."), ".": _decimal(".", ",")}
_OPEN = {mark: re.compile(rf"[1-9]\d{{0,2}}{re.escape(mark)}\d{{3}}") for mark in _DECIMAL}


def decimal_marks(labels: Iterable[str]) -> set[str]:
    """The marks that some number says to be decimal: a leading ``0,``, another number of digits behind the mark than three, or
    the other mark between thousands. Labels that are no numbers say nothing."""
    bodies = [match[1].strip() for t in labels if (match := _NUMBER.fullmatch(t.strip()))]
    return {mark for mark, says in _DECIMAL.items() if any(map(says.fullmatch, bodies))}


def open_marks(labels: Iterable[str]) -> set[str]:
    """The marks with exactly three digits behind them: decimal, or between thousands."""
    bodies = [match[1].strip() for t in labels if (match := _NUMBER.fullmatch(t.strip()))]
    return {mark for mark, says in _OPEN.items() if any(map(says.fullmatch, bodies))}


def decimal_mark_of(frame: Frame) -> str:
    """The decimal mark that the columns of text say together; empty where none says it, or both are said. Where nothing else
    does, commas in numbers of a file with semicolons between cells are decimal: they are the reason for the semicolons."""
    marks: set[str] = set()
    has_commas = False
    for column in frame.columns.values():
        if not isinstance(column, TextColumn):
            continue
        if column.number_format != NumberFormat(unit=column.number_format.unit):
            marks.add(column.number_format.decimal)
            continue
        labels = column.encoded[0].slice(0, _PROBED).to_pylist()
        if 2 * sum(_NUMBER.fullmatch(t.strip()) is not None for t in labels if t) > len(labels):
            marks |= decimal_marks(t for t in labels if t)
            has_commas = has_commas or "," in open_marks(t for t in labels if t)
    if len(marks) == 1:
        return marks.pop()
    return "," if not marks and has_commas and frame.place.sep == ";" else ""

"""Columns of dates as numbers: days since 1970-01-01, with fractions where there is a time of day."""

from __future__ import annotations

import numpy as np

from pgmlang.data.date_formats import ISO, formats_of, parse_dates
from pgmlang.data.frame import Column, NumberColumn, TextColumn
from pgmlang.data.problems import cells, problem, quoted
from pgmlang.data.source_kind import Holds


def dated(column: Column, how: str) -> tuple[NumberColumn, str, str]:
    """A column of dates as numbers, the format (found where ``how`` is empty) and a note. Dates that the source holds as such
    need no format. Raises PgmError PGM0721."""
    name = column.name
    cure = f"say how they are written: `--dates {name}=%d.%m.%Y` (in Python `dates={{{name!r}: '%d.%m.%Y'}}`)"
    if not isinstance(column, TextColumn):
        raise problem("PGM0721", f"`{column.name}` holds numbers, not dates", place=column.place.column(column.name),
                      cure=f"leave `--dates {column.name}` out (in Python `dates`)")  # fmt: skip
    dictionary, codes = column.encoded
    if column.holds_dates and parse_dates(dictionary, how or ISO)[1].any():
        how = ISO
    if not how:
        fitting = [ISO] if column.holds_dates else formats_of(dictionary)
        if not fitting:
            raise problem("PGM0721", f"the cells of `{column.name}` are not all dates of one kind",
                          place=column.place.column(column.name), cure=cure)  # fmt: skip
        if len(fitting) > 1:
            raise problem(
                "PGM0721", f"the dates of `{column.name}` may be read in several ways",
                place=column.place.column(column.name), cure=f"say which: `--dates {column.name}={fitting[0]}` or `--dates {column.name}={fitting[1]}`",
            )  # fmt: skip
        how = fitting[0]
    values, bad = parse_dates(dictionary, how)
    wrong = np.append(bad, False)[codes]
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise problem("PGM0721", f"{quoted(column.text(row))} is not a date of the form `{how}`", place=column.cell(row),
                      cure=cure)  # fmt: skip
    days = np.append(values, np.nan)[codes]
    present = int((~np.isnan(days)).sum())
    first = int(np.argmax(~np.isnan(days))) if present else 0
    shown = f": {quoted(column.text(first))} is {days[first]:.12g}" if present else ""
    note = f"{cells(present)} of `{column.name}` read as days since 1970-01-01{shown}"
    kind: Holds = "int" if bool((np.isnan(days) | (days == np.floor(days))).all()) else "float"
    return NumberColumn(column.name, column.place, days, kind), how, note

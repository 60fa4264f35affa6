"""Dates in text as numbers: days since 1970-01-01, with fractions where there is a time of day."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgmlang.data.bridge import floats_of, strings_of, valid_of
from pgmlang.data.frame import Column, NumberColumn, TextColumn
from pgmlang.data.problems import problem, quoted

FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y",
    "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%Y-%m",
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
    "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S",
)  # fmt: skip
"""Ways to write a date, those without doubt first."""

_DAY = 86400.0
_FIRST_YEAR = 1000


def parse_dates(texts: Any, how: str) -> tuple[np.ndarray, np.ndarray]:
    """Arrow strings as days since 1970-01-01 by a format of strptime (null to NaN), and which of them are no such dates."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(texts)
    try:
        times = pc.strptime(trimmed, format=how, unit="s", error_is_null=True)
    except pa.ArrowInvalid:
        raise problem(
            "PGM0612", f"{quoted(how)} is not a form of dates", cure="write it as %Y-%m-%d or %d.%m.%Y"
        ) from None
    # Arrow moves the 30th of February to March: what does not read back the same is no date
    back = pc.strftime(times, format=how)
    is_same = pc.fill_null(pc.equal(_unpadded(back), _unpadded(trimmed)), False)
    years = pc.year(times)
    is_year = pc.fill_null(pc.and_(pc.greater_equal(years, _FIRST_YEAR), pc.less_equal(years, 9999)), False)
    seconds = floats_of(times.cast(pa.int64()).cast(pa.float64()))
    good = _booleans(is_same) & _booleans(is_year)
    return np.where(good, seconds / _DAY, np.nan), valid_of(texts) & ~good


def _unpadded(texts: Any) -> Any:
    """Dates without zeros in front of their numbers, in lower case."""
    import pyarrow.compute as pc

    return pc.utf8_lower(pc.replace_substring_regex(texts, r"\b0+([0-9])", r"\1"))


def _booleans(array: Any) -> np.ndarray:
    import pyarrow as pa

    return floats_of(array.cast(pa.uint8()).cast(pa.float64())) == 1


def formats_of(texts: Any) -> list[str]:
    """The formats that all texts are dates of: none for other texts, several where day and month may be exchanged."""
    probe = [t for t in texts.slice(0, 20).to_pylist() if t is not None]
    if not probe or not all(any(c.isdigit() for c in t) and 6 <= len(t.strip()) <= 30 for t in probe):
        return []
    few = strings_of(probe)
    likely = [f for f in FORMATS if not parse_dates(few, f)[1].any()]
    return [f for f in likely if not parse_dates(texts, f)[1].any()]


def dated(column: Column, how: str) -> tuple[NumberColumn, str, str]:
    """A column of dates as numbers, the format (found where ``how`` is empty) and a note. Raises PgmError PGM0721."""
    cure = f"say how they are written: `--dates {column.name}=%d.%m.%Y`"
    if not isinstance(column, TextColumn):
        raise problem("PGM0721", f"`{column.name}` holds numbers, not dates", place=column.place.column(column.name),
                      cure=f"leave `--dates {column.name}` out")  # fmt: skip
    dictionary, codes = column.encoded
    if not how:
        fitting = formats_of(dictionary)
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
    note = f"{present:,} cells of `{column.name}` read as days since 1970-01-01{shown}"
    kind = "int" if bool((np.isnan(days) | (days == np.floor(days))).all()) else "float"
    return NumberColumn(column.name, column.place, days, kind), how, note

"""How dates are written: the formats that texts are dates of, and their days since 1970-01-01."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgmlang.data.bridge import floats_of, strings_of, text_scalar, valid_of
from pgmlang.data.problems import problem, quoted

FORMATS = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y",
    "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%d-%b-%y", "%d %b %y", "%m/%Y",
    "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%Y-%m",
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
    "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S",
)  # fmt: skip
"""Ways to write a date, those without doubt first."""

ISO = "ISO8601"
"""The format of dates by ISO 8601, each with or without a time of day, fractions of a second, and an offset from UTC."""

_DAY = 86400.0
_FIRST_YEAR = 1000
_LONGEST = 40
_ISO = (
    r"^\s*(?P<day>\d{4}-\d{2}-\d{2})(?:[ T](?P<clock>\d{2}:\d{2})(?::(?P<second>\d{2})(?P<fraction>[.,]\d{1,9})?)?"
    r" ?(?P<offset>Z|[+-]\d{2}(?::?\d{2})?)?)?\s*$"
)


def parse_dates(texts: Any, how: str) -> tuple[np.ndarray, np.ndarray]:
    """Arrow strings as days since 1970-01-01 by a format of strptime or `ISO` (null to NaN), and which of them are no such
    dates."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if how == ISO:
        return _parse_iso(texts)
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


def _parse_iso(texts: Any) -> tuple[np.ndarray, np.ndarray]:
    """Dates by ISO 8601; what has an offset is brought to UTC."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fields = pc.extract_regex(texts.cast(pa.string()), pattern=_ISO)

    def field(name: str, otherwise: str) -> Any:
        return _or_else(pc.struct_field(fields, name), otherwise)

    def joined(first: Any, second: Any, between: str) -> Any:
        return pc.binary_join_element_wise(first, second, text_scalar(between, pa.string()))

    def number(text: Any) -> np.ndarray:
        return np.nan_to_num(floats_of(text.cast(pa.float64())))

    clock = joined(field("clock", "00:00"), field("second", "00"), ":")
    days, _ = parse_dates(joined(field("day", ""), clock, " "), "%Y-%m-%d %H:%M:%S")
    fraction = number(pc.replace_substring(field("fraction", "0"), ",", "."))
    offset = pc.replace_substring(pc.replace_substring(field("offset", "Z"), "Z", "+0000"), ":", "")
    east = number(pc.utf8_slice_codeunits(offset, 1, 3)) * 60
    east += number(_or_else(pc.utf8_slice_codeunits(offset, 3, 5), "0"))
    is_west = _booleans(pc.starts_with(offset, "-"))
    east = np.where(is_west, -east, east)
    days = days + (fraction - 60 * east) / _DAY
    return days, valid_of(texts) & np.isnan(days)


def _or_else(texts: Any, otherwise: str) -> Any:
    """Texts, another one where they are empty."""
    import pyarrow.compute as pc

    return pc.if_else(pc.equal(texts, text_scalar("", texts.type)), text_scalar(otherwise, texts.type), texts)


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
    if not probe or not all(any(c.isdigit() for c in t) and 6 <= len(t.strip()) <= _LONGEST for t in probe):
        return []
    few = strings_of(probe)
    likely = [f for f in FORMATS if not parse_dates(few, f)[1].any()]
    fitting = [f for f in likely if not parse_dates(texts, f)[1].any()]
    return fitting or [f for f in (ISO,) if not parse_dates(texts, f)[1].any()]

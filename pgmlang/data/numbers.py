"""Numbers out of text: which spellings count, parsed all at once."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from pgmlang.data.bridge import floats_of, text_scalar, valid_of

_NUMBER = r"^[+-]?([0-9]+(\{mark}[0-9]*)?|\{mark}[0-9]+)([eE][+-]?[0-9]+)?$"
_GROUPED = r"^[+-]?[0-9]{1,3}(GROUP[0-9]{3})+(\{mark}[0-9]*)?([eE][0-9]+)?$"
_BLANKS = r"[\s\x{00A0}\x{2009}\x{202F}]"
_GROUP_MARKS = {" ": _BLANKS, "'": r"['\x{2019}]"}
"""Marks between thousands that have several characters: a Swiss apostrophe is straight or curly."""
MAGNITUDES = {"k": 3, "m": 6, "mn": 6, "b": 9, "bn": 9}
"""Letters behind a number that stand for a power of ten, in any case: `2.5k`, `3M`, `1.2bn`."""


class NumberFormat(NamedTuple):
    """How numbers are written in text: the decimal mark, a mark between groups of three digits, and a sign or unit that
    may stand around them (`€`, `%`, `kg`). ``accounting``: negative ones in parentheses, `(100)`; ``magnitudes``: with the
    letters of ``MAGNITUDES`` behind them."""

    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    accounting: bool = False
    magnitudes: bool = False


PLAIN = NumberFormat()
MINUS = "\N{MINUS SIGN}"
"""The minus of typeset text, read as the hyphen that numbers are written with."""


def parse_numbers(texts: Any, how: NumberFormat = PLAIN) -> tuple[np.ndarray, np.ndarray]:
    """Arrow strings to float64 (null to NaN), and which of them are no finite decimal numbers.

    Spaces around a number are allowed. `inf`, `nan`, `1_000` and `0x10` are not numbers, nor is `1,000` unless ``how`` says so.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.replace_substring(texts, MINUS, "-")
    if how.accounting:
        texts = _without_parentheses(texts)
    if how.unit:
        texts = _without_unit(texts, how.unit)
        if how.accounting:  # the unit may stand outside of them
            texts = _without_parentheses(texts)
    if how.magnitudes:
        texts = _with_exponents(texts)
    if how.thousands:
        texts = _without_groups(texts, how)
    decimal = how.decimal
    if decimal == ".":
        try:
            values = _floats(texts)
        except pa.ArrowInvalid:
            pass
        else:
            # Arrow reads `inf` and `nan` as well; only then is the slow way needed.
            if int(np.isnan(values).sum()) == texts.null_count and not np.isinf(values).any():
                return values, np.zeros(len(values), bool)
    return _parse_checked(texts, decimal)


def _parse_checked(texts: Any, decimal: str) -> tuple[np.ndarray, np.ndarray]:
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim(texts, " \t")
    good = pc.match_substring_regex(trimmed, _NUMBER.replace("{mark}", decimal))
    trimmed = pc.if_else(good, trimmed, text_scalar(None, trimmed.type))
    if decimal != ".":
        trimmed = pc.replace_substring(trimmed, decimal, ".")
    values = _floats(trimmed)
    # What is too large for a float64 (`1e999`) would turn into infinity.
    return values, valid_of(texts) & ~np.isfinite(values)


def _without_unit(texts: Any, unit: str) -> Any:
    """Numbers without the unit before or behind them; the sign may stand on either side of it."""
    import pyarrow.compute as pc

    mark = re.escape(unit)
    pattern = f"^{_BLANKS}*([+-]?){_BLANKS}*(?:{mark})?{_BLANKS}*([+-]?)(.*?){_BLANKS}*(?:{mark})?{_BLANKS}*$"
    return pc.replace_substring_regex(texts, pattern, r"\1\2\3")


def _without_parentheses(texts: Any) -> Any:
    """Numbers in parentheses, which are negative by accountants' custom, with a minus."""
    import pyarrow.compute as pc

    pattern = rf"^{_BLANKS}*\({_BLANKS}*([^()+-]*[0-9][^()+-]*)\){_BLANKS}*$"
    return pc.replace_substring_regex(texts, pattern, r"-\1")


def _with_exponents(texts: Any) -> Any:
    """Numbers with letters for powers of ten behind them as with exponents, which lose no digit: `4.1M` is `4.1e6`."""
    import pyarrow.compute as pc

    for letters, power in MAGNITUDES.items():
        pattern = rf"(?i)^(.*[0-9][.,]?){_BLANKS}*{letters}{_BLANKS}*$"
        texts = pc.replace_substring_regex(texts, pattern, rf"\1e{power}")
    return texts


def _without_groups(texts: Any, how: NumberFormat) -> Any:
    """Numbers in groups of three digits as plain ones; other texts as they are."""
    import pyarrow.compute as pc

    group = _GROUP_MARKS.get(how.thousands) or re.escape(how.thousands)
    trimmed = pc.utf8_trim(texts, " \t")
    grouped = pc.match_substring_regex(trimmed, _GROUPED.replace("GROUP", group).replace("{mark}", how.decimal))
    return pc.if_else(grouped, pc.replace_substring_regex(trimmed, group, ""), texts)


def _floats(texts: Any) -> np.ndarray:
    import pyarrow as pa

    return floats_of(texts.cast(pa.float64()))


MISSING_WORDS = frozenset(
    ("na", "n/a", "n.a.", "nan", "null", "none", "nil", "-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", ".", "..", "...", "?",
     "??", "missing", "unknown", "unk", "#n/a", "#na", "#null!", "#value!", "#div/0!", "<na>", "(null)", "k.a.", "\\n")
)  # fmt: skip
"""Texts, in lower case, that often mean that a value is not known."""

"""Numbers out of text: which spellings count, parsed all at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgmlang.data.bridge import floats_of, text_scalar, valid_of
from pgmlang.data.problems import problem, quoted
from pgmlang.data.row_origin import RowOrigin
from pgmlang.diagnostics import PgmError

_NUMBER = r"^[+-]?([0-9]+(\{mark}[0-9]*)?|\{mark}[0-9]+)([eE][+-]?[0-9]+)?$"


def parse_numbers(texts: Any, decimal: str = ".") -> tuple[np.ndarray, np.ndarray]:
    """Arrow strings to float64 (null to NaN), and which of them are no finite decimal numbers.

    Spaces around a number are allowed. `inf`, `nan`, `1_000`, `1,000` and `0x10` are not numbers.
    """
    import pyarrow as pa

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


def _floats(texts: Any) -> np.ndarray:
    import pyarrow as pa

    return floats_of(texts.cast(pa.float64()))


def not_numbers(place: RowOrigin, column: str, rows: np.ndarray, texts: list[str], decimal: str) -> PgmError:
    """The error for cells that are no numbers; ``texts``: the first few of them."""
    lines = place.lines([int(r) for r in rows[: len(texts)]])
    notes = []
    if len(rows) > 1:
        also = ", ".join(f"{quoted(t)} ({place.unit} {n})" for t, n in zip(texts, lines, strict=True))
        more = ", …" if len(rows) > len(texts) else ""
        notes.append(f"{len(rows):,} cells of `{column}` are no numbers: {also}{more}")
    return problem(
        "PGM0721", f"{quoted(texts[0])} is not a number", place=f"{place.name}:{lines[0]}:{column}", notes=notes,
        cure=_cure(texts[0], decimal),
    )  # fmt: skip


def _cure(text: str, decimal: str) -> str:
    bare = text.strip().lower()
    if bare.lstrip("+-") in ("inf", "infinity"):
        return "infinite values are not accepted; leave the cell empty where the value is not known"
    other = "," if decimal == "." else "."
    digits = bare.lstrip("+-").replace(",", "").replace(".", "").isdigit()
    if digits and bare.count(other) == 1 and decimal not in bare:
        return f"if `{other}` is the decimal mark, give `--decimal {other}` (in Python `decimal='{other}'`)"
    if digits:
        return "write numbers without a mark between thousands"
    if bare in ("na", "n/a", "nan", "null", "none", "-", "--", ".", "?", "missing", "#n/a"):
        return f"if it means missing, give `--na {text}` (in Python `na=[{text!r}]`)"
    return "correct the cell, or leave it empty if the value is not known"

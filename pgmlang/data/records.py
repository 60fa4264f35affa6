"""Rows in Python: lists of dicts, arrays of records, and the cell that is unlike those above it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pgmlang.data.problems import problem
from pgmlang.diagnostics import PgmError

KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("text", (str,)),
    ("a truth value", (bool, np.bool_)),
    ("a number", (int, float, np.integer, np.floating)),
)


_COMPLEX = "a complex number"


def collected(source: Any, name: str) -> Any:
    """The columns of a list of dicts (a key that a row has not is missing there) or of an array of records, the frame that a
    lazy one of polars comes to; any other object itself. Raises PgmError PGM0702 for a row that is no dict."""
    if hasattr(source, "collect") and hasattr(source, "collect_schema"):
        return source.collect()
    fields = getattr(getattr(source, "dtype", None), "names", None)
    if fields:
        return {field: np.asarray(source[field]) for field in fields}
    if isinstance(source, str | bytes) or not isinstance(source, Sequence) or not source:
        return source
    if not any(isinstance(row, Mapping) for row in source):
        return source
    for number, row in enumerate(source, 1):
        if not isinstance(row, Mapping):
            raise problem("PGM0702", f"row {number} is {_kind_of(row)}, not a dict", place=f"{name}:{number}",
                          cure="give every row as a dict from columns to values")  # fmt: skip
    names = dict.fromkeys(str(key) for row in source for key in row)
    return {key: [row.get(key) for row in source] for key in names}


def mixed_values(values: Iterable[Any], column: str, frame: str, note: str) -> PgmError:
    """PGM0702 for values of several types, at the first that is unlike those above it."""
    if not isinstance(values, Iterable):
        return problem("PGM0702", f"`{column}` is one value, not a list of them", place=f"{frame}:{column}", notes=[note],
                       cure="give one value a row, None for a missing one")  # fmt: skip
    cells = list(values)
    kinds = [_kind_of(cell) for cell in cells]
    if _COMPLEX in kinds:
        return problem("PGM0702", f"`{column}` holds complex numbers, not real ones", place=f"{frame}:{kinds.index(_COMPLEX) + 1}:{column}",
                       cure="give real and imaginary part as two columns")  # fmt: skip
    first = next((k for k in kinds if k), "")
    odd = next((i for i, k in enumerate(kinds) if k and k != first), None)
    if odd is None:
        # of one kind that no column holds: lists, dates of several zones
        row = next((i for i, k in enumerate(kinds) if k and k not in dict(KINDS)), None)
        where, notes = (f":{row + 1}" if row is not None else ""), [note]
    else:
        where, notes = (
            f":{odd + 1}",
            [f"row {odd + 1} is {_shown(cells[odd])}, {kinds[odd]}; those above are {first}"],
        )
    return problem(
        "PGM0702", f"the values of `{column}` are not all of one type", place=f"{frame}{where}:{column}",
        notes=notes, cure="give all as text or all as numbers, None for a missing one",
    )  # fmt: skip


def mixed_column(data: Any, frame: str, note: str) -> PgmError | None:
    """As `mixed_values`, of the first column of a data frame whose values are of several types; None where there is none."""
    for column in getattr(data, "columns", ()):
        cells = list(data[column])
        kinds = {k for k in map(_kind_of, cells) if k}
        if len(kinds) > 1 or kinds - set(dict(KINDS)):
            return mixed_values(cells, str(column), frame, note)
    return None


def _kind_of(cell: Any) -> str:
    """In words; empty for a missing one."""
    if cell is None or (isinstance(cell, float | np.floating) and np.isnan(cell)):
        return ""
    if isinstance(cell, complex | np.complexfloating):
        return _COMPLEX
    return next((says for says, types in KINDS if isinstance(cell, types)), f"a {type(cell).__name__}")


def _shown(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) < 40 else f"{text[:37]}..."

"""Columns of results as the frame a person expects: of the kind they gave, with its index, labels as their columns had them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from pgmlang.data import SourceKind
from pgmlang.diagnostics import Diagnostic, PgmWarning
from pgmlang.display import as_frame
from pgmlang.display.frames import CategoryCells, frame_index, frame_kind
from pgmlang.query.row_names import base
from pgmlang.query.rows import Columns
from pgmlang.results.fit import Fit, source_kinds_of

_OF_MODEL = SourceKind("int")
"""Labels that no data told of: those that are whole numbers are numbers."""


def result_frame(columns: Columns, fit: Fit, data: Any = None, plate: str = "") -> Any:
    """The columns as a frame of the kind of ``data`` (polars, Arrow, pandas), else pandas where it is installed, else Arrow. It
    has the index of ``data`` where its rows are those of the ``plate`` whose rows the (innermost) table is. Labels are what the
    fit's columns held: truth values, numbers, categories in their order. A cell that a row has no answer for is missing. What
    there was to warn of is warned of."""
    kinds = source_kinds_of(fit)
    values = {name: _as_in_source(fit, kinds, name, column) for name, column in columns.columns.items()}
    tell(columns.warnings)
    is_of_rows = columns.plate is not None and columns.plate == plate
    return as_frame(values, frame_kind(data), frame_index(data, plate) if is_of_rows else None)


def tell(messages: Sequence[Diagnostic]) -> None:
    """Diagnostics as Python's warnings, of the line that called."""
    for message in (m.for_python() for m in messages):
        cure = f" (help: {message.help})" if message.help else ""
        warnings.warn(f"{message.code}: {message.message}{cure}", PgmWarning, stacklevel=6)


def _as_in_source(fit: Fit, kinds: dict[str, SourceKind], name: str, column: list[str] | np.ndarray) -> Any:
    """A column of results; labels as the values that they are in the fit's data."""
    if isinstance(column, np.ndarray):
        return column
    variable = fit.model.by_name.get(name) or fit.model.by_name.get(base(name))
    labels = None if variable is None else fit.model.labels_of(variable.type)
    kind = kinds.get(variable.name if variable is not None else name, _OF_MODEL)
    texts = tuple(labels) if labels is not None else tuple(dict.fromkeys(t for t in column if t))
    value_of = dict(zip(texts, kind.values_of(texts), strict=True))
    values = [value_of[text] if text != "" else None for text in column]
    if kind.categories is not None and set(texts) <= set(kind.categories):
        return CategoryCells(values, kind.values_of(kind.categories), kind.is_ordered)
    return _array(values, kind, list(value_of.values()))


def _array(values: list[Any], kind: SourceKind, known: list[Any]) -> Any:
    """Values as an array of their type; a list of those that have none with a missing value."""
    types = {type(v) for v in known}
    if len(types) != 1 or types == {str}:
        return values
    (one,) = types
    has_gaps = None in values
    if one is bool:
        return values if has_gaps else np.array(values, dtype=np.bool_)
    if one is int and max(map(abs, known)) > np.iinfo(np.int64).max:
        return values
    if one is int and not has_gaps:
        return np.array(values, dtype=np.int64)
    numbers = np.array([np.nan if v is None else v for v in values], dtype=float)
    return numbers.astype(np.float32) if kind.holds == "float32" else numbers

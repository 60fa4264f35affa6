"""Columns of results as the frame a person expects: of the kind they gave, with its index, whole numbers as numbers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmWarning
from pgmlang.display import as_frame
from pgmlang.display.frames import Kind, frame_index, frame_kind
from pgmlang.model import Model
from pgmlang.query.row_names import base
from pgmlang.query.rows import Columns

_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")


def result_frame(columns: Columns, model: Model, data: Any = None) -> Any:
    """The columns as a frame of the kind of ``data`` (pandas, with its index where there are as many rows; polars; Arrow), else
    pandas where it is installed, else Arrow. A cell that a row has no answer for is missing. Values of bits, spins, truth
    values, counts and of label sets that are whole numbers are whole numbers. What there was to warn of is warned of."""
    kind: Kind | None = frame_kind(data)
    values = {name: _typed(model, name, column) for name, column in columns.columns.items()}
    tell(columns.warnings)
    rows = len(next(iter(values.values()), ()))
    return as_frame(values, kind, frame_index(data, rows))


def tell(messages: Sequence[Diagnostic]) -> None:
    """Diagnostics as Python's warnings, of the line that called."""
    for message in (m.for_python() for m in messages):
        cure = f" (help: {message.help})" if message.help else ""
        warnings.warn(f"{message.code}: {message.message}{cure}", PgmWarning, stacklevel=6)


def _typed(model: Model, name: str, column: list[str] | np.ndarray) -> Any:
    if isinstance(column, np.ndarray):
        return column
    variable = model.by_name.get(name) or model.by_name.get(base(name))
    labels = model.labels_of(variable.type) if variable is not None else None
    if labels is None or not all(_WHOLE.fullmatch(label) for label in labels):
        return [text if text != "" else None for text in column]
    if "" in column:
        return np.array([float(text) if text != "" else np.nan for text in column])
    return np.array([int(text) for text in column], dtype=np.int64)

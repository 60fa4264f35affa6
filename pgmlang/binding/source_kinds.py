"""What the columns of labels are in their source: results are given back so."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pgmlang.binding.columns import Matches, columns_of
from pgmlang.binding.tables import column_named
from pgmlang.data import Frame, SourceKind, spelling
from pgmlang.data.source_kind import Holds
from pgmlang.model import Model, Variable

_HOLDS: dict[str, Holds] = {"b": "bool", "i": "int", "u": "int", "f": "float"}
"""By the kind of a NumPy array's numbers."""


def source_kinds(
    model: Model, matches: Matches, frames: Mapping[str, Frame], mapping: Mapping[str, str],
    values: Mapping[str, np.ndarray],
) -> dict[str, SourceKind]:  # fmt: skip
    """By variable of labels that has columns of one kind or an array, and by plate whose elements a column names. ``mapping``:
    variable or plate to column; ``values``: the codes of the variables."""
    out: dict[str, SourceKind] = {}
    for plate, frame in frames.items():
        for around in model.enclosing(plate):
            column = column_named(frame, mapping.get(around, around))
            if column is not None:
                out.setdefault(around, column.source_kind)
    for name, codes in values.items():
        kind = _kind(model, model.by_name[name], matches, frames, codes)
        if kind is not None:
            out[name] = kind
    return out


def _kind(
    model: Model, variable: Variable, matches: Matches, frames: Mapping[str, Frame], codes: np.ndarray
) -> SourceKind | None:
    name, labels = variable.name, model.labels_of(variable.type)
    if labels is None:
        return None
    if name in matches.arrays:
        plate, array_name = matches.arrays[name]
        return SourceKind(_HOLDS.get(frames[plate].arrays[array_name].dtype.kind, "text"))
    if name not in matches.columns:
        return None
    columns = columns_of(matches, frames, name)
    kinds = {column.source_kind for column in columns}
    if len(kinds) > 1:
        return None
    (kind,) = kinds
    is_its_own = len(columns) == 1 and len(codes) == len(columns[0])
    if variable.type.kind in ("bit", "spin") and is_its_own:
        return kind.spelt(spelling(columns[0], codes.reshape(-1), labels))
    return kind

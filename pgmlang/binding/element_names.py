"""What the rows of a table are called, where the model has numbers of its own for each of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from pgmlang.binding.tables import column_named
from pgmlang.data import Column, Frame
from pgmlang.diagnostics import PgmError
from pgmlang.model import Model

MOST_NAMED = 1 << 17
"""Rows beyond which names are not kept beside a fit."""


class RowNames(NamedTuple):
    """The names of the rows of a plate, and the column that they stand in."""

    names: tuple[str, ...]
    column: str


def row_names(
    model: Model,
    frames: Mapping[str, Frame],
    mapping: Mapping[str, str],
    known: Collection[str],
    unused: Collection[str],
) -> dict[str, RowNames]:
    """By row plate whose elements have no labels and unknown numbers of their own: the column named like it (or mapped to it),
    else an unused one that names it (``name``, ``id``, ``school_id``), else the first unused one of words; each only where
    its cells tell all rows apart. ``known``: variables that the data give."""
    out: dict[str, RowNames] = {}
    for plate, frame in frames.items():
        has_unknowns = any(
            plate in model.batch_axes(v.plates)
            for v in model.variables
            if v.role != "input" and v.name not in known
        )
        if not has_unknowns or not 1 < frame.num_rows <= MOST_NAMED:
            continue
        for column in _candidates(model, plate, frame, mapping.get(plate, plate), unused):
            labels, codes = column.labels_and_codes()
            if len(labels) == len(codes) and bool((codes >= 0).all()):
                out[plate] = RowNames(tuple(labels[k] for k in codes), column.name)
                break
    return out


def _candidates(model: Model, plate: str, frame: Frame, named: str, unused: Collection[str]) -> list[Column]:
    own = column_named(frame, named)
    if own is not None:
        return [own]
    others = [frame.columns[name] for name in unused if name in frame.columns]
    telling = [
        c
        for c in others
        if _plain(c.name) in {"id", "name", "label"} | {_plain(plate + x) for x in ("", "id", "name")}
    ]
    return [*telling, *(c for c in others if c not in telling and _is_of_words(c))]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _is_of_words(column: Column) -> bool:
    """Whether no cell is a number."""
    if not column.is_text:
        return False
    try:
        column.numbers()
    except PgmError:
        labels = column.labels_and_codes()[0]
        return not any(re.fullmatch(r"[\s\d.,:/+-]*", label) for label in labels)
    return False

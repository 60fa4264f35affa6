"""Rows with missing cells left out or refused."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pgmlang.binding.columns import Matches
from pgmlang.binding.outside import at_rows
from pgmlang.binding.problems import BindingProblems
from pgmlang.binding.tables import column_named, take_rows
from pgmlang.binding.values import array_column
from pgmlang.data import Frame
from pgmlang.model import Model


def refuse_gaps(model: Model, matches: Matches, frames: Mapping[str, Frame], problems: BindingProblems) -> None:
    """``--missing error``: PGM0710 for every variable with a missing cell."""
    for name, (plate, names) in [*matches.columns.items(), *_array_names(matches)]:
        frame = frames[plate]
        for column_name in names:
            gaps = _cells_missing(model, matches, frame, name, column_name)
            if gaps.any():
                row = int(np.flatnonzero(gaps)[0])
                cell = f"{frame.name}:{frame.row_number(row) if frame.num_rows else row + 1}:{column_name}"
                count = int(gaps.sum())
                problems.error(
                    "PGM0710", f"`{name}` has {count:,} missing cell{'s' if count > 1 else ''}", cell,
                    "fill them in, or choose `--missing latent` or `--missing drop`", about=name,
                )  # fmt: skip


def drop_gaps(
    model: Model,
    mapping: Mapping[str, str],
    matches: Matches,
    frames: dict[str, Frame],
    problems: BindingProblems,
    *,
    of_inputs: bool = False,
) -> dict[str, np.ndarray]:
    """``--missing drop``: keeps the rows without a missing cell, and returns the positions kept. ``of_inputs``: without a missing
    input, since the others are asked for; rows that go are warned of (PGM0725).

    A column without any value is no reason to drop: its variable is latent. With an outer table's row go the rows of
    the inner tables that belong to it.
    """
    complete_rows: dict[str, np.ndarray] = {}
    gone: dict[str, set[str]] = {}
    bound = [*matches.columns.items(), *_array_names(matches)]
    if of_inputs:
        bound = [(name, where) for name, where in bound if model.by_name[name].role == "input"]
    for plate, frame in list(frames.items()):
        num_rows = rows_of(model, matches, frame, plate)
        keep = np.ones(num_rows, dtype=bool)
        for name, (home, names) in bound:
            for column_name in names if home == plate and _by_row(model, matches, name, plate) else ():
                gaps = _cells_missing(model, matches, frame, name, column_name)
                if not gaps.all():
                    keep &= ~gaps
        for outer in model.enclosing(plate):
            column = column_named(frame, mapping.get(outer, outer))
            if column is None or (plate, column.name) not in matches.claimed:
                continue
            labels, codes = column.labels_and_codes()
            keep &= codes >= 0
            if outer != plate and gone.get(outer):
                keep &= ~np.array([x in gone[outer] for x in labels] + [False])[codes]
            elif outer == plate:
                gone[plate] = {labels[c] for c in np.unique(codes[~keep & (codes >= 0)])}
        if keep.all():
            continue
        if not keep.any():
            cure = "fill in the inputs" if of_inputs else "choose `--missing latent`"
            problems.error("PGM0707", "no row is complete", frame.name, cure)
            continue
        structure = model.plate_by_name[plate].structure
        if structure is not None and structure.kind == "chain":
            row = int(np.flatnonzero(~keep)[0])
            row_place = f"{frame.name}:{frame.row_number(row) if frame.num_rows else row + 1}"
            message = (
                f"a row with a gap cannot be dropped from the chain `{plate}`: its neighbours would be joined"
            )
            problems.error(
                "PGM0710", message, row_place, "choose `--missing latent`, or cut the sequence at the gap"
            )
            continue
        complete_rows[plate] = np.flatnonzero(keep)
        if of_inputs:
            rows = np.flatnonzero(~keep)
            lines = frame.place.lines([int(r) for r in rows[:5]])
            more = ", ..." if len(rows) > 5 else ""
            problems.warn("PGM0725", f"{len(rows):,} row{'s lack' if len(rows) > 1 else ' lacks'} an input and "
                          f"{'have' if len(rows) > 1 else 'has'} no answer ({frame.place.unit}{'s' * (len(rows) > 1)} {', '.join(map(str, lines))}{more})",
                          frame.name, "fill the cells in, or model the inputs that they are of")  # fmt: skip
        frames[plate] = take_rows(frame, complete_rows[plate])
    return complete_rows


def rows_of(model: Model, matches: Matches, frame: Frame, plate: str) -> int:
    """Rows of a table; where only arrays are given, the length of the first bound one."""
    if frame.num_rows:
        return frame.num_rows
    lengths = [
        len(frame.arrays[array_name])
        for name, (home, array_name) in matches.arrays.items()
        if home == plate and _by_row(model, matches, name, plate)
    ]
    return lengths[0] if lengths else 0


def _by_row(model: Model, matches: Matches, name: str, plate: str) -> bool:
    """Whether what a variable is read from has one entry a row of the plate: all but an outer plate's array."""
    return name in matches.columns or plate in at_rows(model, model.by_name[name]).plates


def _array_names(matches: Matches) -> list[tuple[str, tuple[str, tuple[str, ...]]]]:
    return [(name, (plate, (array_name,))) for name, (plate, array_name) in matches.arrays.items()]


def _cells_missing(model: Model, matches: Matches, frame: Frame, name: str, column_name: str) -> np.ndarray:
    """Rows in which a column, or any cell of an array's row, is missing."""
    if name in matches.columns:
        return np.asarray(frame.columns[column_name].missing)
    array = frame.arrays[column_name]
    column = array_column(frame, column_name, array, model.by_name[name].type.kind == "labels")
    gaps = np.asarray(column.missing).reshape(len(array), -1)
    return np.asarray(gaps.any(axis=1))

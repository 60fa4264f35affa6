"""Which table is the rows of which plate, and in what order its rows stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pgmlang.binding.order import refuse_unordered
from pgmlang.binding.problems import BindingProblems, listed
from pgmlang.binding.weight_column import WeightColumn
from pgmlang.data import Column, Frame, encode, read_frame, sort_labels
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Model
from pgmlang.model.row_plates import plates_as_values

Tables = Frame | Mapping[str, Frame] | Mapping[str, np.ndarray]


def assign_tables(model: Model, tables: Tables) -> dict[str, Frame]:
    """Each table under its plate, outer plates first. Raises PgmError PGM0708 or PGM0714."""
    if isinstance(tables, Frame):
        return {main_plate(model, tables.name): _plain(tables)}
    frames = {p: _plain(t) for p, t in tables.items() if isinstance(t, Frame)}
    if len(frames) < len(tables) or not tables:
        return assign_tables(model, read_frame(tables))
    rows = [p.name for p in model.plates if p.is_rows]
    problems = BindingProblems()
    if "" in frames:  # the rows beside tables of single variables
        frames = {main_plate(model, frames[""].name): frames[""], **{p: f for p, f in frames.items() if p}}
    for plate, frame in frames.items():
        if plate not in model.plate_by_name:
            cure = did_you_mean(plate, rows) or f"tables are rows of {listed(rows)}"
            problems.error("PGM0714", f"the model has no plate `{plate}`", frame.name, cure)
        elif plate not in rows:
            problems.error("PGM0714", f"the size of plate `{plate}` is the model's, so no table can be its rows",
                           frame.name, f"tables are rows of {listed(rows)}")  # fmt: skip
    problems.stop()
    return {p: frames[p] for p in sorted(frames, key=lambda p: len(model.enclosing(p)))}


def _plain(frame: Frame) -> Frame:
    """Arrays of objects as texts, the empty one for what is missing."""
    arrays = dict(frame.arrays)
    for name, array in frame.arrays.items():
        if array.dtype.kind == "O":
            texts = array.copy()
            texts[(array == None) | (array != array)] = ""  # noqa: E711
            arrays[name] = texts.astype(str)
    return replace(frame, arrays=arrays)


def main_plate(model: Model, name: str) -> str:
    """The plate whose rows a table given alone is: the row plate that no other is inside of, and of several the one whose elements are not
    what others name."""
    rows = [p.name for p in model.plates if p.is_rows]
    outer = {parent for p in rows for parent in model.enclosing(p)[:-1]}
    inner = [p for p in rows if p not in outer]
    unnamed = [p for p in inner if p not in plates_as_values(model) or len(model.enclosing(p)) > 1]
    for candidates in (inner, unnamed):
        if len(candidates) == 1:
            return candidates[0]
    if not inner:
        cure = "wrap what repeats in one: `plate row { ... }`"
        raise PgmError(
            Diagnostic(
                "PGM0708", "the model has no plate whose elements are the data's rows", place=name, help=cure
            )
        )
    cure = f"say which: `{inner[0]}={name}`"
    raise PgmError(Diagnostic("PGM0714", f"the table may be the rows of {listed(inner)}", place=name, help=cure))


def innermost(model: Model, frames: Mapping[str, Frame]) -> list[str]:
    """The plates with a table that enclose no other one with a table."""
    outer = {parent for p in frames for parent in model.enclosing(p)[:-1]}
    return [p for p in frames if p not in outer]


def column_named(frame: Frame, name: str) -> Column | None:
    """A column, or an array of one axis as a column."""
    if name in frame.columns:
        return frame.columns[name]
    array = frame.arrays.get(name)
    if array is None or array.ndim != 1 or not len(array):
        return None
    return read_frame({name: array}, name=frame.name).columns[name]


def take_rows(frame: Frame, rows: np.ndarray) -> Frame:
    """These rows of a table, those of its arrays with as many rows included."""
    arrays = {n: a[rows] if a.ndim and len(a) == frame.num_rows else a for n, a in frame.arrays.items()}
    return replace(frame.take(rows), arrays=arrays)


def ordered(
    model: Model, frames: dict[str, Frame], names: Mapping[str, str], problems: BindingProblems,
    known: Mapping[str, tuple[str, ...]],
) -> dict[str, np.ndarray]:  # fmt: skip
    """Puts tables in the order of their elements and returns each moved row's position in its table.

    A table of an outer plate is put in `element_order` by the column named like the plate, by which inner tables point
    to its rows; ``known``: labels of a fit. A sequence of a chain is sorted by such a column if there is one, within the places in the
    table that its rows have: rows that are in order already stay where they are.
    """
    moved: dict[str, np.ndarray] = {}
    inner, pointed_at = innermost(model, frames), plates_as_values(model)
    for plate, frame in frames.items():
        structure = model.plate_by_name[plate].structure
        is_chain = structure is not None and structure.kind == "chain"
        is_key = plate not in inner or (not is_chain and (plate in pointed_at or plate in known))
        if not is_key and not is_chain:
            continue
        column = column_named(frame, names.get(plate, plate))
        if column is None:
            if plate not in inner:
                problems.error("PGM0720", f"no column says which `{plate}` each row is", frame.name,
                               f"add a column named `{plate}`, or say `--map {plate}=COLUMN`")  # fmt: skip
            continue
        try:
            rank = _ranks(column, plate, is_key, known.get(plate, ()))
        except PgmError as error:
            problems.extend(error)
            continue
        order = _sorted_within(rank, _groups(model, frame, names, plate) if is_chain else None)
        if (order != np.arange(len(order))).any():
            moved[plate] = order
            frames[plate] = take_rows(frame, order)
    return moved


def _groups(model: Model, frame: Frame, names: Mapping[str, str], plate: str) -> np.ndarray:
    """Codes of the outer elements that each row belongs to, by the columns named like their plates."""
    key = np.zeros(frame.num_rows, dtype=np.int64)
    for outer in model.enclosing(plate)[:-1]:
        column = column_named(frame, names.get(outer, outer))
        if column is not None:
            codes = column.labels_and_codes()[1]
            key = np.unique(key * (int(codes.max(initial=0)) + 2) + codes + 1, return_inverse=True)[1]
    return key


def _sorted_within(rank: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Which row comes to each place: by rank, those of one group at that group's places."""
    if groups is None:
        return np.argsort(rank, kind="stable")
    order = np.empty(len(rank), dtype=np.int64)
    order[np.argsort(groups, kind="stable")] = np.lexsort((rank, groups))
    return order


def element_order(labels: Iterable[str], known: Sequence[str] = ()) -> tuple[str, ...]:
    """Labels of a table's elements in the order of the elements: those ``known`` to a fit first, as it has them, then the others,
    sorted."""
    seen, names = set(labels), set(known)
    return (*(label for label in known if label in seen), *sort_labels(seen - names))


def _ranks(column: Column, plate: str, is_unique: bool, known: Sequence[str]) -> np.ndarray:
    """What sorts rows as `element_order` does their labels."""
    labels, codes = column.labels_and_codes()
    if (codes < 0).any():
        cell = column.cell(int(np.flatnonzero(codes < 0)[0]))
        message = f"the row has no `{plate}`"
        raise PgmError(Diagnostic("PGM0710", message, place=cell, help="fill the cell in, or leave the row out"))
    if not is_unique:
        try:
            return column.numbers()
        except PgmError:
            refuse_unordered(column)
    rank = encode(column, element_order((labels[c] for c in np.unique(codes)), known))
    if is_unique:
        first = np.unique(rank, return_index=True)[1]
        again = np.setdiff1d(np.arange(len(rank)), first)
        if len(again):
            row = int(again[0])
            message = f"`{labels[codes[row]]}` is in two rows, and each row is one `{plate}`"
            raise PgmError(Diagnostic("PGM0714", message, place=column.cell(row), help="keep one row of each"))
    return rank


def weights_of(
    model: Model, frames: Mapping[str, Frame], by: WeightColumn | None, problems: BindingProblems
) -> tuple[np.ndarray | None, tuple[str, str] | None]:
    """The weight of each row, and its (plate, column). Raises PgmError PGM0716 or PGM0720."""
    if by is None or by.is_absent:
        return None, None
    name, counts = by.name, by.option == "counts"
    inner = innermost(model, frames)
    have = [p for p in inner if name in frames[p].columns]
    if len(have) != 1:
        if have:
            problems.error(
                "PGM0714", f"`{name}` is a column of the tables of {listed(have)}", cure="rename one of them"
            )
        else:
            columns = [c for p in inner for c in frames[p].columns]
            problems.error("PGM0720", f"there is no column `{name}`", ", ".join(frames[p].name for p in inner),
                           did_you_mean(name, columns) or f"the columns are {listed(columns)}")  # fmt: skip
        problems.stop()
    column = frames[have[0]].columns[name]
    numbers = column.numbers()
    bad = np.isnan(numbers) | (numbers < 0)
    if counts:
        bad |= np.nan_to_num(numbers) != np.floor(np.nan_to_num(numbers))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        value = "an empty cell" if np.isnan(numbers[row]) else f"`{numbers[row]:g}`"
        once = f'; or let each row count once: `--{by.option} ""`' if by.is_of_fit else ""
        what = "a whole number from 0" if counts else "a number from 0"
        more = (f"{int(bad.sum()):,} cells are not",) if bad.sum() > 1 else ()
        problems.error(
            "PGM0716", f"{value} is not {what}", column.cell(row), f"correct the cell, or drop the row{once}", more
        )
    elif not numbers.any():
        problems.error("PGM0716", f"all {'counts' if counts else 'weights'} are zero", column.place.column(name),
                       "at least one row must count")  # fmt: skip
    structure = model.plate_by_name[have[0]].structure
    if counts and structure is not None and structure.kind == "chain":
        message = f"a row of the chain `{have[0]}` has one row before it: it cannot stand for several"
        problems.error("PGM0716", message, column.place.column(name), "write each step as a row of its own")
    problems.stop()
    return numbers, (have[0], name)

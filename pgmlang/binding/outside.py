"""Values of variables outside of plates that have axes: from arrays, from tables of their own, or by row where an axis is a plate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import TypeVar

import numpy as np

from pgmlang.binding.problems import BindingProblems, listed
from pgmlang.data import Column, Frame
from pgmlang.diagnostics import PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Model, Variable

Table = TypeVar("Table")


def at_rows(model: Model, variable: Variable) -> Variable:
    """A variable outside of plates whose first axis is the rows of one, as one of that plate: it has an entry for each row."""
    plate = model.plate_by_name.get(variable.axes[0]) if variable.axes and not variable.plates else None
    if plate is None or not plate.is_rows:
        return variable
    return replace(variable, plates=model.enclosing(plate.name), axes=variable.axes[1:])


def own_tables(model: Model, tables: Mapping[str, Table]) -> tuple[dict[str, Table], dict[str, Table]]:
    """Tables of rows, and those of single variables."""
    names = model.table_names[1]
    return (
        {name: t for name, t in tables.items() if name not in names},
        {name: t for name, t in tables.items() if name in names},
    )


class OutsideTables:
    """Reads tables of single variables as ``arrays``, and the ``labels`` of axes that the text does not give."""

    def __init__(self, model: Model, known: Mapping[str, tuple[str, ...]], problems: BindingProblems) -> None:
        self.model = model
        self.problems = problems
        self.labels: dict[str, tuple[str, ...]] = {}
        self.known = known
        self.arrays: dict[str, np.ndarray] = {}

    def read(self, name: str, frame: Frame) -> None:
        """A table of one variable: wide, its first column the labels of the first axis and the others named by those of the second;
        or long, a column of labels for each axis and one of values, named like the variable or the last."""
        variable = self.model.by_name[name]
        try:
            array = self._wide(variable, frame) if self._is_wide(variable, frame) else self._long(variable, frame)
        except PgmError as error:
            self.problems.extend(error, about=name)
            return
        if array is not None:
            self.arrays[name] = array

    def _is_wide(self, variable: Variable, frame: Frame) -> bool:
        if len(variable.axes) != 2 or variable.name in frame.columns:
            return False
        rest = list(frame.columns)[1:]
        labels = self._told(variable.axes[1])
        return bool(set(rest) & set(labels)) if labels is not None else len(rest) != 2

    def _told(self, axis: str) -> tuple[str, ...] | None:
        """The labels of an axis, as far as they are known."""
        root = self.model.root_axis(axis)
        labels = self.known.get(root) or self.labels.get(root) or self.model.axis_labels(root)
        return None if labels is None else tuple(labels)

    def _codes(self, variable: Variable, axis: str, texts: tuple[str, ...], place: str) -> list[int] | None:
        """Positions of labels along an axis; of one that nobody has told they are the labels."""
        labels = self._told(axis)
        if labels is None:
            labels = self.labels[self.model.root_axis(axis)] = tuple(dict.fromkeys(texts))
        for text in texts:
            if text not in labels:
                cure = did_you_mean(text, labels) or f"its labels are {listed(labels)}"
                self.problems.error(
                    "PGM0705", f"`{text}` is no label of `{axis}`", place, cure, about=variable.name
                )
                return None
        return [labels.index(text) for text in texts]

    def _wide(self, variable: Variable, frame: Frame) -> np.ndarray | None:
        (first, *columns), (rows, across) = frame.columns.values(), variable.axes
        here = self._codes(variable, rows, _texts(first), f"{frame.name}:{first.name}")
        there = self._codes(variable, across, tuple(c.name for c in columns), frame.name)
        if here is None or there is None:
            return None
        cells: list[tuple[int, ...]] = [(i, j) for j in there for i in here]
        return self._filled(variable, frame, cells, np.concatenate([c.numbers() for c in columns]))

    def _long(self, variable: Variable, frame: Frame) -> np.ndarray | None:
        columns = dict(frame.columns)
        values = columns.pop(variable.name, None) or (columns.popitem()[1] if columns else None)
        left = [c for n, c in columns.items() if n not in variable.axes]
        keys: list[Column] = []
        for axis in variable.axes:
            keys += [columns[axis]] if axis in columns else [left.pop(0)] if left else []
        if values is None or len(keys) < len(variable.axes):
            axes = ", ".join(variable.axes)
            self.problems.error("PGM0720", f"the table of `{variable.name}` has no column of labels for each axis",
                                frame.name, f"name the columns {axes}, {variable.name}; of two axes a first column of labels "
                                "and one for each label of the other will do too", about=variable.name)  # fmt: skip
            return None
        codes = [
            self._codes(variable, axis, _texts(key), f"{frame.name}:{key.name}")
            for axis, key in zip(variable.axes, keys, strict=True)
        ]
        if any(c is None for c in codes):
            return None
        cells = list(zip(*(c for c in codes if c is not None), strict=True))
        return self._filled(variable, frame, cells, values.numbers())

    def _filled(
        self, variable: Variable, frame: Frame, cells: list[tuple[int, ...]], numbers: np.ndarray
    ) -> np.ndarray | None:
        """Each element once."""
        labels = [self._told(axis) or () for axis in variable.axes]
        array = np.full([len(x) for x in labels], np.nan)
        seen = set()
        for cell, value in zip(cells, numbers, strict=True):
            if cell in seen:
                self._about_element(variable, frame, labels, cell, "is given twice", "leave one of them out")
                return None
            seen.add(cell)
            array[cell] = value
        absent = [cell for cell in product(*(range(len(x)) for x in labels)) if cell not in seen]
        if absent:
            more = f", and {len(absent) - 1:,} more are missing" if len(absent) > 1 else ""
            self._about_element(variable, frame, labels, absent[0], f"is not in the table{more}", "add it")
            return None
        return array

    def _about_element(
        self, variable: Variable, frame: Frame, labels: list[tuple[str, ...]], cell: tuple[int, ...], what: str, cure: str
    ) -> None:  # fmt: skip
        element = ", ".join(x[i] for x, i in zip(labels, cell, strict=True))
        self.problems.error(
            "PGM0717", f"`{variable.name}[{element}]` {what}", frame.name, cure, about=variable.name
        )


def _texts(column: Column) -> tuple[str, ...]:
    labels, codes = column.labels_and_codes()
    return tuple(labels[c] if c >= 0 else "" for c in codes)

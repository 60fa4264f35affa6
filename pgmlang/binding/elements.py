"""Which element of each outer plate every row belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from pgmlang.binding.problems import BindingProblems
from pgmlang.binding.tables import column_named, element_order
from pgmlang.data import Column, Frame, encode, sort_labels
from pgmlang.diagnostics import PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Model
from pgmlang.model.labels import Positions
from pgmlang.model.row_plates import plates_as_values


@dataclass
class Elements:
    """Sizes and labels of plates, and ``(plate, outer plate)`` to the outer element of each row or element."""

    model: Model
    mapping: Mapping[str, str]
    known: Mapping[str, tuple[str, ...]]
    problems: BindingProblems
    sizes: dict[str, int] = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    membership: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    def find(self, frames: Mapping[str, Frame], num_rows: Mapping[str, int]) -> None:
        """All tables, outer ones first; ``num_rows`` of each."""
        pointed_at = plates_as_values(self.model)
        for plate, frame in frames.items():
            self.sizes[plate] = num_rows[plate]
            column = column_named(frame, self._column(plate))
            encloses = any(plate in self.model.enclosing(p)[:-1] for p in frames)
            is_known = plate in self.known and not self.model.is_chain(plate)
            if (encloses or is_known or plate in pointed_at) and column is not None:
                labels = column.labels_and_codes()[0]
                # times that stand in several sequences name no row
                if not self.model.is_chain(plate) or len(labels) == num_rows[plate]:
                    # the table is in the order of this column's elements, so these are its rows
                    self.labels[plate] = element_order(labels, self.known.get(plate, ()))
        for plate, frame in frames.items():
            self._outer_of(plate, frame, set(frames))
        self._without_rows(frames)

    def named_by(self, columns: Callable[[str], list[Column]], frames: Mapping[str, Frame]) -> None:
        """Plates without a table, and around none, are of the elements that columns of their labels name: players by who meets whom.
        ``columns``: the cells of a bound variable."""
        for plate in sorted(plates_as_values(self.model) - self.sizes.keys()):
            is_around = any(plate in self.model.enclosing(p) for p in frames)
            if (
                is_around
                or len(self.model.enclosing(plate)) > 1
                or self.model.plate_by_name[plate].size is not None
            ):
                continue
            users = [v.name for v in self.model.variables if v.type.kind == "labels" and v.type.axis == plate]
            seen = {label for user in users for column in columns(user) for label in column.labels_and_codes()[0]}
            known = self.known.get(plate, ())
            labels = (*known, *sort_labels([x for x in seen if x not in set(known)]))
            if labels:
                self.labels[plate], self.sizes[plate] = labels, len(labels)

    def _without_rows(self, frames: Mapping[str, Frame]) -> None:
        """Plates inside of a fit's elements, of which no table says any rows: they have none."""
        for plate in (p.name for p in self.model.plates if p.is_rows):
            around = self.model.enclosing(plate)[:-1]
            is_open = any(outer in frames and outer in self.known for outer in around)
            if plate in self.sizes or not is_open or any(plate in self.model.enclosing(f) for f in frames):
                continue
            self.sizes[plate] = 0
            for outer in around:
                self.membership.setdefault((plate, outer), np.zeros(0, dtype=np.int64))
                if outer not in self.sizes and outer in self.known:
                    self.labels[outer], self.sizes[outer] = self.known[outer], len(self.known[outer])

    def _column(self, plate: str) -> str:
        return self.mapping.get(plate, plate)

    def _outer_of(self, plate: str, frame: Frame, tables: set[str]) -> None:
        done: list[str] = []
        for outer in reversed(self.model.enclosing(plate)[:-1]):
            column = column_named(frame, self._column(outer))
            if column is not None:
                codes = self._codes(column, outer, outer in tables)
            else:
                codes = self._through(plate, outer, done)
                if codes is None:
                    codes = self._only_element(plate, outer, frame)
            if codes is None:
                continue
            self.membership[plate, outer] = codes
            for middle in done:
                if outer in self.model.enclosing(middle)[:-1]:
                    self._derive(plate, middle, outer, column)
            done.append(outer)

    def _codes(self, column: Column, outer: str, has_table: bool) -> np.ndarray | None:
        """Each row's element. Labels of a table's own plate are its; others those known and then the new ones."""
        seen, codes = column.labels_and_codes()
        if (codes < 0).any():
            row = int(np.flatnonzero(codes < 0)[0])
            self.problems.error("PGM0710", f"the row belongs to no `{outer}`", column.cell(row),
                                "fill the cell in, or leave such rows out: `--missing drop`")  # fmt: skip
            return None
        size = self.model.plate_by_name[outer].size
        if has_table:
            labels = self.labels.get(outer)
            if labels is None:
                return None
        elif size is not None:
            labels = self._labels_of_sized(column, outer, size, seen)
            if labels is None:
                return None
        else:
            base = self.labels.get(outer) or self.known.get(outer, ())
            labels = (*base, *(x for x in sort_labels(seen) if x not in set(base)))
        try:
            encoded = encode(column, labels)
        except PgmError as error:
            self.problems.extend(error)
            return None
        self.labels[outer] = labels
        self.sizes[outer] = max(len(labels), size or 0)
        return encoded

    def _labels_of_sized(
        self, column: Column, outer: str, size: int, seen: tuple[str, ...]
    ) -> tuple[str, ...] | None:
        """The numbers of the elements if the column holds those; else its labels, sorted."""
        known = self.labels.get(outer) or self.known.get(outer)
        if known:
            return known
        numbers = Positions(size)
        if all(label in numbers for label in seen):
            return tuple(numbers)
        if len(seen) > size:
            self.problems.error("PGM0717", f"`{outer}` has {len(seen):,} elements in the data, {size:,} in the model",
                                column.place.column(column.name), f"leave the size out: `plate {outer} {{ ... }}`")  # fmt: skip
            return None
        spare = (n for n in map(str, range(2 * size)) if n not in seen)
        return (*sort_labels(seen), *(next(spare) for _ in range(size - len(seen))))

    def _through(self, plate: str, outer: str, done: list[str]) -> np.ndarray | None:
        """By way of a plate in between that has a table of its own."""
        for middle in done:
            further = self.membership.get((middle, outer))
            if further is not None:
                return further[self.membership[plate, middle]]
        return None

    def _only_element(self, plate: str, outer: str, frame: Frame) -> np.ndarray | None:
        """Without a column all rows are one element: of a plate of size one, or of a chain that stands alone."""
        record, structure = self.model.plate_by_name[outer], self.model.plate_by_name[plate].structure
        is_chain = structure is not None and structure.kind == "chain" and record.size is None
        if not is_chain and record.size != 1:
            column = self._column(outer)
            near = did_you_mean(column, frame.columns)
            self.problems.error("PGM0720", f"no column says which `{outer}` each row belongs to", frame.name,
                                near or f"add a column named `{outer}`, or say `--map {outer}=COLUMN`")  # fmt: skip
            return None
        self.sizes.setdefault(outer, 1)
        if record.size is None:
            self.labels.setdefault(outer, self.known.get(outer, ("",))[:1])
        return np.zeros(self.sizes[plate], dtype=np.int64)

    def _derive(self, plate: str, middle: str, outer: str, column: Column | None) -> None:
        """An element of a plate in between belongs to one outer element: that of all its rows."""
        member, codes = self.membership[plate, middle], self.membership[plate, outer]
        table = self.membership.get((middle, outer))
        if table is None:
            table = np.zeros(self.sizes[middle], dtype=np.int64)
            table[member[::-1]] = codes[::-1]
        bad = np.flatnonzero(table[member] != codes)
        if len(bad) and column is not None:
            names = self.labels.get(middle, ())
            element = names[member[bad[0]]] if names else str(member[bad[0]])
            self.problems.error("PGM0715", f"`{element}` of `{middle}` belongs to more than one `{outer}`",
                                column.cell(int(bad[0])), f"give each `{middle}` a label of its own")  # fmt: skip
            return
        self.membership[middle, outer] = table

    def check_chains(self, frames: Mapping[str, Frame]) -> None:
        """The column that orders a chain says each position once a sequence."""
        for plate, frame in frames.items():
            structure = self.model.plate_by_name[plate].structure
            column = column_named(frame, self._column(plate))
            if structure is None or structure.kind != "chain" or column is None:
                continue
            labels, codes = column.labels_and_codes()
            key = codes.astype(np.int64)
            for outer in self.model.enclosing(plate)[:-1]:
                if (plate, outer) in self.membership:
                    key = key * (self.sizes[outer] + 1) + self.membership[plate, outer]
            first = np.unique(key, return_index=True)[1]
            if len(first) < len(key):
                row = int(np.setdiff1d(np.arange(len(key)), first)[0])
                self.problems.error(
                    "PGM0706", f"`{labels[codes[row]]}` stands twice in one sequence, so the order is not known",
                    column.cell(row), f"correct `{column.name}`, or rename it to keep the order of the file",
                )  # fmt: skip

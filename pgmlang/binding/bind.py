"""Joining data to a Model: which column is which variable, what is observed, which element each row belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import numpy as np

from pgmlang.binding.close import close_model, open_sets
from pgmlang.binding.record import Binding
from pgmlang.binding.values import array_values, column_values
from pgmlang.data import Column, Frame, fingerprint, sort_labels
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Model, Plate, Variable

BINDABLE = ("random", "field", "input")


def bind(
    model: Model,
    tables: Frame | Mapping[str, Frame],
    *,
    observe: Mapping[str, str] | None = None,
    hide: Sequence[str] = (),
    mapping: Mapping[str, str] | None = None,
    missing: str = "latent",
    counts: str | None = None,
    weights: str | None = None,
    known: Mapping[str, tuple[str, ...]] | None = None,
) -> Binding:
    """Joins a Model to its tables.

    ``tables``: one frame, or plate name to frame. ``observe``: values of variables outside of plates. ``mapping``:
    variable to column (or to a glob of columns, for a variable with an open axis). ``missing``: ``latent``, ``drop`` or
    ``error``. ``known``: element labels of plates and dims from a fit. Raises PgmError with every problem found (07xx).
    """
    binder = Binder(model, dict(mapping or {}), set(hide), missing, dict(known or {}))
    return binder.bind(tables, dict(observe or {}), counts, weights)


@dataclass
class Binder:
    """The state of one binding while it is made."""

    model: Model
    mapping: dict[str, str]
    hide: set[str]
    missing: str
    known: dict[str, tuple[str, ...]]
    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    columns: dict[str, tuple[str, list[Column]]] = field(default_factory=dict)
    arrays: dict[str, tuple[str, np.ndarray]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    membership: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    claimed: dict[tuple[str, str], str] = field(default_factory=dict)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    frames: dict[str, Frame] = field(default_factory=dict)

    def bind(
        self, tables: Frame | Mapping[str, Frame], observe: dict[str, str], counts: str | None, weights: str | None
    ) -> Binding:
        """All steps, in order."""
        self.frames = {self._main_plate(tables): tables} if isinstance(tables, Frame) else dict(tables)
        self._check_names([*self.mapping, *self.hide, *observe])
        self._stop()
        main = max(self.frames, key=lambda p: len(self.model.enclosing(p)))
        row_weights, special = self._weights(main, counts, weights)
        dropped = 0
        for plate in list(self.frames):
            self._match(plate, special if plate == main else set())
        if self.missing != "latent":
            keep = self._complete_rows(main)
            dropped = int((~keep).sum())
            if dropped:
                self._drop(main, keep, special)
                row_weights = row_weights[keep] if row_weights is not None else None
        self._stop()
        for plate in self.frames:
            self._rows(plate, special if plate == main else set())
        self._near_misses()
        self._stop()
        closed = self._close()
        values, gaps = self._values(closed)
        self._observed_outside(closed, observe, values)
        self._inputs(closed, values, gaps)
        observed = tuple(n for n in values if closed.by_name[n].role in ("random", "field"))
        if not observed and not any(closed.by_name[n].role == "input" for n in values):
            self._nothing_bound()
        self._stop()
        return Binding(
            closed, self._sizes(closed), self.labels, values, self.membership, row_weights, counts is not None, observed,
            tuple(v.name for v in closed.of_role("random", "field") if v.name not in values), gaps, tuple(self.unused),
            dropped, tuple(self.renamed), ", ".join(f.name for f in self.frames.values()),
            "-".join(fingerprint(f) for f in self.frames.values()), tuple(self.warnings),
        )  # fmt: skip

    # ---- problems

    def _error(
        self, code: str, message: str, place: str = "", help: str = "", notes: tuple[str, ...] = ()
    ) -> None:
        self.errors.append(Diagnostic(code, message, place=place, help=help, notes=notes))

    def _stop(self) -> None:
        if self.errors:
            raise PgmError(self.errors)

    def _check_names(self, names: list[str]) -> None:
        for name in names:
            if name not in self.model.by_name:
                near = did_you_mean(name, self.model.by_name)
                self._error("PGM0720", f"the model has no variable `{name}`", help=near)

    # ---- which table is whose

    def _main_plate(self, frame: Frame) -> str:
        rows = [p for p in self.model.plates if p.is_rows]
        outer = {parent for p in rows for parent in self.model.enclosing(p.name)[:-1]}
        inner = [p.name for p in rows if p.name not in outer]
        if len(inner) == 1:
            return inner[0]
        if not inner:
            raise PgmError(
                Diagnostic(
                    "PGM0708",
                    "the model has no plate whose elements are the data's rows",
                    place=frame.name,
                    help="wrap what repeats in one: `plate row { ... }`",
                )
            )
        listed = ", ".join(f"`{p}`" for p in inner)
        raise PgmError(
            Diagnostic(
                "PGM0714",
                f"the table may be the rows of {listed}",
                place=frame.name,
                help=f"say which: `{inner[0]}={frame.name}`",
            )
        )

    # ---- columns of variables

    def _match(self, plate: str, special: set[str]) -> None:
        frame = self.frames[plate]
        names = self._identifiers(frame, special)
        around = set(self.model.enclosing(plate))
        for variable in self.model.variables:
            innermost = variable.plates[-1] if variable.plates else None
            if innermost is None or variable.name in self.hide:
                continue
            here = innermost == plate or (innermost in around and innermost not in self.frames)
            sized_inside = innermost not in self.frames and self._sized_inside(variable, plate)
            if variable.role == "derived":
                if here and variable.name in names:
                    self._error("PGM0713", f"`{variable.name}` is computed, and the table has a column for it",
                                f"{frame.name}:{names[variable.name]}", "rename the column, or make the variable random: `~`")  # fmt: skip
                continue
            if variable.role not in BINDABLE:
                continue
            if sized_inside or (
                here and variable.name in frame.arrays and (variable.axes or frame.arrays[variable.name].ndim > 1)
            ):
                self._array(variable, plate)
            elif here:
                self._columns_of(variable, plate, names, "" if innermost == plate else innermost)

    def _sized_inside(self, variable: Variable, plate: str) -> bool:
        """A variable of a sized plate inside the table's rows: bound as an array."""
        return (
            plate in variable.plates
            and variable.plates[-1] != plate
            and variable.name in self.frames[plate].arrays
        )

    def _identifiers(self, frame: Frame, special: set[str]) -> dict[str, str]:
        """Names of the model's language to column names; ``Sepal.Length`` is ``Sepal_Length``."""
        names: dict[str, str] = {}
        for column in frame.columns:
            if column in special:
                continue
            word = re.sub(r"\W", "_", column)
            exact = column in self.model.by_name
            if word in names and word != column and not exact:
                continue
            if word in names and word in self.model.by_name and names[word] not in self.model.by_name:
                self._error("PGM0712", f"the columns `{names[word]}` and `{column}` both fit `{word}`", frame.name,
                            f"say which: `--map {word}={column}`")  # fmt: skip
            names[word] = column
            names.setdefault(column, column)
        return names

    def _columns_of(self, variable: Variable, plate: str, names: dict[str, str], outer: str) -> None:
        frame = self.frames[plate]
        mapped = self.mapping.get(variable.name)
        if not variable.axes:
            column = mapped if mapped is not None else names.get(variable.name)
            if mapped is not None and mapped not in frame.columns:
                near = did_you_mean(mapped, frame.columns)
                self._error(
                    "PGM0720", f"there is no column `{mapped}`", frame.name, near or "see the table's header"
                )
                return
            if column is not None:
                if column != variable.name and mapped is None:
                    self.renamed.append((column, variable.name))
                self._claim(plate, variable, [column])
            return
        if len(variable.axes) > 1:
            return
        axis = variable.axes[0]
        labels = self.known.get(axis) or self.model.axis_labels(axis)
        if labels is None:
            pattern = mapped or f"{variable.name}.*"
            found = [c for c in frame.columns if fnmatchcase(c, pattern)]
            if not found:
                return
            strip = pattern.split("*")[0]
            self._set_labels(axis, tuple(c[len(strip) :] if c.startswith(strip) else c for c in found))
            self._claim(plate, variable, found)
            return
        chosen = [
            next((c for c in (x, f"{variable.name}.{x}", f"{variable.name}_{x}") if c in frame.columns), None)
            for x in labels
        ]
        chosen = [c or names.get(re.sub(r"\W", "_", x)) for c, x in zip(chosen, labels, strict=True)]
        absent = [x for x, c in zip(labels, chosen, strict=True) if c is None]
        if len(absent) == len(labels):
            return
        if absent:
            self._error("PGM0720", f"`{variable.name}` has no column for `{absent[0]}`", frame.name,
                        f"name it `{absent[0]}` or `{variable.name}.{absent[0]}`")  # fmt: skip
            return
        self._claim(plate, variable, [c for c in chosen if c is not None])

    def _claim(self, plate: str, variable: Variable, names: list[str]) -> None:
        frame = self.frames[plate]
        for name in names:
            other = self.claimed.setdefault((plate, name), variable.name)
            if other != variable.name:
                self._error("PGM0712", f"the column `{name}` is claimed by `{other}` and `{variable.name}`", frame.name,
                            f"map one of them to another column: `--map {variable.name}=...`")  # fmt: skip
                return
        self.columns[variable.name] = (plate, [frame.columns[n] for n in names])

    def _array(self, variable: Variable, plate: str) -> None:
        array = self.frames[plate].arrays[variable.name]
        for axis, length in zip(reversed(variable.axes), reversed(array.shape), strict=False):
            if self.model.axis_size(axis) is None and axis not in self.known:
                self._set_labels(axis, tuple(str(i) for i in range(length)))
        self.arrays[variable.name] = (plate, array)
        self.claimed[plate, variable.name] = variable.name

    def _set_labels(self, axis: str, labels: tuple[str, ...]) -> None:
        axis = self.model.root_axis(axis)
        first = self.labels.setdefault(axis, labels)
        if first != labels:
            self._error(
                "PGM0717", f"the axis `{axis}` has {len(first)} labels in one place, {len(labels)} in another"
            )

    # ---- rows

    def _weights(self, main: str, counts: str | None, weights: str | None) -> tuple[np.ndarray | None, set[str]]:
        name = counts or weights
        if name is None:
            return None, set()
        if counts and weights:
            self._error("PGM0716", "give `--counts` or `--weights`, not both")
            self._stop()
        frame = self.frames[main]
        if name not in frame.columns:
            self._error("PGM0720", f"there is no column `{name}`", frame.name, did_you_mean(name, frame.columns))
            self._stop()
        column = frame.columns[name]
        numbers = column.numbers()
        bad = np.isnan(numbers) | (numbers < 0)
        if counts:
            bad |= np.nan_to_num(numbers) != np.floor(np.nan_to_num(numbers))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            what = "a whole number from 0" if counts else "a number from 0"
            self._error(
                "PGM0716",
                f"`{numbers[row]:g}` is not {what}",
                column.cell(row),
                "correct the cell, or drop the row",
            )
            self._stop()
        return numbers, {name}

    def _complete_rows(self, main: str) -> np.ndarray:
        frame = self.frames[main]
        keep = np.ones(frame.num_rows, dtype=bool)
        for name, (plate, columns) in self.columns.items():
            if plate != main:
                continue
            for column in columns:
                gaps = np.asarray(column.missing)
                if gaps.any() and self.missing == "error":
                    row = int(np.flatnonzero(gaps)[0])
                    self._error("PGM0710", f"`{name}` has {int(gaps.sum()):,} missing cells", column.cell(row),
                                "fill them in, or choose `--missing latent` or `--missing drop`")  # fmt: skip
                keep &= ~gaps
        self._stop()
        if not keep.any():
            self._error("PGM0707", "no row is complete", frame.name, "choose `--missing latent`")
            self._stop()
        return keep

    def _drop(self, main: str, keep: np.ndarray, special: set[str]) -> None:
        rows = np.flatnonzero(keep)
        self.frames[main] = self.frames[main].take(rows)
        for store in (self.columns, self.arrays):
            for name in [n for n, (plate, _) in store.items() if plate == main]:
                del store[name]  # type: ignore[attr-defined]
        self.claimed = {k: v for k, v in self.claimed.items() if k[0] != main}
        self.renamed = []
        self._match(main, special)

    def _rows(self, plate: str, special: set[str]) -> None:
        """Sizes of row plates and the element of each outer plate that every row belongs to."""
        frame = self.frames[plate]
        self.sizes[plate] = frame.num_rows
        self._membership(plate, plate, frame)
        used = {c for (p, c) in self.claimed if p == plate} | special
        around = set(self.model.enclosing(plate))
        self.unused.extend(
            c
            for c in [*frame.columns, *frame.arrays]
            if c not in used and c not in around and c not in self.unused
        )

    def _membership(self, plate: str, of: str, frame: Frame) -> None:
        for parent in self.model.plate_by_name[of].parents:
            record = self.model.plate_by_name[parent]
            self._outer(plate, record, frame)
            self._membership(plate, parent, frame)

    def _outer(self, plate: str, record: Plate, frame: Frame) -> None:
        parent = record.name
        if (plate, parent) in self.membership:
            return
        if parent not in frame.columns:
            if record.size is None and self.model.plate_by_name[plate].structure is None:
                near = did_you_mean(parent, frame.columns)
                self._error("PGM0720", f"no column says which `{parent}` each row belongs to", frame.name,
                            near or f"add a column named `{parent}`")  # fmt: skip
                return
            self.membership[plate, parent] = np.zeros(frame.num_rows, dtype=np.int64)
            self.sizes.setdefault(parent, record.size or 1)
            self.labels.setdefault(parent, self.known.get(parent, ("",)) if record.size is None else ())
            return
        seen, codes = frame.columns[parent].labels_and_codes()
        if (codes < 0).any():
            row = int(np.flatnonzero(codes < 0)[0])
            self._error(
                "PGM0710", f"the row belongs to no `{parent}`", frame.columns[parent].cell(row), "fill the cell in"
            )
            return
        if record.size is not None:
            labels = self.known.get(parent) or (tuple(sort_labels(seen)) if len(seen) <= record.size else ())
            if len(seen) > record.size:
                self._error(
                    "PGM0717",
                    f"`{parent}` has {len(seen)} elements in the data, {record.size} in the model",
                    frame.name,
                )
                return
        else:
            base = self.labels.get(parent) or self.known.get(parent, ())
            labels = (*base, *(x for x in sort_labels(seen) if x not in set(base)))
        position = {x: i for i, x in enumerate(labels)}
        if any(x not in position for x in seen):
            self._error(
                "PGM0705",
                f"`{next(x for x in seen if x not in position)}` is no element of `{parent}`",
                frame.name,
            )
            return
        self.labels[parent] = labels
        self.sizes[parent] = max(len(labels), record.size or 0)
        self.membership[plate, parent] = np.array([position[x] for x in seen], dtype=np.int64)[codes]

    def _near_misses(self) -> None:
        """A variable without a column whose name is nearly that of an unused one is a slip, not a latent."""
        unbound = [
            v.name
            for v in self.model.of_role("random", "field", "input")
            if v.plates and v.name not in self.columns and v.name not in self.arrays and v.name not in self.hide
            and v.plates[-1] in self.frames
        ]  # fmt: skip
        for name in unbound:
            for column in self.unused:
                if _near(name, column):
                    self._error("PGM0709", f"`{name}` has no column, but there is an unused column `{column}`",
                                ", ".join(f.name for f in self.frames.values()),
                                f"did you mean it? rename one, say `--map {name}={column}`, or `--hide {name}`")  # fmt: skip

    # ---- values

    def _close(self) -> Model:
        labels: dict[str, tuple[str, ...]] = {}
        dims: dict[str, tuple[str, ...]] = {}
        for name in open_sets(self.model):
            if name in self.columns:
                seen = self.columns[name][1][0].labels_and_codes()[0]
                if seen:
                    labels[name] = tuple(sort_labels(seen))
        for axis, found in self.labels.items():
            if axis in self.model.dim_by_name and self.model.axis_labels(axis) is None:
                dims[axis] = found
        for variable in self.model.variables:
            axis = variable.type.axis or ""
            if axis in self.model.dim_by_name and variable.name in self.columns:
                if self.model.axis_labels(axis) is not None:
                    continue
                if axis in self.known:
                    dims[axis] = self.known[axis]
                    continue
                seen = self.columns[variable.name][1][0].labels_and_codes()[0]
                dims[axis] = tuple(sort_labels({*dims.get(axis, ()), *seen}))
        for axis, kept in self.known.items():
            if axis in self.model.dim_by_name and self.model.axis_labels(axis) is None:
                dims.setdefault(axis, kept)
        self.labels.update(dims)
        return close_model(self.model, labels, dims)

    def _values(self, closed: Model) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        values: dict[str, np.ndarray] = {}
        gaps: dict[str, int] = {}
        for variable in closed.variables:
            name = variable.name
            try:
                if name in self.columns:
                    array = self._column_array(closed, variable)
                elif name in self.arrays:
                    _plate, given = self.arrays[name]
                    shape = tuple(
                        self.sizes.get(a) if a in self.sizes else closed.axis_size(a)
                        for a in (*closed.batch_axes(variable.plates), *variable.axes)
                    )
                    array = array_values(closed, variable, given, shape, self._element_labels(closed, variable))
                else:
                    continue
            except PgmError as error:
                self.errors.extend(error.diagnostics)
                continue
            if array is None:
                continue
            missing = int(np.isnan(array).sum()) if array.dtype.kind == "f" else int((array < 0).sum())
            if missing == array.size and variable.role != "input":
                place = f"{self.frames[self.columns[name][0]].name}:{name}" if name in self.columns else name
                self.warnings.append(
                    Diagnostic("PGM0711", f"`{name}` has no value in any row: it is latent", place=place)
                )
                continue
            if missing:
                gaps[name] = missing
            values[name] = array
        return values, gaps

    def _element_labels(self, closed: Model, variable: Variable) -> tuple[str, ...] | None:
        axis = variable.type.axis
        return self.labels.get(axis) or None if axis and axis in closed.plate_by_name else None

    def _column_array(self, closed: Model, variable: Variable) -> np.ndarray | None:
        plate, columns = self.columns[variable.name]
        if (
            variable.type.kind == "labels"
            and closed.labels_of(variable.type) is None
            and not self._element_labels(closed, variable)
        ):
            return np.full(len(columns[0]), -1, dtype=np.int64)
        arrays = [column_values(closed, variable, c, self._element_labels(closed, variable)) for c in columns]
        array = np.stack(arrays, axis=-1) if variable.axes else arrays[0]
        if variable.plates[-1] == plate:
            return array
        return self._outer_values(variable, plate, columns, array)

    def _outer_values(
        self, variable: Variable, plate: str, columns: list[Column], array: np.ndarray
    ) -> np.ndarray | None:
        """An outer plate's value from the inner table: it must be the same in all rows of an element."""
        owner = variable.plates[-1]
        member = self.membership.get((plate, owner))
        if member is None:
            return None
        first = np.full(self.sizes[owner], -1)
        first[member[::-1]] = np.arange(len(member))[::-1]
        reference = array[first[member]]
        same = (array == reference) | ((array != array) & (reference != reference))
        bad = np.flatnonzero(~same.reshape(len(array), -1).all(axis=1))
        if len(bad):
            row = int(bad[0])
            self._error("PGM0715", f"`{variable.name}` differs within one `{owner}`", columns[0].cell(row),
                        f"it lives in plate `{owner}`: make it constant there, or move it into plate `{plate}`")  # fmt: skip
            return None
        out: np.ndarray = array[np.maximum(first, 0)]
        return out

    def _observed_outside(self, closed: Model, observe: dict[str, str], values: dict[str, np.ndarray]) -> None:
        for name, text in observe.items():
            variable = closed.by_name[name]
            if variable.plates or variable.axes or variable.role not in BINDABLE:
                self._error(
                    "PGM0720",
                    f"`{name}` cannot be observed by value",
                    help="`--observe` is for variables outside of plates",
                )
                continue
            labels = closed.labels_of(variable.type)
            if labels is not None:
                if text not in labels:
                    self._error("PGM0705", f"`{text}` is not a label of `{name}`", help=did_you_mean(text, labels))
                    continue
                values[name] = np.array(labels.index(text))
                continue
            try:
                values[name] = np.array(float(text))
            except ValueError:
                self._error("PGM0721", f"`{text}` is not a number", help=f"write `--observe {name}=3`")

    def _inputs(self, closed: Model, values: dict[str, np.ndarray], gaps: dict[str, int]) -> None:
        for variable in closed.of_role("input"):
            name = variable.name
            if name not in values:
                if not any(name in e.message for e in self.errors):
                    where = ", ".join(f.name for f in self.frames.values())
                    self._error("PGM0718", f"the input `{name}` has no column", where,
                                f"add a column `{name}`, or say `--map {name}=COLUMN`")  # fmt: skip
            elif name in gaps:
                column = self.columns[name][1][0] if name in self.columns else None
                place = (
                    column.cell(int(np.flatnonzero(np.asarray(column.missing))[0]))
                    if column is not None and np.asarray(column.missing).any()
                    else name
                )
                self._error("PGM0710", f"the input `{name}` has {gaps[name]:,} missing cells", place,
                            f"model it (`{name} ~ Normal(m, s)`), or leave those rows out: `--missing drop`")  # fmt: skip

    def _nothing_bound(self) -> None:
        if self.errors:
            return
        names = ", ".join(f"`{v.name}`" for v in list(self.model.of_role("random", "field"))[:10])
        columns = ", ".join(f"`{c}`" for f in self.frames.values() for c in [*f.columns, *f.arrays][:10])
        self._error("PGM0708", "no column of the data is a variable of the model", ", ".join(f.name for f in self.frames.values()),
                    "rename columns, or say `--map VAR=COLUMN`", (f"variables: {names}", f"columns: {columns}"))  # fmt: skip

    def _sizes(self, closed: Model) -> dict[str, int]:
        sizes = dict(self.sizes)
        for axis in [*closed.dim_by_name, *closed.plate_by_name]:
            size = closed.axis_size(axis)
            if size is not None:
                sizes.setdefault(axis, size)
            elif self.labels.get(axis):
                sizes.setdefault(axis, len(self.labels[axis]))
        return sizes


def _near(name: str, column: str) -> bool:
    """Equal up to case and punctuation, or one edit apart in names of five letters or more."""
    a, b = (re.sub(r"[\W_]", "", x).casefold() for x in (name, column))
    if a == b:
        return True
    return min(len(a), len(b)) >= 5 and abs(len(a) - len(b)) <= 1 and _one_edit(a, b)


def _one_edit(a: str, b: str) -> bool:
    """One insertion, deletion, replacement or swap of neighbours."""
    i = 0
    while i < min(len(a), len(b)) and a[i] == b[i]:
        i += 1
    if len(a) == len(b):
        return a[i + 1 :] == b[i + 1 :] or (a[i : i + 2] == b[i : i + 2][::-1] and a[i + 2 :] == b[i + 2 :])
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return longer[i + 1 :] == shorter[i:]

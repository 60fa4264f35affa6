"""Which columns of a table are which variable."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from pgmlang.binding.outside import at_rows
from pgmlang.binding.problems import BindingProblems, listed
from pgmlang.binding.tables import innermost
from pgmlang.data import Column, Frame
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.layout import close_sizes
from pgmlang.model import Model, Variable
from pgmlang.model.labels import Labels, Positions
from pgmlang.model.model import Role
from pgmlang.model.row_plates import plates_as_values

BINDABLE: tuple[Role, ...] = ("random", "field", "input")


@dataclass
class Matches:
    """``columns``: variable to its plate and the names of its columns, one for each label of its axis. ``arrays``:
    variable to its plate and the array's name. ``claimed``: (plate, column) to who takes it. ``labels``: of open axes.
    """

    columns: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    arrays: dict[str, tuple[str, str]] = field(default_factory=dict)
    claimed: dict[tuple[str, str], str] = field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    renamed: list[tuple[str, str]] = field(default_factory=list)

    def bound(self, name: str) -> bool:
        return name in self.columns or name in self.arrays


class Matcher:
    """Finds the columns of variables. ``mapping``: variable or plate to column, or to a glob ``px_*`` of columns;
    ``known``: labels of dims from a fit."""

    def __init__(
        self,
        model: Model,
        mapping: Mapping[str, str],
        hide: Collection[str],
        known: Mapping[str, tuple[str, ...]],
        problems: BindingProblems,
    ) -> None:
        self.model = model
        self.mapping = mapping
        self.hide = hide
        self.known = known
        self.problems = problems
        self.matches = Matches()

    def match(self, frames: Mapping[str, Frame]) -> Matches:
        """All variables against all tables."""
        inner = innermost(self.model, frames)
        for plate, frame in frames.items():
            structure = self.model.plate_by_name[plate].structure
            is_read = (
                plate not in inner
                or plate in plates_as_values(self.model)
                or (structure is not None and structure.kind == "chain")
            )
            for around in self.model.enclosing(plate):
                name = self.mapping.get(around, around)
                if (around != plate or is_read) and (name in frame.columns or name in frame.arrays):
                    self.matches.claimed.setdefault((plate, name), around)
        for plate, frame in frames.items():
            self._match_table(plate, frame, frames)
        self._check_mapping(frames)
        return self.matches

    def _match_table(self, plate: str, frame: Frame, frames: Mapping[str, Frame]) -> None:
        names = self._identifiers(frame)
        around = set(self.model.enclosing(plate))
        for variable in (at_rows(self.model, v) for v in self.model.variables):
            if variable.name in self.hide:
                continue
            if not variable.plates:
                self._outside(variable, plate, frame)
                continue
            home = variable.plates[-1]
            here = home == plate or (home in around and home not in frames)
            inside = home != plate and plate in variable.plates and home not in frames
            if variable.role == "derived":
                if here:
                    self._refuse_derived(variable, frame, names)
            elif variable.role in BINDABLE and (here or inside):
                array = self._array_name(variable, frame, inside)
                if array is not None:
                    self._claim_array(variable, plate, frame, array)
                elif self._by_elements(variable, plate, frame):
                    continue
                elif here and not variable.axes:
                    self._scalar(variable, plate, frame, names)
                elif here and len(variable.axes) == 1:
                    self._along_axis(variable, plate, frame, names)
                elif inside and not variable.axes and self.model.batch_axes(variable.plates) == (plate, home):
                    self._along_plate(variable, plate, frame, names)

    def _outside(self, variable: Variable, plate: str, frame: Frame) -> None:
        """The array of a variable outside of plates that has axes."""
        is_table = frame.num_rows and variable.name in frame.columns
        if variable.axes and variable.role in BINDABLE and not is_table and not self.matches.bound(variable.name):
            array = self._array_name(variable, frame, inside=False)
            if array is not None:
                self._claim_array(variable, plate, frame, array)

    def _check_mapping(self, frames: Mapping[str, Frame]) -> None:
        """A mapping that came to nothing is a slip."""
        for name, column in self.mapping.items():
            variable = self.model.by_name.get(name)
            if variable is None or self.matches.bound(name) or name in self.problems.troubled:
                continue
            if not at_rows(self.model, variable).plates:
                cure, why = f"write `--observe {name}=VALUE`", "is outside of every plate: it has no column"
            elif variable.role not in BINDABLE:
                cure, why = "leave the `--map` out", f"is a {variable.role} name and takes no column"
            elif name in self.hide:
                cure, why = "leave one of them out", "is both mapped and hidden"
            else:
                cure, why = "give an array by that name", f"cannot be read from `{column}`"
            self.problems.error("PGM0720", f"`{name}` {why}", _names(frames), cure, about=name)

    def _refuse_derived(self, variable: Variable, frame: Frame, names: Mapping[str, str]) -> None:
        elements = [c for c in frame.columns if c.startswith((f"{variable.name}[", f"{variable.name}."))]
        known = {f"{variable.name}.{label}" for axis in variable.axes for label in self._axis_labels(axis) or ()}
        wide = [c for c in elements if c.endswith("]") or c in known] if variable.axes else []
        column = names.get(variable.name) or next(iter(wide), None)
        if column is not None and column not in self.mapping.values():
            self.problems.error(
                "PGM0713", f"`{variable.name}` is computed, and the table has a column for it",
                f"{frame.name}:{column}", "rename the column, or make the variable random: `~`", about=variable.name,
            )  # fmt: skip

    def _identifiers(self, frame: Frame) -> dict[str, str]:
        """Names of the model's language to columns: a column's own name, else ``Sepal.Length`` as ``Sepal_Length``."""
        names = {column: column for column in frame.columns}
        taken = set(self.mapping.values())
        for column in frame.columns:
            word = re.sub(r"\W", "_", column)
            word = f"_{word}" if word[:1].isdigit() else word
            other = names.setdefault(word, column)
            wanted = word in self.model.by_name and word not in self.hide and word not in self.mapping
            if other != column and wanted and column not in taken and column not in self.model.by_name:
                self.problems.error("PGM0712", f"the columns `{other}` and `{column}` both fit `{word}`", frame.name,
                                    f"say which: `--map {word}={other}`", about=word)  # fmt: skip
        return names

    # ---- one variable

    def _scalar(self, variable: Variable, plate: str, frame: Frame, names: Mapping[str, str]) -> None:
        mapped = self.mapping.get(variable.name)
        if mapped is not None and mapped not in frame.columns:
            near = did_you_mean(mapped, frame.columns)
            self.problems.error("PGM0720", f"there is no column `{mapped}`", frame.name,
                                near or f"the columns are {listed(frame.columns)}", about=variable.name)  # fmt: skip
            return
        column = mapped or names.get(variable.name)
        if column is None or variable.name in self.problems.troubled:
            return
        if self._claim(variable, plate, frame, (column,)) and mapped is None and column != variable.name:
            self.matches.renamed.append((column, variable.name))

    def _by_elements(self, variable: Variable, plate: str, frame: Frame) -> bool:
        """Columns that are named like elements, ``v[a]`` or ``s[a, 1]``, as answers name them; whether there are any."""
        start = f"{variable.name}["
        named = {_without_blanks(c): c for c in frame.columns if c.startswith(start) and c.endswith("]")}
        if not named or variable.name in self.mapping:
            return False
        axes = self.model.array_axes(variable)[1:]
        labels = [self._axis_labels(a) for a in axes]
        if len(axes) == 1 and labels[0] is None:
            self._open_axis(variable, plate, frame, self.model.root_axis(axes[0]), f"{start}*]")
            return True
        if not axes or any(x is None for x in labels):
            return False
        elements = [f"{start}{', '.join(e)}]" for e in product(*(x for x in labels if x is not None))]
        absent = [e for e in elements if _without_blanks(e) not in named]
        if len(absent) == len(elements):
            pair = next((c for k, c in named.items() if k.count(",") == len(axes)), None)
            if pair is not None and len(axes) == 1:
                cure = f"its elements are `{elements[0]}` to `{elements[-1]}`, a grid's row by row"
                self.problems.error(
                    "PGM0720",
                    f"`{pair}` is no element of `{variable.name}`",
                    frame.name,
                    cure,
                    about=variable.name,
                )
            return pair is not None and len(axes) == 1
        if absent:
            self.problems.error(
                "PGM0720", f"`{variable.name}` has no column for `{absent[0]}`", frame.name,
                f"name it `{absent[0]}`, or say `--hide {variable.name}`",
                (f"columns are missing for {listed(absent)}",) if len(absent) > 1 else (), about=variable.name,
            )  # fmt: skip
            return True
        self._claim(variable, plate, frame, tuple(named[_without_blanks(e)] for e in elements))
        return True

    def _axis_labels(self, axis: str) -> Labels | None:
        """Names of an axis' elements, ``0, 1, ...`` where it has a size alone; None of an open one."""
        root = self.model.root_axis(axis)
        labels = self.known.get(root) or self.model.axis_labels(root)
        size = close_sizes(self.model, {}).get(root)
        return labels if labels is not None or size is None else Positions(size)

    def _along_axis(self, variable: Variable, plate: str, frame: Frame, names: Mapping[str, str]) -> None:
        axis = self.model.root_axis(variable.axes[0])
        labels = self.known.get(axis) or self.model.axis_labels(axis)
        mapped = self.mapping.get(variable.name)
        if mapped is not None and mapped.count("*") != 1:
            self.problems.error("PGM0720", f"`{variable.name}` has an axis, and `{mapped}` names one column",
                                frame.name, f"name them all: `--map \"{variable.name}=px_*\"`", about=variable.name)  # fmt: skip
            return
        if labels is None:
            self._open_axis(variable, plate, frame, axis, mapped)
            return
        if mapped is not None:
            patterns = [mapped]
        else:
            # numbers that only count a sized axis are no names of columns: `h[unit]` must not claim pixels 0, 1, ...
            dim = self.model.dim_by_name.get(axis)
            is_named = dim is not None and dim.labels is not None
            patterns = [f"{variable.name}.*", "*", f"{variable.name}_*"] if is_named else [f"{variable.name}.*"]
        for pattern in patterns:
            chosen = [self._column_for(pattern.replace("*", x, 1), frame, names) for x in labels]
            if any(chosen) or mapped is not None:
                break
        else:
            return
        absent = [x for x, c in zip(labels, chosen, strict=True) if c is None]
        if absent:
            self.problems.error(
                "PGM0720", f"`{variable.name}` has no column for `{absent[0]}`", frame.name,
                f"name it `{pattern.replace('*', absent[0], 1)}`, or say `--hide {variable.name}`",
                (f"columns are missing for {listed(absent)}",) if len(absent) > 1 else (), about=variable.name,
            )  # fmt: skip
            return
        self._claim(variable, plate, frame, tuple(c for c in chosen if c is not None))

    def _along_plate(self, variable: Variable, plate: str, frame: Frame, names: Mapping[str, str]) -> None:
        """A sized plate inside the rows: columns ``s.0``, ``s.1``, ... of its elements, a grid's row by row."""
        size = close_sizes(self.model, {}).get(variable.plates[-1])
        pattern = self.mapping.get(variable.name, f"{variable.name}.*")
        if size is None or pattern.count("*") != 1:
            return
        chosen = [self._column_for(pattern.replace("*", str(i), 1), frame, names) for i in range(size)]
        absent = [str(i) for i, c in enumerate(chosen) if c is None]
        if len(absent) == size and variable.name not in self.mapping:
            return
        if absent:
            self.problems.error(
                "PGM0720", f"`{variable.name}` has no column for element {absent[0]} of `{variable.plates[-1]}`", frame.name,
                f"it has {size:,} elements: `{pattern.replace('*', '0', 1)}` to "
                f"`{pattern.replace('*', str(size - 1), 1)}`", about=variable.name,
            )  # fmt: skip
            return
        self._claim(variable, plate, frame, tuple(c for c in chosen if c is not None))

    @staticmethod
    def _column_for(name: str, frame: Frame, names: Mapping[str, str]) -> str | None:
        return name if name in frame.columns else names.get(re.sub(r"\W", "_", name))

    def _open_axis(self, variable: Variable, plate: str, frame: Frame, axis: str, mapped: str | None) -> None:
        """The columns ``v.*`` (or a glob's), in the order of the file, name the labels; never what is left over."""
        before, after = (mapped or f"{variable.name}.*").split("*")
        room = len(before) + len(after)
        matching = tuple(c for c in frame.columns if len(c) > room and c.startswith(before) and c.endswith(after))
        if not matching:
            if mapped is not None:
                self.problems.error("PGM0720", f"no column is named like `{mapped}`", frame.name,
                                    f"the columns are {listed(frame.columns)}", about=variable.name)  # fmt: skip
            return
        self._set_labels(variable, axis, tuple(c[len(before) : len(c) - len(after)] for c in matching), frame)
        self._claim(variable, plate, frame, matching)

    def _array_name(self, variable: Variable, frame: Frame, inside: bool) -> str | None:
        name = self.mapping.get(variable.name, variable.name)
        array = frame.arrays.get(name)
        if array is None or not array.ndim:
            return None
        needed = variable.axes or inside or array.ndim > 1 or name not in frame.columns
        return name if needed else None

    def _claim_array(self, variable: Variable, plate: str, frame: Frame, name: str) -> None:
        array: np.ndarray = frame.arrays[name]
        if not self._claim_names(variable, plate, frame, (name,)):
            return
        for axis, length in zip(reversed(variable.axes), reversed(array.shape), strict=False):
            root = self.model.root_axis(axis)
            told = self.matches.labels.get(root, ())
            record = self.model.plate_by_name.get(root)
            if record is not None and record.is_rows:
                # its elements are called what the tables of rows call them
                continue
            if self.model.axis_size(root) is None and root not in self.known and len(told) != length:
                self._set_labels(variable, root, tuple(map(str, range(length))), frame)
        self.matches.arrays[variable.name] = (plate, name)

    def _claim(self, variable: Variable, plate: str, frame: Frame, names: tuple[str, ...]) -> bool:
        if not self._claim_names(variable, plate, frame, names):
            return False
        other = self.matches.columns.get(variable.name)
        if other is not None:
            self.problems.error("PGM0712", f"the tables of `{other[0]}` and `{plate}` both have a column for "
                                f"`{variable.name}`", frame.name, "leave one of them out", about=variable.name)  # fmt: skip
            return False
        self.matches.columns[variable.name] = (plate, names)
        return True

    def _claim_names(self, variable: Variable, plate: str, frame: Frame, names: tuple[str, ...]) -> bool:
        for name in names:
            other = self.matches.claimed.setdefault((plate, name), variable.name)
            if other != variable.name:
                self.problems.error(
                    "PGM0712", f"the column `{name}` is claimed by `{other}` and `{variable.name}`", frame.name,
                    f"map one of them to another column: `--map {variable.name}=COLUMN`, or `--hide {variable.name}`",
                    about=variable.name,
                )  # fmt: skip
                return False
        return True

    def _set_labels(self, variable: Variable, axis: str, labels: tuple[str, ...], frame: Frame) -> None:
        first = self.matches.labels.setdefault(axis, labels)
        if first != labels:
            here = f"{len(labels):,} labels" if len(first) != len(labels) else "other labels"
            self.problems.error(
                "PGM0717", f"`{variable.name}` gives the axis `{axis}` {here}, another variable {len(first):,}",
                frame.name, f"the columns of all variables along `{axis}` must have the same labels", about=variable.name,
            )  # fmt: skip


def columns_of(matches: Matches, frames: Mapping[str, Frame], name: str) -> list[Column]:
    """The columns of a bound variable."""
    plate, names = matches.columns[name]
    return [frames[plate].columns[n] for n in names]


def unused_columns(matches: Matches, frames: Mapping[str, Frame]) -> list[str]:
    """Columns and arrays that nobody takes."""
    every = [(p, c) for p, f in frames.items() for c in dict.fromkeys([*f.columns, *f.arrays])]
    return list(dict.fromkeys(c for p, c in every if (p, c) not in matches.claimed))


def near_misses(
    model: Model, matches: Matches, frames: Mapping[str, Frame], hide: Collection[str], problems: BindingProblems
) -> None:
    """A variable without a column whose name is nearly that of an unused one is a slip, not a latent: PGM0709."""
    unused = [c for c in unused_columns(matches, frames) if c not in model.by_name]
    reachable = {p for plate in frames for p in model.enclosing(plate)}
    for variable in model.of_role(*BINDABLE):
        name = variable.name
        if matches.bound(name) or name in hide or name in problems.troubled:
            continue
        if not variable.plates or variable.plates[-1] not in reachable:
            continue
        for column in unused:
            if near_miss(name, column):
                problems.error("PGM0709", f"`{name}` has no column, but there is an unused column `{column}`",
                               _names(frames), f"did you mean `{column}`? rename one, say `--map {name}={column}`, "
                               f"or `--hide {name}` if it is latent", about=name)  # fmt: skip
                break


def near_miss(name: str, column: str) -> bool:
    """Equal up to case and punctuation, or one edit apart in names of five letters or more."""
    a, b = (re.sub(r"[\W_]", "", x).casefold() for x in (name, column))
    if a == b:
        return bool(a)
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


def _without_blanks(element: str) -> str:
    """An element's name without the blanks between the labels of its axes."""
    return re.sub(r",\s+", ",", element)


def _names(frames: Mapping[str, Frame]) -> str:
    return ", ".join(f.name for f in frames.values())

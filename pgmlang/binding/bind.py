"""Joining data to a Model: which column is which variable, what is observed, which element each row belongs to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pgmlang.binding.arguments import check_arguments
from pgmlang.binding.bounded_counts import bounded_counts, with_bounded_counts
from pgmlang.binding.close import close_model, labels_in_data
from pgmlang.binding.close import open_sets as open_sets_of
from pgmlang.binding.columns import BINDABLE, Matcher, Matches, columns_of, near_misses, unused_columns
from pgmlang.binding.counting import suspect_counts
from pgmlang.binding.element_names import RowNames, row_names
from pgmlang.binding.elements import Elements
from pgmlang.binding.fit_mapping import mapping_as_in_fit
from pgmlang.binding.inputs import Inputs
from pgmlang.binding.new_labels import CHOICES, NewLabels
from pgmlang.binding.nothing_bound import nothing_bound
from pgmlang.binding.order import refuse_ordinal_text
from pgmlang.binding.outside import OutsideTables, at_rows, own_tables
from pgmlang.binding.positions import check_positions
from pgmlang.binding.problems import BindingProblems, listed
from pgmlang.binding.record import Binding, is_missing
from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.binding.rows import drop_gaps, refuse_gaps, rows_of
from pgmlang.binding.source_kinds import source_kinds
from pgmlang.binding.stated_elements import stated_elements
from pgmlang.binding.tables import Tables, assign_tables, innermost, ordered, weights_of
from pgmlang.binding.values import (
    array_column,
    check_shape,
    check_vectors,
    column_values,
    first_cells,
    single_value,
)
from pgmlang.binding.weight_column import WeightColumn, weight_column
from pgmlang.data import Column, Frame, fingerprint
from pgmlang.data.reading import joined_readings
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.layout import MissingMask, close_layout, close_sizes
from pgmlang.model import Model, Variable
from pgmlang.model.drawn_labels import label_problems
from pgmlang.model.row_plates import plates_as_values
from pgmlang.normal import separate_terms

MISSING = ("latent", "drop", "error")


def bind(
    model: Model,
    tables: Tables,
    *,
    observe: Mapping[str, str] | None = None,
    hide: Sequence[str] = (),
    mapping: Mapping[str, str] | None = None,
    missing: str = "latent",
    counts: str | None = None,
    weights: str | None = None,
    weighed_by: WeightColumn | None = None,
    mapped_by: Mapping[str, str] | None = None,
    known: Mapping[str, tuple[str, ...]] | None = None,
    is_block: bool = False,
    is_fresh: bool = False,
    new_labels: str | None = None,
    open_sets: Collection[str] = (),
    is_predicted: bool = False,
) -> Binding:
    """Joins a Model to its tables.

    ``tables``: one frame, plate name to frame, or arrays by name. ``observe``: values of variables outside of plates.
    ``mapping``: variable or plate to column (or to a glob ``px_*`` of columns, for a variable with an axis).
    ``mapped_by``: a fit's mapping, for what is not said. ``missing``: ``latent``, ``drop`` or ``error``. ``known``: labels of open sets, dims and plates from a fit, None for the rows of a fit itself.
    ``counts``, ``weights``: the column that says how often, or how much, a row of the innermost table counts ("" for none);
    ``weighed_by``: a fit's, where neither is said. ``is_block``: the table is a block of a larger one, so a column without values is no news; ``is_fresh``:
    the rows may say nothing at all; ``new_labels``: ``error``, ``prior`` or ``drop``; ``open_sets``: variables whose labels only the
    data of a fit told. ``is_predicted``: what a row does not say is asked for, so that ``drop`` leaves out rows that lack an
    input alone, and new labels of open sets are taken by the prior where nobody says otherwise. Raises PgmError with every
    problem found (07xx).
    """
    if missing not in MISSING:
        cure = f"one of {listed(MISSING)}"
        raise PgmError(Diagnostic("PGM0612", f"`--missing` is not `{missing}`", help=cure))
    if new_labels is not None and new_labels not in CHOICES:
        raise PgmError(
            Diagnostic("PGM0612", f"`--new-labels` is not `{new_labels}`", help=f"one of {listed(CHOICES)}")
        )
    is_of_fit = known is not None and not is_block
    problems = BindingProblems()
    outside = OutsideTables(model, known or {}, problems)
    binder = Binder(
        model,
        frames_of(model, tables, outside),
        dict(known or {}),
        is_block,
        is_fresh,
        known is not None,
        problems,
    )
    binder.matches.labels.update(outside.labels)
    binder.unseen = NewLabels(new_labels, open_sets, binder.problems, is_of_fit, is_predicted)
    # an empty name is the word that no column counts rows
    binder.is_weighing_said = counts is not None or weights is not None
    columns = mapping_as_in_fit(mapping or {}, mapped_by or {}, binder.frames, hide)
    by = weight_column(counts, weights, weighed_by, binder.frames, columns, binder.problems)
    return binder.bind(dict(observe or {}), tuple(hide), columns, missing, by)


def frames_of(model: Model, tables: Tables, outside: OutsideTables) -> dict[str, Frame]:
    """Tables under their plates; those of single variables as arrays beside them."""
    given = {} if isinstance(tables, Frame) else {n: t for n, t in tables.items() if isinstance(t, Frame)}
    if isinstance(tables, Frame) or len(given) < len(tables):
        return assign_tables(model, tables)
    rows, own = own_tables(model, given)
    if own and not rows:
        cure = "give the rows too: `data.csv " + " ".join(f"{n}=..." for n in own) + "`"
        raise PgmError(Diagnostic("PGM0714", f"no table has rows, only {listed(own)}", help=cure))
    frames = assign_tables(model, rows)
    for name, table in own.items():
        outside.read(name, table)
    main = innermost(model, frames)[0]
    frames[main] = replace(frames[main], arrays={**frames[main].arrays, **outside.arrays})
    return frames


@dataclass
class Binder:
    """The state of one binding while it is made."""

    model: Model
    frames: dict[str, Frame]
    known: dict[str, tuple[str, ...]]
    is_block: bool
    is_fresh: bool = False
    is_of_fit: bool = False
    problems: BindingProblems = field(default_factory=BindingProblems)
    matches: Matches = field(default_factory=Matches)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    gaps: dict[str, MissingMask] = field(default_factory=dict)
    unseen: NewLabels | None = None
    is_weighing_said: bool = False

    def bind(
        self,
        observe: dict[str, str],
        hide: tuple[str, ...],
        mapping: dict[str, str],
        missing: str,
        weighed_by: WeightColumn | None,
    ) -> Binding:
        """All steps, in order."""
        problems, frames = self.problems, self.frames
        self._check_names([*mapping], [*hide, *observe])
        prints = "-".join(fingerprint(f) for f in frames.values())
        row_weights, special = weights_of(self.model, frames, weighed_by, problems)
        matcher = Matcher(self.model, mapping, hide, self.known, problems)
        matcher.matches.labels.update(self.matches.labels)
        if special is not None and weighed_by is not None:
            matcher.matches.claimed[special] = f"--{weighed_by.option}"
        self.matches = matcher.match(frames)
        unused = tuple(unused_columns(self.matches, frames))
        near_misses(self.model, self.matches, frames, hide, problems)
        if not (self.is_weighing_said or special or self.is_of_fit or self.is_block or self.is_fresh):
            suspect_counts(self.matches, frames, innermost(self.model, frames)[0], hide, problems)
        if missing == "error":
            refuse_gaps(self.model, self.matches, frames, problems)
        main = special[0] if special is not None else innermost(self.model, frames)[0]
        table_rows = self._num_rows()[main]
        rows, dropped = self._settle_rows(mapping, missing)
        if row_weights is not None and main in rows:
            row_weights = row_weights[rows[main]]
        elements = Elements(self.model, mapping, self.known, problems)
        elements.find(frames, self._num_rows())
        elements.named_by(self._bound_columns, frames)
        elements.check_chains(frames)
        elements.labels.update(self.matches.labels)
        closed = self._close(elements)
        self._read_values(closed, elements)
        self._observe(closed, observe)
        inputs = Inputs(self.matches, frames, self.values, self.gaps, problems)
        self.values.update(inputs.of_no_rows(closed, elements.sizes))
        inputs.check(closed, hide, self._bound_columns)
        check_arguments(closed, self._bound_columns, problems)
        # new rows of a fit may say nothing, or nothing but their groups
        is_bound = bool(elements.membership or self.matches.columns or self.matches.arrays)
        is_new = self.is_fresh or (self.is_of_fit and is_bound)
        if not is_new and not any(at_rows(closed, closed.by_name[n]).plates for n in self.values):
            nothing_bound(self.model, self.matches, frames, hide, self._source(), problems)
        self._check_closed(closed, elements)
        problems.stop()
        layout = close_layout(closed, elements.sizes, elements.labels, elements.membership, self.gaps)
        check_positions(closed, layout, problems)
        problems.stop()
        observed = tuple(n for n in self.values if closed.by_name[n].role in ("random", "field"))
        latent = tuple(v.name for v in closed.of_role("random", "field") if v.name not in self.values)
        named = self._row_names(closed, mapping, unused, elements)
        name_columns = {plate: told.column for plate, told in named.items()}
        binding = Binding(
            closed, layout, elements.labels, self.values, row_weights,
            weighed_by, observed, latent, tuple(c for c in unused if c not in name_columns.values()), dropped,
            tuple(self.matches.renamed), self._source(), prints, tuple(problems.warnings), main, rows.get(main), table_rows,
            {plate: told.names for plate, told in named.items()}, name_columns,
            joined_readings([f.reading for f in frames.values()]), tuple(n for f in frames.values() for n in f.notes),
            source_kinds(closed, self.matches, frames, mapping, self.values), mapping,
        )  # fmt: skip
        if not (self.is_of_fit or self.is_fresh):
            # what a fit infers; of new rows they are counts like any
            counts = bounded_counts(closed, bound_evaluator(binding), latent)
            binding = replace(binding, model=with_bounded_counts(closed, counts))
        return binding if self.unseen is None else self.unseen.left_out(binding)

    def _row_names(
        self, closed: Model, mapping: dict[str, str], unused: tuple[str, ...], elements: Elements
    ) -> dict[str, RowNames]:
        """Of rows whose missing cells make no element of their own: a fully given variable needs no name."""
        if self.is_block or self.is_fresh:
            return {}
        frames = {p: f for p, f in self.frames.items() if p not in elements.labels}
        whole = [n for n in self.values if n not in self.gaps]
        return row_names(closed, frames, mapping, whole, unused)

    def _source(self) -> str:
        return ", ".join(f.name for f in self.frames.values())

    def _check_names(self, mapped: list[str], others: list[str]) -> None:
        for names, known in (
            (mapped, {*self.model.by_name, *self.model.plate_by_name}),
            (others, set(self.model.by_name)),
        ):
            for name in names:
                if name not in known:
                    cure = did_you_mean(name, known) or f"the variables are {listed(self.model.by_name)}"
                    self.problems.error("PGM0720", f"the model has no variable `{name}`", cure=cure, about=name)

    def _settle_rows(self, mapping: dict[str, str], missing: str) -> tuple[dict[str, np.ndarray], int]:
        """Drops rows and puts them in order: the positions of those that changed, and how many were dropped."""
        complete_rows: dict[str, np.ndarray] = {}
        dropped = 0
        so_far = len(self.problems.errors)
        if missing == "drop":
            before = self._num_rows()
            is_predicted = self.unseen is not None and self.unseen.is_predicted
            complete_rows = drop_gaps(
                self.model, mapping, self.matches, self.frames, self.problems, of_inputs=is_predicted
            )
            dropped = sum(before.values()) - sum(self._num_rows().values())
        rows = dict(complete_rows)
        for plate, order in ordered(self.model, self.frames, mapping, self.problems, self.known).items():
            rows[plate] = complete_rows[plate][order] if plate in complete_rows else order
        if len(self.problems.errors) > so_far:
            self.problems.stop()
        return rows, dropped

    def _num_rows(self) -> dict[str, int]:
        return {p: rows_of(self.model, self.matches, f, p) for p, f in self.frames.items()}

    # ---- labels that only the data know

    def _bound_columns(self, name: str) -> list[Column]:
        """The cells of a bound variable as columns; an array's as one."""
        if name in self.matches.columns:
            return columns_of(self.matches, self.frames, name)
        if name in self.matches.arrays:
            plate, array_name = self.matches.arrays[name]
            frame = self.frames[plate]
            is_labels = self.model.by_name[name].type.kind == "labels"
            return [array_column(frame, array_name, frame.arrays[array_name], is_labels)]
        return []

    def _close(self, elements: Elements) -> Model:
        try:
            labels, dims, ordered = labels_in_data(self.model, self._bound_columns, elements.labels, self.known)
        except PgmError as error:
            self.problems.extend(error)
            self.problems.stop()
        told = {*self.known, *elements.labels}
        by_text = {k: v for k, v in {**labels, **dims}.items() if k not in told and k not in ordered}
        refuse_ordinal_text(self.model, by_text, self._source(), self.problems)
        elements.labels.update(dims)
        numbered = {
            p: tuple(map(str, range(n))) for p, n in elements.sizes.items() if p in plates_as_values(self.model)
        }
        closed = close_model(self.model, labels, dims, {**numbered, **elements.labels})
        return separate_terms(stated_elements(closed, self.problems))

    def _check_closed(self, closed: Model, elements: Elements) -> None:
        """A label set or axis that the data should have told, and did not."""
        if self.problems.errors:
            return
        for name in open_sets_of(closed):
            self.problems.error("PGM0708", f"`{name}` takes its labels from the data, and there is no value of it",
                                self._source(), f"add a column `{name}`, or write the labels instead of `...`")  # fmt: skip
        wanted: dict[str, str] = {}
        known = close_sizes(closed, elements.sizes)
        self.problems.errors.extend(label_problems(closed, known.get))
        for variable in closed.of_role(*BINDABLE, "param"):
            for axis in (*variable.axes, *filter(None, [variable.type.axis])):
                root = closed.root_axis(axis)
                if root in closed.dim_by_name and root not in known:
                    wanted.setdefault(root, variable.name)
        for axis, name in wanted.items():
            self.problems.error(
                "PGM0708", f"the labels of `{axis}` are the data's, and no column tells them", self._source(),
                f"name columns `{name}.LABEL`, say `--map \"{name}=px_*\"`, give an array, or write `dim {axis} = {{...}}`",
            )  # fmt: skip

    # ---- values

    def _read_values(self, closed: Model, elements: Elements) -> None:
        for variable in closed.variables:
            name = variable.name
            if not self.matches.bound(name) or name in self.problems.troubled:
                continue
            try:
                read = self._array if name in self.matches.arrays else self._columns
                reading = read(closed, variable, elements)
            except PgmError as error:
                self.problems.extend(error, about=name)
                continue
            if reading is None:
                continue
            array, gaps, cells = reading
            if gaps == cells and variable.role != "input" and not self.is_block:
                cell = self._bound_columns(name)[0].place.column(name)
                self.problems.warn("PGM0711", f"`{name}` has no value in any row: it is latent", cell,
                                   f"is it the right column? if the variable is meant to be latent, `--hide {name}`")  # fmt: skip
                continue
            if gaps:
                self.gaps[name] = MissingMask(closed.array_axes(variable), is_missing(array))
            self.values[name] = array

    def _element_labels(self, variable: Variable, elements: Elements) -> tuple[str, ...] | None:
        axis = variable.type.axis
        if axis is None or axis not in self.model.plate_by_name:
            return None
        return elements.labels.get(axis) or self.known.get(axis) or None

    def _array(self, closed: Model, variable: Variable, elements: Elements) -> tuple[np.ndarray, int, int]:
        plate, array_name = self.matches.arrays[variable.name]
        frame = self.frames[plate]
        given = frame.arrays[array_name]
        axes = closed.array_axes(variable)
        known = close_sizes(closed, elements.sizes)
        shape = tuple(known.get(a) for a in axes)
        check_shape(variable, given, shape, f"{frame.name}:{array_name}", axes)
        column = array_column(frame, array_name, given, variable.type.kind == "labels")
        labels = self._element_labels(variable, elements)
        array = self._cells(closed, variable, column, labels, plate, len(given)).reshape(given.shape)
        check_vectors(variable, array, first_cells(column, given.shape))
        return array, int(is_missing(array).sum()), array.size

    def _cells(
        self, closed: Model, variable: Variable, column: Column, labels: tuple[str, ...] | None, plate: str,
        num_rows: int | None = None,
    ) -> np.ndarray:  # fmt: skip
        """A column's cells; new labels as is said of them."""
        assert self.unseen is not None
        codes = self.unseen.codes(closed, variable, column, plate, num_rows)
        if codes is not None:
            return codes
        try:
            return column_values(closed, variable, column, labels)
        except PgmError as error:
            raise PgmError(self.unseen.with_cures(variable, error)) from None

    def _columns(
        self, closed: Model, variable: Variable, elements: Elements
    ) -> tuple[np.ndarray, int, int] | None:
        variable = at_rows(closed, variable)
        plate = self.matches.columns[variable.name][0]
        columns = columns_of(self.matches, self.frames, variable.name)
        labels = self._element_labels(variable, elements)
        arrays: list[np.ndarray] = []
        errors: list[Diagnostic] = []
        for column in columns:
            try:
                arrays.append(self._cells(closed, variable, column, labels, plate))
            except PgmError as error:
                errors.extend(error.diagnostics)
        if errors:
            raise PgmError(errors)
        is_wide = bool(variable.axes) or len(self.matches.columns[variable.name][1]) > 1
        inside = plate in variable.plates and variable.plates[-1] != plate
        array = np.stack(arrays, axis=-1) if is_wide or inside else arrays[0]
        beside = closed.array_axes(variable)[1:]
        if len(beside) > 1:
            sizes = close_sizes(closed, elements.sizes)
            array = array.reshape(len(array), *(sizes[a] for a in beside))
        check_vectors(variable, array, columns[0])
        if variable.plates[-1] == plate or inside:
            return array, int(is_missing(array).sum()), array.size
        return self._outer_values(variable, plate, columns, array, elements)

    def _outer_values(
        self, variable: Variable, plate: str, columns: list[Column], array: np.ndarray, elements: Elements
    ) -> tuple[np.ndarray, int, int] | None:
        """An outer plate's value from the inner table: it must be the same in all rows of an element."""
        owner = variable.plates[-1]
        member = elements.membership.get((plate, owner))
        if member is None:
            return None
        first = np.full(elements.sizes[owner], -1)
        first[member[::-1]] = np.arange(len(member))[::-1]
        reference = array[first[member]]
        same = (array == reference) | ((array != array) & (reference != reference))
        bad = np.flatnonzero(~same.reshape(len(array), -1).all(axis=1))
        if len(bad):
            row = int(bad[0])
            index = int(np.flatnonzero(~np.atleast_1d(same[row]))[0])
            self.problems.error(
                "PGM0715", f"`{variable.name}` differs within one `{owner}`", columns[index].cell(row),
                f"it lives in plate `{owner}`: make it constant there, or move it into plate `{plate}`",
                about=variable.name,
            )  # fmt: skip
            return None
        present = first >= 0
        out = array[np.maximum(first, 0)]
        # elements that only the fit knows have no row here
        out[~present] = np.nan if out.dtype.kind == "f" else -1
        return out, int(is_missing(out[present]).sum()), out[present].size

    def _observe(self, closed: Model, observe: dict[str, str]) -> None:
        for name, text in observe.items():
            variable = closed.by_name.get(name)
            if variable is None or name in open_sets_of(closed):
                continue
            if variable.plates or variable.axes or variable.role not in BINDABLE:
                cure = "`--observe` is for single variables outside of plates"
                self.problems.error("PGM0720", f"`{name}` cannot be observed by value", f"--observe {name}", cure)
                continue
            try:
                self.values[name] = single_value(closed, variable, str(text))
            except PgmError as error:
                self.problems.extend(error, about=name)

"""The arrays of a collapsed sweep: where in the counts of integrated variables each factor's elements draw, and which labels move that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from pgmlang.model import Variable
from pgmlang.model.expr import Expr, Ref, references
from pgmlang.model.named import NamedArray
from pgmlang.native.collapsed import CollapsedForm, Condition, Draw, IntegratedVariable, KnownFactor, labels_of
from pgmlang.native.formulas import NotScalar
from pgmlang.native.lane_forms import LANES
from pgmlang.tables.conditionals import as_codes, dist_probabilities
from pgmlang.tables.context import ElementContext
from pgmlang.tables.evaluate import Evaluator
from pgmlang.tables.finite import CHILD
from pgmlang.tables.learned import num_values

VALUE = "#value"
"""The axis of the values 0 and 1 of what is drawn with a probability that is integrated out."""


@dataclass(frozen=True, eq=False)
class LabelArrays:
    """A label variable. ``start``: where its elements begin among those of all labels; ``codes [n]``: those known, -1 for the others;
    ``known [n, size]``: what factors without integrated variables add to the log-probabilities of its values (no rows: nothing)."""

    name: str
    start: int
    size: int
    shape: tuple[int, ...]
    codes: np.ndarray
    known: np.ndarray

    @cached_property
    def elements(self) -> np.ndarray:
        """Those to be drawn."""
        return np.flatnonzero(self.codes < 0)


@dataclass(frozen=True, eq=False)
class IntegratedTable:
    """An integrated variable's places among the counts (or among the precisions) of all. ``axes``: of its elements and values, in the order in
    which they lie, labels that move innermost; ``sizes``; ``start``, ``first_row``: where its cells and rows begin; ``width``: cells from one
    run of the innermost axis to the next, those beyond its size without a meaning."""

    variable: IntegratedVariable
    axes: tuple[str, ...]
    sizes: tuple[int, ...]
    start: int
    first_row: int
    width: int

    @property
    def event(self) -> str | None:
        return VALUE if self.variable.remembered == "zero and one" else self.variable.event

    @property
    def is_count(self) -> bool:
        return self.event is not None

    @property
    def row_axes(self) -> tuple[str, ...]:
        return tuple(a for a in self.axes if a != self.event)

    @property
    def row_sizes(self) -> tuple[int, ...]:
        return tuple(n for a, n in zip(self.axes, self.sizes, strict=True) if a != self.event)

    @property
    def stored(self) -> tuple[int, ...]:
        """The sizes of the axes as they lie."""
        return (*self.sizes[:-1], self.width) if self.sizes else ()

    @property
    def cells(self) -> int:
        return math.prod(self.stored) if self.is_count else 0

    @property
    def rows(self) -> int:
        return math.prod(self.row_sizes)

    def stride(self, axis: str | None) -> int:
        """Cells from one element along an axis to the next."""
        return math.prod(self.stored[self.axes.index(axis) + 1 :]) if axis is not None else 0

    def of_cells(self, numbers: np.ndarray) -> np.ndarray:
        """What numbers ``[..., cells]`` of all tables are in this one, ``[..., *sizes]``."""
        mine = numbers[..., self.start : self.start + self.cells]
        return mine.reshape(*numbers.shape[:-1], *self.stored)[..., : self.sizes[-1]]

    def row_stride(self, axis: str | None) -> int:
        if axis is None or axis == self.event:
            return 0
        return math.prod(self.row_sizes[self.row_axes.index(axis) + 1 :])


@dataclass(frozen=True, eq=False)
class MovingLabel:
    """The labels ``element [n]`` that move draws by ``axis`` of a table."""

    element: np.ndarray
    axis: str


@dataclass(frozen=True, eq=False)
class DrawArrays:
    """The draws of a factor: ``cell``, ``row [n]`` where all labels are 0; ``observed [n]`` and ``sd [1 or K, n]`` of normal ones."""

    draw: Draw
    table: IntegratedTable
    cell: np.ndarray
    row: np.ndarray
    parts: tuple[MovingLabel, ...]
    observed: np.ndarray
    sd: np.ndarray


@dataclass(frozen=True, eq=False)
class Concentrations:
    """Priors, by table: ``cells`` and ``rows`` of counts, ``precisions`` and ``moments`` of normal variables."""

    cells: np.ndarray
    rows: np.ndarray
    precisions: np.ndarray
    moments: np.ndarray


@dataclass(frozen=True, eq=False)
class Arrays:
    """What a collapsed sweep of a bound model reads; all but ``concentrations``, ``known`` factors and standard deviations is of data alone."""

    form: CollapsedForm
    evaluator: Evaluator
    labels: tuple[LabelArrays, ...]
    tables: tuple[IntegratedTable, ...]
    draws: tuple[DrawArrays, ...]
    concentrations: Concentrations
    alike: Mapping[str, frozenset[str]] = field(default_factory=dict)


def arrays_of(form: CollapsedForm, evaluator: Evaluator, *, in_blocks: bool = False) -> Arrays:
    """The arrays of a structure over an evaluator's values, those of what is latent outside of it among them; ``in_blocks``: counts that
    `runtime/token_sweeps.py` reads fill whole blocks. Raises NotScalar."""
    return _Builder(form, evaluator).arrays(in_blocks)


def token_draws(form: CollapsedForm) -> Iterator[tuple[str, Draw, Draw]]:
    """The labels that are drawn themselves from one integrated variable, and by which one factor draws from another, with both draws."""
    for label in form.labels:
        draws = [d for d in form.draws if label in labels_of(d, form.labels)]
        if len(draws) == 2 and all(len(labels_of(d, form.labels)) == 1 and d.sd is None for d in draws):
            owner, value = draws if draws[0].target == label else reversed(draws)
            if owner.target == label != value.target and owner.integrated is not value.integrated:
                yield label, owner, value


class _Builder:
    """Evaluates indices with each label's elements numbered: where a reference to a label leads is then a number of an element."""

    def __init__(self, form: CollapsedForm, evaluator: Evaluator) -> None:
        self.form, self.given = form, evaluator
        self.model, self.layout = form.model, evaluator.layout
        self.starts: dict[str, int] = {}
        numbered: dict[str, np.ndarray] = {}
        start = 0
        for name in form.labels:
            shape = self.shape_of(self.model.by_name[name])
            self.starts[name] = start
            numbered[name] = start + np.arange(math.prod(shape)).reshape(shape)
            start += math.prod(shape)
        self.evaluator = self.with_values(numbered)

    def with_values(self, values: Mapping[str, np.ndarray]) -> Evaluator:
        return Evaluator(self.model, {**self.given.values, **values}, self.layout, self.given.nets)

    def shape_of(self, variable: Variable) -> tuple[int, ...]:
        return tuple(self.layout.size(a) for a in self.model.array_axes(variable))

    def num_values(self, name: str) -> int:
        return num_values(self.given, self.model.by_name[name])

    def arrays(self, in_blocks: bool) -> Arrays:
        tables = self.tables(in_blocks)
        draws = tuple(self.draw(d, tables[d.integrated.name]) for d in self.form.draws)
        known: dict[str, np.ndarray] = {}
        for factor in self.form.known:
            table = self.known(factor)
            known[factor.label] = known[factor.label] + table if factor.label in known else table
        labels = tuple(self.label(n, known.get(n)) for n in self.form.labels)
        concentrations, alike = self.concentrations(tuple(tables.values()))
        return Arrays(self.form, self.given, labels, tuple(tables.values()), draws, concentrations, alike)

    def label(self, name: str, known: np.ndarray | None) -> LabelArrays:
        variable, size = self.model.by_name[name], self.num_values(name)
        shape = self.shape_of(variable)
        codes = np.full(shape, -1, dtype=np.int64)
        if name in self.given.values:
            codes = as_codes(np.asarray(self.given.values[name]))
        table = np.zeros((0, size)) if known is None else np.ascontiguousarray(known)
        return LabelArrays(name, self.starts[name], size, shape, codes.reshape(-1).astype(np.int32), table)

    def tables(self, in_blocks: bool) -> dict[str, IntegratedTable]:
        """The tables, each with the axis innermost that most labels move draws along."""
        out: dict[str, IntegratedTable] = {}
        whole = {d.integrated.name for _, *draws in token_draws(self.form) for d in draws} if in_blocks else set()
        start = row = normal_row = 0
        for variable in self.form.integrated:
            event = VALUE if variable.remembered == "zero and one" else variable.event
            axes = (*variable.rows, *((event,) if event else ()))
            moved = dict.fromkeys(axes, 0)
            for draw in self.form.draws:
                if draw.integrated is variable:
                    count = math.prod(self.shape_of(self.model.by_name[draw.target]))
                    for axis, index in draw.reference.index:
                        moved[axis] += count * (isinstance(index, Ref) and index.name in self.form.labels)
                    if event and draw.target in self.form.labels:
                        moved[event] += count
            innermost = max(axes, key=lambda a: moved[a]) if axes else None
            axes = (*(a for a in axes if a != innermost), *((innermost,) if innermost else ()))
            sizes = tuple(2 if a == VALUE else self.layout.size(a) for a in axes)
            width = sizes[-1] if sizes else 1
            if variable.name in whole:
                start, width = _whole_blocks(start), _whole_blocks(width)
            table = IntegratedTable(variable, axes, sizes, start, row if event else normal_row, width)
            out[variable.name] = table
            start += table.cells
            row, normal_row = (row + table.rows, normal_row) if event else (row, normal_row + table.rows)
        return out

    # ---- draws

    def place(self, factor: Draw | KnownFactor) -> tuple[tuple[str, ...], tuple[int, ...], ElementContext]:
        variable = self.model.by_name[factor.target]
        return self.model.array_axes(variable), self.shape_of(variable), self.evaluator.context(factor.plates)

    def meant(
        self,
        conditions: tuple[Condition, ...],
        axes: tuple[str, ...],
        shape: tuple[int, ...],
        context: ElementContext,
    ) -> np.ndarray:
        """Which elements a factor's branch is for."""
        out = np.ones(shape, dtype=bool)
        for condition in conditions:
            holds = self.evaluator.evaluate(condition.expr, context).to(axes).astype(bool)
            out &= np.broadcast_to(holds if condition.holds else ~holds, shape)
        return out

    def draw(self, draw: Draw, table: IntegratedTable) -> DrawArrays:
        axes, shape, context = self.place(draw)
        keep = self.meant(draw.conditions, axes, shape, context)
        cell, row = np.full(shape, table.start, dtype=np.int64), np.full(shape, table.first_row, dtype=np.int64)
        parts: list[tuple[np.ndarray, str]] = []
        indices = dict(draw.reference.index)
        for axis in table.row_axes:
            expr = indices.get(axis)
            where = self.index(expr, axis, axes, context)
            at = np.broadcast_to(where.to(axes), shape)
            if isinstance(expr, Ref) and expr.name in self.form.labels:
                parts.append((at, axis))
                continue
            cell = cell + at * (table.stride(axis) if table.is_count else 0)
            row = row + at * table.row_stride(axis)
        observed = np.zeros(shape)
        if draw.target in self.form.labels:
            parts.append((np.asarray(self.evaluator.values[draw.target]), table.event or ""))
        elif table.is_count:
            codes = np.asarray(as_codes(np.asarray(self.given.values[draw.target])))
            keep &= codes >= 0
            cell = cell + (1 - codes if draw.is_complement else codes) * table.stride(table.event)
        else:
            observed = np.asarray(self.given.values[draw.target], dtype=float)
            keep &= np.isfinite(observed)
        if draw.is_complement and draw.target in self.form.labels:
            raise NotScalar(f"`{draw.target}`, whose probability is one minus `{draw.integrated.name}`")
        sd = self.deviations(draw, axes, shape, context)
        chosen = slice(None) if keep.all() else keep.reshape(-1)
        arrays = [MovingLabel(p.reshape(-1)[chosen].astype(np.int32), axis) for p, axis in parts]
        return DrawArrays(
            draw, table, cell.reshape(-1)[chosen].astype(np.int32), row.reshape(-1)[chosen].astype(np.int32), tuple(arrays),
            observed.reshape(-1)[chosen], np.ascontiguousarray(sd.reshape(len(sd), -1)[:, chosen]),
        )  # fmt: skip

    def index(self, expr: Expr | None, axis: str, axes: tuple[str, ...], context: ElementContext) -> NamedArray:
        """The element along an axis that a reference has at each element of its place."""
        if expr is not None:
            return self.evaluator.codes(expr, context)
        here = context.coordinates.get(axis)
        if here is None and axis not in axes:
            raise NotScalar(f"a reference along `{axis}` from outside of it")
        return NamedArray(np.arange(self.layout.size(axis)), (axis,)) if here is None else here

    def deviations(
        self, draw: Draw, axes: tuple[str, ...], shape: tuple[int, ...], context: ElementContext
    ) -> np.ndarray:
        """Standard deviations ``[1, *shape]`` of normal draws, one for each value of a label that they hang on."""
        if draw.sd is None:
            return np.zeros((1, *shape))
        labels = {r.name for r in references(draw.sd)} & set(self.form.labels)
        if not labels:
            return np.broadcast_to(self.evaluator.evaluate(draw.sd, context).to(axes), shape)[None].astype(float)
        (label,) = labels
        own = {r for r in references(draw.sd) if r.name == label}
        moved = {e for _, e in draw.reference.index if isinstance(e, Ref) and e.name == label}
        if own != moved:
            raise NotScalar(
                f"the standard deviation of `{draw.target}` by another element of `{label}` than its mean"
            )
        out = []
        for k in range(self.num_values(label)):
            evaluator = self.with_values({label: np.full(self.shape_of(self.model.by_name[label]), k)})
            out.append(np.broadcast_to(evaluator.evaluate(draw.sd, draw.plates).to(axes), shape).astype(float))
        return np.stack(out)

    # ---- factors without integrated variables

    def known(self, factor: KnownFactor) -> np.ndarray:
        """Log-probabilities ``[elements of the label, its values]``."""
        axes, shape, context = self.place(factor)
        keep = self.meant(factor.conditions, axes, shape, context).reshape(-1)
        target, size = self.model.by_name[factor.target], self.num_values(factor.label)
        number = math.prod(self.shape_of(self.model.by_name[factor.label]))
        out = np.zeros((number, size))
        with np.errstate(divide="ignore"):
            if factor.target == factor.label:
                table = dist_probabilities(self.given, target, factor.distribution, context, size).to(
                    (*axes, CHILD)
                )
                out[keep] = np.log(np.broadcast_to(table, (*shape, size)).reshape(-1, size)[keep])
                return out
            codes = as_codes(np.asarray(self.given.values[factor.target]))
            keep &= codes.reshape(-1) >= 0
            elements = self.element_of(factor, axes, shape, context).reshape(-1)[keep] - self.starts[factor.label]
            values = self.num_values(factor.target)
            for k in range(size):
                evaluator = self.with_values(
                    {factor.label: np.full(self.shape_of(self.model.by_name[factor.label]), k)}
                )
                table = dist_probabilities(
                    evaluator, target, factor.distribution, evaluator.context(factor.plates), values
                ).to((*axes, CHILD))
                table = np.broadcast_to(table, (*shape, values))
                picked = np.take_along_axis(table, np.maximum(codes, 0)[..., None], -1)[..., 0].reshape(-1)[keep]
                out[:, k] = np.bincount(elements, np.maximum(np.log(picked), -1e300), minlength=number)
        return out

    def element_of(
        self, factor: KnownFactor, axes: tuple[str, ...], shape: tuple[int, ...], context: ElementContext
    ) -> np.ndarray:
        """The label's element that each element of a factor is of."""
        found = [
            np.broadcast_to(self.evaluator.codes(r, context).to(axes), shape)
            for _, a in factor.distribution.arguments
            for r in references(a)  # type: ignore[arg-type]
            if r.name == factor.label
        ]
        if any((f != found[0]).any() for f in found):
            raise NotScalar(f"`{factor.target}`, which is of several elements of `{factor.label}`")
        return found[0]

    # ---- priors

    def concentrations(
        self, tables: tuple[IntegratedTable, ...]
    ) -> tuple[Concentrations, dict[str, frozenset[str]]]:
        cells, rows, precisions, moments = [np.zeros(0)], [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]
        along: dict[str, frozenset[str]] = {}
        for table in tables:
            variable = table.variable
            arguments = [self.given.evaluate(a, variable.plates) for a in variable.arguments]
            along[variable.name] = frozenset(a for argument in arguments for a in argument.axes)
            if variable.remembered == "zero and one":
                a, b = (np.broadcast_to(x.to(table.row_axes), table.row_sizes) for x in arguments)
                both = np.stack([b, a], -1).astype(float)
                ordered = NamedArray(both, (*table.row_axes, VALUE)).to(table.axes)
            elif table.is_count:
                ordered = np.broadcast_to(arguments[0].to(table.axes), table.sizes)
            else:
                loc, sd = (np.broadcast_to(x.to(table.row_axes), table.row_sizes).astype(float) for x in arguments)
                precisions.append((1 / sd**2).reshape(-1))
                moments.append((loc / sd**2).reshape(-1))
                continue
            ordered = ordered.astype(float)
            between = table.start - sum(map(len, cells))
            stored = np.zeros(table.stored)
            stored[..., : table.sizes[-1]] = ordered
            cells += [np.zeros(between), stored.reshape(-1)]
            rows.append(ordered.sum(table.axes.index(table.event or "")).reshape(-1))
        return Concentrations(*(np.concatenate(x) for x in (cells, rows, precisions, moments))), along


def _whole_blocks(cells: int) -> int:
    """Cells of the blocks that so many begin."""
    return -(-cells // LANES) * LANES


def with_outside(arrays: Arrays, values: Mapping[str, np.ndarray]) -> Arrays:
    """The same with other values of what is latent outside of the structure: priors, known factors and standard deviations anew."""
    evaluator = Evaluator(
        arrays.form.model, {**arrays.evaluator.values, **values}, arrays.evaluator.layout, arrays.evaluator.nets
    )
    builder = _Builder(arrays.form, evaluator)
    concentrations, _ = builder.concentrations(arrays.tables)
    known: dict[str, np.ndarray] = {}
    for factor in arrays.form.known:
        table = builder.known(factor)
        known[factor.label] = known[factor.label] + table if factor.label in known else table
    labels = tuple(replace(v, known=known.get(v.name, v.known)) for v in arrays.labels)
    draws = tuple(
        d if d.draw.sd is None else replace(d, sd=builder.draw(d.draw, d.table).sd) for d in arrays.draws
    )
    return replace(arrays, evaluator=evaluator, concentrations=concentrations, labels=labels, draws=draws)

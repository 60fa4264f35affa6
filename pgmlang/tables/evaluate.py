"""The naive NumPy meaning of Model expressions: an oracle for tests, and what fills the tables of exact inference.

Values are arrays with named axes and align by name. Discrete values are codes; a spin's number is -1 or +1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.layout import Layout, SequencePositions, close_layout
from pgmlang.model.expr import (
    Apply,
    Choose,
    Const,
    Contract,
    Element,
    Expr,
    First,
    Identity,
    MatrixApply,
    NetCall,
    Reduce,
    Ref,
    Rename,
    Solution,
    Stack,
    State,
    Time,
)
from pgmlang.model.labels import Labels
from pgmlang.model.model import Model, Variable
from pgmlang.model.named import (
    MATRIX_OPERATIONS,
    OPERATIONS,
    Axes,
    NamedArray,
    align,
    along_axis,
    elementwise,
    named,
    reduce_axis,
    take,
)
from pgmlang.model.row_plates import groups_of_rows
from pgmlang.model.types import Type
from pgmlang.tables.context import ElementContext
from pgmlang.tables.equations import solved
from pgmlang.tables.sharing import Sharing, digest_of


class NotEvaluable(Exception):
    """An expression that has no NumPy meaning here, with the words why."""


class Evaluator:
    """Evaluates expressions of one model.

    ``values``: arrays of shape ``model.batch_axes(plates) + axes`` by variable, codes for discrete types.
    ``layout``: by default what the model's text alone says. ``nets``: a function for each network, NamedArrays to a list of them.
    """

    def __init__(
        self,
        model: Model,
        values: Mapping[str, np.ndarray],
        layout: Layout | None = None,
        nets: Mapping[str, Callable[[list[NamedArray]], list[NamedArray]]] | None = None,
    ) -> None:
        self.model = model
        self.values = values
        self.layout = close_layout(model) if layout is None else layout
        self.nets = nets or {}
        self._sequences: dict[str, SequencePositions] = {}
        self._sharing = Sharing()
        self._orders: dict[str, tuple[str, ...]] = {}
        self._solutions: dict[tuple[str, ...], dict[str, NamedArray]] = {}
        self._present: Mapping[str, NamedArray] = {}
        self._time = 0.0

    # ---- axes

    def labels_of(self, type_: Type) -> Labels | None:
        """The labels of a discrete type; those of an open set are its owner's."""
        if type_.kind == "labels" and type_.axis:
            return self.layout.element_labels(type_.axis)
        if type_.kind == "labels" and type_.labels is None and type_.owner in self.model.by_name:
            return self.model.by_name[type_.owner].type.labels
        return self.model.labels_of(type_)

    def parent_element(self, plate: str, parent: str, index: NamedArray | None) -> NamedArray | None:
        """The element of ``parent`` that rows ``index`` (None: all) of ``plate`` belong to."""
        if not self.layout.is_inside(plate, parent):
            return None
        whole = NamedArray(self.layout.parent(parent, plate), (plate,))
        return whole if index is None else take(whole, {plate: index})

    def sequences(self, chain: str) -> SequencePositions:
        """The layout's sequences of a chain, worked out once."""
        if chain not in self._sequences:
            self._sequences[chain] = self.layout.sequences(chain)
        return self._sequences[chain]

    def context(self, plates: Axes) -> ElementContext:
        """The place inside these plates."""
        batch = self.model.batch_axes(plates)
        coordinates: dict[str, NamedArray] = {}
        for axis in batch:
            self.add_ancestors(axis, None, batch, coordinates)
        return ElementContext(plates, coordinates)

    def add_ancestors(
        self, plate: str, index: NamedArray | None, batch: Axes, coordinates: dict[str, NamedArray]
    ) -> None:
        """Adds the outer elements of a plate's elements to ``coordinates``."""
        if plate not in self.model.plate_by_name:
            return
        for ancestor in self.model.enclosing(plate)[:-1]:
            if ancestor not in batch:
                element = self.parent_element(plate, ancestor, index)
                if element is not None:
                    coordinates[ancestor] = element

    # ---- expressions

    def evaluate(self, expr: Expr, plates: Axes | ElementContext = ()) -> NamedArray:
        """The value of an expression inside plates: axes are the place's batch axes and the expression's own."""
        context = plates if isinstance(plates, ElementContext) else self.context(plates)
        sharing = self._sharing
        sharing.enter(expr)
        try:
            known = sharing.value_of(expr, context)
            return known if known is not None else sharing.kept(expr, context, self._value(expr, context))
        finally:
            sharing.leave()

    def _value(self, expr: Expr, context: ElementContext) -> NamedArray:
        match expr:
            case Const():
                return self._const(expr)
            case Ref():
                raw = self.codes(expr, context)
                return named(2 * raw.values - 1, raw.axes) if self._kind(expr) == "spin" else raw
            case Apply(function=function, arguments=arguments):
                return self._apply(function, arguments, context)
            case Contract(left=left, right=right, axis=axis):
                inner = context.without(axis)
                product = elementwise(np.multiply, self.evaluate(left, inner), self.evaluate(right, inner))
                return reduce_axis("sum", self._spread(product, axis), axis)
            case Reduce():
                return self._reduce(expr, context)
            case Choose(condition=condition, then=then, otherwise=otherwise):
                chosen = self.evaluate(condition, context)
                # a branch that nobody takes is not evaluated: `prev` has no meaning on a first row
                if np.all(chosen.values):
                    return self.evaluate(then, context)
                if not np.any(chosen.values):
                    return self.evaluate(otherwise, context)
                return elementwise(
                    np.where, chosen, self.evaluate(then, context), self.evaluate(otherwise, context)
                )
            case First(count=count, plate=plate):
                return self._along(plate, self.sequences(plate).position < count, context)
            case Element(axis=axis):
                return self._along(axis, self.layout.positions(axis), context)
            case Rename(body=body, old=old, new=new):
                inner = context.without(old)
                if new in context.coordinates:
                    return self.evaluate(body, inner.at({old: context.coordinates[new]}))
                return self.evaluate(body, inner).renamed(old, new)
            case Stack(entries=entries, axis=axis):
                return self._stack([self.evaluate(e, context.without(axis)) for e in entries], axis, context)
            case Identity(rows=rows, columns=columns):
                whole = NamedArray(np.eye(self.layout.size(rows)), (rows, columns))
                return take(whole, {a: i for a, i in context.coordinates.items() if a in (rows, columns)})
            case MatrixApply():
                return self._matrix(expr, context)
            case NetCall(net=net, arguments=arguments, output=output):
                if net not in self.nets:
                    raise NotEvaluable(f"the network `{net}` has no table")
                return self.nets[net]([self.evaluate(a, context) for a in arguments])[output]
            case Solution(name=name, names=names):
                if names not in self._solutions:
                    self._solutions[names] = solved(self, expr)
                whole = self._solutions[names][name]
                return take(whole, {a: i for a, i in context.coordinates.items() if a in whole.axes})
            case State(name=name, index=index):
                return take(self._present[name], {a: self.codes(e, context) for a, e in index})
            case Time():
                return named(self._time)

    def rate(
        self, expr: Expr, context: ElementContext, present: Mapping[str, NamedArray], time: float
    ) -> NamedArray:
        """The value of a rate of differential equations where the states are ``present`` at a time."""
        outer = self._sharing, self._present, self._time
        # what is kept of one time does not hold at another
        self._sharing, self._present, self._time = Sharing(), present, time
        try:
            return self.evaluate(expr, context)
        finally:
            self._sharing, self._present, self._time = outer

    def codes(self, expr: Expr, plates: Axes | ElementContext = ()) -> NamedArray:
        """Codes of a discrete expression (a spin's 0 or 1); the plain value of a numeric one."""
        context = plates if isinstance(plates, ElementContext) else self.context(plates)
        if not isinstance(expr, Ref):
            return self.evaluate(expr, context)
        variable = self.model.by_name[expr.name]
        given = dict(expr.index)
        indices: dict[str, NamedArray] = {}
        for axis in self.model.array_axes(variable):
            index = self.codes(given[axis], context) if axis in given else context.coordinates.get(axis)
            if expr.lag and axis in self.model.plate_by_name:
                index = self._lagged(axis, index, expr.lag)
            if index is not None:
                indices[axis] = index
        if variable.role == "derived" and expr.name not in self.values:
            self._sharing.enter(expr)
            try:
                return self._derived(expr, variable, indices, context)
            finally:
                self._sharing.leave()
        return self.variable(variable, indices)

    def variable(self, variable: Variable, indices: Mapping[str, NamedArray]) -> NamedArray:
        """A variable's codes or values at ``indices`` (an axis left out stays)."""
        axes = self.model.array_axes(variable)
        if variable.role == "index" and variable.name not in self.values:
            # the ends of a grid's edges are the same for every element of the plates around it
            edge_plate = variable.plates[-1:]
            return take(
                NamedArray(self._edge_end(variable), edge_plate),
                {a: i for a, i in indices.items() if a in edge_plate},
            )
        if variable.name not in self.values:
            raise PgmError(unknown_parameter(variable))
        values = np.asarray(self.values[variable.name])
        if values.ndim != len(axes):
            values = np.broadcast_to(values, tuple(self.layout.size(a) for a in axes))
        return take(NamedArray(values, axes), indices)

    def _edge_end(self, variable: Variable) -> np.ndarray:
        ends = [v.name for v in self.model.of_role("index") if v.plates == variable.plates]
        return self.layout.edges[variable.plates[-1]][:, ends.index(variable.name)]

    def _derived(
        self, ref: Ref, variable: Variable, indices: dict[str, NamedArray], context: ElementContext
    ) -> NamedArray:
        """A deterministic name: its definition, evaluated where the reference points."""
        coordinates = dict(context.coordinates)
        if ref.lag or ref.index:
            for axis, index in indices.items():
                self.add_ancestors(axis, index, (), coordinates)
        coordinates.update(indices)
        key = variable.name, digest_of(coordinates)
        for name in self._needed_at_once(variable.name):
            place = name, key[1]
            if self._sharing.definition_at(place) is None:
                needed = self.model.by_name[name]
                value = self.codes(
                    self.model.definition_of[name].value, ElementContext(needed.plates, coordinates)
                )
                value = self._spread(value, *(a for a in needed.axes if a not in coordinates))
                self._sharing.keep_definition(place, value)
        value_here = self._sharing.definition_at(key)
        assert value_here is not None
        return value_here

    def _needed_at_once(self, name: str) -> tuple[str, ...]:
        """A deterministic name after those that its value needs at the same elements, whatever its conditions say: in this
        order a long line of names costs no stack."""
        if name not in self._orders:
            order: dict[str, None] = {}
            begun: set[str] = set()
            pending = [name]
            while pending:
                current = pending[-1]
                below = (
                    [] if current in begun else needed_names(self.model, self.model.definition_of[current].value)
                )
                begun.add(current)
                open_names = [n for n in below if n not in begun and n not in self.values]
                if open_names:
                    pending.extend(open_names)
                else:
                    order.setdefault(pending.pop())
            self._orders[name] = tuple(order)
        return self._orders[name]

    def _lagged(self, plate: str, index: NamedArray | None, lag: int) -> NamedArray | None:
        if not self.model.is_chain(plate):
            return index
        return take(
            NamedArray(self.sequences(plate).previous(lag), (plate,)), {} if index is None else {plate: index}
        )

    def _along(self, plate: str, values: np.ndarray, context: ElementContext) -> NamedArray:
        index = context.coordinates.get(plate)
        return take(NamedArray(values, (plate,)), {} if index is None else {plate: index})

    def _kind(self, ref: Ref) -> str:
        return self.model.by_name[ref.name].type.kind

    def _const(self, expr: Const) -> NamedArray:
        if not isinstance(expr.value, str):
            return named(np.full([self.layout.size(a) for a in expr.axes], expr.value), expr.axes)
        labels = self.labels_of(expr.type) or ()
        # a label of no element equals none of them
        return named(labels.index(expr.value) if expr.value in labels else -2)

    def _apply(self, function: str, arguments: tuple[Expr, ...], context: ElementContext) -> NamedArray:
        values = [self.evaluate(a, context) for a in arguments]
        if function in ("eq", "ne") and all(a.type.kind == "labels" for a in arguments):
            values = self._as_text(arguments, values)
        return elementwise(OPERATIONS[function], *values)

    def _as_text(self, arguments: tuple[Expr, ...], values: list[NamedArray]) -> list[NamedArray]:
        """Codes of two sides made comparable: labels are text."""
        sets = [self.labels_of(a.type) or () for a in arguments]
        if sets[0] == sets[1]:
            return values
        everything = {label: i for i, label in enumerate(dict.fromkeys((*sets[0], *sets[1])))}
        maps = [np.array([everything[x] for x in s] or [0]) for s in sets]
        return [named(np.where(v.values < 0, -2, m[v.values]), v.axes) for m, v in zip(maps, values, strict=True)]

    def _reduce(self, expr: Reduce, context: ElementContext) -> NamedArray:
        axis = expr.axis
        inner = context.without(axis)
        if expr.function in ("softmax", "cumsum"):
            value = along_axis(expr.function, self._spread(self.evaluate(expr.body, inner), axis), axis)
            return take(value, {axis: context.coordinates[axis]}) if axis in context.coordinates else value
        if not (expr.is_plate and self.model.plate_by_name[axis].is_rows):
            return reduce_axis(expr.function, self._spread(self.evaluate(expr.body, inner), axis), axis)
        return self._reduce_rows(expr, inner)

    def _matrix(self, expr: MatrixApply, context: ElementContext) -> NamedArray:
        own = (expr.rows, expr.columns)
        body = self._spread(self.evaluate(expr.body, context.without(expr.rows).without(expr.columns)), *own)
        rest = tuple(a for a in body.axes if a not in own)
        value = MATRIX_OPERATIONS[expr.function](body.to((*rest, *own)))
        if expr.function in ("det", "logdet"):
            return NamedArray(value, rest)
        return take(NamedArray(value, (*rest, *own)), {a: i for a, i in context.coordinates.items() if a in own})

    def _stack(self, entries: list[NamedArray], axis: str, context: ElementContext) -> NamedArray:
        values, axes = align(entries)
        whole = NamedArray(np.stack(np.broadcast_arrays(*values)), (axis, *axes))
        return take(whole, {axis: context.coordinates[axis]}) if axis in context.coordinates else whole

    def _spread(self, value: NamedArray, *axes: str) -> NamedArray:
        """The value with these axes: one that does not vary over an axis is repeated along it."""
        missing = tuple(a for a in axes if a not in value.axes)
        sizes = [self.layout.size(a) for a in missing]
        values = value.values[(..., *(None for _ in missing))]
        return NamedArray(np.broadcast_to(values, (*value.values.shape, *sizes)), (*value.axes, *missing))

    def _reduce_rows(self, expr: Reduce, context: ElementContext) -> NamedArray:
        """Over the rows of an inner plate that belong to each element of the plates of this place."""
        axis = expr.axis
        outer = [
            q
            for q in groups_of_rows(self.model, axis, context.plates)
            if self.parent_element(axis, q, None) is not None
        ]
        picked = {q: context.coordinates[q] for q in outer if q in context.coordinates}
        members = {q: self.parent_element(axis, q, None) for q in outer}
        given = {q: m for q, m in members.items() if m is not None}
        body = self.evaluate(
            expr.body, ElementContext(self.model.enclosing(axis), {**context.coordinates, **given})
        )
        body = self._spread(body, axis)
        if not outer:
            return reduce_axis(expr.function, body, axis)
        shape = [self.layout.size(q) for q in outer]
        group = np.ravel_multi_index([given[q].values for q in outer], shape)
        rest = tuple(a for a in body.axes if a != axis)
        rows = body.to((axis, *rest))
        parts = [reduce_axis(expr.function, NamedArray(rows[group == g], (axis, *rest)), axis).values
                 for g in range(math.prod(shape))]  # fmt: skip
        return take(NamedArray(np.stack(parts).reshape((*shape, *rows.shape[1:])), (*outer, *rest)), picked)


def needed_names(model: Model, expr: Expr) -> list[str]:
    """Deterministic names whose values an expression needs at its own place: those in branches may never be asked for, and
    those under sums, looked back at or picked are of other elements."""
    out: list[str] = []
    pending = [expr]
    seen: set[int] = set()
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        match node:
            case Choose(condition=condition):
                pending.append(condition)
            case Apply(arguments=arguments) | NetCall(arguments=arguments):
                pending.extend(arguments)
            case Ref(name=name, index=(), lag=0) if name in model.definition_of:
                out.append(name)
    return out


def unknown_parameter(variable: Variable) -> Diagnostic:
    """What stands for a value that nobody gave."""
    if variable.role == "input":
        return Diagnostic("PGM0718", f"the input `{variable.name}` has no values", variable.span)
    value = f"{variable.name}={'...' if variable.axes or variable.plates else '0.44'}"
    return Diagnostic(
        "PGM0610",
        f"the value of `{variable.name}` is not known",
        variable.span,
        help=f"`--fix {value}`, or fit it first",
    )

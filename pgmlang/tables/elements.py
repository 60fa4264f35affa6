"""Expressions over all configurations of the discrete variables they mention, for many elements at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.model import Model, Variable
from pgmlang.model.dependence import nodes_behind
from pgmlang.model.expr import Choose, Contract, Expr, First, Reduce, Ref, Rename, children
from pgmlang.model.labels import Labels
from pgmlang.model.named import NamedArray, check_cells, take
from pgmlang.tables.context import ElementContext
from pgmlang.tables.evaluate import Evaluator
from pgmlang.tables.terms import mentions

ELEMENT = "#e"
"""The axis along which the elements of a factor lie."""


@dataclass(frozen=True)
class NodeBlock:
    """The nodes of one variable: ``first`` and those after it, one an element of ``shape``, last axis fastest."""

    first: int
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    size: int

    @property
    def count(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Slot:
    """One variable of a factor: its node for each element (axes ELEMENT or none) and its configuration axis."""

    axis: str
    ids: NamedArray
    size: int

    def at(self, element: int) -> int:
        return int(self.ids.values[element] if self.ids.axes else self.ids.values)


class ElementEvaluator(Evaluator):
    """Like Evaluator, but a random variable's value runs over its codes along a configuration axis (a Slot).

    ``shared`` gives the model, values, sizes and labels; slots gather in ``slots`` as expressions are evaluated.
    """

    def __init__(self, shared: Evaluator, nodes: Mapping[str, NodeBlock]) -> None:
        super().__init__(shared.model, shared.values, shared.layout, shared.nets)
        self._sequences = shared._sequences
        self.nodes = nodes
        self.slots: list[Slot] = []
        self._known: dict[tuple[tuple[str, ...], bytes], Slot] = {}

    def slot(self, ids: NamedArray, size: int) -> Slot:
        """The slot with these nodes: the same one for the same nodes."""
        key = (ids.axes, np.ascontiguousarray(ids.values, dtype=np.int64).tobytes())
        if key not in self._known:
            self._known[key] = Slot(f"#{len(self.slots)}", ids, size)
            self.slots.append(self._known[key])
        return self._known[key]

    def variable(self, variable: Variable, indices: Mapping[str, NamedArray]) -> NamedArray:
        if variable.name not in self.nodes:
            return super().variable(variable, indices)
        nodes = self.nodes[variable.name]
        fixed = {a: i for a, i in indices.items() if set(i.axes) <= {ELEMENT}}
        free = [a for a in nodes.axes if a not in fixed]
        where = np.arange(nodes.count).reshape(nodes.shape) + nodes.first
        ids = take(NamedArray(where, nodes.axes), fixed)
        if not free:
            slot = self.slot(ids, nodes.size)
            return NamedArray(np.arange(nodes.size), (slot.axis,))
        # an index that is random itself picks among all elements: they all belong to the factor
        shape = [nodes.shape[nodes.axes.index(a)] for a in free]
        check_cells([math.prod(shape), *[nodes.size] * math.prod(shape)], f"all of `{variable.name}`")
        axes = (ELEMENT,) if ELEMENT in ids.axes else ()
        elements = [ids.values.shape[ids.axes.index(a)] for a in axes]
        by_element = ids.to((*free, *axes)).reshape(math.prod(shape), *(elements or [1]))
        slots = [self.slot(NamedArray(row if axes else row[0], axes), nodes.size) for row in by_element]
        values = np.empty((len(slots), *[nodes.size] * len(slots)), dtype=np.int64)
        for i in range(len(slots)):
            values[i] = np.arange(nodes.size).reshape([-1 if j == i else 1 for j in range(len(slots))])
        stacked = NamedArray(values.reshape((*shape, *values.shape[1:])), (*free, *(s.axis for s in slots)))
        return take(stacked, {a: i for a, i in indices.items() if a in free})

    def survey(self, expr: Expr, context: ElementContext) -> None:
        """Meets the variables of an expression and refuses the table before any of it is evaluated."""
        self._meet(expr, context, set())
        check_cells([s.size for s in self.slots], "this expression")

    def _meet(self, expr: Expr, context: ElementContext, seen: set[tuple[int, frozenset[str]]]) -> None:
        """``seen``: nodes met, each with the axes of its place that no sum around it is over."""
        if (id(expr), frozenset(context.coordinates)) in seen:
            return
        seen.add((id(expr), frozenset(context.coordinates)))
        match expr:
            case Ref(name=name) if name in self.nodes:
                self.codes(expr, context)
            case Ref(name=name, index=(), lag=0) if name in self.model.definition_of:
                self._meet(self.model.definition_of[name].value, context, seen)
            case Contract(left=left, right=right, axis=axis):
                self._meet(left, context.without(axis), seen)
                self._meet(right, context.without(axis), seen)
            case Reduce(body=body, axis=axis):
                self._meet(body, context.without(axis), seen)
            case Choose(condition=condition) if not mentions(self.model, condition, self.nodes.__contains__):
                # one branch may not be taken: met when evaluated
                return
            case Rename():
                return
            case _:
                for child in children(expr):
                    self._meet(child, context, seen)


def elements_context(
    evaluator: Evaluator, plates: tuple[str, ...], axes: tuple[str, ...]
) -> tuple[ElementContext, int]:
    """The place of all elements of ``plates`` times ``axes``, along ELEMENT, and how many there are."""
    batch = evaluator.model.batch_axes(plates)
    every = (*batch, *(a for a in axes if a not in batch))
    shape = evaluator.layout.shape(every)
    grid = np.indices(shape).reshape(len(shape), -1) if shape else np.zeros((0, 1), dtype=np.int64)
    coordinates = {a: NamedArray(g, (ELEMENT,)) for a, g in zip(every, grid, strict=True)}
    return with_ancestors(evaluator, ElementContext(plates, coordinates), every), grid.shape[1]


def with_ancestors(evaluator: Evaluator, context: ElementContext, every: tuple[str, ...]) -> ElementContext:
    coordinates = dict(context.coordinates)
    for axis in every:
        evaluator.add_ancestors(axis, coordinates[axis], every, coordinates)
    return ElementContext(context.plates, coordinates)


def select(context: ElementContext, rows: np.ndarray) -> ElementContext:
    """The place of some of the elements."""
    return ElementContext(
        context.plates, {a: NamedArray(c.values[rows], (ELEMENT,)) for a, c in context.coordinates.items()}
    )


def groups_by_first(
    evaluator: Evaluator, expressions: list[Expr], context: ElementContext, count: int
) -> Iterator[np.ndarray]:
    """Elements among which every ``first`` is equally true: ``prev`` has no meaning on first rows."""
    firsts = {(e.plate, e.count) for e in nodes_behind(evaluator.model, *expressions) if isinstance(e, First)}
    if not firsts or not count:
        yield np.arange(count)
        return
    position = [evaluator.sequences(p).position[context.coordinates[p].values] < k for p, k in sorted(firsts)]
    _, group = np.unique(np.stack(position, 1), axis=0, return_inverse=True)
    group = group.reshape(-1)
    for g in range(group.max() + 1):
        yield np.flatnonzero(group == g)


def element_names(evaluator: Evaluator, model: Model, variable: Variable, hidden: tuple[str, ...]) -> list[str]:
    """Names of a variable's nodes, ``v`` or ``v[a, b]``; axes in ``hidden`` (the one fresh row) are not named."""
    axes = model.array_axes(variable)
    labels = [_axis_names(evaluator, a) for a in axes if a not in hidden]
    if not labels:
        return [variable.name]
    out = [""]
    for names in labels:
        out = [f"{prefix}, {n}" if prefix else n for prefix in out for n in names]
    return [f"{variable.name}[{n}]" for n in out]


def _axis_names(evaluator: Evaluator, axis: str) -> Labels:
    layout = evaluator.layout
    if axis not in layout.chains:
        return layout.element_labels(axis)
    names = [str(p) for p in evaluator.sequences(axis).position]
    for parent in reversed(layout.chains[axis]):
        if layout.is_inside(axis, parent):
            outer = layout.element_labels(parent)
            names = [f"{outer[e]}, {n}" for e, n in zip(layout.parent(parent, axis), names, strict=True)]
    return tuple(names)

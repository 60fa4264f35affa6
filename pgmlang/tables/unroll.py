"""A Model of discrete variables unrolled: every element a node, every factor's elements tables over nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.layout import close_layout
from pgmlang.model import Choice, Conditional, Dist, Distribution, Model, Potential, TableDist
from pgmlang.model.model import distribution_expressions
from pgmlang.model.named import NamedArray, align
from pgmlang.tables.components import anchored, partition_factors
from pgmlang.tables.conditionals import dist_probabilities, value_labels
from pgmlang.tables.context import ElementContext
from pgmlang.tables.elements import (
    ELEMENT,
    ElementEvaluator,
    NodeBlock,
    Slot,
    element_names,
    elements_context,
    groups_by_first,
    select,
)
from pgmlang.tables.evaluate import Evaluator, NotEvaluable
from pgmlang.tables.finite import CHILD
from pgmlang.tables.learned import Table, table_values, tables_of
from pgmlang.tables.network import DiscreteNetwork, DiscreteVariable, TableFactor
from pgmlang.tables.terms import Term, additive_terms


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a factor's values come from: ``parameter[index]`` of a learned table (``parameter`` None: fixed)."""

    parameter: str | None = None
    index: tuple[int | np.ndarray, ...] = ()


@dataclass(frozen=True, eq=False)
class Unrolled:
    """The network, and which node is which element of which variable."""

    network: DiscreteNetwork
    nodes: dict[str, NodeBlock]
    origins: tuple[Origin, ...]
    evaluator: Evaluator = field(repr=False)

    def node(self, name: str, *element: int) -> int:
        """The node of an element of a variable."""
        nodes = self.nodes[name]
        return nodes.first + int(np.ravel_multi_index(element, nodes.shape)) if nodes.shape else nodes.first

    def with_parameters(self, parameters: Mapping[str, np.ndarray]) -> DiscreteNetwork:
        """The same network with other learned tables."""
        factors = tuple(
            f if o.parameter is None else TableFactor(f.scope, parameters[o.parameter][o.index], f.child)
            for f, o in zip(self.network.factors, self.origins, strict=True)
        )
        return DiscreteNetwork(self.network.variables, factors, self.network.name)

    def add_counts(self, counts: dict[str, np.ndarray], by_factor: list[np.ndarray]) -> None:
        """Adds the expected counts of every factor to those of the learned table behind it."""
        for origin, array in zip(self.origins, by_factor, strict=True):
            if origin.parameter is None:
                continue
            if all(isinstance(i, int) for i in origin.index):
                counts[origin.parameter][origin.index] += array
            else:
                np.add.at(counts[origin.parameter], origin.index, array)  # type: ignore[arg-type]


def unroll(
    model: Model,
    parameters: Mapping[str, np.ndarray] | None = None,
    sizes: Mapping[str, int] | None = None,
    labels: Mapping[str, tuple[str, ...]] | None = None,
    inputs: Mapping[str, np.ndarray] | None = None,
    membership: Mapping[tuple[str, str], np.ndarray] | None = None,
    hidden: tuple[str, ...] = (),
) -> Unrolled:
    """The whole network of a discrete model; ``inputs``: arrays of inputs (and of real variables that are given).

    ``hidden``: plates of one element that node names leave out. Raises PgmError: PGM0610 for values not known,
    PGM0406 for a table too large, PGM0602 for what no table can hold.
    """
    given = {k: np.asarray(v) for k, v in {**(parameters or {}), **(inputs or {})}.items()}
    evaluator = Evaluator(model, given, close_layout(model, sizes, labels, membership))
    return _Unroller(evaluator, given, hidden).run()


class _Unroller:
    def __init__(self, evaluator: Evaluator, parameters: dict[str, np.ndarray], hidden: tuple[str, ...]) -> None:
        self.model = evaluator.model
        self.evaluator = evaluator
        self.parameters = parameters
        self.hidden = hidden
        self.variables: list[DiscreteVariable] = []
        self.nodes: dict[str, NodeBlock] = {}
        self.factors: list[TableFactor] = []
        self.origins: list[Origin] = []
        self.constant = 0.0
        self.tables = {id(t.distribution): t for t in tables_of(self.model)}
        self.field_nodes: set[int] = set()
        self.has_parents = False

    def run(self) -> Unrolled:
        for variable in self.model.of_role("random", "field"):
            if variable.name not in self.parameters:
                self._add_nodes(variable.name)
        blocks = [self.nodes[v.name] for v in self.model.of_role("field") if v.name in self.nodes]
        self.field_nodes = {i for b in blocks for i in range(b.first, b.first + b.count)}
        directed = {v.name for v in self.model.of_role("random")} & set(self.nodes)
        self.has_parents = any(directed & set(self.model.random_parents(p)) for p in self.model.potentials)
        for factor in self.model.factors:
            if isinstance(factor, Conditional) and factor.target not in self.nodes:
                continue
            try:
                self._conditional(factor) if isinstance(factor, Conditional) else self._potential(factor)
            except NotEvaluable as reason:
                raise PgmError(Diagnostic("PGM0602", f"no table can hold this: {reason}", factor.span)) from None
            except PgmError as error:
                raise _placed(error, factor) from None
        if self.has_parents:
            for partition in tuple(partition_factors(self.variables, self.factors, self.field_nodes)):
                self._append(partition.scope, partition.values, None, True, Origin())
        if self.constant and self.variables:
            self._append((0,), np.full(self.variables[0].size, self.constant), None, True, Origin())
        network = DiscreteNetwork(tuple(self.variables), tuple(self.factors), self.model.name)
        return Unrolled(network, self.nodes, tuple(self.origins), self.evaluator)

    def _add_nodes(self, name: str) -> None:
        variable = self.model.by_name[name]
        axes = self.model.array_axes(variable)
        labels = value_labels(self.evaluator, variable)
        shape = self.evaluator.layout.shape(axes)
        self.nodes[name] = NodeBlock(len(self.variables), shape, axes, len(labels))
        names = element_names(self.evaluator, self.model, variable, self.hidden)
        self.variables.extend(DiscreteVariable(n, labels) for n in names)

    # ---- conditionals

    def _conditional(self, factor: Conditional) -> None:
        target = self.model.by_name[factor.target]
        context, count = elements_context(self.evaluator, factor.plates, target.axes)
        for rows in groups_by_first(self.evaluator, list(self.model.expressions(factor)), context, count):
            self._branch(factor, factor.distribution, select(context, rows), len(rows))

    def _branch(
        self, factor: Conditional, distribution: Distribution, context: ElementContext, count: int
    ) -> None:
        """One distribution for some elements; a Choice is settled element by element."""
        if not count:
            return
        if isinstance(distribution, Choice):
            condition = self.evaluator.evaluate(distribution.condition, context)
            chosen = np.broadcast_to(condition.values, (count,)).astype(bool)
            for branch, mask in ((distribution.then, chosen), (distribution.otherwise, ~chosen)):
                self._branch(factor, branch, select(context, np.flatnonzero(mask)), int(mask.sum()))
            return
        evaluator = ElementEvaluator(self.evaluator, self.nodes)
        if isinstance(distribution, TableDist):
            self._table(factor, self.tables[id(distribution)], evaluator, context, count)
        elif isinstance(distribution, Dist):
            size = self.nodes[factor.target].size
            target = self.model.by_name[factor.target]
            for argument in distribution_expressions(distribution):
                evaluator.survey(argument, context)
            values = dist_probabilities(evaluator, target, distribution, context, size)
            child = self._child(factor, evaluator, context)
            self._emit(values.renamed(CHILD, child.axis), evaluator, child, count, is_log=False)
        else:
            raise NotEvaluable(f"`{factor.target}` has a learned density")

    def _child(self, factor: Conditional, evaluator: ElementEvaluator, context: ElementContext) -> Slot:
        target = self.model.by_name[factor.target]
        value = evaluator.variable(target, {a: context.coordinates[a] for a in self.model.array_axes(target)})
        return next(s for s in evaluator.slots if s.axis == value.axes[0])

    def _table(
        self, factor: Conditional, table: Table, evaluator: ElementEvaluator, context: ElementContext, count: int
    ) -> None:
        values = table_values(evaluator, table, self.parameters)
        for axis in table.distribution.by:
            if axis not in context.coordinates:
                raise NotEvaluable(f"which element of `{axis}` the table of `{table.target}` is for is not known")
        by = [context.coordinates[axis] for axis in table.distribution.by]
        parents = [evaluator.codes(p, context) for p in table.distribution.parents]
        plain = [p.axes for p in parents] == [(s.axis,) for s in evaluator.slots]
        child = self._child(factor, evaluator, context)
        name = table.name if table.is_learned else None
        if plain and child in evaluator.slots[len(parents) :]:
            for e in range(count):
                index = tuple(int(b.values[e]) for b in by)
                scope = tuple(s.at(e) for s in evaluator.slots)
                if len(set(scope)) == len(scope):
                    self._append(scope, values[index], scope[-1], False, Origin(name, index))
                    continue
                raise NotEvaluable(f"`{table.target}` is its own parent")
            return
        arrays, axes = align([*by, *parents, NamedArray(np.arange(child.size), (child.axis,))])
        arrays = list(np.broadcast_arrays(*arrays))
        origin = (name, [NamedArray(a, axes) for a in arrays])
        self._emit(NamedArray(values[tuple(arrays)], axes), evaluator, child, count, False, origin)

    # ---- potentials

    def _potential(self, factor: Potential) -> None:
        """Its additive terms. One that names no field is a constant of its element where nothing directed stands in the
        factors; else it belongs to the component of a field that the element names."""
        fieldless: list[tuple[np.ndarray, NamedArray, ElementEvaluator]] = []
        anchors: dict[int, int] = {}
        for term in additive_terms(self.model, factor.value):
            context, count = elements_context(self.evaluator, factor.plates, term.axes)
            inner = self._num_inner(factor, term)
            for rows in groups_by_first(self.evaluator, [term.value], context, count):
                evaluator = ElementEvaluator(self.evaluator, self.nodes)
                here = select(context, rows)
                evaluator.survey(term.value, here)
                value = evaluator.evaluate(term.value, here)
                _refuse_no_number(value.values)
                named = next((s for s in evaluator.slots if self._is_field(s.at(0))), None) if len(rows) else None
                if named is None:
                    fieldless.append((rows // inner, value, evaluator))
                    continue
                self._emit(value, evaluator, None, len(rows), is_log=True)
                if self.has_parents:
                    for e, element in enumerate((rows // inner).tolist()):
                        anchors.setdefault(element, named.at(e))
        for elements, value, evaluator in fieldless:
            self._fieldless(elements, value, evaluator, anchors)

    def _num_inner(self, factor: Potential, term: Term) -> int:
        """How many elements of a term each element of its factor has."""
        batch = self.model.batch_axes(factor.plates)
        return math.prod(self.evaluator.layout.shape(tuple(a for a in term.axes if a not in batch)))

    def _is_field(self, node: int) -> bool:
        return node in self.field_nodes

    def _fieldless(
        self, elements: np.ndarray, value: NamedArray, evaluator: ElementEvaluator, anchors: Mapping[int, int]
    ) -> None:
        """A term without a field, of these elements of its factor."""
        axes = tuple(s.axis for s in evaluator.slots if s.axis in value.axes)
        varies = ELEMENT in value.axes
        values = np.asarray(value.to((*((ELEMENT,) if varies else ()), *axes)), dtype=float)
        for e, element in enumerate(elements.tolist()):
            one = values[e] if varies else values
            scope = tuple(s.at(e) for s in evaluator.slots if s.axis in axes)
            if element in anchors:
                node = anchors[element]
                scope, one = anchored(scope, one, node, self.variables[node].size)
                if len(set(scope)) < len(scope):
                    scope, one, _ = _diagonal(scope, one, Origin())
                self._append(scope, one, None, True, Origin())
            elif not scope:
                self.constant += float(one)

    # ---- factors

    def _emit(
        self,
        table: NamedArray,
        evaluator: ElementEvaluator,
        child: Slot | None,
        count: int,
        is_log: bool,
        origin: tuple[str | None, list[NamedArray]] | None = None,
    ) -> None:
        """A factor for each element; ``table`` runs over ELEMENT (or is the same for all) and slots."""
        slots = [s for s in evaluator.slots if s is not child and s.axis in table.axes]
        slots += [child] if child is not None else []
        varies = ELEMENT in table.axes
        axes = (*((ELEMENT,) if varies else ()), *(s.axis for s in slots))
        values = np.ascontiguousarray(table.to(axes), dtype=float)
        index = [a.to(axes) for a in origin[1]] if origin is not None else []
        for e in range(count):
            scope = tuple(s.at(e) for s in slots)
            one = values[e] if varies else values
            ours = (
                Origin(origin[0], tuple(i[e] if varies else i for i in index)) if origin is not None else Origin()
            )
            if len(set(scope)) < len(scope):
                scope, one, ours = _diagonal(scope, one, ours)
            if child is not None and scope[-1] != child.at(e):
                raise NotEvaluable("a variable is its own parent")
            self._append(scope, one, scope[-1] if child is not None else None, is_log, ours)

    def _append(
        self, scope: tuple[int, ...], values: np.ndarray, child: int | None, is_log: bool, origin: Origin
    ) -> None:
        self.factors.append(TableFactor(scope, values, child, is_log))
        self.origins.append(origin)


def _refuse_no_number(log_values: np.ndarray) -> None:
    """Raises PgmError PGM0410 for log-potentials that are no number or plus infinity; minus infinity excludes values."""
    if not (log_values < np.inf).all():
        raise PgmError(
            Diagnostic("PGM0410", "this expression has no value for some values of the variables",
                       help="`if ... then log(0) else 0` excludes values; 0 times `log(0)` is no number")
        )  # fmt: skip


def _diagonal(
    scope: tuple[int, ...], values: np.ndarray, origin: Origin
) -> tuple[tuple[int, ...], np.ndarray, Origin]:
    """A table whose scope names a node twice, restricted to where both agree."""
    distinct = tuple(dict.fromkeys(scope))
    sizes = dict(zip(scope, values.shape, strict=True))
    grid = np.ogrid[tuple(slice(sizes[n]) for n in distinct)]
    chosen = tuple(grid[distinct.index(n)] for n in scope)
    index = tuple(i if isinstance(i, int) else i[chosen] for i in origin.index)
    return distinct, np.ascontiguousarray(values[chosen]), Origin(origin.parameter, index)


def _placed(error: PgmError, factor: Conditional | Potential) -> PgmError:
    """The error with the factor's place where it has none."""
    name = f"`{factor.target}`" if isinstance(factor, Conditional) else f"factor `{factor.name or ''}`"
    return PgmError(
        Diagnostic(d.code, d.message.replace("this expression", name), d.span or factor.span, d.label, d.secondary,
                   d.notes, d.help, d.fix, d.place)
        for d in error.diagnostics
    )  # fmt: skip

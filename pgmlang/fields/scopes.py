"""Discrete fields as a graph of their elements, where each factor's element holds a few: how wide is elimination?

Numpy only, so that a plan can ask.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import PgmError
from pgmlang.exact import ExactEngine, WidthReport
from pgmlang.fields.reasons import inputs_in_fields
from pgmlang.lower.factors import factor_names
from pgmlang.model import Model, Potential
from pgmlang.model.expr import Choose, Element, Expr, First, Ref, walk
from pgmlang.normal import canonical_factors
from pgmlang.tables.elements import ElementEvaluator, NodeBlock, elements_context
from pgmlang.tables.evaluate import Evaluator, NotEvaluable
from pgmlang.tables.network import DiscreteNetwork, DiscreteVariable, TableFactor
from pgmlang.tables.terms import mentions

MOST_NODES = 1024
"""Most elements of all fields of a row."""
MOST_TOGETHER = 6
"""Most elements in one factor's element."""
MOST_CELLS = 1 << 20
"""Most cells of all tables of one elimination: it is done at every step of the training."""


@dataclass(frozen=True, eq=False)
class FieldScopes:
    """``nodes``: of each field; ``slots``: for each factor the nodes ``[elements, together]`` that each of its elements
    (in the order of its program's axes) holds, ``shapes``: of those axes; ``network``: the same as tables of zeros, one
    for each set of nodes."""

    nodes: Mapping[str, NodeBlock]
    slots: Mapping[str, np.ndarray]
    shapes: Mapping[str, tuple[int, ...]]
    network: DiscreteNetwork

    @cached_property
    def colours(self) -> np.ndarray:
        """A number for each node, different for nodes that stand in one scope."""
        import networkx  # not needed by every density with fields

        graph = networkx.Graph()
        graph.add_nodes_from(range(len(self.network.variables)))
        for factor in self.network.factors:
            graph.add_edges_from((a, b) for a in factor.scope for b in factor.scope if a < b)
        colouring = networkx.greedy_color(graph, strategy="saturation_largest_first")
        return np.array([colouring[v] for v in range(len(self.network.variables))])

    @cached_property
    def width(self) -> WidthReport:
        return ExactEngine(self.network).width_report()


_scopes_of: weakref.WeakKeyDictionary[Binding, dict[str | None, FieldScopes | None]] = weakref.WeakKeyDictionary()
"""Of each binding by the unit's plate: a plan asks before the method does."""


def field_scopes(binding: Binding, plate: str | None) -> FieldScopes | None:
    """The graph of one row of the unit ``plate``; None where rows differ in it, a factor's element holds many, or
    elimination is too wide."""
    known = _scopes_of.setdefault(binding, {})
    if plate not in known:
        try:
            scopes = None if tuple(inputs_in_fields(binding.model)) else _scopes(binding, plate)
        except (PgmError, NotEvaluable):
            scopes = None
        if scopes is not None and scopes.width.total_cells > MOST_CELLS:
            scopes = None
        known[plate] = scopes
    return known[plate]


def _scopes(binding: Binding, plate: str | None) -> FieldScopes | None:
    model = binding.model
    if plate is not None and model.plate_by_name[plate].structure is not None:
        return None
    layout = binding.layout
    if plate is not None:
        layout = replace(layout, sizes={**layout.sizes, plate: 1})
    fields = model.of_role("field")
    values = {k: v for k, v in binding.values.items() if model.by_name[k].role != "field"}
    evaluator = Evaluator(model, values, layout)
    nodes: dict[str, NodeBlock] = {}
    first = 0
    for variable in fields:
        axes = model.array_axes(variable)
        states = len(model.labels_of(variable.type) or ())
        nodes[variable.name] = NodeBlock(first, layout.shape(axes), axes, states)
        first += nodes[variable.name].count
        if not states or first > MOST_NODES or (plate is not None and axes[:1] != (plate,)):
            return None
    slots: dict[str, np.ndarray] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    model = canonical_factors(model)
    evaluator.model = model
    for key, factor in factor_names(model).items():
        if not isinstance(factor, Potential) or not _is_plain(model, factor.value):
            return None
        place, count = elements_context(evaluator, factor.plates, ())
        elements = ElementEvaluator(evaluator, nodes)
        elements.survey(factor.value, place)
        if len(elements.slots) > MOST_TOGETHER:
            return None
        ids = [np.broadcast_to(s.ids.values, (count,)) for s in elements.slots]
        slots[key] = np.stack(ids, 1) if ids else np.zeros((count, 0), dtype=np.int64)
        shapes[key] = layout.shape(model.batch_axes(factor.plates))
        if any(len(set(row)) < len(row) for row in slots[key].tolist()):
            return None
    return FieldScopes(nodes, slots, shapes, _network(nodes, slots))


def _is_plain(model: Model, expr: Expr) -> bool:
    """Whether what a canonical expression holds can be told without evaluating it: no branch hangs on what is no field."""
    fields = {v.name for v in model.of_role("field")}
    for e in walk(expr):
        if isinstance(e, First | Element):
            return False
        if isinstance(e, Choose) and not mentions(model, e.condition, fields.__contains__):
            return False
        if isinstance(e, Ref) and e.name in model.definition_of:
            return False
    return True


def _network(nodes: Mapping[str, NodeBlock], slots: Mapping[str, np.ndarray]) -> DiscreteNetwork:
    variables = tuple(
        DiscreteVariable(f"{name}[{i}]", tuple(map(str, range(n.size))))
        for name, n in nodes.items() for i in range(n.count)
    )  # fmt: skip
    unique = dict.fromkeys(tuple(sorted(row)) for ids in slots.values() for row in ids.tolist() if row)
    pairs: dict[int, tuple[int, ...]] = {v: s for s in unique if len(s) > 1 for v in s}
    factors = tuple(
        TableFactor(scope, np.zeros([variables[v].size for v in scope]), is_log=True)
        for scope in unique if len(scope) > 1 or scope[0] not in pairs
    )  # fmt: skip
    return DiscreteNetwork(variables, factors, "fields")


def homes(network: DiscreteNetwork) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Every node that stands in a scope and the first such scope: where tables of one node go."""
    seen: set[int] = set()
    for factor in network.factors:
        for v in factor.scope:
            if v not in seen:
                seen.add(v)
                yield v, factor.scope

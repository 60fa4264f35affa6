"""Statements in one order and numbers to twelve digits, whatever the order of the text and of its sums."""

from __future__ import annotations

import math
from dataclasses import replace

from pgmlang.model.expr import Const, Expr, inside_out
from pgmlang.model.model import Guide, Model
from pgmlang.normal.algebra import Algebra
from pgmlang.normal.nodes import NodeFactory, number
from pgmlang.normal.rewrite import map_definitions, map_expressions, map_guide, rebuilt


def ordered(model: Model) -> Model:
    """Dims, plates, networks, variables, definitions and conditionals by name, potentials by their plates and terms;
    numbers rounded."""
    rounded = Rounded()
    model = map_expressions(model, rounded)
    if model.guide is not None:
        model = replace(model, guide=map_guide(model.guide, rounded))
    return by_name(replace(model, definitions=map_definitions(model.definitions, rounded)))


def by_name(model: Model) -> Model:
    """The statements in an order that is not that of the text, and are themselves as they were."""
    algebra = Algebra(model)
    potentials = sorted(model.potentials, key=lambda p: (p.plates, algebra.key(algebra(p.value))))
    return replace(
        model,
        dims=tuple(sorted(model.dims, key=lambda d: d.name)),
        plates=tuple(sorted(model.plates, key=lambda p: p.name)),
        nets=tuple(sorted(model.nets, key=lambda n: n.name)),
        variables=tuple(sorted(model.variables, key=lambda v: v.name)),
        definitions=tuple(sorted(model.definitions, key=lambda d: d.target)),
        factors=(*sorted(model.conditionals, key=lambda c: c.target), *potentials),
        guide=_guide(model.guide) if model.guide is not None else None,
    )


class Rounded(NodeFactory):
    """Expressions with their numbers rounded."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[int, Expr] = {}
        self._sources: list[Expr] = []

    def __call__(self, expr: Expr) -> Expr:
        for node in inside_out(expr):
            if id(node) not in self._made:
                self._sources.append(node)  # an id holds for as long as its object
                self._made[id(node)] = self.shared(self._rounded(node))
        return self._made[id(expr)]

    def _rounded(self, node: Expr) -> Expr:
        value = number(node)
        if value is None or (isinstance(node, Const) and isinstance(node.value, bool)) or not math.isfinite(value):
            return rebuilt(node, lambda child: self._made[id(child)])
        return self.constant(float(f"{value:.12g}"), node.span)


def _guide(guide: Guide) -> Guide:
    return replace(
        guide,
        variables=tuple(sorted(guide.variables, key=lambda v: v.name)),
        definitions=tuple(sorted(guide.definitions, key=lambda d: d.target)),
        conditionals=tuple(sorted(guide.conditionals, key=lambda c: c.target)),
    )

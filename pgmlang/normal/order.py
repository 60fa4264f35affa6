"""Statements in one order, whatever the order of the text."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.model.model import Guide, Model
from pgmlang.normal.algebra import Algebra


def ordered(model: Model) -> Model:
    """Dims, plates, networks, variables, definitions and conditionals by name, potentials by their plates and terms."""
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


def _guide(guide: Guide) -> Guide:
    return replace(
        guide,
        variables=tuple(sorted(guide.variables, key=lambda v: v.name)),
        definitions=tuple(sorted(guide.definitions, key=lambda d: d.target)),
        conditionals=tuple(sorted(guide.conditionals, key=lambda c: c.target)),
    )

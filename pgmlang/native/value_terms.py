"""The factors of a Model as terms over arrays of values: those of discrete variables that are drawn, and those that stay or move beside them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pgmlang.lower.density_forms import with_short_densities
from pgmlang.lower.factors import factor_names, factors_around
from pgmlang.lower.supports import moving_bounds
from pgmlang.model import Model
from pgmlang.model.dependence import names_behind
from pgmlang.model.expr import Ref
from pgmlang.model.recursions import recursions
from pgmlang.native.factor_terms import FactorTerm, FactorTerms
from pgmlang.native.formulas import NotScalar
from pgmlang.native.placed import Places
from pgmlang.native.scalars import Array, Scalar, walk

WALKED = frozenset({"real", "positive", "unit"})
"""Types whose values are single numbers between given bounds."""


@dataclass
class ValueTerms(FactorTerms):
    """Terms in which every variable is an array of values. ``drawn``: variables whose elements are set one by one, in whose
    definitions they are said where they are looked at; ``moving``: others that a program is given anew."""

    drawn: frozenset[str] = frozenset()
    moving: frozenset[str] = frozenset()

    def terms_around(self, names: Collection[str]) -> list[FactorTerm]:
        """The factors that hold any of some variables. Raises NotScalar for what has no scalar form."""
        factors = factor_names(self.model)
        found = [t for key in factors_around(self.model, names) for t in self._terms(key, factors[key])]
        for stage in self.stages.values():
            for scalar in walk(*stage.scalars):
                if scalar.op == "load" and set(scalar.payload.of) & self.drawn and scalar.payload.kind == "values":
                    raise NotScalar(f"`{stage.array.name}`, which sums over elements of `{scalar.payload.of[0]}`")
        return found

    def _load(self, name: str, axes: tuple[str, ...], index: list[Scalar]) -> Scalar:
        varies = name in self.moving or name in self.drawn
        return self.graph.load(Array("values", (name,), axes, False, varies), index)

    def _derived(self, expr: Ref, places: Places) -> Scalar:
        definition = self.model.definition_of[expr.name]
        if expr.name in recursions(self.model) and names_behind(self.model, definition) & (
            self.moving | self.drawn
        ):
            raise NotScalar(
                f"`{expr.name}`, which looks back at itself and hangs on what moves from sweep to sweep"
            )
        if not self.drawn & set(self.model.random_parents(definition)):
            return super()._derived(expr, places)
        if definition.value.type.kind == "labels":
            raise NotScalar("labels worked out")
        axes = self.model.array_axes(self.model.by_name[expr.name])
        index = self.indices(expr, axes, places)
        key = (expr.name, tuple(map(id, index)))
        if expr.name in self.unwritten:
            raise NotScalar(f"`{expr.name}`, which hangs on its own past")
        if key not in self.inlined:
            self.unwritten.add(expr.name)
            value = self.number(definition.value, dict(zip(axes, index, strict=True)))
            self.unwritten.discard(expr.name)
            self.inlined[key] = self.graph.hint(value, expr.name)
        return self.inlined[key]


def looks_at(value: Scalar, drawn: Collection[str]) -> list[Scalar]:
    """Where a scalar looks at drawn variables: loads, in one order."""
    return [s for s in walk(value) if s.op == "load" and s.payload.kind == "values" and s.payload.of[0] in drawn]


def is_picked(load: Scalar) -> bool:
    """Whether other variables pick the element that is looked at."""
    return any(s.op == "load" and s.payload.varies for index in load.args for s in walk(index))


def places_of(value: Scalar, drawn: Collection[str]) -> list[Scalar]:
    """As `looks_at`, where no other variable picks. Raises NotScalar."""
    found = looks_at(value, drawn)
    for load in found:
        if is_picked(load):
            raise NotScalar(f"elements of `{load.payload.of[0]}` that other variables pick")
    return found


def walked_by_loops(model: Model, names: Collection[str], drawn: Collection[str]) -> frozenset[str]:
    """Those of some real variables whose elements a random walk of loops can move, ``drawn`` ones being set one by one beside."""
    model = model.once(with_short_densities)
    every, found = frozenset(drawn) | frozenset(names), set()
    for name in names:
        conditional = model.conditional_of.get(name)
        if model.by_name[name].type.kind not in WALKED or conditional is None:
            continue
        if moving_bounds(conditional.distribution):
            continue
        try:
            ValueTerms(model, {}, drawn=every).terms_around((name,))
        except NotScalar:
            continue
        found.add(name)
    return frozenset(found)


def with_loops(model: Model, names: Collection[str]) -> frozenset[str]:
    """Those of some discrete variables whose full conditionals have a scalar form, all of them being drawn."""
    model = model.once(with_short_densities)
    found = set()
    for name in names:
        try:
            for term in ValueTerms(model, {}, drawn=frozenset(names)).terms_around((name,)):
                places_of(term.value, (name,))
        except NotScalar:
            continue
        found.add(name)
    return frozenset(found)

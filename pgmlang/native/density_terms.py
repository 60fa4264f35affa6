"""A Model's distributions of one number or label as scalars."""

from __future__ import annotations

from typing import Protocol

from pgmlang.families import FAMILIES, Family
from pgmlang.model import Dist, Model, TableDist
from pgmlang.model.expr import Expr, Ref
from pgmlang.native.combinators import (
    CensoredDensity,
    MixtureDensity,
    TruncatedDensity,
    ZeroInflatedDensity,
    ZeroOneInflatedDensity,
)
from pgmlang.native.formulas import NotScalar
from pgmlang.native.label_densities import (
    At,
    ChancesOfLabels,
    LogOddsOfLabels,
    NormalOrderedLabels,
    OrderedLabels,
    on_simplex,
)
from pgmlang.native.placed import Places
from pgmlang.native.scalar_densities import FamilyDensity, ScalarDensity
from pgmlang.native.scalars import Array, Loop, Scalar, ScalarGraph
from pgmlang.tables.learned import tables_of


class Expressions(Protocol):
    """What writes a model's expressions at places."""

    graph: ScalarGraph
    model: Model

    def number(self, expr: Expr, places: Places) -> Scalar:
        """An expression as a number."""

    def label(self, expr: Expr, places: Places) -> Scalar:
        """The code of a label."""

    def inside(self, axis: str, places: Places) -> Places:
        """The places within a further loop."""

    def place_of(self, axis: str, places: Places) -> Scalar:
        """The element of an axis."""


def combinator_of(
    family: Family,
) -> type[TruncatedDensity] | type[CensoredDensity] | type[ZeroInflatedDensity] | type[ZeroOneInflatedDensity]:
    """The combinator of one distribution and of numbers, by its record. Raises NotScalar for another."""
    if family.adds_one:
        return ZeroOneInflatedDensity
    if family.adds_zero:
        return ZeroInflatedDensity
    if family.limits is None:
        raise NotScalar(f"the distribution {family.name}")
    return CensoredDensity if family.has_atoms else TruncatedDensity


def density_of(writes: Expressions, distribution: Dist, places: Places) -> ScalarDensity:
    """A distribution at places. Raises NotScalar for what has no scalar form."""
    family = FAMILIES[distribution.family]
    if family.takes:
        return _combined(writes, family, distribution, places)
    if family.support == "labels":
        return _of_labels(writes, family, distribution, places)
    if not family.is_scalar or not family.formulas:
        raise NotScalar(f"the distribution {family.name}")
    return FamilyDensity(
        writes.graph, family, distribution.variant, _numbers(writes, family, distribution, places)
    )


def _numbers(writes: Expressions, family: Family, distribution: Dist, places: Places) -> dict[str, Scalar]:
    """The arguments that are numbers, by parameter."""
    given = dict(distribution.arguments)
    values: dict[str, Scalar] = {}
    for parameter in family.variants[distribution.variant]:
        argument = given.get(parameter.name)
        assert not isinstance(argument, Dist)
        if parameter.event:
            continue
        if argument is None:
            assert parameter.default is not None
            values[parameter.name] = writes.graph.number(parameter.default)
        else:
            values[parameter.name] = writes.graph.hint(writes.number(argument, places), parameter.name)
    return values


def _combined(writes: Expressions, family: Family, distribution: Dist, places: Places) -> ScalarDensity:
    assert distribution.base is not None
    if not family.shares:
        make = combinator_of(family)
        base = density_of(writes, distribution.base, places)
        return make(writes.graph, base, *_numbers(writes, family, distribution, places).values())
    p, axis = _vector(distribution, family.shares, places)
    within = writes.inside(axis, places)
    base = density_of(writes, distribution.base, within)
    loop: Loop = within[axis].payload
    return MixtureDensity(writes.graph, base, _chances(writes, base, p, axis, places)(within[axis]), loop)


def _of_labels(writes: Expressions, family: Family, distribution: Dist, places: Places) -> ScalarDensity:
    """Labels by their chances, by their logits, or along an ordered scale."""
    parameter = next(p for p in family.variants[distribution.variant] if p.event)
    vector, axis = _vector(distribution, parameter.name, places)
    at = _elements(writes, vector, axis, places)
    if family.is_by_chances(distribution.variant):
        none = ChancesOfLabels(writes.graph, at)
        return ChancesOfLabels(writes.graph, _chances(writes, none, vector, axis, places))
    if family.has_labels_of_its_vector:
        return LogOddsOfLabels(writes.graph, at, writes.inside(axis, places)[axis].payload)
    if not family.ordinal:
        raise NotScalar(f"the distribution {family.name}")
    (predictor,) = _numbers(writes, family, distribution, places).values()
    make = NormalOrderedLabels if family.ordinal == "normal" else OrderedLabels
    return make(writes.graph, predictor, at, axis)


def _vector(distribution: Dist, name: str, places: Places) -> tuple[Expr, str]:
    """A vector among the arguments, and the axis that it has beside those of the places."""
    vector = dict(distribution.arguments)[name]
    assert not isinstance(vector, Dist)
    axis = next((a for a in vector.axes if a not in places), None)
    if axis is None:
        raise NotScalar(f"a vector `{name}` of {distribution.family} that is one number repeated")
    return vector, axis


def _elements(writes: Expressions, vector: Expr, axis: str, places: Places) -> At:
    return lambda place: writes.number(vector, {**places, axis: place})


def _chances(writes: Expressions, of: ScalarDensity, vector: Expr, axis: str, places: Places) -> At:
    """The elements of a vector of probabilities; those that are no simplex by their type are possible only where they sum to one."""
    at = _elements(writes, vector, axis, places)
    if vector.type.kind == "simplex":
        return at
    loop: Loop = writes.inside(axis, places)[axis].payload
    return lambda place: on_simplex(of, at, place, loop)


def table_term(writes: Expressions, distribution: TableDist, target: Ref, places: Places) -> Scalar:
    """The log of the cell of a table that is held."""
    graph = writes.graph
    table = next(t for t in tables_of(writes.model) if t.target == target.name and t.distribution is distribution)
    index = [writes.place_of(by, places) for by in distribution.by]
    index += [writes.label(p, places) for p in (*distribution.parents, target)]
    axes = (*distribution.by, *(p.name for p in distribution.parents), target.name)
    return graph.make("log", graph.load(Array("values", (table.name,), axes), index))

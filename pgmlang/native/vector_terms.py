"""The factors of vectors: what their families say of each element, and what of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgmlang.families import FAMILIES
from pgmlang.model import Choice, Conditional, Dist, Distribution
from pgmlang.model.expr import Ref
from pgmlang.native.formulas import NotScalar, scalar_of
from pgmlang.native.matrix_densities import matrix_parts
from pgmlang.native.matrix_terms import MatrixExpressions
from pgmlang.native.placed import PlacedExpressions, Places
from pgmlang.native.scalars import Scalar


def vector_parts(terms: MatrixExpressions, factor: Conditional) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    """Axes, and what is added up along them: of the elements, and of the whole. Raises NotScalar for what has no such form."""
    variable = terms.model.by_name[factor.target]
    axes = terms.model.array_axes(variable)
    if factor.target in terms.marks.partly_seen:
        raise NotScalar(f"cells of the vector `{factor.target}` that drop out")
    target = Ref(variable.type, variable.axes, factor.span, factor.target)
    event = terms.event(factor.distribution)
    outer = tuple(a for a in axes if a not in event)
    along = (*outer, event[0])
    each, whole = _parts(terms, factor.distribution, target, terms.places_along(along), event)
    yield along, each
    yield outer, whole


def _parts(
    terms: MatrixExpressions, distribution: Distribution, target: Ref, places: Places, event: Sequence[str]
) -> tuple[Scalar, Scalar]:
    """What is added up along the first axis of an event, and what of the whole."""
    make, graph = terms.graph.make, terms.graph
    outer = {a: p for a, p in places.items() if a not in event}
    match distribution:
        case Choice(condition=condition, then=then, otherwise=otherwise):
            test = terms.truth(condition, outer)
            pairs = zip(*(_parts(terms, d, target, places, event) for d in (then, otherwise)), strict=True)
            each, whole = (make("where", test, *map(graph.guard, pair)) for pair in pairs)
            return each, whole
        case Dist() if FAMILIES[distribution.family].vector_formulas:
            return _of_family(terms, distribution, target, places, event[0])
        case Dist():
            return matrix_parts(terms, distribution, target, places, event)
    raise NotScalar(f"the distribution of the vector `{target.name}`")


def _of_family(
    terms: PlacedExpressions, distribution: Dist, target: Ref, places: Places, event: str
) -> tuple[Scalar, Scalar]:
    formulas = FAMILIES[distribution.family].vector_formulas[distribution.variant]
    graph, outer = terms.graph, {a: p for a, p in places.items() if a != event}
    values = {"x": terms.number(target, places), **_arguments(terms, distribution, places, outer)}
    # where an element is worked out a loop over all of them is another one
    within = terms.loop(event, places)
    inner = terms.inside(event, places)
    everywhere = {"x": terms.number(target, inner), **_arguments(terms, distribution, inner, outer)}
    for name, text in formulas.sums.items():
        value = scalar_of(graph, text, everywhere)
        if within in value.loops:
            total = graph.make("sum", value, payload=within)
        else:
            total = graph.make("mul", graph.make("size", payload=event), value)
        values[name] = graph.hint(total, name)
    for name, text in formulas.let.items():
        values[name] = graph.hint(scalar_of(graph, text, values), name)
    return scalar_of(graph, formulas.each, values), scalar_of(graph, formulas.whole, values)


def _arguments(terms: PlacedExpressions, distribution: Dist, places: Places, outer: Places) -> dict[str, Scalar]:
    """Arguments by name, those that are vectors at one element."""
    family, given = FAMILIES[distribution.family], dict(distribution.arguments)
    values = {}
    for parameter in family.variants[distribution.variant]:
        argument = given[parameter.name]
        if isinstance(argument, Dist):
            raise NotScalar(f"{family.name} of a distribution")
        value = terms.number(argument, places if parameter.event else outer)
        values[parameter.name] = terms.graph.hint(value, parameter.name)
    return values

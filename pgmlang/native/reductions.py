"""Sums, products, extremes and log-sum-exps over an axis, or over the rows of each outer element: as reductions over a loop, or as arrays
that rows are gathered into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgmlang.model.expr import Reduce
from pgmlang.model.row_plates import groups_of_rows
from pgmlang.native.elements import place_of
from pgmlang.native.formulas import NotScalar, scalar_of
from pgmlang.native.labels import labels_in
from pgmlang.native.placed import PlacedExpressions, Places, fresh_name
from pgmlang.native.scalars import Array, Loop, Scalar
from pgmlang.native.stages import Stage
from pgmlang.native.words import REDUCTIONS


@dataclass(frozen=True)
class Reduced:
    """A reduction as it is read ``within`` what is reduced and from ``outside``."""

    within: Scalar
    outside: Scalar


@dataclass(frozen=True)
class OverLoop:
    """What is reduced runs along ``loop``, with the places ``inner``."""

    terms: PlacedExpressions
    loop: Loop
    inner: Places

    def total(self, op: str, value: Scalar) -> Reduced:
        """All of a value by a key of `REDUCTIONS`."""
        whole = self.terms.graph.make(op, value, payload=self.loop)
        return Reduced(whole, whole)

    def count(self) -> Scalar:
        """How many there are."""
        return self.terms.graph.make("size", payload=self.loop.axis)


@dataclass(frozen=True)
class OverRows:
    """What is reduced runs along the rows of ``plate``, for each of the elements ``outer`` that they belong to, looked at from ``places``."""

    terms: PlacedExpressions
    plate: str
    outer: tuple[str, ...]
    places: Places
    inner: Places

    def total(self, op: str, value: Scalar) -> Reduced:
        """All of a value by a key of `REDUCTIONS`, as an array of the outer elements that the rows are gathered into."""
        graph = self.terms.graph
        along = tuple(a for a in self.inner if a != self.plate and value.loops & self.inner[a].loops)
        labels = labels_in(value, self.terms.summed)
        by_label = [graph.make("loop", payload=loop) for loop in labels]
        parents = [
            graph.load(Array("parent", (a, self.plate), (self.plate,)), (self.inner[self.plate],))
            for a in self.outer
        ]
        element = (*parents, *(self.inner[a] for a in along), *by_label)
        axes = (*self.outer, *along, *(loop.axis for loop in labels))
        is_active = op == "sum" and value.is_active
        known = self.terms.gathered.get((op, id(value), axes))
        if known is None:
            known = Array(
                "computed",
                (fresh_name(self.terms, f"{_PLAIN[op]}_over_{self.plate}"),),
                axes,
                is_active,
                value.varies,
            )
            loops = (Loop(self.plate), *(Loop(a) for a in along), *labels)
            self.terms.stages[known.name] = Stage(known, loops, value, None, op, element)
            self.terms.gathered[op, id(value), axes] = known
        return Reduced(
            graph.load(known, element),
            graph.load(known, [*(self.places[a] for a in (*self.outer, *along)), *by_label]),
        )

    def count(self) -> Scalar:
        """How many there are of each element."""
        return self.total("sum", self.terms.graph.number(1.0)).outside


_PLAIN = {op: op.removesuffix("_over") for op in REDUCTIONS}


def reduced(terms: PlacedExpressions, expr: Reduce, places: Places) -> Scalar:
    """A reduction at some elements of its axes. Raises NotScalar for those that have no form."""
    over = _over(terms, expr, places)
    if expr.function not in _FUNCTIONS:
        raise NotScalar(f"`{expr.function}` over `{expr.axis}`")
    value = terms.number(expr.body, over.inner)
    if expr.function == "softmax":
        return _softmax(over, value, terms.number(expr.body, places))
    return _FUNCTIONS[expr.function](over, value)


def _over(terms: PlacedExpressions, expr: Reduce, places: Places) -> OverLoop | OverRows:
    """What a reduction runs over: the rows of each outer element where there are such, else all of an axis."""
    model, axis = terms.model, expr.axis
    is_rows = expr.is_plate and model.plate_by_name[axis].is_rows and expr.function != "softmax"
    outer = groups_of_rows(model, axis, places) if is_rows else ()
    if outer:
        places = {**places, **{a: place_of(terms, a, places) for a in outer}}
        others = tuple(a for a in places if a not in model.enclosing(axis))
        return OverRows(terms, axis, outer, places, terms.places_along((axis, *others)))
    return OverLoop(terms, terms.loop(axis, places), terms.inside(axis, places))


Over = OverLoop | OverRows


def _said(over: Over, text: str, values: Mapping[str, Scalar]) -> Scalar:
    return scalar_of(over.terms.graph, text, values)


def _sum(over: Over, value: Scalar) -> Scalar:
    return over.total("sum", value).outside


def _mean(over: Over, value: Scalar) -> Scalar:
    return _said(over, "a / b", {"a": _sum(over, value), "b": over.count()})


def _log_sum_exp(over: Over, value: Scalar) -> Scalar:
    """By the largest, so that nothing overflows; its own derivative cancels."""
    total, top = _exponentials(over, value)
    return _said(over, "log(t) + top", {"t": total.outside, "top": top.outside})


def _softmax(over: Over, value: Scalar, here: Scalar) -> Scalar:
    total, top = _exponentials(over, value)
    return _said(over, "exp(x - top) / t", {"x": here, "t": total.outside, "top": top.outside})


def _exponentials(over: Over, value: Scalar) -> tuple[Reduced, Reduced]:
    """The sum of exp(value - top), and top: the largest value, zero where that is infinite."""
    largest = over.total("max_over", value)
    within, outside = (
        _said(over, "where(abs(t) < inf, t, 0.0)", {"t": t}) for t in (largest.within, largest.outside)
    )
    return over.total("sum", _said(over, "exp(x - top)", {"x": value, "top": within})), Reduced(within, outside)


def _extreme(over: Over, value: Scalar, op: str) -> Scalar:
    """The largest or least. Those that are it share its derivative, as torch's ``amax`` has it; they are told by the very numbers, which are
    kept in an array, since numbers worked out twice may differ."""
    if not value.is_active:
        return over.total(op, value).outside
    value = _kept(over, value)
    top = over.total(op, value)
    is_top = _said(over, "x == t", {"x": value, "t": top.within})
    share = over.total("sum", _said(over, "where(e, x, 0.0)", {"e": is_top, "x": value})).outside
    count = over.total("sum", over.terms.graph.make("real", is_top)).outside
    return _said(over, "s / n", {"s": share, "n": count})


def _kept(over: Over, value: Scalar) -> Scalar:
    """A value as the element of an array."""
    if value.op == "load":
        return value
    graph, terms = over.terms.graph, over.terms
    loops = tuple(sorted(value.loops, key=lambda loop: (loop.depth, loop.axis)))
    array = Array("computed", (fresh_name(terms, "kept"),), tuple(loop.axis for loop in loops), True, True)
    terms.stages[array.name] = Stage(array, loops, value, None)
    return graph.load(array, [graph.make("loop", payload=loop) for loop in loops])


def _product(over: Over, value: Scalar) -> Scalar:
    """A product; the slope by an element is the product of all others, also where one is zero."""
    graph = over.terms.graph
    others = over.total("prod_over", _said(over, "where(x == 0.0, 1.0, x)", {"x": value}))
    zeros = over.total("sum", graph.make("real", _said(over, "x == 0.0", {"x": value})))
    product = _said(over, "where(z > 0.0, 0.0, p)", {"z": zeros.outside, "p": others.outside})
    if not value.is_active:
        return product
    slope = "where(x == 0.0, where(z == 1.0, p, 0.0), where(z == 0.0, p / x, 0.0))"
    by_element = _said(over, slope, {"x": value, "z": zeros.within, "p": others.within})
    return graph.make("add", product, over.total("sum", graph.make("moved", value, by_element)).outside)


_FUNCTIONS = {
    "sum": _sum,
    "mean": _mean,
    "logsumexp": _log_sum_exp,
    "max": lambda over, value: _extreme(over, value, "max_over"),
    "min": lambda over, value: _extreme(over, value, "min_over"),
    "prod": _product,
    "softmax": _sum,
}

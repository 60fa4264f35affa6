"""Which numbers an expression can have: abstract interpretation over intervals (Cousot and Cousot 1977).

A range is an interval and the variables it rests on. An operation on operands that rest on different variables reaches
the bounds that interval arithmetic gives, so its interval stays tight; a variable that occurs twice (``x - x ^ 2``) may
reach less, and the interval becomes a loose one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product

from pgmlang.families import FAMILIES
from pgmlang.families.formula import number_at, used_names
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
    walk,
)
from pgmlang.model.model import Choice, Density, Dist, Distribution, TableDist
from pgmlang.model.types import Type
from pgmlang.signatures.functions import FUNCTIONS
from pgmlang.signatures.intervals import (
    ANYWHERE,
    KINDS,
    LINE,
    OPERATOR_INTERVALS,
    UNIT,
    Interval,
    add,
    multiply,
    point,
    power,
    square,
)

NOWHERE = Interval(math.inf, -math.inf)
"""Of what is not known yet: the value of a name inside its own definition, at first."""


@dataclass(frozen=True)
class Range:
    """``sources``: the variables and networks that decide the value."""

    interval: Interval
    sources: frozenset[str] = frozenset()

    def loose(self) -> Range:
        return Range(self.interval.loose(), self.sources)


RangeOf = Callable[[Ref], Range]
SizeOf = Callable[[str], int | None]


def range_of_type(type_: Type) -> Interval:
    """The values of a type; ANYWHERE for labels and after an error."""
    return KINDS.get(type_.kind, ANYWHERE)


def range_of(expr: Expr, of_reference: RangeOf, size_of: SizeOf) -> Range:
    """The numbers an expression can have. ``of_reference``: the range of a variable where it is referred to; ``size_of``:
    the size of an axis, None if only the data knows it."""

    def visit(inner: Expr) -> Range:
        return range_of(inner, of_reference, size_of)

    match expr:
        case Const(value=value):
            return Range(ANYWHERE if isinstance(value, str) else point(float(value)))
        case Ref(index=index):
            range_here = of_reference(expr)
            chosen = frozenset[str]().union(*(visit(e).sources for _, e in index))
            return Range(range_here.interval, range_here.sources | chosen)
        case Apply(function=function, arguments=arguments):
            return _applied(function, arguments, expr.type, [visit(a) for a in arguments])
        case Contract(left=left, right=right, axis=axis):
            a, b = visit(left), visit(right)
            if NOWHERE in (a.interval, b.interval):
                return Range(NOWHERE, a.sources | b.sources)
            return _joined(_total(multiply(a.interval, b.interval), size_of(axis)), a, b)
        case Reduce(function=function, body=body, axis=axis):
            return _reduced(function, visit(body), expr, size_of(axis))
        case Choose(condition=condition, then=then, otherwise=otherwise):
            test, a, b = visit(condition), visit(then), visit(otherwise)
            range_here = Range(a.interval.hull(b.interval), test.sources | a.sources | b.sources)
            is_settled = all(isinstance(e, Const | Apply) for e in walk(condition))
            return range_here.loose() if is_settled or test.sources & (a.sources | b.sources) else range_here
        case First():
            return Range(KINDS["truth"])
        case Element(axis=axis, type=type_):
            size = size_of(axis)
            last = math.inf if size is None else size - 1.0
            return Range(ANYWHERE if type_.kind == "labels" else Interval(0.0, last, True, size is not None))
        case Rename(body=body):
            return visit(body)
        case Stack(entries=entries):
            ranges = [visit(e) for e in entries]
            hull = reduce(Interval.hull, (r.interval for r in ranges))
            return Range(hull, frozenset[str]().union(*(r.sources for r in ranges)))
        case Identity():
            return Range(KINDS["truth"].loose())
        case MatrixApply(body=body):
            return Range(range_of_type(expr.type), visit(body).sources)
        case State(name=name, type=type_):
            return Range(range_of_type(type_).loose(), frozenset({name}))
        case Time() | Solution():
            return Range(LINE.loose())
        case NetCall(net=net, arguments=arguments):
            return Range(LINE, frozenset({net}).union(*(visit(a).sources for a in arguments)))


def _joined(interval: Interval, *operands: Range) -> Range:
    """Of an operation on operands: loose where they share a variable."""
    sources = frozenset[str]().union(*(o.sources for o in operands))
    is_shared = sum(len(o.sources) for o in operands) > len(sources)
    return Range(interval.loose() if is_shared else interval, sources)


def _applied(function: str, arguments: tuple[Expr, ...], type_: Type, operands: list[Range]) -> Range:
    intervals = [o.interval for o in operands]
    if NOWHERE in intervals:
        return Range(NOWHERE, _joined(NOWHERE, *operands).sources)
    if function == "mul" and arguments[0] == arguments[1]:
        return Range(square(intervals[0]), operands[0].sources)
    if function in OPERATOR_INTERVALS:
        return _joined(OPERATOR_INTERVALS[function](*intervals), *operands)
    row = FUNCTIONS.get(function)
    if row is not None and row.interval is not None:
        return _joined(row.interval(*intervals), *operands)
    return _joined(range_of_type(type_), *operands)


def _total(interval: Interval, size: int | None) -> Interval:
    """Of a sum of ``size`` such values (None: one or more, as many as there may be)."""
    if size is not None:
        return replace(multiply(interval, point(size)), is_tight=interval.is_tight)
    return multiply(interval, Interval(1.0, math.inf, True))


def _reduced(function: str, body: Range, expr: Reduce, size: int | None) -> Range:
    interval = body.interval
    if interval == NOWHERE:
        return body
    match function:
        case "sum" if expr.body.type.kind == "simplex":
            reduced = UNIT.loose()
        case "sum":
            reduced = _total(interval, size)
        case "cumsum":
            reduced = _total(interval, size).hull(interval)
        case "prod" if interval.low >= 0:
            reduced = (
                power(interval, point(size))
                if size is not None
                else power(interval, Interval(1.0, math.inf, True))
            )
        case "prod":
            reduced = interval if interval.within(Interval(-1.0, 1.0)) else Interval(is_tight=interval.is_tight)
        case "logsumexp":
            reduced = add(interval, point(math.log(size)) if size is not None else Interval(0.0, math.inf))
        case "softmax":
            reduced = UNIT.loose()
        case _:  # mean, min, max
            reduced = replace(interval, is_whole=interval.is_whole and function != "mean")
    return Range(reduced, body.sources)


def range_of_distribution(
    distribution: Distribution, of_argument: Callable[[Expr], Range], declared: Type
) -> Range:
    """The numbers that a distribution draws. ``of_argument``: the range of an argument. ``declared``: the type of the
    draws where it is the model's to say (tables, improper densities)."""
    match distribution:
        case Choice(condition=condition, then=then, otherwise=otherwise):
            a = range_of_distribution(then, of_argument, declared)
            b = range_of_distribution(otherwise, of_argument, declared)
            return Range(a.interval.hull(b.interval), a.sources | b.sources | of_argument(condition).sources)
        case TableDist() | Density():
            return Range(range_of_type(declared))
        case Dist(family=family):
            return _drawn(family, distribution, of_argument, declared)


def _drawn(family: str, distribution: Dist, of_argument: Callable[[Expr], Range], declared: Type) -> Range:
    base: Range | None = None
    numbers: dict[str, Range] = {}
    for name, argument in distribution.arguments:
        if isinstance(argument, Dist):
            base = range_of_distribution(argument, of_argument, declared)
        else:
            numbers[name] = of_argument(argument)
    row = FAMILIES[family]
    if base is None and (row.improper or row.support not in KINDS):
        return Range(range_of_type(declared))
    drawn = Range(KINDS[row.support]) if base is None else base
    if row.adds_zero:
        return Range(drawn.interval.hull(point(0)), drawn.sources)
    if row.limits is not None:
        lower, upper = (numbers.get(name) for name in row.limits)
        return _bounded(drawn, lower, upper)
    least, most = (_of_bound(text, numbers) for text in row.bounds)
    if least is None and most is None:
        return drawn
    low = drawn.interval.low if least is None else least.interval.low
    high = drawn.interval.high if most is None else most.interval.high
    sources = frozenset[str]().union(*(end.sources for end in (least, most) if end is not None))
    return Range(drawn.interval.meets(Interval(low, high)).loose(), sources)


def _of_bound(text: str, numbers: Mapping[str, Range]) -> Range | None:
    """The range of a bound of a family, a formula that rises or falls in each of its arguments; None where it has none, or one of these is not
    known."""
    names = sorted(used_names(text) & numbers.keys())
    ranges = [numbers[n] for n in names]
    if not names or any(r.interval == NOWHERE for r in ranges):
        return None
    corners = product(*((r.interval.low, r.interval.high) for r in ranges))
    ends = [number_at(text, dict(zip(names, corner, strict=True))) for corner in corners]
    if any(math.isnan(end) for end in ends):
        return None
    return Range(Interval(min(ends), max(ends)), frozenset[str]().union(*(r.sources for r in ranges)))


def _bounded(base: Range, lower: Range | None, upper: Range | None) -> Range:
    """Cut at bounds that may move with other variables, on which it then rests."""
    low = Range(point(-math.inf)) if lower is None else lower
    high = Range(point(math.inf)) if upper is None else upper
    if NOWHERE in (base.interval, low.interval, high.interval):
        return Range(NOWHERE)
    met = base.interval.meets(Interval(low.interval.low, high.interval.high))
    is_tight = base.interval.is_tight and low.interval.is_tight and high.interval.is_tight
    return Range(replace(met, is_tight=is_tight), base.sources | low.sources | high.sources)


__all__ = ["ANYWHERE", "NOWHERE", "Interval", "Range", "range_of", "range_of_distribution", "range_of_type"]

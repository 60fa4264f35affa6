"""Limits that leave a distribution no values: the lower one not below the upper one, or nothing of its base between them."""

from __future__ import annotations

import math
from collections.abc import Callable

from pgmlang.diagnostics import Diagnostic
from pgmlang.families import FAMILIES, Family
from pgmlang.model import Dist, Type
from pgmlang.model.expr import Const, Expr, Ref
from pgmlang.model.ranges import NOWHERE
from pgmlang.sema.supports import Supports
from pgmlang.signatures.intervals import ANYWHERE, Interval


def limits_problem(supports: Supports, dist: Dist, base_type: Type) -> Diagnostic | None:
    """PGM0410 for a distribution that surely has no values, by the ranges of its limits (`Family.limits`) and of its base;
    None where it may have some. Limits of a density may not meet; of counts, and of a distribution that puts chances on its
    limits, they may."""
    family = FAMILIES[dist.family]
    if family.limits is None:
        return None
    given = {name: a for name, a in dist.arguments if name in family.limits and not isinstance(a, Dist)}
    low, high = (_range(supports, given.get(name), end) for name, end in zip(family.limits, _OPEN, strict=True))
    if NOWHERE in (low, high):
        return None
    may_meet = family.has_atoms or _innermost(dist).discrete
    if low.low > high.high or (low.low == high.high and not may_meet):
        return _out_of_order(supports, dist, family.limits, given)
    if dist.base is None or family.has_atoms:
        return None
    drawn = supports.of_distribution(dist.base, base_type).interval
    first, last = max(low.low, drawn.low), min(high.high, drawn.high)
    if _innermost(dist).discrete:
        first, last = _whole(math.ceil, first), _whole(math.floor, last)
    if drawn in (NOWHERE, ANYWHERE) or first < last or (first == last and may_meet):
        return None
    return Diagnostic(
        "PGM0410", f"`{dist.base.family}` has no values between the limits of `{dist.family}`: it lies in {drawn}"
        + (", whole numbers" if drawn.is_whole else ""), dist.span, help="give it limits around values that it can have",
    )  # fmt: skip


_OPEN = (-math.inf, math.inf)
"""What limits that are not given stand for."""


def _range(supports: Supports, limit: Expr | None, end: float) -> Interval:
    return Interval(end, end) if limit is None else supports.range(limit).interval


def _whole(of: Callable[[float], int], end: float) -> float:
    return of(end) if math.isfinite(end) else end


def _innermost(dist: Dist) -> Family:
    while dist.base is not None:
        dist = dist.base
    return FAMILIES[dist.family]


def _out_of_order(supports: Supports, dist: Dist, names: tuple[str, str], given: dict[str, Expr]) -> Diagnostic:
    lower, upper = names
    low, high = (_said(supports, given[n]) if n in given else "not given" for n in names)
    both = [given.get(n) for n in names]
    values = [supports.range(e).interval.low for e in both if e is not None]
    cure = f"give `{dist.family}` a `{lower}` below its `{upper}`"
    if len(values) == 2 and all(isinstance(e, Const) for e in both) and values[0] != values[1]:
        cure = f"write `{lower} = {values[1]:g}, {upper} = {values[0]:g}`"
    span = next((e.span for e in both if e is not None and e.span is not None), None) or dist.span
    message = f"`{lower}` of `{dist.family}` must be below its `{upper}`: `{lower}` is {low}, `{upper}` is {high}"
    return Diagnostic("PGM0410", message, span, help=cure)


def _said(supports: Supports, limit: Expr) -> str:
    interval = supports.range(limit).interval
    value = f"{interval.low:g}" if interval.low == interval.high else f"in {interval}"
    return f"{value} (`{limit.name}`)" if isinstance(limit, Ref) else value

"""Conditions that keep the first rows of a chain away: what may look back, and how far."""

from __future__ import annotations

from collections.abc import Callable

from pgmlang.model.expr import Apply, Expr, First, Ref


def excluded_rows(condition: Expr, holds: bool, value_of: Callable[[str], Expr | None] = lambda name: None) -> int:
    """How many first rows of a chain a condition excludes where it ``holds``, or where it does not: ``first or x`` those
    on which it does not, ``not first and x`` those on which it does. ``value_of``: the value of a deterministic name."""
    match condition:
        case First(count=count):
            return 0 if holds else count
        case Apply(function="not", arguments=(inner,)):
            return excluded_rows(inner, not holds, value_of)
        case Apply(function="and" | "or" as function, arguments=(a, b)):
            both = (excluded_rows(a, holds, value_of), excluded_rows(b, holds, value_of))
            # all parts of an `and` hold where it does, none of an `or` where it does not
            return max(both) if (function == "and") == holds else min(both)
        case Ref(name=name, index=(), lag=0):
            value = value_of(name)
            return 0 if value is None else excluded_rows(value, holds, value_of)
        case _:
            return 0

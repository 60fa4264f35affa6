"""Choices between distributions: resolved where the condition is a constant, and said by the arguments where both sides
are of one family."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.model.expr import Const, Expr
from pgmlang.model.model import Choice, Dist, Distribution, Model
from pgmlang.normal.algebra import Algebra
from pgmlang.normal.rewrite import map_distributions


def without_choices(model: Model) -> Model:
    """``if c then Normal(a, s) else Normal(b, s)`` is ``Normal(if c then a else b, s)``; ``if true`` is its first side."""
    algebra = Algebra(model)
    return map_distributions(model, lambda d: _resolved(algebra, d))


def _resolved(algebra: Algebra, distribution: Distribution) -> Distribution:
    if not isinstance(distribution, Choice):
        return distribution
    then, otherwise = _resolved(algebra, distribution.then), _resolved(algebra, distribution.otherwise)
    condition, is_turned = algebra.condition(algebra(distribution.condition))
    if is_turned:
        then, otherwise = otherwise, then
    if isinstance(condition, Const):
        return then if condition.value else otherwise
    return _merged(algebra, condition, then, otherwise) or replace(
        distribution, condition=condition, then=then, otherwise=otherwise
    )


def _merged(algebra: Algebra, condition: Expr, then: Distribution, otherwise: Distribution) -> Dist | None:
    """One distribution with chosen arguments; None where the sides are not of one family or differ in their axes."""
    if not isinstance(then, Dist) or not isinstance(otherwise, Dist):
        return None
    if (then.family, then.variant, then.event) != (otherwise.family, otherwise.variant, otherwise.event):
        return None
    left, right = dict(then.arguments), dict(otherwise.arguments)
    if list(left) != list(right):
        return None
    arguments: list[tuple[str, Expr | Dist]] = []
    for name, a in left.items():
        b = right[name]
        if isinstance(a, Dist) or isinstance(b, Dist):
            return None
        if then.event and set(a.axes) != set(b.axes):
            return None
        arguments.append((name, algebra.choice(condition, algebra(a), algebra(b), a.span)))
    return replace(then, arguments=tuple(arguments))

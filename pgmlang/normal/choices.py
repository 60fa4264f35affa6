"""Choices between distributions: resolved where the condition is a constant, and said by the arguments where both sides
are of one family."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.model.expr import Const, Expr
from pgmlang.model.model import Choice, Conditional, Dist, Distribution, Factor, Model
from pgmlang.normal.algebra import Algebra


def without_choices(model: Model) -> Model:
    """``if c then Normal(a, s) else Normal(b, s)`` is ``Normal(if c then a else b, s)``; ``if true`` is its first side."""
    algebra = Algebra(model)

    def factor(item: Factor) -> Factor:
        if not isinstance(item, Conditional):
            return item
        return replace(item, distribution=_resolved(algebra, item.distribution))

    guide = model.guide
    if guide is not None:
        conditionals = (replace(c, distribution=_resolved(algebra, c.distribution)) for c in guide.conditionals)
        guide = replace(guide, conditionals=tuple(conditionals))
    return replace(model, factors=tuple(map(factor, model.factors)), guide=guide)


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

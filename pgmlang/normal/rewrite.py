"""Expressions rewritten inside models, distributions and guides; what is the same afterwards stays the same object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from pgmlang.model.expr import (
    Apply,
    Choose,
    Contract,
    Expr,
    MatrixApply,
    NetCall,
    Reduce,
    Ref,
    Rename,
    Solution,
    Stack,
    State,
    children,
)
from pgmlang.model.model import (
    Choice,
    Conditional,
    Definition,
    Density,
    Dist,
    Distribution,
    Factor,
    Guide,
    Model,
    TableDist,
    distribution_expressions,
)

Rewriting = Callable[[Expr], Expr]


def rebuilt(expr: Expr, child: Rewriting) -> Expr:
    """An expression with each of its children rewritten."""
    match expr:
        case Ref(index=index) | State(index=index) if index:
            made = tuple((a, child(e)) for a, e in index)
            return (
                expr
                if all(x is y for (_, x), (_, y) in zip(made, index, strict=True))
                else replace(expr, index=made)
            )
        case Apply(arguments=arguments) | NetCall(arguments=arguments):
            parts = tuple(child(a) for a in arguments)
            return (
                expr
                if all(x is y for x, y in zip(parts, arguments, strict=True))
                else replace(expr, arguments=parts)
            )
        case Contract(left=left, right=right):
            a, b = child(left), child(right)
            return expr if a is left and b is right else replace(expr, left=a, right=b)
        case Reduce(body=body) | Rename(body=body) | MatrixApply(body=body):
            inner = child(body)
            return expr if inner is body else replace(expr, body=inner)
        case Stack(entries=entries):
            listed = tuple(child(e) for e in entries)
            return (
                expr
                if all(x is y for x, y in zip(listed, entries, strict=True))
                else replace(expr, entries=listed)
            )
        case Solution(rates=rates, starts=starts):
            before = children(expr)
            after = tuple(child(e) for e in before)
            if all(x is y for x, y in zip(after, before, strict=True)):
                return expr
            n, m = len(rates), len(rates) + len(starts)
            times, start_time = after[m:]
            return replace(expr, rates=after[:n], starts=after[n:m], times=times, start_time=start_time)
        case Choose(condition=condition, then=then, otherwise=otherwise):
            c, a, b = child(condition), child(then), child(otherwise)
            same = c is condition and a is then and b is otherwise
            return expr if same else replace(expr, condition=c, then=a, otherwise=b)
        case _:
            return expr


def map_distribution(distribution: Distribution, rewriting: Rewriting) -> Distribution:
    """A distribution with its expressions rewritten; a table's parents only where a name is left of them."""
    match distribution:
        case Dist(arguments=arguments):
            made = tuple(
                (n, _map_dist(a, rewriting) if isinstance(a, Dist) else rewriting(a)) for n, a in arguments
            )
            return replace(distribution, arguments=made)
        case TableDist(parents=parents):
            rewritten = ((p, rewriting(p)) for p in parents)
            return replace(distribution, parents=tuple(r if isinstance(r, Ref) else p for p, r in rewritten))
        case Choice(condition=condition, then=then, otherwise=otherwise):
            return replace(
                distribution,
                condition=rewriting(condition),
                then=map_distribution(then, rewriting),
                otherwise=map_distribution(otherwise, rewriting),
            )
        case Density(given=given):
            return replace(distribution, given=tuple(rewriting(g) for g in given))


def _map_dist(dist: Dist, rewriting: Rewriting) -> Dist:
    made = map_distribution(dist, rewriting)
    assert isinstance(made, Dist)
    return made


def map_factor(factor: Factor, rewriting: Rewriting) -> Factor:
    if isinstance(factor, Conditional):
        return replace(factor, distribution=map_distribution(factor.distribution, rewriting))
    return replace(factor, value=rewriting(factor.value))


def map_definitions(definitions: tuple[Definition, ...], rewriting: Rewriting) -> tuple[Definition, ...]:
    return tuple(replace(d, value=rewriting(d.value)) for d in definitions)


def map_guide(guide: Guide, rewriting: Rewriting) -> Guide:
    """A guide with the expressions of its conditionals and definitions rewritten."""
    return replace(
        guide,
        definitions=map_definitions(guide.definitions, rewriting),
        conditionals=tuple(
            replace(c, distribution=map_distribution(c.distribution, rewriting)) for c in guide.conditionals
        ),
    )


def guide_expressions(guide: Guide) -> Iterator[Expr]:
    for definition in guide.definitions:
        yield definition.value
    for conditional in guide.conditionals:
        yield from distribution_expressions(conditional.distribution)


def map_expressions(model: Model, rewriting: Rewriting) -> Model:
    """A model with the expressions of its factors rewritten; definitions and guide as they are."""
    return replace(model, factors=tuple(map_factor(f, rewriting) for f in model.factors))


def map_distributions(model: Model, rewriting: Callable[[Distribution], Distribution]) -> Model:
    """A model with the distributions of its conditionals rewritten, those of its guide too."""

    def conditional(item: Conditional) -> Conditional:
        return replace(item, distribution=rewriting(item.distribution))

    guide = model.guide
    if guide is not None:
        guide = replace(guide, conditionals=tuple(map(conditional, guide.conditionals)))
    factors = tuple(conditional(f) if isinstance(f, Conditional) else f for f in model.factors)
    return replace(model, factors=factors, guide=guide)

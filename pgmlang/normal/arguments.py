"""One spelling of a family's arguments: log-odds where they are what is given, numbers of failures, no idle bounds."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from pgmlang.families import FAMILIES
from pgmlang.model.expr import Apply, Expr, Reduce
from pgmlang.model.model import Choice, Dist, Distribution, Model
from pgmlang.normal.algebra import Algebra
from pgmlang.normal.nodes import number
from pgmlang.normal.rewrite import map_distributions


def canonical_arguments(model: Model) -> Model:
    """``Bernoulli(sigmoid(x))`` is ``Bernoulli(logit = x)``, a NegativeBinomial's mean and shape are said by n and p,
    ``Truncated`` without bounds is its base; arguments stand in the order of the family's row."""
    algebra = Algebra(model)
    return map_distributions(model, lambda d: _canonical(algebra, d))


def _canonical(algebra: Algebra, distribution: Distribution) -> Distribution:
    match distribution:
        case Choice(then=then, otherwise=otherwise):
            return replace(distribution, then=_canonical(algebra, then), otherwise=_canonical(algebra, otherwise))
        case Dist():
            return _ordered(_family(algebra, distribution))
        case _:
            return distribution


def _ordered(dist: Dist) -> Dist:
    """Arguments in the order of the row (a base first), those at their default left out."""
    row = FAMILIES[dist.family]
    parameters = {p.name: (i, p) for i, p in enumerate(row.variants[dist.variant])}
    ordered = []
    for name, value in dist.arguments:
        position, parameter = parameters.get(name, (-1, None))
        is_default = parameter is not None and not isinstance(value, Dist) and number(value) == parameter.default
        if parameter is None or parameter.default is None or not is_default:
            ordered.append((position, name, value))
    ordered.sort(key=lambda item: item[0])
    return replace(dist, arguments=tuple((n, v) for _, n, v in ordered))


def _family(algebra: Algebra, dist: Dist) -> Dist:
    inner = tuple((n, _canonical(algebra, a) if isinstance(a, Dist) else algebra(a)) for n, a in dist.arguments)
    dist = replace(dist, arguments=inner)  # type: ignore[arg-type]
    row = FAMILIES[dist.family]
    numbers: dict[str, Expr] = {n: a for n, a in dist.arguments if not isinstance(a, Dist)}
    spellings = [{p.name for p in v} for v in row.variants]
    if any("logit" in s for s in spellings):
        return _log_odds(algebra, dist, numbers)
    for respelling in row.respellings:
        if respelling.variant == dist.variant:
            said = {k: of_formula(algebra, text, numbers, dist) for k, text in respelling.arguments.items()}
            family = respelling.family or dist.family
            return replace(dist, family=family, variant=respelling.canonical, arguments=tuple(said.items()))
    if row.takes and row.limits and all(_is_infinite(numbers.get(k)) for k in row.limits):
        assert dist.base is not None
        return dist.base
    return dist


def of_formula(algebra: Algebra, text: str, numbers: Mapping[str, Expr], dist: Dist) -> Expr:
    """An argument by a formula in the others. Raises ValueError for a formula of more than arithmetic."""

    def visit(node: ast.expr) -> Expr:
        match node:
            case ast.Name(id=name):
                return numbers[name]
            case ast.Constant(value=int() | float() as value):
                return algebra.constant(value, dist.span)
            case ast.BinOp(left, ast.Add(), right):
                return algebra.sum((visit(left), visit(right)), dist.span)
            case ast.BinOp(left, ast.Sub(), right):
                minus = algebra.product((algebra.constant(-1), visit(right)), dist.span)
                return algebra.sum((visit(left), minus), dist.span)
            case ast.BinOp(left, ast.Mult(), right):
                return algebra.product((visit(left), visit(right)), dist.span)
            case ast.BinOp(left, ast.Div(), right):
                inverse = algebra.power(visit(right), -1.0, dist.span)
                return algebra.product((visit(left), inverse), dist.span)
        raise ValueError(f"respelling of {dist.family}: {ast.unparse(node)} is no sum or product")

    return visit(ast.parse(text, mode="eval").body)


def _is_infinite(value: Expr | None) -> bool:
    return value is None or number(value) in (float("inf"), float("-inf"))


def _log_odds(algebra: Algebra, dist: Dist, numbers: dict[str, Expr]) -> Dist:
    """Probabilities by log-odds where those are the plainer expression, and the other way round."""
    rest = tuple((n, a) for n, a in dist.arguments if n not in ("p", "logit"))
    is_vector = FAMILIES[dist.family].variants[dist.variant][-1].event == 1
    if "p" in numbers:
        logit = _logit_of(numbers["p"], is_vector)
        return dist if logit is None else replace(dist, variant=1, arguments=(*rest, ("logit", logit)))
    logit = numbers["logit"]
    if is_vector:
        inside = logit.arguments[0] if isinstance(logit, Apply) and logit.function == "log" else None
        is_normalised = inside is not None and inside.type.kind == "simplex"
        return replace(dist, variant=0, arguments=(*rest, ("p", inside))) if inside and is_normalised else dist
    chance = algebra.function("sigmoid", (logit,), dist.span)
    if isinstance(chance, Apply) and chance.function == "sigmoid":
        return dist
    return replace(dist, variant=0, arguments=(*rest, ("p", chance)))


def _logit_of(chance: Expr, is_vector: bool) -> Expr | None:
    if is_vector:
        return chance.body if isinstance(chance, Reduce) and chance.function == "softmax" else None
    return chance.arguments[0] if isinstance(chance, Apply) and chance.function == "sigmoid" else None

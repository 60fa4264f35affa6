"""Distributions of distributions: what cannot be composed is refused with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from pgmlang.diagnostics import Diagnostic, Span
from pgmlang.families import FAMILIES, LEARNED, refusal
from pgmlang.model import Choice, Dist
from pgmlang.model.branches import branches
from pgmlang.model.expr import Expr, Ref, references
from pgmlang.sema.scope import Scope
from pgmlang.syntax import ast


def composition_problem(combinator: str, base: Dist, span: Span) -> Diagnostic | None:
    """Why a combinator does not take a distribution; None where it does."""
    against = refusal(combinator, base.path, FAMILIES)
    return None if against is None else Diagnostic("PGM0315", against[0], span, help=against[1])


def events_problem(choice: Choice) -> Diagnostic | None:
    """Why branches are no draws of one shape: vectors, and elements one by one."""
    drawn = [b for b in branches(choice) if isinstance(b, Dist)]
    vectors, singles = [b for b in drawn if b.event], [b for b in drawn if not b.event]
    if not vectors or not singles:
        return None
    message = f"one branch draws vectors over `{vectors[0].event[0]}`, the other its elements one by one"
    cure = f"draw vectors in both, or choose among the arguments: `{vectors[0].family}(if ... then ... else ..., ...)`"
    return Diagnostic("PGM0401", message, choice.span, help=cure)


def mixture_problem(scope: Scope, base: Dist, axis: str, span: Span) -> Diagnostic | None:
    """Components that are all the same are a mistake."""
    if varies_along(scope, base, axis):
        return None
    message = f"the components along `{axis}` are all the same: no argument of `{base.family}` has that axis"
    return Diagnostic("PGM0309", message, span, help=f"give an argument the axis, as in `mean[{axis}]`")


def varies_along(scope: Scope, distribution: Dist, axis: str) -> bool:
    """Whether an argument has a component of its own for each element of a dim or plate."""
    return any(
        varies_along(scope, argument, axis) if isinstance(argument, Dist) else _has_axis(scope, argument, axis)
        for _, argument in distribution.arguments
    )


def _has_axis(scope: Scope, argument: Expr, axis: str) -> bool:
    if axis in argument.axes:
        return True
    return any(axis in _plates(scope, ref) for ref in references(argument))


def names_vary_along(scope: Scope, distribution: Dist, axis: str) -> bool:
    """Whether a variable that an argument mentions has an element for each of an axis: vectors written out would lie along any."""
    return any(
        names_vary_along(scope, argument, axis)
        if isinstance(argument, Dist)
        else any(axis in ref.axes or axis in _plates(scope, ref) for ref in references(argument))
        for _, argument in distribution.arguments
    )


def _plates(scope: Scope, ref: Ref) -> tuple[str, ...]:
    symbol = scope.variables.get(ref.name)
    return symbol.plates if symbol is not None else ()


def learned_base_problem(name: str, arguments: Sequence[ast.Expr]) -> Diagnostic | None:
    """Why a combinator is not of a learned density, where one of its arguments is such."""
    for argument in arguments:
        if isinstance(argument, ast.Call) and argument.function in LEARNED:
            message = (
                f"`{name}` is not of `{argument.function}`: its networks give the density of whole vectors alone"
            )
            cure = f"draw `{argument.function}` itself, or take a family of numbers, as in `{name}(Normal(m, s), ...)`"
            return Diagnostic("PGM0315", message, argument.span, help=cure)
    return None

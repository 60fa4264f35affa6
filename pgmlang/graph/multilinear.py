"""Whether a model's log-density is linear in each element of a binary variable, and which elements meet.

Where it is, the logit of an element given all the rest is the derivative by that element, and elements that no factor
brings together can be drawn at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from pgmlang.diagnostics import Diagnostic
from pgmlang.graph.summable import below_definition, is_elementwise, mentioned
from pgmlang.model import Conditional, Model
from pgmlang.model.expr import (
    Apply,
    Choose,
    Const,
    Element,
    Expr,
    First,
    Identity,
    Reduce,
    Ref,
    Rename,
    Stack,
    children,
    inside_out,
    walk,
)
from pgmlang.normal import canonical_factors

NOT = math.inf
"""The degree of what is no polynomial."""


class Meeting(NamedTuple):
    """Elements of a variable that a factor multiplies: those at the two ends of an ``edges`` plate (``ends``), or
    ``lag`` rows apart in a chain ``plate``."""

    plate: str
    ends: tuple[str, str] | None = None
    lag: int = 0


def multilinear_reasons(model: Model, name: str) -> Iterator[Diagnostic]:
    """Why the log-density is not linear in each element of a bit or spin."""
    model = canonical_factors(model)
    variable = model.by_name[name]
    if variable.type.kind not in ("bit", "spin"):
        yield Diagnostic("PGM0602", f"`{name}` is {variable.type}, not bit or spin", variable.span)
        return
    for factor in model.factors:
        if name not in mentioned(model, factor, (name,)):
            continue
        if is_elementwise(model, factor, name):
            continue
        if isinstance(factor, Conditional):
            message = f"`{factor.target}` hangs on several elements of `{name}` by a distribution"
            yield Diagnostic("PGM0602", message, factor.span)
            continue
        degree = linear_degree(model, factor.value, name)
        if degree == NOT or (degree > 1 and _meetings_of(model, factor.value, name) is None):
            yield Diagnostic("PGM0602", f"a factor is not linear in each element of `{name}`", factor.span)


def meetings(model: Model, name: str) -> tuple[Meeting, ...]:
    """The pairs of its own elements that factors multiply; call it where there are no `multilinear_reasons`."""
    model = canonical_factors(model)
    out: dict[Meeting, None] = {}
    for factor in model.potentials:
        if name in mentioned(model, factor, (name,)) and not is_elementwise(model, factor, name):
            out.update(dict.fromkeys(_meetings_of(model, factor.value, name) or ()))
    return tuple(out)


def linear_degree(model: Model, expr: Expr, names: str | Collection[str]) -> float:
    """The degree of a canonical expression as a polynomial of the elements of a variable, or of several together; infinite
    for any other. A network's output counts as no polynomial of what goes in."""
    wanted = {names} if isinstance(names, str) else set(names)
    degrees: dict[int, float] = {}
    for node in inside_out(expr):
        degrees[id(node)] = _degree(model, node, wanted, degrees)
    return degrees[id(expr)]


def _degree(model: Model, expr: Expr, wanted: set[str], degrees: Mapping[int, float]) -> float:
    inside = [degrees[id(c)] for c in children(expr)]
    match expr:
        case Const() | First() | Element() | Identity():
            return 0
        case Ref(name=name):
            if any(inside):
                return NOT
            if name in wanted:
                return 1
            return NOT if wanted & below_definition(model, name) else 0
        case Apply(function="add") | Reduce(function="sum" | "mean") | Rename() | Stack():
            return max(inside)
        case Apply(function="mul"):
            return sum(inside)
        case Apply(function="pow", arguments=(_, Const(value=exponent))):
            is_whole = isinstance(exponent, float | int) and exponent >= 0 and float(exponent).is_integer()
            return inside[0] * float(exponent) if is_whole else (NOT if inside[0] else 0)
        case Choose():
            return NOT if inside[0] else max(inside[1:])
        case _:
            return NOT if any(inside) else 0


def _meetings_of(model: Model, expr: Expr, name: str) -> list[Meeting] | None:
    """Pairs that are multiplied in an expression; None where an element may meet itself or all others."""
    out: list[Meeting] = []
    for node in walk(expr):
        if isinstance(node, Ref) and name in below_definition(model, node.name):
            return None
        if not isinstance(node, Apply) or node.function not in ("mul", "pow"):
            continue
        if not all(linear_degree(model, a, name) for a in node.arguments):
            if node.function == "pow" and linear_degree(model, node, name) > 1:
                return None
            continue
        for a in _places(node.arguments[0], name):
            for b in _places(node.arguments[1], name):
                meeting = _meeting(model, name, a, b)
                if meeting is None:
                    return None
                out.append(meeting)
    return out


def _places(expr: Expr, name: str) -> list[Ref]:
    return [e for e in walk(expr) if isinstance(e, Ref) and e.name == name]


def _meeting(model: Model, name: str, a: Ref, b: Ref) -> Meeting | None:
    plates = model.by_name[name].plates
    if a.lag != b.lag and not a.index and not b.index:
        return Meeting(plates[-1], None, abs(a.lag - b.lag))
    ends = [end_of(model, r) for r in (a, b)]
    if ends[0] and ends[1] and ends[0] != ends[1]:
        of = model.plate_by_name[model.by_name[ends[0]].plates[-1]].structure
        if of is not None and of.of is not None:
            return Meeting(of.of, (ends[0], ends[1]))
    return None


def end_of(model: Model, ref: Ref) -> str:
    """The end of an ``edges`` plate that picks an element, or nothing."""
    for _, index in ref.index:
        if isinstance(index, Ref) and model.by_name[index.name].role == "index":
            return index.name
    return ""

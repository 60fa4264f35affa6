"""Whether a model's log-density is linear in each element of a binary variable, and which elements meet.

Where it is, the logit of an element given all the rest is the derivative by that element, and elements that no factor
brings together can be drawn at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import NamedTuple

from pgmlang.diagnostics import Diagnostic
from pgmlang.graph.summable import is_elementwise, mentioned
from pgmlang.model import Conditional, Model
from pgmlang.model.expr import Apply, Choose, Const, Contract, Expr, First, Reduce, Ref, Rename, children

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
    out: dict[Meeting, None] = {}
    for factor in model.potentials:
        if name in mentioned(model, factor, (name,)) and not is_elementwise(model, factor, name):
            out.update(dict.fromkeys(_meetings_of(model, factor.value, name) or ()))
    return tuple(out)


def linear_degree(model: Model, expr: Expr, names: str | Collection[str]) -> float:
    """The degree of an expression as a polynomial of the elements of a variable, or of several together; infinite for any
    other. A network's output counts as no polynomial of what goes in."""
    name = {names} if isinstance(names, str) else names
    match expr:
        case Const() | First():
            return 0
        case Ref():
            if any(linear_degree(model, index, name) for _, index in expr.index):
                return NOT
            if expr.name in model.definition_of:
                return linear_degree(model, model.definition_of[expr.name].value, name)
            return 1 if expr.name in name else 0
        case Apply(function=function, arguments=arguments):
            degrees = [linear_degree(model, a, name) for a in arguments]
            if function in ("add", "sub", "neg"):
                return max(degrees)
            if function == "mul":
                return sum(degrees)
            if function == "div" and degrees[1] == 0:
                return degrees[0]
            return NOT if any(degrees) else 0
        case Contract(left=left, right=right):
            return linear_degree(model, left, name) + linear_degree(model, right, name)
        case Reduce(function="sum" | "mean", body=body) | Rename(body=body):
            return linear_degree(model, body, name)
        case Choose(condition=condition, then=then, otherwise=otherwise):
            if linear_degree(model, condition, name):
                return NOT
            return max(linear_degree(model, then, name), linear_degree(model, otherwise, name))
        case _:
            return NOT if any(linear_degree(model, c, name) for c in children(expr)) else 0


def _meetings_of(model: Model, expr: Expr, name: str) -> list[Meeting] | None:
    """Pairs that are multiplied in an expression; None where an element may meet itself or all others."""
    out: list[Meeting] = []
    if isinstance(expr, Apply | Contract):
        parts = expr.arguments if isinstance(expr, Apply) else (expr.left, expr.right)
        multiplies = isinstance(expr, Contract) or (isinstance(expr, Apply) and expr.function == "mul")
        if multiplies and all(linear_degree(model, p, name) for p in parts):
            places = [_places(model, p, name) for p in parts]
            for a in places[0]:
                for b in places[1]:
                    meeting = _meeting(model, name, a, b)
                    if meeting is None or isinstance(expr, Contract):
                        return None
                    out.append(meeting)
    if isinstance(expr, Ref) and expr.name in model.definition_of:
        return _meetings_of(model, model.definition_of[expr.name].value, name)
    for child in children(expr):
        found = _meetings_of(model, child, name)
        if found is None:
            return None
        out.extend(found)
    return out


def _places(model: Model, expr: Expr, name: str) -> list[Ref]:
    if isinstance(expr, Ref):
        if expr.name == name:
            return [expr]
        if expr.name in model.definition_of:
            return _places(model, model.definition_of[expr.name].value, name)
    return [p for c in children(expr) for p in _places(model, c, name)]


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

"""Learned densities in a model's text: their sizes, what they are given, and what they are densities of."""

from __future__ import annotations

from pgmlang.diagnostics import Diagnostic
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.families import LEARNED, LearnedFamily
from pgmlang.model import Density, Net, Type, density_net
from pgmlang.model.expr import Const, Expr
from pgmlang.model.types import UNKNOWN
from pgmlang.sema.expressions import ExpressionBuilder
from pgmlang.sema.limits import MAX_WIDTH
from pgmlang.sema.scope import ExpressionContext, Scope
from pgmlang.syntax import ast

_BINARY = ("bit", "spin")


def learned_density(
    scope: Scope, expressions: ExpressionBuilder, node: ast.Call, name: str, axes: tuple[str, ...], declared: Type | None,
    context: ExpressionContext,
) -> tuple[Density | None, Type]:  # fmt: skip
    """``name[axes] ~ MADE(500, given = x)`` and the type of its draws; None after an error, which is reported."""
    family = LEARNED[node.function]
    sizes = [expressions.build(argument, context) for argument in node.arguments]
    given = [expressions.build(k.value, context) for k in node.keywords if k.name == "given"]
    problem = (
        _arguments(family, node)
        or next((p for size in sizes if (p := _size(family, size, node))), None)
        or _target(family, node, name, axes, declared)
    )
    if problem is not None:
        scope.report(problem)
        return None, declared or UNKNOWN
    if any(value.type is UNKNOWN for value in (*sizes, *given)):
        return None, declared or UNKNOWN
    if not family.module:
        message = f"`{family.name}` is not taken by any method yet"
        others = ", ".join(f"`{f.name}`" for f in LEARNED.values() if f.module)
        cure = (
            f"today there are {others}"
            if others
            else "write the distribution of each element, or a `net` inside it"
        )
        scope.report(Diagnostic("PGM0317", message, node.span, help=cure))
    numbers = tuple(int(size.value) for size in sizes if isinstance(size, Const))
    if family.module:
        inputs = tuple(next((a for a in value.axes if a not in axes), "real") for value in given)
        scope.density_nets[name] = Net(density_net(name), inputs, axes[-1:], family.name, numbers, (), node.span)
    return Density(family.name, numbers, tuple(given), node.span), declared or Type(family.support)


def _arguments(family: LearnedFamily, node: ast.Call) -> Diagnostic | None:
    for keyword in node.keywords:
        if keyword.name != "given":
            near = did_you_mean(keyword.name, ["given"]) or "it takes `given = x` beside its sizes"
            message = f"`{family.name}` has no argument `{keyword.name}`"
            return Diagnostic("PGM0306", message, keyword.span, help=near)
    if len([k for k in node.keywords if k.name == "given"]) > 1:
        return Diagnostic("PGM0306", "`given` is given twice", node.keywords[-1].span)
    if len(node.arguments) != family.sizes:
        wanted = "no size" if family.sizes == 0 else "1 size" if family.sizes == 1 else f"{family.sizes} sizes"
        example = ", ".join(["100"] * family.sizes)
        message = f"`{family.name}` takes {wanted}, {len(node.arguments)} given"
        return Diagnostic("PGM0305", message, node.span, help=f"write `{family.name}({example})`")
    return None


def _size(family: LearnedFamily, size: Expr, node: ast.Call) -> Diagnostic | None:
    value = size.value if isinstance(size, Const) else None
    is_whole = isinstance(value, int | float) and value >= 1 and float(value).is_integer()
    if size.type is UNKNOWN or (is_whole and value <= MAX_WIDTH):  # type: ignore[operator]
        return None
    if is_whole:
        message = f"a size of `{family.name}` is {value:,}; the limit is {MAX_WIDTH:,}"
        return Diagnostic("PGM0311", message, size.span or node.span, help="make it smaller")
    return Diagnostic("PGM0305", f"a size of `{family.name}` is a positive whole number", size.span or node.span)


def _target(
    family: LearnedFamily, node: ast.Call, name: str, axes: tuple[str, ...], declared: Type | None
) -> Diagnostic | None:
    if not axes:
        return Diagnostic("PGM0309", f"`{family.name}` is a density over an axis", node.span,
                          help=f"write `{name}[axis] ~ {family.name}(...)`")  # fmt: skip
    if len(axes) > 1:
        message = f"`{family.name}` is a density over one axis, and `{name}` has {len(axes)}"
        return Diagnostic("PGM0309", message, node.span,
                          help=f"write `{name}[{axes[-1]}] ~ {family.name}(...)` inside of a plate for `{axes[0]}`")  # fmt: skip
    kinds = _BINARY if family.support == "bit" else (family.support,)
    if declared is not None and declared.kind not in kinds:
        others = [f.name for f in LEARNED.values() if f.support == ("bit" if declared.kind in _BINARY else "real")]
        cure = (
            f"use {', '.join(others)}" if declared.kind in (*_BINARY, "real") else f"declare it `{family.support}`"
        )
        message = f"`{family.name}` is a density of {family.support} values, `{name}` is {declared}"
        return Diagnostic("PGM0401", message, node.span, help=cure)
    return None

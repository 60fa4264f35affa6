"""Chains: the plate that an expression steps along, and its first rows."""

from __future__ import annotations

from pgmlang.diagnostics import Span
from pgmlang.model.expr import Apply, Const, Element, Expr, First
from pgmlang.model.types import TRUTH
from pgmlang.sema.expression_scope import ExpressionScope, unknown, wrong_arity
from pgmlang.sema.limits import MAX_SIZE
from pgmlang.sema.scope import ExpressionContext
from pgmlang.syntax import ast


def chain_of(builder: ExpressionScope, context: ExpressionContext) -> str | None:
    for plate in reversed(context.plates):
        structure = builder.scope.plates[plate].structure
        if structure is not None and structure.kind == "chain":
            return plate
    return None


def first_rows(builder: ExpressionScope, count: int, span: Span, context: ExpressionContext) -> Expr:
    chain = chain_of(builder, context)
    if chain is None:
        builder.error("PGM0312", "`first` means the first row of a chain, and there is no chain here", span,
                    help="make the plate one: `plate step = chain { ... }`")  # fmt: skip
        return unknown(span)
    return First(TRUTH, (), span, count, chain)


def lag_of(builder: ExpressionScope, node: ast.Call, number: int) -> int | None:
    if len(node.arguments) <= number:
        return 1
    argument = node.arguments[number]
    if isinstance(argument, ast.Number) and argument.value >= 1 and argument.value.is_integer():
        if argument.value <= MAX_SIZE:
            return int(argument.value)
        builder.error("PGM0312", f"`{node.function}` counts at most {MAX_SIZE:,} rows", argument.span)
        return None
    builder.error("PGM0312", f"`{node.function}` counts rows: a whole number from 1", argument.span)
    return None


def first_call(builder: ExpressionScope, node: ast.Call, context: ExpressionContext) -> Expr:
    if len(node.arguments) != 1 or node.keywords:
        wrong_arity(builder, node, 1)
        return unknown(node.span)
    count = lag_of(builder, node, 0)
    return unknown(node.span) if count is None else first_rows(builder, count, node.span, context)


_TURNED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}


def rows_compared(builder: ExpressionScope, function: str, left: Expr, right: Expr, span: Span) -> Expr | None:
    """``position(t) < 2`` of a chain is ``first(2)``, so that it excludes rows as that does; None for any other comparison."""
    if isinstance(right, Element) and function in _TURNED:
        function, left, right = _TURNED[function], right, left
    if not isinstance(left, Element) or left.axes or left.type.kind == "labels" or not isinstance(right, Const):
        return None
    structure, number = builder.scope.plates[left.axis].structure, right.value
    if structure is None or structure.kind != "chain" or not isinstance(number, int) or number < 0:
        return None

    def among_first(count: int) -> Expr:
        return First(TRUTH, (), span, count, left.axis)

    def among_later(count: int) -> Expr:
        return Apply(TRUTH, (), span, "not", (among_first(count),))

    match function:
        case "lt" if number:
            return among_first(number)
        case "ge" if number:
            return among_later(number)
        case "le":
            return among_first(number + 1)
        case "gt":
            return among_later(number + 1)
        case "eq":
            first = among_first(number + 1)
            return Apply(TRUTH, (), span, "and", (first, among_later(number))) if number else first
        case "ne":
            later = among_later(number + 1)
            return Apply(TRUTH, (), span, "or", (later, among_first(number))) if number else later
    return None

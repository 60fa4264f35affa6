"""Operators and ``if``: elementwise, comparisons with labels, contractions, and what a condition excludes."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics import Span
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model.expr import Apply, Choose, Const, Contract, Expr, Rename
from pgmlang.model.guards import excluded_rows
from pgmlang.model.types import REAL, TRUTH, UNKNOWN, Type
from pgmlang.sema.arithmetic import number_type, operator_type, wider
from pgmlang.sema.chains import rows_compared
from pgmlang.sema.elements import as_label, axis_named
from pgmlang.sema.expression_scope import ExpressionScope, label_cure, listed_axes, listed_names, merge, unknown
from pgmlang.sema.matrices import matrix_product, rectangular_product
from pgmlang.sema.scope import ExpressionContext
from pgmlang.sema.vectors import sides
from pgmlang.signatures.functions import OPERATORS
from pgmlang.syntax import ast

LONG = 32
"""Operators one after the other from which on they are a tree of few levels: what looks at it goes down by recursion."""
_INVERSE = {"+": "-", "*": "/"}


def unary(builder: ExpressionScope, node: ast.UnaryOperation, context: ExpressionContext) -> Expr:
    operand = builder.build(node.operand, context)
    if operand.type is UNKNOWN:
        return unknown(node.span)
    if node.op == "not":
        builder.need_kind(operand, "truth", "`not`")
        return Apply(TRUTH, operand.axes, node.span, "not", (operand,))
    if isinstance(operand, Const) and isinstance(operand.value, int | float):
        return Const(number_type(-operand.value), (), node.span, -operand.value)
    builder.need_number(operand)
    return Apply(REAL if operand.type.kind != "spin" else operand.type, operand.axes, node.span, "neg", (operand,))


def binary(builder: ExpressionScope, node: ast.Binary, context: ExpressionContext) -> Expr:
    if node.op == "@":
        return _contract(builder, node, context)
    if node.op in ("==", "!="):
        labelled = _label_comparison(builder, node, context)
        if labelled is not None:
            return labelled
    first, spine = ast.left_spine(node, next((g for g in ast.FLAT if node.op in g), ()))
    if len(spine) > LONG:
        operands = [builder.build(e, context) for e in (first, *(b.right for b in spine))]
        return _balanced(builder, operands, [b.op for b in spine], node.span)
    left, right = sides(builder, node, context)
    return _operation(builder, node.op, left, right, node.span)


def _balanced(builder: ExpressionScope, operands: list[Expr], ops: list[str], span: Span) -> Expr:
    """A long sum, product, ``and`` or ``or`` as a tree of few levels. ``ops`` stand before every operand but the first;
    what is subtracted as a whole has its own signs turned round."""
    if len(operands) == 1:
        return operands[0]
    middle = len(operands) // 2
    op, later = ops[middle - 1], ops[middle:]
    if op in _INVERSE.values():
        turned = {**_INVERSE, **{v: k for k, v in _INVERSE.items()}}
        later = [turned[o] for o in later]
    left = _balanced(builder, operands[:middle], ops[: middle - 1], span)
    right = _balanced(builder, operands[middle:], later, span)
    inner = left.span.to(right.span) if left.span is not None and right.span is not None else span
    return _operation(builder, op, left, right, inner)


def _operation(builder: ExpressionScope, op: str, left: Expr, right: Expr, span: Span) -> Expr:
    """``left op right`` of two values."""
    if UNKNOWN in (left.type, right.type):
        return unknown(span)
    function = OPERATORS[op]
    if function in ("and", "or"):
        builder.need_kind(left, "truth", f"`{op}`")
        builder.need_kind(right, "truth", f"`{op}`")
    elif "labels" in (left.type.kind, right.type.kind):
        if function not in ("eq", "ne") or left.type.kind != right.type.kind:
            bad = left if left.type.kind == "labels" else right
            builder.error("PGM0307", "labels are not numbers", bad.span or span, label_cure(bad))
            return unknown(span)
        if left.type != right.type and (left.type.axis or right.type.axis):
            builder.error("PGM0307", f"a label of {left.type} never equals one of {right.type}", span)
            return unknown(span)
    first = rows_compared(builder, function, left, right, span)
    if first is not None:
        return first
    return Apply(operator_type(function, left, right), merge(left.axes, right.axes), span, function, (left, right))


def _label_comparison(builder: ExpressionScope, node: ast.Binary, context: ExpressionContext) -> Expr | None:
    """``rain == yes``: one side has labels, the other is one of them."""
    for side, other in ((node.left, node.right), (node.right, node.left)):
        label = as_label(builder, other, context)
        is_word = as_label(builder, side, context) is not None and axis_named(builder, side, context) is None
        if label is None or is_word:
            continue
        axis = axis_named(builder, other, context)
        if isinstance(other, ast.Number) or axis is not None:
            with builder.scope.quiet():
                probe = builder.build(side, context)
            if probe.type.kind != "labels" or (
                axis is not None and not _is_label(builder, label, axis, probe.type)
            ):
                continue
        value = builder.build(side, context)
        if value.type is UNKNOWN:
            return unknown(node.span)
        if value.type.kind != "labels":
            return None
        labels = builder.scope.type_labels(value.type)
        if labels is not None and label not in labels:
            cure = did_you_mean(label, labels) or f"its labels are {listed_names(labels)}"
            named = axis_named(builder, side, context)
            if isinstance(other, ast.Number) and named is not None:
                cure = f"compare the position: `position({named}) {node.op} {label}`"
            builder.error("PGM0209", f"`{label}` is not a label of {value.type}", other.span, cure)
            return unknown(node.span)
        constant = Const(value.type, (), other.span, label)
        return Apply(TRUTH, value.axes, node.span, OPERATORS[node.op], (value, constant))
    return None


def _is_label(builder: ExpressionScope, word: str, axis: str, type_: Type) -> bool:
    """Whether a word that is the name of an axis too is a label beside a value of this type."""
    labels = builder.scope.type_labels(type_)
    return word in labels if labels is not None else type_.axis != builder.scope.root(axis)


def _contract(builder: ExpressionScope, node: ast.Binary, context: ExpressionContext) -> Expr:
    if (turned := rectangular_product(builder, node, context)) is not None:
        return turned
    left, right = sides(builder, node, context, is_contracted=True)
    if UNKNOWN in (left.type, right.type):
        return unknown(node.span)
    builder.need_number(left)
    builder.need_number(right)
    product = matrix_product(builder, left, right, node.span, context)
    if product is not None:
        return product
    shared = [a for a in left.axes if a in right.axes and a not in context.plates]
    if len(shared) != 1:
        both = f"{listed_axes(left.axes)} and {listed_axes(right.axes)}"
        axis = shared[0] if shared else (left.axes or right.axes or ("a",))[0]
        reason = "they share none" if not shared else "they share " + listed_names(shared)
        builder.error("PGM0303", f"`@` sums over the one axis both sides have: {both}, {reason}", node.span,
                    f"say which: `sum(x * y, over = {axis})`")  # fmt: skip
        return unknown(node.span)
    axes = merge(tuple(a for a in left.axes if a != shared[0]), tuple(a for a in right.axes if a != shared[0]))
    kind = operator_type("mul", left, right)
    result = Type("positive") if kind.fits("positive") else REAL
    return Contract(result, axes, node.span, left, right, shared[0])


def choice(builder: ExpressionScope, node: ast.If, context: ExpressionContext) -> Expr:
    condition = builder.build(node.condition, context)
    if condition.type is not UNKNOWN:
        builder.need_kind(condition, "truth", "the condition of `if`")
    then = builder.build(node.then, guarded(builder, context, condition, True))
    otherwise = builder.build(node.otherwise, guarded(builder, context, condition, False))
    if UNKNOWN in (then.type, otherwise.type):
        known = otherwise if then.type is UNKNOWN else then
        return known if builder.scope.muted else unknown(node.span)
    otherwise = _same_axes(builder, then, otherwise)
    if then.type.kind == "labels" or otherwise.type.kind == "labels":
        if then.type != otherwise.type:
            builder.error("PGM0307", f"the branches differ: {then.type} and {otherwise.type}", node.span)
            return unknown(node.span)
        result = then.type
    else:
        result = wider(then.type, otherwise.type)
    axes = merge(condition.axes, then.axes, otherwise.axes)
    return Choose(result, axes, node.span, condition, then, otherwise)


def guarded(
    builder: ExpressionScope, context: ExpressionContext, condition: Expr, holds: bool
) -> ExpressionContext:
    """The place where a condition holds, or does not: some first rows of a chain may be excluded there."""

    def value_of(name: str) -> Expr | None:
        symbol = builder.scope.symbol(name, context)
        stated = symbol.stated if symbol is not None and symbol.role == "derived" else None
        return stated if isinstance(stated, Expr) else None

    return replace(context, excluded_first=max(context.excluded_first, excluded_rows(condition, holds, value_of)))


def _same_axes(builder: ExpressionScope, then: Expr, otherwise: Expr) -> Expr:
    """Renames the one axis of ``otherwise`` that is ``like`` the one ``then`` has instead."""
    mine = [a for a in then.axes if a not in otherwise.axes]
    its = [a for a in otherwise.axes if a not in then.axes]
    if len(mine) == len(its) == 1 and builder.scope.root(mine[0]) == builder.scope.root(its[0]):
        axes = tuple(mine[0] if a == its[0] else a for a in otherwise.axes)
        return Rename(otherwise.type, axes, otherwise.span, otherwise, its[0], mine[0])
    return otherwise

"""Matrices in expressions: which two axes of a value are rows and columns, products, and the functions of ``signatures/matrices.py``."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics import Span
from pgmlang.model.expr import Apply, Contract, Expr, Identity, MatrixApply, Reduce
from pgmlang.model.identities import diagonal_of
from pgmlang.model.types import BIT, REAL, UNKNOWN, Type
from pgmlang.sema.arithmetic import operator_type
from pgmlang.sema.expression_scope import ExpressionScope, listed_axes, merge, renamed, unknown
from pgmlang.sema.kernels import KERNELS, kernel
from pgmlang.sema.scope import PRIME, Along, ExpressionContext, Scope
from pgmlang.signatures.matrices import MATRIX_FUNCTIONS, MatrixFunction
from pgmlang.syntax import ast

Pair = tuple[str, str]


def own_axes(expr: Expr, context: ExpressionContext) -> tuple[str, ...]:
    """The axes of a value that are not plates around it."""
    return tuple(a for a in expr.axes if a not in context.plates)


def times(left: Expr, right: Expr, span: Span | None) -> Expr:
    """The product of two values, element by element."""
    return Apply(operator_type("mul", left, right), merge(left.axes, right.axes), span, "mul", (left, right))


# ---- products


def matrix_product(
    builder: ExpressionScope, left: Expr, right: Expr, span: Span, context: ExpressionContext
) -> Expr | None:
    """``left @ right`` as rows by columns, where one of them is a square matrix with a primed axis and the other is a matrix or
    vector of the same elements; None for anything else, which sums over the axis that both have."""
    scope = builder.scope
    mine, its = own_axes(left, context), own_axes(right, context)
    a, b = scope.square(mine), scope.square(its)
    if not any(axis.endswith(PRIME) for pair in (a, b) if pair is not None for axis in pair):
        return None
    root = scope.root((a or b or ("",))[0])
    x = [axis for axis in mine if scope.root(axis) == root]
    y = [axis for axis in its if scope.root(axis) == root]
    if not x or not y or len(x) > 2 or len(y) > 2:
        return None
    rows, inner = a if a is not None else (None, x[0])
    first, columns = b if b is not None else (y[0], None)
    if columns is None and (values := diagonal_of(left, rows, inner)) is not None:
        return times(values, renamed(right, first, rows), span)  # type: ignore[arg-type]
    if rows is None and (values := diagonal_of(right, first, columns)) is not None:
        return times(left, renamed(values, first, inner), span)
    if rows is not None and columns is not None:
        return _of_matrices(scope, left, right, (rows, inner), (first, columns), span)
    between = _free(scope, inner, (*left.axes, *right.axes))
    out = Contract(REAL, (), span, renamed(left, inner, between), renamed(right, first, between), between)
    axes = tuple(axis for axis in merge(out.left.axes, out.right.axes) if axis != between)
    out = replace(out, axes=axes)
    return renamed(out, columns, first) if rows is None and columns is not None and first not in axes else out


def rectangular_product(builder: ExpressionScope, node: ast.Binary, context: ExpressionContext) -> Expr | None:
    """``A @ transpose(B)`` and ``transpose(A) @ B`` of a matrix along two different axes, by rows and columns: over the columns of both, or over their
    rows; an axis that both would leave has a prime on the right. None for anything else."""
    turned_left, turned_right = _turned(builder, node.left), _turned(builder, node.right)
    if (turned_left is None) == (turned_right is None):
        return None
    with builder.scope.quiet():
        left, right = (
            builder.build(turned_left or node.left, context),
            builder.build(turned_right or node.right, context),
        )
    own = own_axes(left if turned_left is not None else right, context)
    scope = builder.scope
    if UNKNOWN in (left.type, right.type) or len(own) != 2 or scope.square(own) is not None:
        return None
    kept, summed = own if turned_left is None else own[::-1]
    beside = own_axes(right if turned_left is not None else left, context)
    matching = [a for a in beside if scope.root(a) == scope.root(summed)]
    if not matching:
        return None
    over = matching[0] if turned_left is not None else matching[-1]
    if turned_left is not None:
        left = renamed(left, summed, over)
        right = renamed(right, kept, _free(scope, kept, left.axes)) if kept in right.axes else right
    else:
        right = renamed(right, summed, over)
        right = renamed(right, kept, _free(scope, kept, left.axes)) if kept in left.axes else right
    axes = tuple(a for a in merge(left.axes, right.axes) if a != over)
    return Contract(REAL, axes, node.span, left, right, over)


def _turned(builder: ExpressionScope, node: ast.Expr) -> ast.Expr | None:
    """What a transposition is of; None of anything else, a definition of that name too."""
    is_one = (
        isinstance(node, ast.Call)
        and node.function == "transpose"
        and not builder.expander.knows(node.function)
        and not builder.is_net(node.function)
        and len(node.arguments) == 1
        and not node.keywords
    )
    return node.arguments[0] if isinstance(node, ast.Call) and is_one else None


def _of_matrices(scope: Scope, left: Expr, right: Expr, a: Pair, b: Pair, span: Span) -> Expr:
    """The product of two square matrices; of a diagonal one its rows or columns by numbers."""
    (rows, inner), (first, columns) = a, b
    last = columns if columns != rows else inner
    right_of = _turned_to(scope, right, b, (first, last)) if last != columns else right
    if (values := diagonal_of(left, rows, inner)) is not None:
        whole = _turned_to(scope, right_of, (first, last), (rows, last))
        return times(values, whole, span)
    if (values := diagonal_of(right, first, columns)) is not None:
        whole = _turned_to(scope, left, a, (rows, last))
        return times(whole, renamed(values, first, last), span)
    between = _free(scope, inner, (*left.axes, *right_of.axes))
    one, other = renamed(left, inner, between), renamed(right_of, first, between)
    axes = tuple(axis for axis in merge(one.axes, other.axes) if axis != between)
    return Contract(REAL, axes, span, one, other, between)


def _free(scope: Scope, axis: str, taken: tuple[str, ...]) -> str:
    """An axis of the same elements that no value here has."""
    while axis in taken:
        axis = scope.second(axis)
    return axis


def _turned_to(scope: Scope, matrix: Expr, axes: Pair, wanted: Pair) -> Expr:
    """A matrix with other names for its rows and columns."""
    (rows, columns), (to_rows, to_columns) = axes, wanted
    if columns != to_columns and to_columns == rows:
        between = _free(scope, rows, (*matrix.axes, *wanted))
        return renamed(renamed(renamed(matrix, rows, between), columns, to_columns), between, to_rows)
    return renamed(renamed(matrix, columns, to_columns), rows, to_rows)


def rows_along(scope: Scope, matrix: Expr, event: tuple[str, ...]) -> Expr:
    """A matrix whose rows are along the first axis of an event."""
    pair = scope.square(tuple(a for a in matrix.axes if scope.root(a) == scope.root(event[0])))
    if pair is None or pair[0] == event[0]:
        return matrix
    rows, columns = pair
    return _turned_to(scope, matrix, pair, (event[0], columns if columns != event[0] else rows))


# ---- functions


def matrix_call(builder: ExpressionScope, node: ast.Call, context: ExpressionContext) -> Expr:
    """A function of ``signatures/matrices.py``."""
    row = MATRIX_FUNCTIONS[node.function]
    given = _matched(builder, row, node)
    if given is None:
        return unknown(node.span)
    over = _over(builder, row, node)
    if over == "":
        return unknown(node.span)
    pair = context.along.axes[-2:] if context.along.event == 2 else ()
    values: dict[str, Expr] = {}
    for name, argument in given.items():
        along = Along()
        if name == "a" and pair:
            along = context.along
        elif name in ("x", "u", "v") and pair:
            along = Along((*context.along.axes[:-2], pair[0]), 1)
        values[name] = builder.build(argument, replace(context, along=along))
    if any(v.type is UNKNOWN for v in values.values()):
        return unknown(node.span)
    for value in values.values():
        builder.need_number(value)
        if not value.type.is_numeric:
            return unknown(node.span)
    if row.name in KERNELS:
        axis = _vector_axis(builder, node, values["x"], over, context)
        return (
            unknown(node.span)
            if axis is None
            else kernel(builder, node, values, second_of(builder.scope, axis, context), context)
        )
    if row.name == "outer":
        return _outer(builder, node, values, over, context)
    if row.name == "diag" and builder.scope.square(own_axes(values["x"], context)) is None:
        return _diagonal_matrix(builder, node, values["x"], over, context)
    return _of_matrix(builder, node, next(iter(values.values())), context)


def second_of(scope: Scope, axis: str, context: ExpressionContext) -> Pair:
    """An axis and the second name that it has at a place: that of the left-hand side, else its own with a prime."""
    pair = context.along.axes[-2:] if context.along.event == 2 else ()
    if axis in pair and scope.root(pair[0]) == scope.root(pair[1]):
        return axis, pair[1] if axis == pair[0] else pair[0]
    return axis, scope.second(axis)


def _matched(builder: ExpressionScope, row: MatrixFunction, node: ast.Call) -> dict[str, ast.Expr] | None:
    """Arguments by the names of parameters."""
    given = dict(zip(row.parameters, node.arguments, strict=False))
    for keyword in node.keywords:
        if keyword.name == "over" and row.takes_axis:
            continue
        if keyword.name not in row.parameters or keyword.name in given:
            builder.error("PGM0306", f"`{row.name}` has no (further) argument `{keyword.name}`", keyword.span,
                          f"it is `{row.call}`")  # fmt: skip
            return None
        given[keyword.name] = keyword.value
    needed = [p for p in row.parameters if p not in dict(row.defaults) and not (row.name == "outer" and p == "v")]
    missing = [p for p in needed if p not in given]
    if missing or len(node.arguments) > len(row.parameters):
        what = f"also needs `{missing[0]}`" if missing else f"takes {len(row.parameters)} arguments"
        builder.error("PGM0305", f"`{row.name}` {what}", node.span, f"it is `{row.call}`")
        return None
    return given


def _over(builder: ExpressionScope, row: MatrixFunction, node: ast.Call) -> str | None:
    """The axis of ``over = axis``; empty after an error."""
    for keyword in node.keywords:
        if keyword.name == "over" and row.takes_axis:
            axis = builder.axis(keyword.value.name) if isinstance(keyword.value, ast.Name) else None
            if axis is None:
                builder.error("PGM0201", "`over` takes a dim or plate", keyword.value.span)
                return ""
            return axis
    return None


def _vector_axis(
    builder: ExpressionScope, node: ast.Call, value: Expr, over: str | None, context: ExpressionContext
) -> str | None:
    """The axis that a vector's elements are rows along; reports a value that has none, or several."""
    own = own_axes(value, context)
    if over is not None:
        if over in own:
            return over
        builder.error("PGM0302", f"the value has no axis `{over}`, only {listed_axes(own)}", node.span)
        return None
    pair = context.along.axes[-2:] if context.along.event == 2 else ()
    if pair and pair[0] in own:
        return pair[0]
    batch = context.along.axes[:-2] if pair else ()
    left = tuple(a for a in own if a not in batch)
    if len(left) == 1:
        return left[0]
    builder.error("PGM0303", f"`{node.function}` needs to know its axis: the value has {listed_axes(own)}", node.span,
                  f"write `{node.function}(..., over = axis)`")  # fmt: skip
    return None


def _diagonal_matrix(
    builder: ExpressionScope, node: ast.Call, value: Expr, over: str | None, context: ExpressionContext
) -> Expr:
    pair = context.along.axes[-2:] if context.along.event == 2 else ()
    if pair and over is None and not set(own_axes(value, context)) & {*pair}:
        # one number for all elements
        return times(value, Identity(BIT, pair, node.span, *pair), node.span)
    axis = _vector_axis(builder, node, value, over, context)
    if axis is None:
        return unknown(node.span)
    pair = second_of(builder.scope, axis, context)
    out = times(value, Identity(BIT, pair, node.span, *pair), node.span)
    return replace(out, type=Type("cov")) if value.type.fits("positive") else replace(out, type=REAL)


def _outer(
    builder: ExpressionScope, node: ast.Call, values: dict[str, Expr], over: str | None, context: ExpressionContext
) -> Expr:
    u, v = values["u"], values.get("v", values["u"])
    axes = [_vector_axis(builder, node, e, over, context) for e in (u, v)]
    if axes[0] is None or axes[1] is None:
        return unknown(node.span)
    if axes[0] == axes[1]:
        return times(u, renamed(v, axes[1], second_of(builder.scope, axes[1], context)[1]), node.span)
    return times(u, v, node.span)


def _of_matrix(builder: ExpressionScope, node: ast.Call, value: Expr, context: ExpressionContext) -> Expr:
    scope, span = builder.scope, node.span
    pair = scope.square(own_axes(value, context))
    if pair is None and node.function == "transpose" and len(own_axes(value, context)) == 2:
        # of two axes with names of their own either is the rows
        return value
    if pair is None:
        message = f"`{node.function}` takes a square matrix, this has {listed_axes(own_axes(value, context))}"
        builder.error("PGM0307", message, value.span or span, "a matrix has an axis twice, as in `S[coef, coef']`")
        return unknown(span)
    rows, columns = pair
    rest = tuple(a for a in value.axes if a not in pair)
    match node.function:
        case "transpose":
            return _turned_to(scope, value, pair, (columns, rows))
        case "diag":
            one = times(value, Identity(BIT, pair, span, rows, columns), span)
            kind = value.type if value.type.kind not in ("cov", "corr") else Type("positive")
            return Reduce(kind, (*rest, rows), span, "sum", one, columns, False)
        case "det" | "logdet":
            kind = Type("positive") if node.function == "det" and value.type.fits("cov") else REAL
            return MatrixApply(kind, rest, span, node.function, value, rows, columns)
        case "inverse" if value.type.fits("cov"):
            return MatrixApply(Type("cov"), (*rest, *pair), span, "inverse", value, rows, columns)
        case "cholesky" if value.type.fits("corr"):
            return MatrixApply(Type("cholesky_corr"), (*rest, *pair), span, "cholesky", value, rows, columns)
    return MatrixApply(REAL, (*rest, *pair), span, node.function, value, rows, columns)

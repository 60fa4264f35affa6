"""Vectors and matrices written out, ``[0, 1]`` and ``[[1, 0.5], [0.5, 1]]``: the axes they lie along, which the place tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from pgmlang.diagnostics import Diagnostic, Span
from pgmlang.model.constants import is_positive_definite, numbers_of
from pgmlang.model.expr import Expr, Stack
from pgmlang.model.types import UNKNOWN, Type
from pgmlang.sema.arithmetic import wider
from pgmlang.sema.expression_scope import ExpressionScope, listed_axes, merge, unknown
from pgmlang.sema.scope import Along, ExpressionContext, Scope
from pgmlang.syntax import ast


def vector(builder: ExpressionScope, node: ast.Vector, context: ExpressionContext) -> Expr:
    """A vector or matrix along the axes of its place. Reports one that fits none, or several."""
    shape = _shape(node)
    if shape is None:
        builder.error("PGM0318", "the rows of a matrix are lists of one length", node.span,
                      "write every row as a list: `[[1, 0.5], [0.5, 1]]`")  # fmt: skip
        return unknown(node.span)
    inside = replace(context, along=Along())
    entries = [builder.build(e, inside) for e in _entries(node, len(shape))]
    if any(e.type is UNKNOWN for e in entries):
        return unknown(node.span)
    for entry in entries:
        builder.need_number(entry)
        if not entry.type.is_numeric:
            return unknown(node.span)
    axes = _axes(builder, node, shape, context.along, merge(*(e.axes for e in entries)))
    return unknown(node.span) if axes is None else _stacked(entries, shape, axes, node.span)


def _entries(node: ast.Vector, depth: int) -> Iterator[ast.Expr]:
    for entry in node.entries:
        if depth > 1 and isinstance(entry, ast.Vector):
            yield from _entries(entry, depth - 1)
        else:
            yield entry


def _shape(node: ast.Vector) -> tuple[int, ...] | None:
    """The length of each level of lists; None where they differ."""
    inner = {_shape(e) if isinstance(e, ast.Vector) else () for e in node.entries}
    if len(inner) > 1 or None in inner:
        return None
    return (len(node.entries), *(inner.pop() or ()))


def _stacked(entries: list[Expr], shape: tuple[int, ...], axes: tuple[str, ...], span: Span) -> Expr:
    """Entries, row by row, as one value along ``axes``."""
    for axis, size in zip(reversed(axes), reversed(shape), strict=True):
        rows = [entries[i : i + size] for i in range(0, len(entries), size)]
        entries = [
            Stack(_entry_type(row), merge((axis,), *(e.axes for e in row)), span, tuple(row), axis) for row in rows
        ]
    (whole,) = entries
    return replace(whole, type=_narrowed(whole, len(shape)))


def _entry_type(entries: list[Expr]) -> Type:
    type_ = entries[0].type
    for entry in entries[1:]:
        type_ = wider(type_, entry.type)
    return type_


def _narrowed(whole: Expr, depth: int) -> Type:
    """The type of a matrix of constants by its values: a covariance, or correlations."""
    numbers = numbers_of(whole) if depth == 2 else None
    if numbers is None or not is_positive_definite(numbers):
        return whole.type
    return Type("corr" if all(row[i] == 1 for i, row in enumerate(numbers)) else "cov")


# ---- the axes of a place


def _axes(
    builder: ExpressionScope, node: ast.Vector, shape: tuple[int, ...], along: Along, taken: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Which of a place's axes a value of a shape lies along; None after an error."""
    scope, what = builder.scope, "matrix" if len(shape) > 1 else "vector"
    for axes in along.preferred(len(shape)):
        if not set(axes) & set(taken):
            return axes if _fits(scope, node, shape, axes) else None
    free = tuple(a for a in along.axes if a not in taken)
    fitting = [axes for axes in combinations(free, len(shape)) if tuple(map(scope.size, axes)) == shape]
    if len(fitting) == 1:
        return fitting[0]
    name = "m" if what == "matrix" else "v"
    cure = f"write it on a line of its own with its axes, as in `{name}[{', '.join('abcdefgh'[: len(shape)])}] = [...]`, and `{name}` here"
    if not free:
        builder.error("PGM0318", f"nothing here says which axis this {what} lies along", node.span, cure)
    elif fitting:
        named = " and ".join(listed_axes(axes) for axes in fitting)
        builder.error("PGM0318", f"this {what} fits {named} alike", node.span, cure)
    elif len(free) < len(shape):
        builder.error(
            "PGM0318", f"a {what} has {len(shape)} axes, and here is {listed_axes(free)}", node.span, cure
        )
    elif len(free) == len(shape):
        _fits(scope, node, shape, free)
    else:
        size = " x ".join(map(str, shape))
        builder.error(
            "PGM0318", f"no axes of {listed_axes(free)} have {size} elements", node.span, _lengths(scope, free)
        )
    return None


def _fits(scope: Scope, node: ast.Vector, shape: tuple[int, ...], axes: tuple[str, ...]) -> bool:
    """Whether lengths are those of the axes; reports what is not."""
    for axis, size in zip(axes, shape, strict=True):
        wanted = scope.size(axis)
        if wanted is None:
            root = scope.root(axis)
            cure = f"say its labels: `dim {root} = {{a, b}}`, or its size: `dim {root}[{size}]`"
            if root in scope.plates:
                cure = f"make it an input of the plate: `plate {root} {{ input x : real }}`"
            message = f"the elements of `{axis}` and their order are known from the data alone"
            scope.report(Diagnostic("PGM0318", message, node.span, help=cure))
            return False
        if wanted != size:
            message = f"{size} {'entry' if size == 1 else 'entries'} along `{axis}`, which has {wanted} elements"
            scope.report(Diagnostic("PGM0318", message, node.span, help=_lengths(scope, (axis,))))
            return False
    return True


def _lengths(scope: Scope, axes: tuple[str, ...]) -> str:
    """The elements of axes, for a message."""
    told = []
    for axis in axes:
        labels = scope.axes_model.axis_labels(axis)
        size = scope.size(axis)
        if labels is not None and len(labels) <= 12:
            told.append(f"`{axis}` is {', '.join(labels)}")
        elif size is not None:
            told.append(f"`{axis}` has {size:,} elements")
    return "; ".join(told)


# ---- literals beside other values


def is_written_out(node: ast.Expr, diagonals: bool = True) -> bool:
    """Whether an expression has a vector in it that is written out, or (with ``diagonals``) a diagonal matrix: their axes are told
    by the place."""
    pending: list[ast.Expr] = [node]
    while pending:
        match pending.pop():
            case ast.Vector():
                return True
            case ast.Call(function="diag") if diagonals:
                return True
            case ast.UnaryOperation(operand=operand):
                pending.append(operand)
            case ast.Binary(op=op, left=left, right=right) if op != "@":
                pending += [left, right]
            case ast.If(then=then, otherwise=otherwise):
                pending += [then, otherwise]
            case ast.Call(arguments=arguments):
                pending += arguments
    return False


def _has_vector(node: ast.Expr) -> bool:
    return is_written_out(node, diagonals=False)


def written_length(node: ast.Expr) -> int | None:
    """The length of the first vector written in an expression; None where there is none."""
    match node:
        case ast.Vector(entries=entries):
            inner = written_length(entries[0])
            return len(entries) if inner is None else inner
        case ast.UnaryOperation(operand=operand):
            return written_length(operand)
        case ast.Binary(left=left, right=right):
            return next((n for e in (left, right) if (n := written_length(e)) is not None), None)
        case ast.Call(arguments=arguments):
            return next((n for e in arguments if (n := written_length(e)) is not None), None)
    return None


def sides(
    builder: ExpressionScope, node: ast.Binary, context: ExpressionContext, is_contracted: bool = False
) -> tuple[Expr, Expr]:
    """Both sides of an operation; a vector written out on one lies along the axes of the other where nothing else says
    its axes, and always where the two are contracted."""
    both = [node.left, node.right]
    written = [is_written_out(side, diagonals=not is_contracted) for side in both]
    if is_contracted:
        context = replace(context, along=Along())
    if sum(written) != 1 or (
        context.along.axes and not (context.along.event < 2 and not any(map(_has_vector, both)))
    ):
        return builder.build(node.left, context), builder.build(node.right, context)
    first = 1 if written[0] else 0
    known = builder.build(both[first], context)
    if known.type is UNKNOWN:  # an error in one side says nothing of the other's axes
        return known, known
    axes = tuple(a for a in known.axes if a not in context.plates)
    pair = builder.scope.square(axes) or ()
    axes = (*(a for a in axes if a not in pair), *pair)
    along = Along(axes, 2 if pair else 1 if len(axes) == 1 else 0)
    other = builder.build(both[1 - first], replace(context, along=along))
    return (known, other) if first == 0 else (other, known)

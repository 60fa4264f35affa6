"""Kernels: covariances of the values of a function at points, by how far these are apart (Rasmussen and Williams 2006, 4.2)."""

from __future__ import annotations

import math

from pgmlang.diagnostics import Span
from pgmlang.model.expr import Apply, Choose, Const, Expr, Identity, Reduce, Rename
from pgmlang.model.types import BIT, REAL, TRUTH, UNKNOWN, Type
from pgmlang.sema.arithmetic import number_type, operator_type
from pgmlang.sema.expression_scope import ExpressionScope, merge, unknown
from pgmlang.sema.scope import ExpressionContext
from pgmlang.signatures.functions import FUNCTIONS
from pgmlang.signatures.matrices import MATRIX_FUNCTIONS
from pgmlang.syntax import ast

KERNELS = ("exp_quad", "matern", "periodic")
SMOOTHNESS = (0.5, 1.5, 2.5)
"""The ``nu`` of the Matern kernels that are a polynomial times an exponential."""


def kernel(
    builder: ExpressionScope,
    node: ast.Call,
    values: dict[str, Expr],
    axes: tuple[str, str],
    context: ExpressionContext,
) -> Expr:
    """The matrix along ``axes`` of a kernel of points ``x``, which lie along the first of these and, where they have several
    coordinates, along a further axis of their own."""
    row, span = MATRIX_FUNCTIONS[node.function], node.span
    for name in ("scale", "length", "period", "noise", "jitter"):
        if name in values and builder.supports.misses(
            values[name], "nonnegative" if name in ("noise", "jitter") else "positive"
        ):
            builder.error("PGM0410", f"`{name}` of `{row.name}` must be positive, {builder.supports.shown(values[name])}",
                          values[name].span)  # fmt: skip
            return unknown(span)
    say = _Said(span)
    defaults = {name: say.number(value) for name, value in row.defaults}
    given = {**defaults, **values}
    rows, columns = axes
    x = given["x"]
    there = Rename(x.type, tuple(columns if a == rows else a for a in x.axes), span, x, rows, columns)
    gap = say.of("sub", x, there)
    coordinates = tuple(a for a in x.axes if a != rows and a not in (*context.plates, *context.along.axes))
    shape = _shape(builder, node.function, say, gap, coordinates, given)
    if shape.type is UNKNOWN:
        return unknown(span)
    variance = say.of("pow", given["scale"], say.number(2))
    whole = say.of("mul", variance, shape)
    more: list[Expr] = []
    if "jitter" not in values or not _is_zero(values["jitter"]):
        more.append(say.of("mul", variance, given["jitter"]))
    if "noise" in values and not _is_zero(values["noise"]):
        more.append(say.of("pow", given["noise"], say.number(2)))
    if not more:
        return whole
    beside = more[0] if len(more) == 1 else say.of("add", *more)
    return say.of("add", whole, say.of("mul", beside, Identity(BIT, axes, span, rows, columns)))


def _is_zero(expr: Expr) -> bool:
    return isinstance(expr, Const) and expr.value == 0


def _shape(
    builder: ExpressionScope,
    function: str,
    say: _Said,
    gap: Expr,
    coordinates: tuple[str, ...],
    given: dict[str, Expr],
) -> Expr:
    """The kernel at scale one."""
    length = given["length"]
    if function == "exp_quad":
        square = say.summed(say.of("pow", say.of("div", gap, length), say.number(2)), coordinates)
        return say.of("exp", say.of("mul", say.number(-0.5), square))
    if function == "periodic":
        turn = say.of("div", say.of("mul", say.number(math.pi), gap), given["period"])
        square = say.of("pow", say.of("div", say.of("sin", turn), length), say.number(2))
        return say.of("exp", say.of("mul", say.number(-2), say.summed(square, coordinates)))
    nu = given["nu"]
    value = nu.value if isinstance(nu, Const) else _quotient(nu)
    if value not in SMOOTHNESS:
        builder.error(
            "PGM0410",
            "`nu` of `matern` is 1/2, 3/2 or 5/2",
            nu.span,
            "write `nu = 3/2`; `exp_quad` is the limit of large ones",
        )
        return unknown(say.span)
    if coordinates:
        square = say.summed(say.of("pow", say.of("div", gap, length), say.number(2)), coordinates)
        # a root has no slope at zero: there it is zero whatever the length is
        test = Apply(TRUTH, square.axes, say.span, "gt", (square, say.number(0)))
        distance: Expr = Choose(
            Type("positive"), square.axes, say.span, test, say.of("sqrt", square), say.number(0)
        )
    else:
        distance = say.of("div", say.of("abs", gap), length)
    far = say.of("mul", say.number(math.sqrt(2 * float(value))), distance)  # type: ignore[arg-type]
    decay = say.of("exp", say.of("neg", far))
    if value == 0.5:
        return decay
    polynomial = say.of("add", say.number(1), far)
    if value == 2.5:
        polynomial = say.of("add", polynomial, say.of("div", say.of("pow", far, say.number(2)), say.number(3)))
    return say.of("mul", polynomial, decay)


def _quotient(expr: Expr) -> float | None:
    """The value of ``3/2``."""
    if isinstance(expr, Apply) and expr.function == "div":
        over, under = expr.arguments
        if isinstance(over, Const) and isinstance(under, Const) and under.value:
            return float(over.value) / float(under.value)
    return None


class _Said:
    """Makes expressions that stand at one place of the text."""

    def __init__(self, span: Span) -> None:
        self.span = span

    def number(self, value: float) -> Expr:
        return Const(number_type(value), (), self.span, value)

    def of(self, function: str, *arguments: Expr) -> Expr:
        if function in FUNCTIONS:
            kind = Type(FUNCTIONS[function].result)
        else:
            kind = operator_type(function, *arguments) if len(arguments) == 2 else REAL
        return Apply(kind, merge(*(a.axes for a in arguments)), self.span, function, arguments)

    def summed(self, body: Expr, axes: tuple[str, ...]) -> Expr:
        for axis in axes:
            body = Reduce(body.type, tuple(a for a in body.axes if a != axis), self.span, "sum", body, axis, False)
        return body

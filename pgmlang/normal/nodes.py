"""Shared nodes: equal expressions are one object, each with a key that orders the operands of commutative operators.

Hashing or comparing frozen records goes through whole trees; here a node is known by its own fields and by the identity of
its children, so that a graph whose tree has 2^60 leaves costs as many steps as it has nodes (hash-consing: Ershov 1958;
Filliatre and Conchon 2006).
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

from pgmlang.diagnostics.source import Span
from pgmlang.model.expr import (
    Apply,
    Choose,
    Const,
    Contract,
    Element,
    Expr,
    First,
    Identity,
    MatrixApply,
    NetCall,
    Reduce,
    Ref,
    Rename,
    Solution,
    Stack,
    State,
    children,
)
from pgmlang.model.types import REAL, TRUTH, Type
from pgmlang.signatures.functions import FUNCTIONS

NONNEGATIVE = ("positive", "unit", "count", "bit", "truth", "simplex", "ordered positive")
CONDITIONS = ("eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not")
Key = tuple[str, bytes]


def is_nonnegative(expr: Expr) -> bool:
    """Whether no value of an expression is below zero."""
    if isinstance(expr, Const) and isinstance(expr.value, int | float):
        return expr.value >= 0
    return expr.type.kind in NONNEGATIVE


def number(expr: Expr) -> float | None:
    """The value of a numeric constant; None for anything else, a number laid out along an axis too."""
    if isinstance(expr, Const) and isinstance(expr.value, int | float) and not expr.axes:
        return float(expr.value)
    return None


def constant_type(value: float) -> Type:
    """The narrowest kind that holds a number."""
    if value in (0, 1):
        return Type("bit")
    if value > 0 and value.is_integer():
        return Type("count")
    if value > 0:
        return Type("unit" if value < 1 else "positive")
    return REAL


class NodeFactory:
    """Makes nodes. ``key``: the name that stands first in an expression, then a digest of all of it: an order that hangs
    on what is written, never on where it lies in memory."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Expr] = {}
        self._keys: dict[int, Key] = {}

    def shared(self, expr: Expr) -> Expr:
        """The one object for this node; its children must be shared ones."""
        fields = _own_fields(expr)
        inside = children(expr)
        identity = (type(expr).__name__, expr.type, expr.axes, fields, *(id(c) for c in inside))
        known = self._known.get(identity)
        if known is None:
            known = self._known[identity] = expr
            self._keys[id(expr)] = self._key_of(expr, fields, inside)
        return known

    def key(self, expr: Expr) -> Key:
        return self._keys[id(expr)]

    def _key_of(self, expr: Expr, fields: tuple[Any, ...], inside: tuple[Expr, ...]) -> Key:
        digest = hashlib.blake2b(
            repr((type(expr).__name__, expr.type, expr.axes, fields)).encode(), digest_size=16
        )
        for child in inside:
            digest.update(self._keys[id(child)][1])
        first = (
            expr.name if isinstance(expr, Ref) else next((n for c in inside if (n := self._keys[id(c)][0])), "")
        )
        return first, digest.digest()

    # ---- leaves and nodes without rules of their own

    def constant(self, value: float | bool, span: Span | None = None) -> Expr:
        """A number to fifteen digits: ``2 ^ 0.5 * 2 ^ -0.5`` is one."""
        if isinstance(value, bool):
            return self.shared(Const(TRUTH, (), span, value))
        value = float(value)
        if math.isfinite(value):
            value = float(f"{value:.15g}") + 0.0
        return self.shared(Const(constant_type(value), (), span, value))

    def ones(self, axis: str) -> Expr:
        """A one for each element of an axis: what gives a value an axis that it does not vary along."""
        return self.shared(Const(constant_type(1.0), (axis,), None, 1.0))

    def apply(self, function: str, arguments: tuple[Expr, ...], span: Span | None) -> Expr:
        """An elementwise function as it stands."""
        axes = tuple(dict.fromkeys(a for e in arguments for a in e.axes))
        return self.shared(Apply(result_type(function, arguments), axes, span, function, arguments))

    def choose(self, condition: Expr, then: Expr, otherwise: Expr, span: Span | None) -> Expr:
        axes = tuple(dict.fromkeys((*condition.axes, *then.axes, *otherwise.axes)))
        return self.shared(Choose(common_type(then, otherwise), axes, span, condition, then, otherwise))

    def reduce(self, function: str, body: Expr, axis: str, is_plate: bool, span: Span | None) -> Expr:
        """A reduction as it stands."""
        keeps_axis = function in ("softmax", "cumsum")
        axes = body.axes if keeps_axis else tuple(a for a in body.axes if a != axis)
        if keeps_axis:
            kind = Type(FUNCTIONS[function].result)
        elif function == "logsumexp":
            kind = REAL
        else:
            kind = Type("positive") if is_nonnegative(body) else REAL
        return self.shared(Reduce(kind, axes, span, function, body, axis, is_plate))


def common_type(a: Expr, b: Expr) -> Type:
    """The kind of a choice between two values."""
    if a.type == b.type:
        return a.type
    return Type("positive") if is_nonnegative(a) and is_nonnegative(b) else REAL


def result_type(function: str, arguments: tuple[Expr, ...]) -> Type:
    """The kind of a function's value."""
    if function in CONDITIONS:
        return TRUTH
    nonnegative = all(is_nonnegative(a) for a in arguments)
    if function == "add":
        rest = [a for a in arguments if number(a) != 1]
        if len(rest) == 1 and isinstance(rest[0], Apply) and _is_complement(rest[0]):
            return Type("unit")
        return Type("positive") if nonnegative else REAL
    if function == "mul":
        units = all(a.type.fits("unit") for a in arguments)
        return Type("unit" if units else "positive") if nonnegative else REAL
    if function == "pow":
        exponent = number(arguments[1])
        if nonnegative and arguments[0].type.fits("unit") and exponent is not None and exponent > 0:
            return Type("unit")
        even = exponent is not None and exponent % 2 == 0
        return Type("positive") if is_nonnegative(arguments[0]) or even else REAL
    if function.startswith("elementwise"):
        return common_type(*arguments)
    return Type(FUNCTIONS[function].result) if function in FUNCTIONS else REAL


def _is_complement(expr: Apply) -> bool:
    """``-1 * p`` of a probability p."""
    return expr.function == "mul" and number(expr.arguments[0]) == -1 and expr.arguments[1].type.fits("unit")


def _own_fields(expr: Expr) -> tuple[Any, ...]:
    """What a node holds beside its type, axes and children."""
    match expr:
        case Const(value=value):
            return (type(value).__name__, value)
        case Ref(name=name, index=index, lag=lag):
            return (name, tuple(a for a, _ in index), lag)
        case Apply(function=function):
            return (function,)
        case Contract(axis=axis) | Stack(axis=axis):
            return (axis,)
        case Reduce(function=function, axis=axis, is_plate=is_plate):
            return (function, axis, is_plate)
        case First(count=count, plate=plate):
            return (count, plate)
        case Element(axis=axis):
            return (axis,)
        case Rename(old=old, new=new):
            return (old, new)
        case Identity(rows=rows, columns=columns):
            return (rows, columns)
        case MatrixApply(function=function, rows=rows, columns=columns):
            return (function, rows, columns)
        case NetCall(net=net, output=output):
            return (net, output)
        case State(name=name, index=index):
            return (name, tuple(a for a, _ in index))
        case Solution(name=name, names=names, plate=plate):
            return (name, names, plate, expr.rtol, expr.atol, expr.max_steps, expr.solver)
        case _:
            return ()

"""A recursion that is linear in its value of the row before: ``x = factor * prev(x) + shift``."""

from __future__ import annotations

from typing import NamedTuple

from pgmlang.model.expr import Apply, Choose, Const, Expr, Ref
from pgmlang.model.recursions import Recursion
from pgmlang.model.types import REAL


class LinearRecurrence(NamedTuple):
    """Neither ``factor`` nor ``shift`` hangs on the recursion's own values."""

    factor: Expr
    shift: Expr


class _Linear(NamedTuple):
    """An expression as ``factor * prev(x) + shift``; None stands for zero."""

    factor: Expr | None
    shift: Expr | None


def linear_recurrence(recursion: Recursion) -> LinearRecurrence | None:
    """The form of a recursion of one number a row that looks one row back and is linear there; None of any other."""
    if len(recursion.definitions) > 1 or any(lag > 1 for _, lag in recursion.past):
        return None
    value = recursion.definitions[0].value
    if value.type.kind in ("labels", "truth"):
        return None
    form = _form(recursion, value)
    if form is None or form.factor is None:
        return None
    return LinearRecurrence(form.factor, form.shift if form.shift is not None else _number(value, 0.0))


def _form(recursion: Recursion, expr: Expr) -> _Linear | None:
    if not recursion.is_in(expr):
        return _Linear(None, expr)
    match expr:
        case Ref(index=(), lag=1):
            return _Linear(_number(expr, 1.0), None)
        case Apply(function="neg", arguments=(of,)):
            form = _form(recursion, of)
            return form and _Linear(*(None if e is None else _apply(expr, "neg", e) for e in form))
        case Apply(function="add" | "sub" as function, arguments=(left, right)):
            a, b = _form(recursion, left), _form(recursion, right)
            if a is None or b is None:
                return None
            return _Linear(*(_sum(expr, function, x, y) for x, y in zip(a, b, strict=True)))
        case Apply(function="mul", arguments=(left, right)):
            number, of = (right, left) if recursion.is_in(left) else (left, right)
            return _scaled(recursion, expr, "mul", of, number)
        case Apply(function="div", arguments=(of, number)):
            return _scaled(recursion, expr, "div", of, number)
        case Choose(condition=condition, then=then, otherwise=otherwise) if not recursion.is_in(condition):
            a, b = _form(recursion, then), _form(recursion, otherwise)
            if a is None or b is None:
                return None
            return _Linear(*(_choice(expr, condition, x, y) for x, y in zip(a, b, strict=True)))
        case _:
            return None


def _scaled(recursion: Recursion, expr: Expr, function: str, of: Expr, number: Expr) -> _Linear | None:
    form = _form(recursion, of)
    if form is None or recursion.is_in(number):
        return None
    if function == "mul" and form.factor == _number(expr, 1.0):
        return _Linear(number, None if form.shift is None else _apply(expr, function, form.shift, number))
    return _Linear(*(None if e is None else _apply(expr, function, e, number) for e in form))


def _sum(expr: Expr, function: str, left: Expr | None, right: Expr | None) -> Expr | None:
    if right is None:
        return left
    if left is None:
        return right if function == "add" else _apply(expr, "neg", right)
    return _apply(expr, function, left, right)


def _choice(expr: Expr, condition: Expr, then: Expr | None, otherwise: Expr | None) -> Expr | None:
    if then is None and otherwise is None:
        return None
    a, b = (_number(expr, 0.0) if e is None else e for e in (then, otherwise))
    return Choose(REAL, _axes(condition, a, b), expr.span, condition, a, b)


def _apply(expr: Expr, function: str, *arguments: Expr) -> Expr:
    return Apply(REAL, _axes(*arguments), expr.span, function, arguments)


def _axes(*expressions: Expr) -> tuple[str, ...]:
    return tuple(dict.fromkeys(a for e in expressions for a in e.axes))


def _number(expr: Expr, value: float) -> Const:
    return Const(REAL, (), expr.span, value)

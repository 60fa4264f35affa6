"""Kinds of the results of operators, and folding of constants in sizes and settings."""

from __future__ import annotations

import math

from pgmlang.model.expr import Const, Expr
from pgmlang.model.types import REAL, TRUTH, UNKNOWN, Type
from pgmlang.syntax import ast

NONNEGATIVE = ("positive", "unit", "count", "bit", "truth", "simplex", "ordered positive")


def number_type(value: float) -> Type:
    """The narrowest kind that holds a constant."""
    if value == 0 or value == 1:
        return Type("bit")
    if value > 0 and float(value).is_integer():
        return Type("count")
    if 0 < value < 1:
        return Type("unit")
    return Type("positive") if value > 0 else REAL


def wider(a: Type, b: Type) -> Type:
    """The narrowest kind that holds both."""
    if a == b:
        return a
    if "unknown" in (a.kind, b.kind):
        return UNKNOWN
    for kind in (
        "bit",
        "count",
        "unit",
        "spin",
        "integer",
        "positive",
        "simplex",
        "ordered positive",
        "ordered",
        "zerosum",
        "unitvector",
        "real",
    ):
        if a.fits(kind) and b.fits(kind):
            return Type(kind)
    return REAL if a.is_numeric and b.is_numeric else UNKNOWN


def operator_type(function: str, left: Expr, right: Expr) -> Type:
    """The kind of ``left op right``."""
    a, b = left.type, right.type
    if function in ("eq", "ne", "lt", "le", "gt", "ge", "and", "or"):
        return TRUTH
    if "unknown" in (a.kind, b.kind):
        return UNKNOWN
    both = a.kind in NONNEGATIVE and b.kind in NONNEGATIVE
    if function == "add":
        if both and a.fits("count") and b.fits("count"):
            return Type("count")
        return Type("positive") if both else REAL
    if function == "mul":
        if isinstance(left, Const) and isinstance(right, Const):
            return number_type(float(left.value) * float(right.value))
        for kind in ("bit", "unit", "count", "spin"):
            if a.fits(kind) and b.fits(kind):
                return Type(kind)
        return Type("positive") if both else REAL
    if function == "div":
        return Type("positive") if both else REAL
    if function == "sub":
        if isinstance(left, Const) and left.value == 1 and b.fits("unit"):
            return Type("unit")
        return REAL
    if function == "pow":
        even = isinstance(right, Const) and float(right.value) % 2 == 0
        return Type("positive") if a.kind in NONNEGATIVE or even else REAL
    return REAL


def fold(expr: ast.Expr, settings: dict[str, float | int | bool | str]) -> float | int | bool | str | None:
    """The value of a constant expression over settings; None if it is not constant."""
    match expr:
        case ast.Number(value=value):
            return int(value) if float(value).is_integer() and abs(value) < 1e15 else value
        case ast.Truth(value=value):
            return value
        case ast.String(value=text):
            return text
        case ast.Name(name="inf"):
            return math.inf
        case ast.Name(name=name):
            return settings.get(name, math.pi if name == "pi" else None)
        case ast.UnaryOperation(op="-", operand=operand):
            inner = fold(operand, settings)
            return -inner if isinstance(inner, int | float) else None
        case ast.Binary():
            first, spine = ast.left_spine(expr)
            folded = fold(first, settings)
            for operation in spine:
                folded = _fold_binary(operation.op, folded, fold(operation.right, settings))
            return folded
    return None


def _fold_binary(op: str, a: object, b: object) -> float | int | None:
    if not isinstance(a, int | float) or not isinstance(b, int | float):
        return None
    try:
        match op:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*":
                return a * b
            case "/":
                quotient = a / b
                return int(quotient) if quotient.is_integer() else quotient
            case "^":
                return None if abs(b) > 64 else a**b
    except (OverflowError, ZeroDivisionError):
        return None
    return None

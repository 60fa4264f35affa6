"""Bounds of a random variable that its distribution sets by numbers."""

from __future__ import annotations

import math

from pgmlang.model import Dist, Model, Variable
from pgmlang.model.expr import Apply, Const, Expr


def bounds_of(model: Model, variable: Variable) -> tuple[float | None, float | None]:
    """Lower and upper bound where ``Uniform`` or ``Truncated`` of numbers sets them, each None where there is none.
    A type's own bound holds too: a positive variable truncated above lies between zero and that."""
    conditional = model.conditional_of.get(variable.name)
    distribution = conditional.distribution if conditional is not None else None
    if not isinstance(distribution, Dist) or distribution.family not in ("Uniform", "Truncated"):
        return None, None
    arguments = dict(distribution.arguments)
    keys = ("low", "high") if distribution.family == "Uniform" else ("lower", "upper")
    low, high = (number_of(arguments.get(k)) for k in keys)
    if variable.type.kind == "positive":
        low = max(0.0, low if low is not None else 0.0)
    if variable.type.kind == "unit":
        low, high = max(0.0, low if low is not None else 0.0), min(1.0, high if high is not None else 1.0)
    return low, high


def has_moving_bounds(distribution: object) -> bool:
    """Whether bounds of ``Uniform`` or ``Truncated`` are more than numbers, so that no fixed map keeps to them."""
    if not isinstance(distribution, Dist) or distribution.family not in ("Uniform", "Truncated"):
        return False
    keys = ("low", "high", "lower", "upper")
    return any(k in keys and number_of(a) is None and not _infinite(a) for k, a in distribution.arguments)


def _infinite(argument: object) -> bool:
    return isinstance(argument, Const) and isinstance(argument.value, float) and math.isinf(argument.value)


def number_of(argument: Expr | Dist | None) -> float | None:
    """The value of an expression of plain numbers; None for any other and for infinities."""
    match argument:
        case Const(value=value) if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        case Apply(function="neg", arguments=(inner,)):
            inside = number_of(inner)
            return None if inside is None else -inside
        case Apply(function=function, arguments=(left, right)) if function in _ARITHMETIC:
            a, b = number_of(left), number_of(right)
            if a is None or b is None or (function == "div" and b == 0):
                return None
            return float(_ARITHMETIC[function](a, b))
        case _:
            return None


_ARITHMETIC = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b,
}  # fmt: skip

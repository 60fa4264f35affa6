"""Bounds of a random variable that its distribution sets, by numbers or by other values."""

from __future__ import annotations

import ast
import math

from pgmlang.families import FAMILIES
from pgmlang.lower import pyast as py
from pgmlang.lower.order import ancestral_order
from pgmlang.lower.unpack import Emitter
from pgmlang.lower.writer import Writer
from pgmlang.model import Choice, Conditional, Dist, Model, Potential, Variable
from pgmlang.model.expr import Apply, Choose, Const, Expr
from pgmlang.model.types import VECTOR_KINDS

_CONSTRAINTS = {
    "real": "constraints.real", "positive": "constraints.positive", "unit": "constraints.unit_interval",
    "simplex": "constraints.simplex", "ordered": "Ordered", "ordered positive": "PositiveOrdered",
    "zerosum": "ZeroSum", "unitvector": "UnitVector", "cov": "Covariance", "corr": "Correlation",
    "cholesky_corr": "constraints.corr_cholesky",
}  # fmt: skip
OWN_CONSTRAINTS = frozenset(c for c in _CONSTRAINTS.values() if "." not in c)
"""Those that the runtime brings."""


_IN_PYRO = {
    "ordered": "dist.constraints.ordered_vector", "cov": "dist.constraints.positive_definite",
    "corr": "dist.constraints.corr_matrix", "ordered positive": "dist.constraints.positive_ordered_vector",
}  # fmt: skip


def pyro_constraint(kind: str) -> ast.expr | None:
    """The constraint that Pyro's store keeps a parameter of a type in, None where there is none."""
    if kind not in _CONSTRAINTS or kind in ("zerosum", "unitvector"):
        return None
    return py.name(_IN_PYRO.get(kind, _CONSTRAINTS[kind]))


def bounds_of(model: Model, variable: Variable) -> tuple[float | None, float | None]:
    """Lower and upper bound where ``Uniform`` or ``Truncated`` of numbers sets them, each None where there is none.
    A type's own bound holds too: a positive variable truncated above lies between zero and that."""
    conditional = model.conditional_of.get(variable.name)
    distribution = conditional.distribution if conditional is not None else None
    ends = FAMILIES[distribution.family].limits if isinstance(distribution, Dist) else None
    if not isinstance(distribution, Dist) or ends is None:
        return None, None
    arguments = dict(distribution.arguments)
    low, high = (number_of(arguments.get(k)) for k in ends)
    if variable.type.kind == "positive":
        low = max(0.0, low if low is not None else 0.0)
    if variable.type.kind == "unit":
        low, high = max(0.0, low if low is not None else 0.0), min(1.0, high if high is not None else 1.0)
    return low, high


def moving_bounds(distribution: object) -> dict[str, Expr]:
    """Bounds of ``Uniform`` or ``Truncated`` that are more than numbers, by ``low`` and ``high``. A choice has the bounds
    that both branches have."""
    if isinstance(distribution, Choice):
        one, other = _bounds(distribution.then), _bounds(distribution.otherwise)
        return {
            k: Choose(one[k].type, tuple(dict.fromkeys((*one[k].axes, *other[k].axes))), distribution.span,
                      distribution.condition, one[k], other[k])
            for k in one if k in other
        }  # fmt: skip
    return {k: a for k, a in _bounds(distribution).items() if number_of(a) is None}


def _bounds(distribution: object) -> dict[str, Expr]:
    """All finite bounds."""
    if isinstance(distribution, Choice):
        return moving_bounds(distribution)
    limits = FAMILIES[distribution.family].limits if isinstance(distribution, Dist) else None
    if not isinstance(distribution, Dist) or limits is None:
        return {}
    ends = dict(zip(limits, ("low", "high"), strict=True))
    return {
        ends[k]: a for k, a in distribution.arguments if k in ends and not isinstance(a, Dist) and not _infinite(a)
    }


def has_support(variable: Variable) -> bool:
    """Whether free real values are mapped to the variable's."""
    return variable.type.kind in _CONSTRAINTS


def support_of(model: Model, variable: Variable) -> ast.expr:
    """A variable's support: its type's, or the interval that ``Uniform`` and ``Truncated`` of numbers give."""
    low, high = bounds_of(model, variable)
    is_vector = variable.type.kind in VECTOR_KINDS
    if is_vector or (low is None and high is None):
        made = _CONSTRAINTS[variable.type.kind]
        return py.name(made) if "." in made else py.call(made)
    return _between(*(None if x is None else py.constant(x) for x in (low, high)))


def _between(low: ast.expr | None, high: ast.expr | None) -> ast.expr:
    if low is not None and high is not None:
        return py.call("constraints.interval", low, high)
    kind, bound = ("greater_than", low) if low is not None else ("less_than", high)
    assert bound is not None
    return py.call(f"constraints.{kind}", bound)


def moving_supports(emitter: Emitter, out: Writer) -> list[tuple[str, ast.expr]]:
    """Emits a function for every variable whose bounds hang on other values, which gives its support; their names by
    variable, parents first."""
    model = emitter.model
    moving = [c for c in model.conditionals if moving_bounds(c.distribution)]
    pairs: list[tuple[str, ast.expr]] = []
    for number, conditional in enumerate(ancestral_order(model, moving), 1):
        assert isinstance(conditional, Conditional)
        bounds = moving_bounds(conditional.distribution)
        items: list[Potential] = [Potential(b, conditional.plates, None, b.span) for b in bounds.values()]
        definitions = emitter.definitions_for(items)
        identifier = emitter.names[f"support {number}"]
        out.blank(2)
        out.line(f"def {identifier}(values, data=None, layout=None, params=None, nets=None):")
        out.indent += 1
        out.doc("A support that moves with other values.")
        emitter.unpack([*items, *definitions], out)
        emitter.previous([*items, *definitions], out)
        for item in ancestral_order(model, definitions):
            emitter.definition(item, out)  # type: ignore[arg-type]
        variable = model.by_name[conditional.target]
        frame = emitter.expressions.array_axes(conditional.target)
        fixed = dict(zip(("low", "high"), bounds_of(model, variable), strict=True))
        ends: dict[str, ast.expr | None] = {}
        for end, limit in fixed.items():
            ends[end] = None if limit is None else py.constant(limit)
            if end in bounds:
                expressions = emitter.expressions
                moved = expressions.align(expressions.number(bounds[end], frame), frame)
                limits = {} if limit is None else {"min" if end == "low" else "max": py.constant(limit)}
                ends[end] = py.method(moved, "clamp", **limits) if limits else moved
        out.statement(
            py.returns(_between(ends["low"], ends["high"])), conditional.span, f"of {conditional.target}"
        )
        out.indent -= 1
        pairs.append((conditional.target, py.name(identifier)))
    return pairs


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

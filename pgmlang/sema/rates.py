"""What names mean inside of the rates of differential equations: states, the time, and what is worked out of them."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics import Span
from pgmlang.model.expr import Expr, Time
from pgmlang.model.types import NUMERIC_KINDS, REAL, Type
from pgmlang.sema.expression_scope import ExpressionScope, unknown
from pgmlang.sema.scope import Along, ExpressionContext, Symbol
from pgmlang.signatures.equations import ODE
from pgmlang.syntax import ast


def equation_of(symbol: Symbol) -> ast.Call | None:
    """The call of ``ode`` that a name is solved by; None of any other name."""
    statement = symbol.statement
    if not isinstance(statement, ast.Assign) or len(statement.targets) > 1:
        return None
    value = statement.value
    return value if isinstance(value, ast.Call) and value.function == ODE else None


def in_rates(symbol: Symbol, context: ExpressionContext) -> bool:
    """Whether a name stands in rates and is of the rows that these are solved for."""
    rates = context.rates
    return rates is not None and rates.plate in symbol.plates and rates.plate not in context.plates


def state_type(builder: ExpressionScope, symbol: Symbol) -> tuple[Type, tuple[str, ...]]:
    """Type and axes of a name inside of rates: those that it is declared with."""
    declared = symbol.declared
    if declared is None:
        return REAL, ()
    kind = declared.type.name if isinstance(declared.type, ast.TypeName) else ""
    axes = tuple(a for i in declared.axes if (a := builder.axis(i.name)) is not None)
    return Type(kind) if kind in NUMERIC_KINDS else REAL, axes


def is_state_here(symbol: Symbol, context: ExpressionContext) -> bool:
    """Whether a name is the state of a system of differential equations at this place."""
    is_rate = context.rates is not None and not context.rates.is_start
    return is_rate and in_rates(symbol, context) and equation_of(symbol) is not None


def of_all_times(builder: ExpressionScope, symbol: Symbol, span: Span, context: ExpressionContext) -> bool:
    """Reports a rate that takes in the values of its own system at all rows."""
    rates = context.rates
    if (
        rates is None
        or equation_of(symbol) is None
        or not {rates.plate}.issubset({*symbol.plates} & {*context.plates})
    ):
        return False
    builder.error("PGM0319", f"the values of `{symbol.name}` at all rows of `{rates.plate}` hang on this rate itself", span,
                  f"write `{symbol.name}`, its present value, or reduce over other names")  # fmt: skip
    return True


def present_value(
    builder: ExpressionScope, symbol: Symbol, indices: tuple[ast.Expr, ...], span: Span, context: ExpressionContext
) -> Expr:
    """A name of the rows that is no state: the time, or a value worked out of states, written out. Reports what has values at
    the rows alone."""
    rates = context.rates
    assert rates is not None
    if symbol.name == rates.times and not indices and not rates.is_start:
        return Time(REAL, (), span)
    statement = symbol.statement
    is_written_out = (
        isinstance(statement, ast.Assign) and len(statement.targets) == 1 and equation_of(symbol) is None
    )
    if isinstance(statement, ast.Assign) and is_written_out and not indices:
        if symbol.name in rates.expanded:
            return unknown(span)  # a cycle, which is told of elsewhere
        axes = state_type(builder, symbol)[1]
        inside = replace(rates, expanded=(*rates.expanded, symbol.name))
        along = Along(axes, len(axes))
        return builder.build(statement.value, replace(context, rates=inside, along=along, owner=symbol.name))
    what = {"input": "an input", "random": "a random variable", "field": "a field", "derived": "a value"}.get(
        symbol.role, "a value"
    )
    cure = f"declare it outside of `plate {rates.plate}`, where it is the same at all times"
    why = "and has no value between them"
    if rates.is_start:
        why, cure = (
            "and `start` is one value for all of them",
            cure.removesuffix(", where it is the same at all times"),
        )
    elif indices:
        cure = f"write the name without brackets: `{symbol.name}`"
    builder.error("PGM0319", f"`{symbol.name}` is {what} of the rows of `{rates.plate}`, {why}", span, cure)
    return unknown(span)

"""The left of a ``~``, and the axes that it gives to what stands on the right."""

from __future__ import annotations

from dataclasses import dataclass

from pgmlang.diagnostics import Diagnostic, Span
from pgmlang.families import Family, Parameter
from pgmlang.model import Dim, Type
from pgmlang.sema.scope import Along, Scope, Symbol
from pgmlang.sema.vectors import written_length
from pgmlang.syntax import ast


@dataclass(frozen=True)
class LeftSide:
    """Its name, axes, and declared type if it has one."""

    name: str
    axes: tuple[str, ...]
    declared: Type | None
    span: Span


def argument_axes(
    scope: Scope, family: Family, parameter: Parameter, argument: ast.Expr, target: LeftSide
) -> Along:
    """The axes that a vector or matrix written out as an argument lies along."""
    event = target.axes[len(target.axes) - family.event :] if family.event else ()
    batch = target.axes[: len(target.axes) - len(event)]
    if parameter.event == 0:
        return Along(batch)
    if parameter.event == 2:
        own = event if len(event) == 2 else (event[-1], scope.second(event[-1]))
        return Along((*batch, *own), 2)
    if event:
        return Along((*batch, event[-1]), 1)
    axis = _values_axis(scope, family, parameter, argument, target)
    return Along((*batch, axis), 1) if axis is not None else Along(batch)


def _values_axis(
    scope: Scope, family: Family, parameter: Parameter, argument: ast.Expr, target: LeftSide
) -> str | None:
    """The axis of a vector that is not the target's own: that of the values it is declared to have, or one of its own."""
    declared = target.declared
    if declared is not None and declared.axis is not None and declared.axis not in target.axes:
        return declared.axis
    length = written_length(argument)
    if length is None:
        return None
    name = f"{target.name}.{parameter.name}"
    labels = declared.labels if declared is not None and family.has_labels_of_its_vector else None
    scope.dims.setdefault(name, Dim(name, None if labels else length, labels))
    return name


def kind_of(parameter: Parameter) -> str:
    """The kind that all elements of an argument together have: probabilities are a simplex."""
    return "simplex" if parameter.support == "unit" and parameter.event == 1 else parameter.support


def param_problem(symbol: Symbol, type_: Type | None) -> Diagnostic | None:
    """Why a variable cannot be learned as one value: a param moves little by little."""
    if symbol.role != "param" or type_ is None or not type_.is_countable:
        return None
    message = f"`{symbol.name}` is declared {type_}: a param is a number that moves little by little"
    cure = f"declare it `real` or `positive`, or draw it: `{symbol.name} ~ ...`"
    return Diagnostic("PGM0401", message, symbol.span, help=cure)

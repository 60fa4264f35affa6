"""Inputs of a fresh row that evidence gives to a fit of tables: ``P(y | x = 3)``."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pgmlang.binding.values import single_value
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Model, Variable
from pgmlang.query.fresh_binding import cure_of_input
from pgmlang.query.parse import Evidence
from pgmlang.query.row_names import base
from pgmlang.results.fit import Fit


def row_inputs(model: Model) -> dict[str, Variable]:
    """The inputs that rows have a value of."""
    rows = {p.name for p in model.plates if p.is_rows}
    return {v.name: v for v in model.of_role("input") if rows & set(v.plates)}


def inputs_of(fit: Fit, items: Iterable[Evidence]) -> tuple[dict[str, np.ndarray], tuple[Evidence, ...]]:
    """Values of the inputs of one row, without its axis, and the rest of the evidence. Raises PgmError: PGM0602 for inputs
    that are not given, PGM0607 for elements, 07xx for values that they cannot have."""
    inputs = row_inputs(fit.model)
    rest: list[Evidence] = []
    values: dict[str, np.ndarray] = {}
    for item in items:
        name, bracket, element = item.variable.name.partition("[")
        variable = inputs.get(base(name))
        if variable is None:
            rest.append(item)
            continue
        if item.value is None:
            raise PgmError(Diagnostic("PGM0606", f"the input `{name}` is given, not seen", item.variable.span,
                                      help=f"write `{name} = value`"))  # fmt: skip
        value = single_value(fit.model, variable, item.value, name)
        empty = (
            np.full(_shape(fit, variable), -1)
            if variable.type.is_discrete
            else np.full(_shape(fit, variable), np.nan)
        )
        array = values.setdefault(name, empty)
        array[_index(fit, variable, element.removesuffix("]").split(", ") if bracket else [], item)] = value
    for name, variable in inputs.items():
        if name not in values or bool(
            (values[name] < 0).any() if variable.type.is_discrete else np.isnan(values[name]).any()
        ):
            some = (
                ", and no value of it is given" if name not in values else ", and not every element of it is given"
            )
            raise PgmError(Diagnostic("PGM0602", f"rows hang on the input `{name}`{some}", variable.span,
                                      help=cure_of_input(fit.model, variable)))  # fmt: skip
    return values, tuple(rest)


def _axes(fit: Fit, variable: Variable) -> list[str]:
    """The axes of an input but those of rows."""
    rows = {p.name for p in fit.model.plates if p.is_rows}
    return [a for a in fit.model.array_axes(variable) if a not in rows]


def _shape(fit: Fit, variable: Variable) -> tuple[int, ...]:
    return tuple(fit.layout.size(a) for a in _axes(fit, variable))


def _index(fit: Fit, variable: Variable, told: list[str], item: Evidence) -> tuple[int, ...]:
    """The index of an element. Raises PgmError PGM0607 for one that there is not."""
    axes = _axes(fit, variable)
    if len(told) != len(axes):
        message = f"`{variable.name}` has {len(axes)} axes, and {len(told)} are named"
        raise PgmError(Diagnostic("PGM0607", message, item.variable.span))
    index = []
    for label, axis in zip(told, axes, strict=True):
        labels = list(fit.layout.element_labels(axis))
        if label not in labels:
            near = did_you_mean(label, labels) or "its elements: " + ", ".join(labels[:12])
            raise PgmError(Diagnostic("PGM0607", f"`{label}` is no element of `{variable.name}`",
                                      item.variable.span, help=near))  # fmt: skip
        index.append(labels.index(label))
    return tuple(index)

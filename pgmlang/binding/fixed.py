"""Values at which params and real variables are held (``--fix``), checked against their shapes and supports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pgmlang.binding.values import outside_support
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Variable
from pgmlang.tables.evaluate import Evaluator

MAX_ELEMENTS = 1 << 28
"""Most elements of a variable or table that is not data: two gigabytes of numbers."""


def refuse_too_many(evaluator: Evaluator) -> None:
    """Raises PgmError PGM0611 for a variable that would be larger than any machine's memory, before it is allocated:
    crossed plates of the data may multiply."""
    model = evaluator.model
    for variable in model.of_role("param", "random", "field", "derived"):
        if variable.name in evaluator.values:
            continue
        count = math.prod(evaluator.layout.shape(model.array_axes(variable)))
        if count > MAX_ELEMENTS:
            message = f"`{variable.name}` has {count:,} elements; the limit is {MAX_ELEMENTS:,}"
            raise PgmError(Diagnostic("PGM0611", message, variable.span, help="use fewer elements along its axes"))


def fixed_values(evaluator: Evaluator, fixed: Mapping[str, Any], does: str = "is held") -> dict[str, np.ndarray]:
    """Values held, each with the shape of its variable: of params, and of real variables that no data are bound to. ``does``: what a
    variable does at its value, for messages.

    A single number stands for every element. Raises PgmError PGM0612 for other names, for what is no number, for a
    wrong shape and for a value outside of the support.
    """
    model = evaluator.model
    can = [
        v.name
        for v in model.of_role("param", "random")
        if v.name not in evaluator.values and not v.type.is_discrete
    ]
    problems: list[Diagnostic] = []
    out: dict[str, np.ndarray] = {}
    for name, value in fixed.items():
        if name not in can:
            problems.append(_not_fixable(evaluator, name, can))
            continue
        array = _numbers(value)
        if array is None:
            problems.append(Diagnostic("PGM0612", f"`{name}` {does} at a number, not at `{value}`"))
            continue
        variable = model.by_name[name]
        shape = evaluator.layout.shape(model.array_axes(variable))
        if array.shape not in ((), shape):
            problems.append(Diagnostic("PGM0612", f"`{name}` has shape {shape}, the value {array.shape}"))
            continue
        full = np.broadcast_to(array, shape).copy()
        wrong = outside_support(variable, full)
        if wrong:
            problems.append(Diagnostic("PGM0612", f"`{name}` is {variable.type}, and {wrong}", variable.span))
            continue
        out[name] = full
    if problems:
        raise PgmError(problems)
    return out


def _not_fixable(evaluator: Evaluator, name: str, can: list[str]) -> Diagnostic:
    variable: Variable | None = evaluator.model.by_name.get(name)
    listed = "what can be fixed: " + (", ".join(f"`{n}`" for n in can) or "nothing")
    if variable is None:
        return Diagnostic("PGM0612", f"there is no `{name}` in the model", help=did_you_mean(name, can) or listed)
    if name in evaluator.values:
        return Diagnostic("PGM0612", f"`{name}` is given by the data, so it cannot be fixed", help=listed)
    if variable.role in ("param", "random") and not variable.plates:
        cure = f"observe it: `--observe {name}=VALUE`"
        return Diagnostic("PGM0612", f"`{name}` is {variable.type}, and params and numbers are fixed", help=cure)
    what = f"a {variable.role} variable" if variable.role in ("random", "field") else f"a {variable.role} name"
    return Diagnostic("PGM0612", f"`{name}` is {what} of {variable.type} values, no param", help=listed)


def _numbers(value: Any) -> np.ndarray | None:
    """A number or an array of finite ones."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iufb":
            return None
        array = array.astype(float)
    except (TypeError, ValueError):
        return None
    return array if np.isfinite(array).all() else None

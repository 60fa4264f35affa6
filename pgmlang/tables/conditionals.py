"""Probabilities of a finite conditional, wherever its arguments are evaluated."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.families import FAMILIES
from pgmlang.model import Dist, Model, Variable
from pgmlang.model.expr import Expr
from pgmlang.model.labels import Labels, Positions
from pgmlang.model.named import NamedArray
from pgmlang.tables.context import ElementContext
from pgmlang.tables.count_bounds import count_interval
from pgmlang.tables.evaluate import Evaluator, NotEvaluable
from pgmlang.tables.finite import probabilities
from pgmlang.tables.learned import num_values


def dist_probabilities(
    evaluator: Evaluator, target: Variable, distribution: Dist, context: ElementContext, size: int
) -> NamedArray:
    """p(value | ...) along the axes of the arguments at ``context`` and ``finite.CHILD``."""
    arguments: dict[str, NamedArray] = {}
    event = None
    for name, argument in distribution.arguments:
        if isinstance(argument, Dist):
            raise NotEvaluable(f"`{distribution.family}` of a distribution")
        inner = context
        if name in FAMILIES[distribution.family].vectors:
            event = event_axis(evaluator.model, argument, target)
            inner = context.without(event) if event else context
        arguments[name] = evaluator.evaluate(argument, inner)
    return probabilities(distribution.family, arguments, event, size)


def event_axis(model: Model, argument: Expr, target: Variable) -> str | None:
    """The axis of a probability vector: of those the target lacks, the one its labels come from."""
    extra = [a for a in argument.axes if a not in target.axes]
    axis = target.type.axis
    like = [a for a in extra if axis is not None and model.root_axis(a) == model.root_axis(axis)]
    axes = like or extra
    return axes[-1] if axes else None


def largest_count(evaluator: Evaluator, name: str) -> int:
    """The largest value of a count. Raises PgmError when that is not known beforehand."""
    conditional = evaluator.model.conditional_of[name]
    largest = count_interval(evaluator, conditional, {}).high
    if not math.isfinite(largest):
        raise PgmError(Diagnostic("PGM0602", f"`{name}` has no largest value", conditional.span))
    return math.floor(largest)


def value_labels(evaluator: Evaluator, variable: Variable) -> Labels:
    """The values of a finite variable as text. Raises PgmError while they are not known."""
    if variable.type.kind == "count":
        return Positions(largest_count(evaluator, variable.name) + 1)
    num_values(evaluator, variable)
    return evaluator.labels_of(variable.type) or ()


def as_codes(values: np.ndarray) -> np.ndarray:
    """Codes of a discrete variable's column: counts are their own codes; -1 for missing."""
    if values.dtype.kind == "f":
        return np.where(np.isnan(values), -1, values).astype(np.int64)
    return values


def uniform_parameters(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Uniform tables of these shapes."""
    return {name: np.full(shape, 1.0 / shape[-1]) for name, shape in shapes.items()}

"""Between which values a count lies: by the bounds of its family, model and data telling the arguments."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pgmlang.diagnostics import PgmError
from pgmlang.model import Conditional
from pgmlang.model.expr import Expr, Ref
from pgmlang.model.ranges import Range, range_of, range_of_distribution, range_of_type
from pgmlang.model.types import COUNT
from pgmlang.signatures.intervals import Interval, point
from pgmlang.tables.evaluate import Evaluator, NotEvaluable

ROUNDS = 3
"""Times that the interval of a count that looks back at itself may grow."""


def count_interval(evaluator: Evaluator, conditional: Conditional, known: Mapping[str, Interval]) -> Interval:
    """The values of a count. ``known``: the intervals of counts that its arguments hang on. One that looks back at itself (`Binomial(prev(N), p)`)
    lies in an interval that its own conditional does not lead out of."""
    name, own = conditional.target, point(0.0)
    for _ in range(ROUNDS):
        reached = _once(evaluator, conditional, {**known, name: own})
        if reached.low >= own.low and reached.high <= own.high:
            return reached
        own = own.hull(reached)
    return Interval(0.0, is_whole=True)


def _once(evaluator: Evaluator, conditional: Conditional, known: Mapping[str, Interval]) -> Interval:
    def of_reference(ref: Ref) -> Range:
        return Range(known.get(ref.name, range_of_type(ref.type)), frozenset({ref.name}))

    def of_argument(expr: Expr) -> Range:
        try:
            values = np.asarray(evaluator.evaluate(expr, conditional.plates).values, dtype=float)
        except (NotEvaluable, PgmError, TypeError, ValueError):
            return range_of(expr, of_reference, lambda axis: None)
        if not values.size or np.isnan(values).any():
            return Range(range_of_type(expr.type))
        return Range(Interval(float(values.min()), float(values.max())))

    return range_of_distribution(conditional.distribution, of_argument, COUNT).interval

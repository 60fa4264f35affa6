"""Latent counts that have a largest value, which model or data tell (`Binomial(n, p)`, `DiscreteUniform(0, 60)`, `Truncated(Poisson(m), upper = 60)`):
from then on discrete variables of the values 0, 1, ..., which are summed out or drawn like labels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from pgmlang.diagnostics import PgmError
from pgmlang.families import FAMILIES
from pgmlang.model import Conditional, Dist, Model
from pgmlang.model.branches import branches
from pgmlang.model.expr import Expr
from pgmlang.model.model import Distribution
from pgmlang.model.types import COUNT, Type
from pgmlang.tables.evaluate import Evaluator, NotEvaluable

MOST_VALUES = 1_001
"""Most values of a count that are listed."""


def bounded_counts(model: Model, evaluator: Evaluator, latent: Collection[str]) -> dict[str, int]:
    """The largest value of each latent count that has one, as far as it is known."""
    out = {}
    for conditional in model.conditionals:
        name = conditional.target
        if name in latent and model.by_name[name].type == COUNT and model.by_name[name].role == "random":
            largest = _largest(evaluator, conditional)
            if largest is not None and largest < MOST_VALUES:
                out[name] = largest
    return out


def with_bounded_counts(model: Model, largest: dict[str, int]) -> Model:
    """The model with these counts as ones of finitely many values."""
    if not largest:
        return model
    types = {n: Type("count", labels=tuple(map(str, range(k + 1)))) for n, k in largest.items()}
    return replace(model, variables=tuple(replace(v, type=types.get(v.name, v.type)) for v in model.variables))


def with_plain_counts(model: Model) -> Model:
    """The model as it was before."""
    if not any(v.type.kind == "count" and v.type.labels for v in model.variables):
        return model
    return replace(
        model, variables=tuple(replace(v, type=COUNT) if v.type.kind == "count" else v for v in model.variables)
    )


def _largest(evaluator: Evaluator, conditional: Conditional) -> int | None:
    bounds = [_bound(evaluator, conditional, d) for d in branches(conditional.distribution)]
    return None if None in bounds else max(b for b in bounds if b is not None)


def _bound(evaluator: Evaluator, conditional: Conditional, distribution: Distribution) -> int | None:
    if not isinstance(distribution, Dist):
        return None
    arguments = dict(distribution.arguments)
    inner = [_bound(evaluator, conditional, a) for a in arguments.values() if isinstance(a, Dist)]
    if "upper" in arguments:
        known = [b for b in (*inner, _value(evaluator, conditional, arguments["upper"])) if b is not None]
        return min(known, default=None)
    if inner:
        return None if None in inner else max(b for b in inner if b is not None)
    family = FAMILIES[distribution.family]
    if not family.finite or not _is_from_zero_on(evaluator, conditional, arguments.get(family.bounds[0])):
        return None
    return _value(evaluator, conditional, arguments.get(family.bounds[1], arguments.get("n")))


def _is_from_zero_on(evaluator: Evaluator, conditional: Conditional, least: Expr | Dist | None) -> bool:
    """Whether no value is below zero: of a bound that is an argument, by what it is at the least."""
    if least is None:
        return True
    value = _evaluated(evaluator, conditional, least)
    return value is not None and bool((value >= 0).all())


def _value(evaluator: Evaluator, conditional: Conditional, argument: Expr | Dist | None) -> int | None:
    found = _evaluated(evaluator, conditional, argument)
    return None if found is None else int(found.max())


def _evaluated(evaluator: Evaluator, conditional: Conditional, argument: Expr | Dist | None) -> np.ndarray | None:
    """An argument's values, where model and data alone tell them and they are finite."""
    if argument is None or isinstance(argument, Dist):
        return None
    try:
        found = np.asarray(evaluator.evaluate(argument, conditional.plates).values)
    except (NotEvaluable, PgmError):
        return None
    return found if found.size and np.isfinite(found).all() else None

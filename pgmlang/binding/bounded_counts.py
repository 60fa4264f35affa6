"""Latent counts that have a largest value, which model or data tell (`Binomial(n, p)`, `DiscreteUniform(0, 60)`, `Truncated(Poisson(m), upper = 60)`):
from then on discrete variables of these values, which are summed out or drawn like labels."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

from pgmlang.model import Model
from pgmlang.model.types import COUNT, Type
from pgmlang.signatures.intervals import Interval
from pgmlang.tables.count_bounds import count_interval
from pgmlang.tables.evaluate import Evaluator

MOST_VALUES = 1_001
"""Most values of a count that are listed."""


def bounded_counts(model: Model, evaluator: Evaluator, latent: Collection[str]) -> dict[str, range]:
    """The values of each latent count that has a largest one, as far as it is known; those that its bounds hang on come first."""
    counts = [
        c for c in model.conditionals
        if c.target in latent and model.by_name[c.target].type == COUNT and model.by_name[c.target].role == "random"
    ]  # fmt: skip
    known: dict[str, Interval] = {}
    for _ in counts:
        before = len(known)
        for conditional in counts:
            interval = count_interval(evaluator, conditional, known)
            if conditional.target not in known and math.isfinite(interval.high):
                known[conditional.target] = interval
        if len(known) == before:
            break
    values = {n: range(math.ceil(max(i.low, 0.0)), math.floor(i.high) + 1) for n, i in known.items()}
    return {n: some for n, some in values.items() if 0 < len(some) <= MOST_VALUES}


def with_bounded_counts(model: Model, values: dict[str, range]) -> Model:
    """The model with these counts as ones of finitely many values."""
    if not values:
        return model
    types = {n: Type("count", labels=tuple(map(str, some))) for n, some in values.items()}
    return replace(model, variables=tuple(replace(v, type=types.get(v.name, v.type)) for v in model.variables))


def with_plain_counts(model: Model) -> Model:
    """The model as it was before."""
    if not any(v.type.kind == "count" and v.type.labels for v in model.variables):
        return model
    return replace(
        model, variables=tuple(replace(v, type=COUNT) if v.type.kind == "count" else v for v in model.variables)
    )

"""Values that a model takes over all rows of a plate, such as a mean by which every row is centred: no row has them alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from pgmlang.model import Model
from pgmlang.model.dependence import definitions_behind
from pgmlang.model.expr import Contract, Expr, Reduce, walk


class RowReductions(NamedTuple):
    """``of_inputs``: the deterministic names that reduce over rows and hang on inputs and params alone; ``is_tied``:
    whether another expression reduces over rows, so that what is random in one row has to do with other rows."""

    of_inputs: tuple[str, ...]
    is_tied: bool


def row_reductions(model: Model) -> RowReductions:
    """What reduces over the rows of data in a model's factors and definitions."""
    return model.once(_row_reductions)


def _row_reductions(model: Model) -> RowReductions:
    reducing = [d for d in model.definitions if _reduces(d.value, model)]
    random = [d for d in reducing if model.random_parents(d)]
    is_tied = bool(random) or any(_reduces(e, model) for f in model.factors for e in model.expressions(f))
    return RowReductions(tuple(d.target for d in reducing if d not in random), is_tied)


def reductions_of_rows(model: Model) -> tuple[Expr, ...]:
    """The reductions over rows in a model's factors, and in the definitions behind these."""
    behind = definitions_behind(model, *model.factors)
    roots = [*(d.value for d in behind), *(e for f in model.factors for e in model.expressions(f))]
    return tuple(e for root in roots for e in walk(root) if _is_over_rows(e, model))


def _reduces(expr: Expr, model: Model) -> bool:
    return any(_is_over_rows(e, model) for e in walk(expr))


def _is_over_rows(expr: Expr, model: Model) -> bool:
    if not isinstance(expr, Reduce | Contract):
        return False
    return expr.axis in model.plate_by_name and model.plate_by_name[expr.axis].is_rows


def as_params(model: Model, names: Collection[str]) -> Model:
    """The model with these deterministic names as params."""
    return replace(
        model,
        variables=tuple(replace(v, role="param") if v.name in names else v for v in model.variables),
        definitions=tuple(d for d in model.definitions if d.target not in names),
    )

"""Bounds of latent variables that observed values set: of ``y ~ Uniform(0, top)`` the largest ``y`` bounds ``top`` below."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from torch.distributions import constraints

from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.diagnostics import PgmError
from pgmlang.lower.supports import bounds_of, moving_bounds
from pgmlang.model import Conditional, Model
from pgmlang.model.expr import Expr, Ref
from pgmlang.model.named import NamedArray, align
from pgmlang.tables.evaluate import Evaluator, NotEvaluable

KINDS = {"real": (-math.inf, math.inf), "positive": (0.0, math.inf), "unit": (0.0, 1.0)}
"""Kinds whose bounds may be narrowed, and these bounds."""


def narrowed_supports(
    model: Model, binding: Binding, held: Collection[str], dtype: torch.dtype, device: torch.device
) -> dict[str, Any]:
    """Supports of latent variables by name, narrower than the model's own by what the data exclude: outside of them the
    density is zero. ``held``: names with values of their own. A variable some of whose elements stay without a bound where
    others have one is left out."""
    limits: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    evaluator = bound_evaluator(binding)
    for conditional in model.conditionals:
        if conditional.target in binding.values and model.by_name[conditional.target].type.kind in KINDS:
            for end, expr in moving_bounds(conditional.distribution).items():
                name = _named_by(model, expr)
                if name is not None and name not in held and name not in binding.values:
                    _narrow(limits, evaluator, conditional, expr, name, end)
    supports: dict[str, Any] = {}
    for name, (low, high) in limits.items():
        tensors = [torch.as_tensor(x, dtype=dtype, device=device) for x in (low, high)]
        has_low, has_high = np.isfinite(low), np.isfinite(high)
        if has_low.all() and has_high.all():
            supports[name] = constraints.interval(*tensors)
        elif has_low.all() and not has_high.any():
            supports[name] = constraints.greater_than(tensors[0])
        elif has_high.all() and not has_low.any():
            supports[name] = constraints.less_than(tensors[1])
    return supports


def _named_by(model: Model, expr: Expr) -> str | None:
    """The random variable that a bound is an element of, through deterministic names; None for any other bound."""
    while isinstance(expr, Ref) and not expr.lag:
        if expr.name not in model.definition_of:
            variable = model.by_name.get(expr.name)
            conditional = model.conditional_of.get(expr.name)
            is_plain = variable is not None and variable.role == "random" and variable.type.kind in KINDS
            fixed_ends = conditional is not None and not moving_bounds(conditional.distribution)
            return expr.name if is_plain and fixed_ends else None
        expr = model.definition_of[expr.name].value
    return None


def _narrow(
    limits: dict[str, tuple[np.ndarray, np.ndarray]], evaluator: Evaluator, conditional: Conditional, expr: Expr,
    name: str, end: str,
) -> None:  # fmt: skip
    """Takes the observed values of a conditional into the limits of the variable that bounds them."""
    variable = evaluator.model.by_name[name]
    target = evaluator.model.by_name[conditional.target]
    shape = evaluator.layout.shape(evaluator.model.array_axes(variable))
    places = np.arange(math.prod(shape)).reshape(shape)
    try:
        # the elements themselves in place of their values say which of them bounds each observed value
        numbered = Evaluator(evaluator.model, {**evaluator.values, name: places}, evaluator.layout)  # fmt: skip
        element = numbered.evaluate(expr, conditional.plates)
    except (NotEvaluable, PgmError):
        return  # which element it is hangs on something latent
    observed = NamedArray(np.asarray(evaluator.values[target.name], float), evaluator.model.array_axes(target))
    (values, elements), _ = align([observed, element])
    values, elements = (np.ravel(x) for x in np.broadcast_arrays(values, elements))
    seen = ~np.isnan(values)
    if name not in limits:
        bounds = bounds_of(evaluator.model, variable)
        ends = [k if b is None else b for k, b in zip(KINDS[variable.type.kind], bounds, strict=True)]
        limits[name] = np.full(shape, ends[0]), np.full(shape, ends[1])
    below, above = (x.reshape(-1) for x in limits[name])
    if end == "high":
        np.maximum.at(below, elements[seen].astype(np.int64), values[seen])
    else:
        np.minimum.at(above, elements[seen].astype(np.int64), values[seen])

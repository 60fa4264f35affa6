"""The log-density of a model and its bound data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import table_shapes
from pgmlang.density.bound import BoundDensity
from pgmlang.density.bounds import narrowed_supports
from pgmlang.density.completion import filled
from pgmlang.density.programs import Programs
from pgmlang.density.tensor_layout import tensor_layout
from pgmlang.diagnostics import PgmError
from pgmlang.graph.childless import is_childless_missing
from pgmlang.lower import refusals
from pgmlang.model import Model, Variable
from pgmlang.normal import separate_terms
from pgmlang.plan.problem import Problem


def bound_density(problem: Problem, dtype: torch.dtype = torch.float64) -> BoundDensity:
    """The density of a problem, of whose model the plan has asked whether programs say it."""
    return _density(problem.model, problem.binding, problem.fixed, dtype, torch.device(problem.device))


def density_of_binding(
    model: Model, binding: Binding, fixed: Mapping[str, np.ndarray], dtype: torch.dtype, device: torch.device,
    programs: Programs | None = None,
) -> BoundDensity:  # fmt: skip
    """The density of a model and its bound data, on a device and with numbers of this type; log-potentials term by
    term. Raises PgmError PGM0601 for what no program says yet."""
    bound = _density(model, binding, fixed, dtype, device, programs)
    if programs is None and (refused := refusals(bound.model)):
        raise PgmError(refused)
    return bound


def _density(
    model: Model, binding: Binding, fixed: Mapping[str, np.ndarray], dtype: torch.dtype, device: torch.device,
    programs: Programs | None = None,
) -> BoundDensity:  # fmt: skip
    model = model.once(separate_terms)
    shapes = {
        v.name: binding.layout.shape(model.array_axes(v))
        for v in model.of_role("random", "field", "param")
        if all(binding.layout.has_size(a) for a in model.array_axes(v))
    }
    shapes.update(table_shapes(binding))
    held = {k: torch.as_tensor(np.array(v), dtype=dtype, device=device) for k, v in fixed.items()}
    given = {
        v.name: _tensor(binding.values[v.name], v, dtype, device)
        for v in model.of_role("random", "field", "input") if v.name in binding.values
    }  # fmt: skip
    random = {v.name for v in model.of_role("random", "field")}
    observed = {k: v for k, v in {**given, **held}.items() if k in random}
    missing = {
        k: torch.as_tensor(cells.mask, device=device) for k, cells in binding.layout.missing.items()
        if k in observed and k not in held
    }  # fmt: skip
    unseen = {k: missing.pop(k) for k in tuple(missing) if is_childless_missing(model, k)}
    intervened = {
        k: torch.as_tensor(mask, device=device) for k, mask in binding.layout.intervened.items() if k in observed
    }
    for name, mask in unseen.items():
        observed[name] = filled(observed[name], mask)
    if programs is None:
        supports = narrowed_supports(model, binding, fixed, dtype, device)
        programs = Programs(model, dtype, device, frozenset(unseen), supports)
    data = {k: v for k, v in given.items() if k not in random}
    data |= {k: v for k, v in held.items() if model.by_name[k].role == "input"}
    layout = tensor_layout(binding.layout, model, device)
    for name in programs.partly_seen:
        missed = unseen.get(name)
        layout.seen[name] = (
            torch.ones(shapes[name], dtype=torch.bool, device=device) if missed is None else ~missed
        )
    params = {k: v for k, v in held.items() if k not in random and model.by_name[k].role == "param"}
    weights = {}
    if binding.weights is not None:
        weights[binding.plate] = torch.as_tensor(
            np.asarray(binding.weights, dtype=float), dtype=dtype, device=device
        )
    return BoundDensity(model, data, layout, observed, missing, params, shapes, dtype, device, lambda: binding, dict(fixed),
                 programs, programs.whole, weights=weights, unseen=unseen, intervened=intervened)  # fmt: skip


def _tensor(values: np.ndarray, variable: Variable, dtype: torch.dtype, device: torch.device) -> Tensor:
    kind = torch.int64 if variable.type.is_discrete else dtype
    # numpy makes one axis of none
    contiguous = np.ascontiguousarray(values).reshape(np.shape(values))
    return torch.as_tensor(contiguous, device=device).to(kind)

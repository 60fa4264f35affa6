"""The log pseudo-likelihood of discrete fields (Besag 1975)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.initial import initial_free
from pgmlang.density.keys import FreeKey
from pgmlang.density.reductions import scaled_sum
from pgmlang.fields.fields import as_numbers, fields_of
from pgmlang.objectives.objective import Objective, learned_outcome, learned_values, per_unit, units_of


def log_pseudo_likelihood(
    joint: BoundDensity, names: tuple[str, ...], params: Mapping[str, Tensor], nets: Any
) -> Tensor:
    """The sum over all elements of log p(element | the rest), scaled to all rows."""
    fields = fields_of(joint, names)
    data = as_numbers(joint, names)
    total = torch.zeros((), dtype=joint.dtype, device=joint.device)
    for name in names:
        each = fields.log_conditionals(name, data, params, nets, create_graph=torch.is_grad_enabled())
        total = total + scaled_sum(joint, each, joint.axes(name))
    return total


def pseudo_objective(names: tuple[str, ...], plate: str | None) -> Objective:
    """Minus the log pseudo-likelihood of the fields, of a unit of data."""

    def loss(
        joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        params = learned_values(joint, free)
        return -log_pseudo_likelihood(joint, names, params, nets) / units_of(joint, plate), extra

    return Objective(initial_free, loss, learned_outcome, per_unit("log pseudo-likelihood", plate))

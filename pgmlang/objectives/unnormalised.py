"""The log of the unnormalised density of each row, hidden discrete fields summed out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.reductions import scaled_sum, sum_of_factors, sum_per_element, sum_to_axes
from pgmlang.fields import partition
from pgmlang.fields.fields import as_numbers, configurations, fields_of
from pgmlang.fields.reasons import field_names
from pgmlang.model.row_plates import unit_plate


def log_unnormalised(
    joint: BoundDensity, hidden: tuple[str, ...], params: Mapping[str, Tensor], nets: Any,
    given: Mapping[str, Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """log of the sum over hidden discrete fields of exp(log-potentials) for each row (a single number without rows).
    ``given``: values of others that are not observed, with leading axes, which the answer then has.

    In closed form where one hidden field is independent given the rest, else by listing its configurations.
    """
    observed = tuple(n for n in field_names(joint.model) if n not in hidden and n not in (given or {}))
    data = {**as_numbers(joint, observed), **(given or {})}
    plate = unit_plate(joint.model)
    inside = fields_of(joint, hidden)

    def each(values: Mapping[str, Tensor]) -> Tensor:
        terms = inside.joint.factors(values, params, nets)
        return sum_per_element(inside.joint, terms, plate) if plate else sum_of_factors(inside.joint, terms)

    if not hidden:
        return each(data)
    if len(hidden) == 1 and inside.is_independent(hidden[0]) and not inside.states:
        name = hidden[0]
        lead = next((v.shape[: v.dim() - len(joint.shapes[n])] for n, v in (given or {}).items()), ())
        zero = torch.zeros((*lead, *joint.shapes[name]), dtype=joint.dtype, device=joint.device)
        logit = inside.logits(name, {**data, name: zero}, params, nets, create_graph=torch.is_grad_enabled())
        soft = torch.nn.functional.softplus(logit)
        hidden_part = (
            sum_to_axes(joint, soft, joint.axes(name), (plate,))
            if plate
            else scaled_sum(joint, soft, joint.axes(name))
        )
        return each({**data, name: zero}) + hidden_part
    sizes = {n: [k for a, k in zip(joint.axes(n), joint.shapes[n], strict=True) if a != plate] for n in hidden}
    bits = sum(int(np.prod(s)) * np.log2(inside.states.get(n, 2)) for n, s in sizes.items())
    if bits > partition.LISTED:
        raise ValueError(f"2^{bits:.0f} hidden configurations a row are too many to list")
    values: dict[str, Tensor] = dict(data)
    for name, hidden_part in configurations(inside, {n: tuple(s) for n, s in sizes.items()}).items():
        if plate in joint.axes(name):
            dim = joint.axes(name).index(plate) + 1
            values[name] = hidden_part.unsqueeze(dim).expand(-1, *joint.shapes[name])
        else:
            values[name] = hidden_part
    return torch.logsumexp(each(values), 0)

"""Draws by the emitted program: ancestral ones, those of the written guide; and deterministic values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values, completed
from pgmlang.density.numerics import numerics, seeded


def simulate(joint: BoundDensity, generator: Generator, given: Values | None = None, params: Values | None = None,
             nets: Any = None, shape: tuple[int, ...] = ()) -> dict[str, Tensor]:  # fmt: skip
    """Ancestral draws of all random variables; ``given`` ones are kept. See the program's ``simulate``."""
    with seeded(generator), numerics(joint.dtype, joint.device), torch.no_grad():
        drawn: dict[str, Tensor] = joint.program.simulate(
            joint.data, joint.layout, {**joint.fixed, **(params or {})}, nets, given, shape
        )
    return drawn


def propose(joint: BoundDensity, generator: Generator, params: Values | None = None, nets: Any = None,
            shape: tuple[int, ...] = ()) -> tuple[dict[str, Tensor], dict[str, Tensor]]:  # fmt: skip
    """Draws of the written guide with their log-densities element by element; gradients flow."""
    with seeded(generator), numerics(joint.dtype, joint.device):
        proposal: tuple[dict[str, Tensor], dict[str, Tensor]] = joint.program.propose(
            joint.observed, joint.data, joint.layout, {**joint.fixed, **(params or {})}, nets, shape
        )
    return proposal


def deterministic_values(
    joint: BoundDensity, values: Values, params: Values | None = None, nets: Any = None
) -> dict[str, Tensor]:
    """Values ``[..., *shape]`` of all deterministic names."""
    if not joint.model.definitions:
        return {}
    with numerics(joint.dtype, joint.device), torch.no_grad():
        computed = joint.program.deterministic(
            completed(joint.observed, joint.missing, values),
            joint.data,
            joint.layout,
            {**joint.fixed, **(params or {})},
            nets,
        )
    lead = max((v.dim() - len(joint.shapes[k]) for k, v in values.items() if k in joint.shapes), default=0)
    sizes = torch.broadcast_shapes(*(v.shape[:lead] for k, v in values.items() if k in joint.shapes))
    out = {}
    for name, value in computed.items():
        value = torch.as_tensor(value)
        out[name] = value.expand((*sizes, *joint.shape_of(name)))
    return out

"""First values of what is learned: free values near zero, networks with fresh weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.numerics import numerics
from pgmlang.density.transforms import free_shape


def initial_free(
    joint: BoundDensity, generator: Generator, shape: tuple[int, ...] = (), spread: float = 0.01
) -> dict[str, Tensor]:
    """Free values of everything learned, normal with this sd (the zero of a simplex is uniform), ``shape`` of
    them side by side."""
    return {
        name: spread * torch.randn((*shape, *free_shape(joint, name)), generator=generator, dtype=joint.dtype,
                                   device=joint.device)
        for name in joint.learned
    }  # fmt: skip


def fresh_nets(joint: BoundDensity, seed: int) -> Any:
    """The networks with fresh weights of this seed, None without any. The global generator is left as it was."""
    if not joint.model.nets:
        return None
    with torch.random.fork_rng(devices=[]), numerics(joint.dtype):
        torch.manual_seed(seed)
        return joint.program.build_nets(joint.layout).to(device=joint.device, dtype=joint.dtype)

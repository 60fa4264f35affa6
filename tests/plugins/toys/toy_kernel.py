"""A sampler kernel with statistics of its own: leapfrog trajectories of random doublings, as deep as the NUTS' trees."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from pgmlang.kernels import ChainState, Kernel, LogDensity, Tuning
from pgmlang.kernels.hmc import init, leapfrog
from pgmlang.kernels.kernel import choose, metropolis, normal
from pgmlang.signatures.kernels import SamplerKernel


class DoublingInfo(NamedTuple):
    acceptance: Tensor
    steps: int
    tree_depth: Tensor  # [C]
    momentum_norm: Tensor  # [C]


def step(
    generator: Generator, state: ChainState, logdensity: LogDensity, tuning: Tuning
) -> tuple[ChainState, DoublingInfo]:
    depth = int(torch.randint(0, 4, (), generator=generator))
    momentum = tuning.metric.momentum(normal(generator, state.position))
    before = tuning.metric.kinetic(momentum) - state.logdensity
    moved, end = leapfrog(logdensity, state, momentum, tuning.step_size, tuning.metric, 2**depth)
    acceptance, accepted = metropolis(generator, before - tuning.metric.kinetic(end) + moved.logdensity)
    depths = torch.full(acceptance.shape, depth, device=acceptance.device)
    return choose(accepted, moved, state), DoublingInfo(acceptance, 2**depth, depths, end.norm(dim=-1))


def kernel() -> Kernel:
    return Kernel("doubling", init, step, lambda d: 0.8)


ROW = SamplerKernel("doubling", "random doublings: posterior draws", "it doubles its paths", "toy_kernel:kernel")

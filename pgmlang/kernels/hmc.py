"""Hamiltonian Monte Carlo for many chains in one tensor (Neal 2011; jitter as in sec. 3.2 there)."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from pgmlang.kernels.kernel import ChainState, Info, Kernel, Tuning, choose, metropolis, normal
from pgmlang.kernels.log_density import LogDensity, value_and_grad
from pgmlang.kernels.metric import Metric

DIVERGENCE = 1000.0
SHORTEST = 1.0 / 3.0
"""The shortest path, of the longest: from there paths turn a position evenly enough that neither it nor its square is remembered."""


def init(logdensity: LogDensity, x: Tensor) -> ChainState:
    """State at ``x [..., C, d]`` with its log density and gradient."""
    return ChainState(x.detach(), *value_and_grad(logdensity, x))


def leapfrog(
    logdensity: LogDensity, start: ChainState, momentum: Tensor, step_size: Tensor, metric: Metric, steps: int
) -> tuple[ChainState, Tensor]:
    """``steps`` leapfrog steps from ``start`` with ``momentum [..., C, d]``: the end, and the momentum there.

    ``step_size [..., 1]`` and the metric are shared by the chains.  The map keeps
    volume and is its own inverse after a flip of the momentum.  A density with ``trajectories`` runs them itself.
    """
    whole = getattr(logdensity, "trajectories", None)
    if whole is not None:
        return whole(start, momentum, step_size, metric, steps)  # type: ignore[no-any-return]
    step = step_size.unsqueeze(-1)
    position, value, gradient = start
    momentum = momentum + 0.5 * step * gradient
    for i in range(steps):
        position = position + step * metric.velocity(momentum)
        value, gradient = value_and_grad(logdensity, position)
        # two half kicks make one whole, except at the end
        momentum = momentum + (step if i + 1 < steps else 0.5 * step) * gradient
    return ChainState(position, value, gradient), momentum


def path_length(generator: Generator, length: Tensor) -> int:
    """Number of leapfrog steps, uniform from `SHORTEST` of ``length`` (a scalar) to all of it, between whole numbers by chance.

    All chains share it, so none waits for another; the jitter keeps orbits of nearly the path's length from
    returning to where they began.
    """
    share, rounding = torch.rand(2, generator=generator, dtype=length.dtype, device=length.device).tolist()
    return max(1, math.floor((SHORTEST + (1.0 - SHORTEST) * share) * float(length) + rounding))


def step(
    generator: Generator, state: ChainState, logdensity: LogDensity, tuning: Tuning
) -> tuple[ChainState, Info]:
    """One iteration: fresh momentum, a jittered trajectory, Metropolis test on the energy.

    Leaves the target invariant for any fixed tuning.  A chain whose energy grew by more than 1000, or is no number,
    is counted as divergent and stays.
    """
    steps = path_length(generator, tuning.length)
    noise = normal(generator, state.position)
    momentum = tuning.metric.momentum(noise)
    before = 0.5 * noise.square().sum(-1) - state.logdensity
    proposed, end = leapfrog(logdensity, state, momentum, tuning.step_size, tuning.metric, steps)
    after = tuning.metric.kinetic(end) - proposed.logdensity
    acceptance, accepted = metropolis(generator, before - after)
    divergent = ~(after - before <= DIVERGENCE)
    energy = torch.where(accepted, after, before)
    info = Info(acceptance, accepted, divergent, energy, steps, proposed.position)
    return choose(accepted, proposed, state), info


def kernel(target: float = 0.75) -> Kernel:
    """The HMC kernel; ``target`` is the (harmonic) mean acceptance that the step size is tuned to."""
    return Kernel("hmc", init, step, lambda d: target, robust=True, trajectories=True)

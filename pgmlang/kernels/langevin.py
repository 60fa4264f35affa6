"""Langevin kernels: MALA (Roberts and Tweedie 1996) and ULA, its version without the accept step.

The drift is truncated (their MALTA): far out, where the gradient is huge, a proposal would overshoot and never be taken.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from pgmlang.kernels.hmc import init
from pgmlang.kernels.kernel import (
    ChainState,
    Info,
    Kernel,
    Tuning,
    acceptance_of,
    choose,
    metropolis,
    normal,
)
from pgmlang.kernels.log_density import LogDensity

FARTHEST = 3.0
"""Longest drift in units of the noise; in the bulk of a density it is about a half."""


def drift(state: ChainState, step_size: Tensor, variance: Tensor) -> Tensor:
    """``s^2/2 V grad [..., C, d]``, truncated."""
    s = step_size.unsqueeze(-1)
    length = 0.5 * s * (variance.sqrt() * state.gradient).square().mean(-1, keepdim=True).sqrt()
    shortening = (FARTHEST / length).clamp(max=1.0)
    return 0.5 * s.square() * variance * shortening * state.gradient


def propose(state: ChainState, noise: Tensor, step_size: Tensor, variance: Tensor) -> Tensor:
    """``x + drift + s sqrt(V) noise`` for ``noise [..., C, d]``, step ``s [..., 1]``, ``V [..., 1, d]``."""
    s = step_size.unsqueeze(-1)
    return state.position + drift(state, step_size, variance) + s * variance.sqrt() * noise


def reverse_noise(proposed: ChainState, position: Tensor, step_size: Tensor, variance: Tensor) -> Tensor:
    """The noise ``[..., C, d]`` that would lead from the proposed state back to ``position``."""
    s = step_size.unsqueeze(-1)
    return (position - proposed.position - drift(proposed, step_size, variance)) / (s * variance.sqrt())


def _move(
    generator: Generator, state: ChainState, logdensity: LogDensity, tuning: Tuning
) -> tuple[ChainState, Tensor]:
    noise = normal(generator, state.position)
    proposed = init(logdensity, propose(state, noise, tuning.step_size, tuning.metric.variance))
    back = reverse_noise(proposed, state.position, tuning.step_size, tuning.metric.variance)
    # log q(x | x') - log q(x' | x): the normalising terms cancel, since the metric is the same at both ends
    hastings = 0.5 * (noise.square() - back.square()).sum(-1)
    return proposed, proposed.logdensity - state.logdensity + hastings


def _info(
    state: ChainState, proposed: ChainState, acceptance: Tensor, accepted: Tensor, log_ratio: Tensor
) -> Info:
    divergent = ~(log_ratio >= -1000.0)
    return Info(acceptance, accepted, divergent, -state.logdensity, 1, proposed.position)


def step(
    generator: Generator, state: ChainState, logdensity: LogDensity, tuning: Tuning
) -> tuple[ChainState, Info]:
    """One MALA step: leaves the target invariant."""
    proposed, log_ratio = _move(generator, state, logdensity, tuning)
    acceptance, accepted = metropolis(generator, log_ratio)
    chosen = choose(accepted, proposed, state)
    return chosen, _info(chosen, proposed, acceptance, accepted, log_ratio)


def unadjusted_step(
    generator: Generator, state: ChainState, logdensity: LogDensity, tuning: Tuning
) -> tuple[ChainState, Info]:
    """One ULA step: every proposal of finite density is taken, at the price of a bias of order ``step_size^2``.

    ``acceptance`` is what MALA would have had, so that the step can be tuned by it.
    """
    proposed, log_ratio = _move(generator, state, logdensity, tuning)
    accepted = torch.isfinite(proposed.logdensity)
    chosen = choose(accepted, proposed, state)
    return chosen, _info(chosen, proposed, acceptance_of(log_ratio), accepted, log_ratio)


def mala(target: float = 0.574) -> Kernel:
    """MALA; 0.574 is optimal in high dimension (Roberts and Rosenthal 1998)."""
    return Kernel("mala", init, step, lambda d: target)


def ula(target: float = 0.98) -> Kernel:
    """ULA, its step tuned to where MALA would accept nearly always, so that the bias is small."""
    return Kernel("ula", init, unadjusted_step, lambda d: target)

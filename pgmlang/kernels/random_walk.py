"""Random walk Metropolis with a pooled covariance (Haario, Saksman, Tamminen 2001).

The proposal is ``x + s * 2.38 / sqrt(d) * R z`` with ``R`` the root of the covariance estimated from all chains, and the global scale ``s`` tuned to the acceptance rates of Roberts and Rosenthal (2001): 0.44 in one
dimension, 0.234 in many.  No gradient is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

from pgmlang.kernels.kernel import ChainState, Info, Kernel, Tuning, choose, metropolis, normal
from pgmlang.kernels.log_density import LogDensity, value


def init(logdensity: LogDensity, x: Tensor) -> ChainState:
    """State at ``x [..., C, d]``; the gradient is zero."""
    return ChainState(x.detach(), value(logdensity, x), torch.zeros_like(x))


def step(
    generator: Generator, state: ChainState, logdensity: LogDensity, tuning: Tuning
) -> tuple[ChainState, Info]:
    """One step; leaves the target invariant."""
    scale = tuning.step_size.unsqueeze(-1) * (2.38 / math.sqrt(state.position.shape[-1]))
    move = tuning.metric.spread(normal(generator, state.position))
    proposed = init(logdensity, state.position + scale * move)
    acceptance, accepted = metropolis(generator, proposed.logdensity - state.logdensity)
    chosen = choose(accepted, proposed, state)
    never = torch.zeros_like(accepted)
    info = Info(acceptance, accepted, never, -chosen.logdensity, 1, proposed.position)
    return chosen, info


def optimal_acceptance(d: int) -> float:
    """0.44 for ``d = 1``, towards 0.234 as ``d`` grows (Roberts and Rosenthal 2001, sec. 4)."""
    return 0.234 + 0.206 / d


def _constant(target: float) -> Callable[[int], float]:
    return lambda d: target


def kernel(target: float | None = None) -> Kernel:
    """The random walk kernel, tuned to ``target`` or to the optimal rate of its dimension."""
    rate = optimal_acceptance if target is None else _constant(target)
    return Kernel("random_walk", init, step, rate, dense=True)

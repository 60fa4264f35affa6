"""Parallel tempering over any kernel, with the non-reversible even/odd scheme (Syed et al. 2022).

Temperatures are the leading axis of one tensor ``[K, C, d]``: ``K`` inverse temperatures in ascending order, the
last of them 1, by ``C`` chains.  The density at ``beta`` is ``base(x) + beta * (target(x) - base(x))``; without a base
it is ``beta * target(x)``, and the first beta must then be positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from pgmlang.kernels import hmc
from pgmlang.kernels import warmup as wu
from pgmlang.kernels.kernel import ChainState, Kernel, StepInfo, Tuning, refuse_lost
from pgmlang.kernels.log_density import LogDensity, value, value_and_grad


class Path(NamedTuple):
    """The two ends of the path of densities; ``base`` may be None."""

    target: LogDensity
    base: LogDensity | None = None

    def difference(self, x: Tensor) -> Tensor:
        """``target - base`` at ``x [..., d]``: ``[...]``, -inf where the target is zero."""
        top = value(self.target, x)
        return top if self.base is None else torch.where(torch.isfinite(top), top - value(self.base, x), top)

    def at(self, betas: Tensor) -> LogDensity:
        """The log density at inverse temperatures ``[]`` or ``[K]``, for points ``[C, d]`` or ``[K, C, d]``."""
        return Tempered(self, betas.unsqueeze(-1) if betas.dim() else betas)


@dataclass(frozen=True, eq=False)
class Tempered:
    """A density on the path; ``beta`` has the leading axes of its values."""

    path: Path
    beta: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return self._mixed(self.path.target(x), None if self.path.base is None else self.path.base(x))

    def value(self, x: Tensor) -> Tensor:
        """As ``kernels.value``, by the ends' own ways."""
        base = self.path.base
        mixed = self._mixed(value(self.path.target, x), None if base is None else value(base, x))
        return torch.where(torch.isfinite(mixed), mixed, torch.full_like(mixed, -torch.inf))

    def value_and_grad(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As ``kernels.value_and_grad``, by the ends' own ways."""
        top, slope = value_and_grad(self.path.target, x)
        bottom, base_slope = (None, None) if self.path.base is None else value_and_grad(self.path.base, x)
        mixed = self._mixed(top, bottom)
        beta = self.beta.unsqueeze(-1)
        gradient = beta * slope if base_slope is None else base_slope + beta * (slope - base_slope)
        usable = torch.isfinite(mixed)
        mixed = torch.where(usable, mixed, torch.full_like(mixed, -torch.inf))
        return mixed, torch.where(usable.unsqueeze(-1), gradient, torch.zeros_like(gradient))

    def _mixed(self, top: Tensor, bottom: Tensor | None) -> Tensor:
        if bottom is None:
            return self.beta * top
        # at beta = 0 the target has no say, not even where it is zero
        return torch.where(self.beta == 0, bottom, bottom + self.beta * (top - bottom))


class TemperState(NamedTuple):
    """All that a tempered run is between two iterations: tensors and ints only."""

    iteration: int
    position: Tensor  # [K, C, d]
    betas: Tensor  # [K], ascending
    replica: Tensor  # [K, C], int: which start each place holds now, to follow round trips
    tuning: Tuning
    adaptation: wu.Adaptation
    rejection: Tensor  # [K - 1], sum since the ladder last changed
    evidence: Tensor  # [K - 1], log of the sum over iterations of the stepping-stone ratios
    passes: int  # iterations in those sums
    random: Tensor  # state of the generator


class TemperInfo(NamedTuple):
    """What an iteration did: the kernel's own record, and the probability of every swap whether tried or not."""

    kernel: StepInfo
    swap: Tensor  # [K - 1, C]
    swapped: Tensor  # [K - 1, C], bool


class TemperResult(NamedTuple):
    """Draws at beta = 1 ``[C, n, d]``; statistics (see `temper`); the state to go on from."""

    draws: Tensor
    stats: dict[str, Any]
    state: TemperState


def ladder(count: int, lowest: float, like: Tensor) -> Tensor:
    """``count`` inverse temperatures to 1: from 0 evenly, or geometric from ``lowest`` when it is positive."""
    if count < 2 or not 0.0 <= lowest < 1.0:
        raise ValueError("a ladder needs two temperatures or more, and its lowest beta in [0, 1)")
    even = torch.linspace(0.0, 1.0, count, dtype=like.dtype, device=like.device)
    return even if lowest == 0.0 else lowest ** (1.0 - even)


def swap(generator: Generator, betas: Tensor, difference: Tensor, parity: int) -> tuple[Tensor, Tensor, Tensor]:
    """Swaps between neighbours: pairs ``(i, i + 1)`` with ``i`` of the given parity, for all chains at once.

    ``difference [K, C]`` is target minus base at the positions.  Gives the order ``[K, C]`` in which the places
    take their new positions, the probabilities and the decisions ``[K - 1, C]``.
    """
    gap = (betas[1:] - betas[:-1]).unsqueeze(-1)
    log_ratio = gap * (difference[:-1] - difference[1:])
    probability = torch.nan_to_num(log_ratio, nan=-torch.inf, posinf=0.0, neginf=-torch.inf).clamp(max=0.0).exp()
    drawn = torch.rand(probability.shape, generator=generator, dtype=probability.dtype, device=probability.device)
    pair = torch.arange(len(betas) - 1, device=betas.device).unsqueeze(-1)
    swapped = (drawn < probability) & (pair % 2 == parity)
    order = torch.arange(len(betas), device=betas.device).unsqueeze(-1).expand_as(difference).clone()
    # pairs of one parity share no place, so both additions act on different rows
    order[:-1] += swapped.long()
    order[1:] -= swapped.long()
    return order, probability, swapped


def equal_rates(betas: Tensor, rejection: Tensor) -> Tensor:
    """The ladder ``[K]`` whose neighbours would be rejected equally often (Syed et al. 2022, algorithm 3).

    ``rejection [K - 1]`` are mean rejection rates; their running sum, the communication barrier, is interpolated
    linearly and cut into even parts.  The ends stay.
    """
    # a floor keeps the barrier strictly increasing where no swap was ever rejected
    barrier = torch.cat([rejection.new_zeros(1), rejection.clamp(min=1e-6).cumsum(0)])
    wanted = torch.linspace(0.0, 1.0, len(betas), dtype=betas.dtype, device=betas.device) * barrier[-1]
    right = torch.searchsorted(barrier, wanted).clamp(1, len(betas) - 1)
    share = (wanted - barrier[right - 1]) / (barrier[right] - barrier[right - 1])
    new = betas[right - 1] + share.clamp(0.0, 1.0) * (betas[right] - betas[right - 1])
    return torch.cat([betas[:1], new[1:-1], betas[-1:]])


@torch.no_grad()
def start(path: Path, x0: Tensor, betas: Tensor, plan: wu.WarmupPlan, generator: Generator) -> TemperState:
    """State before the first iteration: ``x0 [K, C, d]``, ``betas [K]`` ascending to 1.

    Raises ValueError for a ladder that does not ascend to 1, or that starts at 0 without a base, PgmError PGM0803 when a chain
    begins where its density is zero.
    """
    falls = bool((betas[1:] <= betas[:-1]).any())
    if falls or float(betas[-1]) != 1.0 or float(betas[0]) < 0 or (path.base is None and float(betas[0]) == 0):
        raise ValueError("betas must ascend to 1, from 0 or above with a base and from above 0 without")
    if x0.dim() != 3 or x0.shape[0] != len(betas):
        raise ValueError(f"x0 needs the shape [{len(betas)}, chain, dimension], not {tuple(x0.shape)}")
    density = path.at(betas)
    chains = plan.kernel.init(density, x0)
    refuse_lost(chains)
    tuning, adaptation = wu.start(generator, plan, chains, density)
    replica = torch.arange(len(betas), device=x0.device).unsqueeze(-1).expand(x0.shape[:2]).clone()
    zeros = torch.zeros_like(betas[1:])
    state = (0, x0.detach(), betas, replica, tuning, adaptation, zeros, zeros - torch.inf, 0)
    return TemperState(*state, generator.get_state())


def _ladder_ends(warmup: int) -> set[int]:
    # rounds that double, as in Syed et al. (2022), sec. 5.4; the last half of the warm-up keeps its ladder
    return {warmup // 16, warmup // 8, warmup // 4, warmup // 2} - {0}


def _tune(
    generator: Generator, path: Path, plan: wu.WarmupPlan, state: TemperState, chains: ChainState, info: StepInfo
) -> TemperState:
    density = path.at(state.betas)
    tuning, adaptation = wu.adapt(
        generator, plan, state.iteration, state.position, chains, info, density, state.tuning, state.adaptation
    )
    return state._replace(tuning=tuning, adaptation=adaptation)


def _count_afresh(state: TemperState) -> TemperState:
    zeros = torch.zeros_like(state.rejection)
    return state._replace(rejection=zeros, evidence=zeros - torch.inf, passes=0)


@torch.no_grad()
def advance(
    generator: Generator, path: Path, plan: wu.WarmupPlan, state: TemperState
) -> tuple[TemperState, TemperInfo]:
    """One iteration: a step of the kernel at every temperature, then swaps of one parity."""
    density = path.at(state.betas)
    # value and gradient afresh: swaps and new ladders have made the old ones stale
    chains = plan.kernel.init(density, state.position)
    chains, info = plan.kernel.step(generator, chains, density, state.tuning)
    warming = state.iteration < plan.warmup
    if warming:
        state = _tune(generator, path, plan, state, chains, info)
    difference = path.difference(chains.position)
    order, probability, swapped = swap(generator, state.betas, difference, state.iteration % 2)
    ratio = ((state.betas[1:] - state.betas[:-1]).unsqueeze(-1) * difference[:-1]).logsumexp(-1)
    state = state._replace(
        iteration=state.iteration + 1,
        position=chains.position.gather(0, order.unsqueeze(-1).expand_as(chains.position)),
        replica=state.replica.gather(0, order),
        rejection=state.rejection + (1.0 - probability).mean(-1),
        evidence=torch.logaddexp(state.evidence, ratio),
        passes=state.passes + 1,
    )
    if warming and state.iteration in _ladder_ends(plan.warmup):
        betas = equal_rates(state.betas, state.rejection / state.passes)
        state = _count_afresh(state._replace(betas=betas))
    if state.iteration == plan.warmup:
        state = _count_afresh(state)
    return state._replace(random=generator.get_state()), TemperInfo(info, probability, swapped)


def run(path: Path, plan: wu.WarmupPlan, state: TemperState, iterations: int) -> TemperResult:
    """``iterations`` more from ``state``; depends on the state alone, so that a run may be split anywhere."""
    generator = Generator(device=state.position.device)
    generator.set_state(state.random)
    draws: list[Tensor] = []
    replicas: list[Tensor] = []
    for _ in range(iterations):
        state, _info = advance(generator, path, plan, state)
        if state.iteration > plan.warmup:
            draws.append(state.position[-1])
            replicas.append(state.replica[-1])
    last = state.position[-1]
    positions = torch.stack(draws, -2) if draws else last.new_empty(last.shape[0], 0, last.shape[1])
    rates = 1.0 - state.rejection / max(state.passes, 1)
    log_z = (state.evidence - torch.log(torch.tensor(float(max(state.passes, 1)) * last.shape[0]))).sum()
    replica = torch.stack(replicas, -1) if replicas else state.replica[-1].new_empty(last.shape[0], 0)
    stats = {
        "swap_rate": rates,
        "barrier": float((1.0 - rates).sum()),
        "betas": state.betas,
        "step_size": state.tuning.step_size,
        "log_z_ratio": log_z,
        "replica": replica,
    }
    return TemperResult(positions, stats, state)


def temper(
    target: LogDensity,
    x0: Tensor,
    *,
    generator: Generator,
    betas: Tensor,
    base: LogDensity | None = None,
    kernel: Kernel | None = None,
    warmup: int = 500,
    draws: int = 500,
    length: float = 10.0,
) -> TemperResult:
    """Parallel tempering from ``x0 [K, C, d]`` with ``betas [K]``; draws at beta = 1, ``[C, draws, d]``.

    Step sizes and metrics are tuned for each temperature, the ladder to equal swap rates, all in the warm-up.
    Stats: swap_rate ``[K - 1]``, barrier (about half the temperatures worth having, less one), betas ``[K]``,
    step_size ``[K, 1]``, replica ``[C, draws]`` (which rung the draw's replica began on), and log_z_ratio, the log of
    the normaliser at beta = 1 over that at the first beta by stepping stones (Xie et al. 2011).

    Raises ValueError as `start` does.
    """
    plan = wu.WarmupPlan(hmc.kernel() if kernel is None else kernel, warmup, length=length, learns_length=False)
    state = start(Path(target, base), x0, betas, plan, generator)
    result = run(Path(target, base), plan, state, warmup + draws)
    generator.set_state(result.state.random)
    return result

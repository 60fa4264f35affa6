"""The driver: chains through warm-up and sampling, resumable after any step."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from pgmlang.kernels import hmc
from pgmlang.kernels import warmup as wu
from pgmlang.kernels.kernel import ChainState, Kernel, StepInfo, Tuning, refuse_lost
from pgmlang.kernels.log_density import LogDensity
from pgmlang.kernels.metric import Metric


class RunState(NamedTuple):
    """All that a run is between two steps: tensors and ints only, to be stored and taken up again."""

    iteration: int
    chains: ChainState  # [C, d]
    tuning: Tuning
    adaptation: wu.Adaptation
    random: Tensor  # state of the generator, uint8


class Result(NamedTuple):
    """Draws ``[C, n, d]``; statistics ``[C, n]`` of each, by name: ``logdensity`` and what the kernel says of a step;
    the state to go on from; evaluations of the gradient in all, for each chain."""

    draws: Tensor
    stats: dict[str, Tensor]
    state: RunState
    gradients: int


def _generator(random: Tensor, device: torch.device) -> Generator:
    generator = Generator(device=device)
    generator.set_state(random)
    return generator


@torch.no_grad()
def start(
    logdensity: LogDensity, x0: Tensor, plan: wu.WarmupPlan, generator: Generator, metric: Metric | None = None
) -> RunState:
    """State before the first iteration, from ``x0 [C, d]`` (or ``[..., C, d]``, each leading index tuned apart); ``metric``: the first one.

    Raises PgmError PGM0803 when some chain begins where the log density is -inf or no number.
    """
    if x0.dim() < 2:
        raise ValueError(f"x0 needs the shape [chain, dimension], not {tuple(x0.shape)}")
    chains = plan.kernel.init(logdensity, x0)
    refuse_lost(chains)
    tuning, adaptation = wu.start(generator, plan, chains, logdensity, metric)
    return RunState(0, chains, tuning, adaptation, generator.get_state())


@torch.no_grad()
def advance(
    generator: Generator, logdensity: LogDensity, plan: wu.WarmupPlan, state: RunState
) -> tuple[RunState, StepInfo]:
    """One iteration, adapting while the warm-up lasts.  ``generator`` is used and ``state.random`` set from it."""
    chains, info = plan.kernel.step(generator, state.chains, logdensity, state.tuning)
    tuning, adaptation = state.tuning, state.adaptation
    if state.iteration < plan.warmup:
        before = state.chains.position
        tuning, adaptation = wu.adapt(
            generator, plan, state.iteration, before, chains, info, logdensity, tuning, adaptation
        )
    return RunState(state.iteration + 1, chains, tuning, adaptation, generator.get_state()), info


def _kept(chains: ChainState, info: StepInfo) -> dict[str, Tensor]:
    """What a step is remembered by, ``[..., C]``: points stay out."""
    value = chains.logdensity
    out = {"logdensity": value}
    for name, field in info._asdict().items():
        if isinstance(field, int):
            field = torch.full(value.shape, field, dtype=torch.int64, device=value.device)
        if field.shape == value.shape:
            out[name] = field
    return out


def run(logdensity: LogDensity, plan: wu.WarmupPlan, state: RunState, iterations: int, thin: int = 1) -> Result:
    """``iterations`` more steps from ``state``; those after the warm-up are kept, each ``thin``-th of them.

    Depends on ``state`` alone: two runs of 50 give bit for bit what one of 100 gives.
    """
    generator = _generator(state.random, state.chains.position.device)
    draws: list[Tensor] = []
    stats: list[dict[str, Tensor]] = []
    none: dict[str, Tensor] = {}
    gradients = 0
    for _ in range(iterations):
        state, info = advance(generator, logdensity, plan, state)
        gradients += info.steps
        past = state.iteration - plan.warmup
        if past > 0 and past % thin == 0:
            draws.append(state.chains.position)
            stats.append(_kept(state.chains, info))
        elif not none:
            none = {k: v.unsqueeze(-1)[..., :0] for k, v in _kept(state.chains, info).items()}
    stacked = {k: torch.stack([s[k] for s in stats], -1) for k in stats[0]} if stats else none
    return Result(_stack(draws, state.chains.position), stacked, state, gradients)


def _stack(draws: list[Tensor], x: Tensor) -> Tensor:
    return torch.stack(draws, -2) if draws else x.new_empty(*x.shape[:-1], 0, x.shape[-1])


def sample(
    logdensity: LogDensity,
    x0: Tensor,
    *,
    generator: Generator,
    kernel: Kernel | None = None,
    warmup: int = 500,
    draws: int = 500,
    thin: int = 1,
    **options: Any,
) -> Result:
    """Warm up and draw: ``x0 [C, d]`` to draws ``[C, draws, d]``, on the device and in the dtype of ``x0``.

    ``kernel`` is HMC unless given; ``options`` are the other fields of `WarmupPlan` (length, max_length, learns_length, target).
    Stats, by name ``[C, draws]``: logdensity, and what the kernel says of a step (for HMC: acceptance, accepted,
    divergent, energy, and steps, the leapfrog steps). Step size and length in use are ``state.tuning``.
    The generator, on the device of ``x0``, is left where the run ended.

    Raises ValueError for a wrong shape, PgmError PGM0803 when a chain begins where the density is zero.
    """
    plan = wu.WarmupPlan(hmc.kernel() if kernel is None else kernel, warmup, **options)
    state = start(logdensity, x0, plan, generator)
    result = run(logdensity, plan, state, warmup + draws * thin, thin)
    generator.set_state(result.state.random)
    return result

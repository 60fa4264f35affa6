"""The driver: chains through warm-up and sampling, resumable after any step."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from pgmlang.kernels import hmc
from pgmlang.kernels import warmup as wu
from pgmlang.kernels.kernel import ChainState, Info, Kernel, Tuning
from pgmlang.kernels.log_density import LogDensity


class RunState(NamedTuple):
    """All that a run is between two steps: tensors and ints only, to be stored and taken up again."""

    iteration: int
    chains: ChainState  # [C, d]
    tuning: Tuning
    adaptation: wu.Adaptation
    random: Tensor  # state of the generator, uint8


class Result(NamedTuple):
    """Draws ``[C, n, d]``, statistics (see `sample`), and the state to go on from."""

    draws: Tensor
    stats: dict[str, Any]
    state: RunState


def _generator(random: Tensor, device: torch.device) -> Generator:
    generator = Generator(device=device)
    generator.set_state(random)
    return generator


@torch.no_grad()
def start(logdensity: LogDensity, x0: Tensor, plan: wu.Plan, generator: Generator) -> RunState:
    """State before the first iteration, from ``x0 [C, d]`` (or ``[..., C, d]``, each leading index tuned apart).

    Raises ValueError when some chain begins where the log density is -inf or no number.
    """
    if x0.dim() < 2:
        raise ValueError(f"x0 needs the shape [chain, dimension], not {tuple(x0.shape)}")
    chains = plan.kernel.init(logdensity, x0)
    lost = int((~torch.isfinite(chains.logdensity)).sum())
    if lost:
        raise ValueError(
            f"{lost} of {chains.logdensity.numel()} chains begin where the density is zero or no number"
        )
    tuning, adaptation = wu.start(generator, plan, chains, logdensity)
    return RunState(0, chains, tuning, adaptation, generator.get_state())


@torch.no_grad()
def advance(generator: Generator, logdensity: LogDensity, plan: wu.Plan, state: RunState) -> tuple[RunState, Info]:
    """One iteration, adapting while the warm-up lasts.  ``generator`` is used and ``state.random`` set from it."""
    chains, info = plan.kernel.step(generator, state.chains, logdensity, state.tuning)
    tuning, adaptation = state.tuning, state.adaptation
    if state.iteration < plan.warmup:
        before = state.chains.position
        tuning, adaptation = wu.adapt(
            generator, plan, state.iteration, before, chains, info, logdensity, tuning, adaptation
        )
    return RunState(state.iteration + 1, chains, tuning, adaptation, generator.get_state()), info


def _empty_stats() -> dict[str, list[Any]]:
    return {"acceptance": [], "divergent": [], "energy": [], "logdensity": [], "steps": []}


def _note(stats: dict[str, list[Any]], chains: ChainState, info: Info) -> None:
    stats["acceptance"].append(info.acceptance)
    stats["divergent"].append(info.divergent)
    stats["energy"].append(info.energy)
    stats["logdensity"].append(chains.logdensity)
    stats["steps"].append(info.steps)


def run(logdensity: LogDensity, plan: wu.Plan, state: RunState, iterations: int, thin: int = 1) -> Result:
    """``iterations`` more steps from ``state``; those after the warm-up are kept, each ``thin``-th of them.

    Depends on ``state`` alone: two runs of 50 give bit for bit what one of 100 gives.
    """
    generator = _generator(state.random, state.chains.position.device)
    draws: list[Tensor] = []
    stats = _empty_stats()
    gradients = 0
    for _ in range(iterations):
        state, info = advance(generator, logdensity, plan, state)
        gradients += info.steps
        past = state.iteration - plan.warmup
        if past > 0 and past % thin == 0:
            draws.append(state.chains.position)
            _note(stats, state.chains, info)
    return Result(_stack(draws, state.chains.position), _stacked(stats, state, gradients), state)


def _stack(draws: list[Tensor], x: Tensor) -> Tensor:
    return torch.stack(draws, -2) if draws else x.new_empty(*x.shape[:-1], 0, x.shape[-1])


def _stacked(stats: dict[str, list[Any]], state: RunState, gradients: int) -> dict[str, Any]:
    value = state.chains.logdensity
    out: dict[str, Any] = {}
    for name in ("acceptance", "energy", "logdensity", "divergent"):
        kept = stats[name]
        kind = torch.bool if name == "divergent" else value.dtype
        out[name] = (
            torch.stack(kept, -1) if kept else torch.empty(*value.shape, 0, dtype=kind, device=value.device)
        )
    out["steps"] = torch.tensor(stats["steps"], dtype=torch.int64)
    out["gradients"] = gradients
    out["step_size"], out["length"] = state.tuning.step_size, state.tuning.length
    return out


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

    ``kernel`` is HMC unless given; ``options`` are the other fields of `Plan` (length, max_length, chees, target).
    Stats, by name: acceptance, divergent, energy, logdensity ``[C, draws]``; steps ``[draws]`` (leapfrog steps of an
    iteration); gradients (evaluations in all, for each chain); step_size ``[1]`` and length ``[]`` in use.
    The generator, on the device of ``x0``, is left where the run ended.

    Raises ValueError for a wrong shape, or when a chain begins where the density is zero.
    """
    plan = wu.Plan(hmc.kernel() if kernel is None else kernel, warmup, **options)
    state = start(logdensity, x0, plan, generator)
    result = run(logdensity, plan, state, warmup + draws * thin, thin)
    generator.set_state(result.state.random)
    return result

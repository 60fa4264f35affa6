"""Parallel tempering of continuous latent variables (Geyer 1991): chains at powers of the density swap places, so that
the coldest crosses between modes. The ladder adapts to equal swap rates (Syed et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pgmlang.infer.backend import with_backend
from pgmlang.infer.base import Algorithm, Measure, Method, Outcome, Problem, StepReport, numbers_of
from pgmlang.infer.draws_outcome import free_draws, outcome_of
from pgmlang.infer.pace import StepBudget
from pgmlang.infer.run_length import last_half
from pgmlang.infer.sampling import KernelOptions, moved_by, resolve, supports
from pgmlang.model import Model
from pgmlang.plan.latents import counts_over_latents, sampled_variables
from pgmlang.plan.method import Facts
from pgmlang.plan.record import Assignment
from pgmlang.signatures.kernels import SamplerKernel, kernel_named

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 25


@dataclass(frozen=True, kw_only=True)
class TemperingOptions(KernelOptions):
    """``temperatures``: rungs of the ladder; ``lowest``: the power of the density at the hottest; ``inner``: the kernel
    at every rung, a row of ``signatures.kernels``; ``length``: leapfrog steps of hmc at most."""

    temperatures: int = 8
    lowest: float = 0.02
    inner: str = "hmc"
    length: float = 8.0


class TemperingState(NamedTuple):
    """``run``: where all rungs are (``kernels.tempering.TemperState``); ``goal``: draws of each chain that are wanted; draws of the coldest in blocks."""

    run: Any
    goal: int
    draws: tuple[Any, ...] = ()


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    names = ", ".join(v.name for v in sampled_variables(model, facts)[:8])
    return (f"{names}: latent and continuous", "hot chains cross between modes and hand their places down")


def build(problem: Problem, options: TemperingOptions) -> Algorithm:
    import torch

    from pgmlang.density.target import target_of
    from pgmlang.infer.centring import noncentred_problem
    from pgmlang.infer.starts import starting_points
    from pgmlang.infer.watched import figures_of_draws
    from pgmlang.kernels import tempering as pt
    from pgmlang.kernels.by_name import kernel_of
    from pgmlang.kernels.warmup import WarmupPlan

    problem, moved = noncentred_problem(problem, options.backend)
    target = target_of(problem, numbers_of(options.dtype), options.backend)
    plan = WarmupPlan(kernel_of(_inner(options)), options.warmup, length=options.length, learns_length=False)
    path = pt.Path(target, None)
    length = options.run_length
    pace = StepBudget(BLOCK)

    def init(rng: np.random.Generator) -> TemperingState:
        generator = torch.Generator(problem.device).manual_seed(int(rng.integers(2**62)))
        like = torch.zeros(0, dtype=target.dtype, device=problem.device)
        betas = pt.ladder(options.temperatures, options.lowest, like)
        points = starting_points(target, options.num_chains * options.temperatures, generator, problem)
        shaped = points.reshape(options.temperatures, options.num_chains, -1)
        return TemperingState(pt.start(path, shaped, betas, plan, generator), length.draws)

    def step(state: TemperingState) -> tuple[TemperingState, StepReport]:
        with pace.block(options.warmup + state.goal - state.run.iteration) as count:
            done = pt.run(path, plan, state.run, count)
        value = float(target.value_once(done.state.position[-1]).mean())
        following = TemperingState(done.state, state.goal, (*state.draws, done.draws))
        if finished(following):
            following = following._replace(goal=length.following(state.goal, lambda: free_draws(following.draws)))
        figures = figures_of_draws(following.draws)
        return following, StepReport(
            value, value, iterations=count, measure=Measure("log-density"), figures=figures
        )

    def finished(state: TemperingState) -> bool:
        return bool(state.run.iteration >= options.warmup + state.goal)

    def conclude(state: TemperingState) -> Outcome:
        x = torch.cat(state.draws, 1) if state.draws else state.run.position[-1].unsqueeze(1)[:, :0]
        if finished(state) and state.goal > length.draws:
            x = x[:, last_half(free_draws(state.draws)) :]
        rates = 1.0 - state.run.rejection / max(state.run.passes, 1)
        notes = {"swap_rate": rates.tolist(), "betas": state.run.betas.tolist(), "inner": options.inner,
                 "backend": target.backend}  # fmt: skip
        stats = _stats(x, target)
        return outcome_of(x, stats, target, state.run.random, finished(state), moved, notes)

    return Algorithm(init, step, finished, conclude, options.iterations)


def _stats(x: Tensor, target: Any) -> dict[str, np.ndarray]:
    import torch

    with torch.no_grad():
        parts = [target.value_once(x[:, start : start + 50]) for start in range(0, x.shape[1], 50)]
    return {"lp": torch.cat(parts, 1).cpu().numpy()} if parts else {}


def _inner(options: TemperingOptions) -> SamplerKernel:
    row = kernel_named(options.inner)
    assert row is not None, "the option's choices are the kernels' names"
    return row


def resolve_tempering(model: Model, facts: Facts, options: TemperingOptions) -> TemperingOptions:
    """The type of numbers, and who works out the density."""
    gradients = options.iterations * _inner(options).gradients
    chains = options.num_chains * options.temperatures
    return with_backend(resolve(model, facts, options), model, facts, gradients, chains, options.dtype)


def assign(model: Model, facts: Facts, options: TemperingOptions) -> tuple[Assignment, ...]:
    return moved_by(f"tempered {options.inner}", model, facts)


def idle(model: Model, facts: Facts, options: TemperingOptions) -> dict[str, str]:
    """Only trajectories have a length."""
    return {} if _inner(options).has_length else {"length": f"`{options.inner}` takes single steps"}


METHOD = Method(
    "tempering",
    "parallel tempering: draws of posteriors with several modes",
    TemperingOptions,
    supports,
    reasons,
    build,
    resolve=resolve_tempering,
    assign=assign,
    takes_start=True,
    idle=idle,
    writes_rows_out=counts_over_latents,
)

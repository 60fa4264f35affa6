"""What every sampler of continuous variables shares: options, the check of the model, and the run in blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.infer.arc_reversal import Reversal, integrated, reversals
from pgmlang.infer.backend import BackendOptions
from pgmlang.infer.base import (
    Algorithm,
    Facts,
    Measure,
    Method,
    Options,
    Outcome,
    Problem,
    StepReport,
    Verdict,
    numbers_of,
)
from pgmlang.infer.collapsible import shares_of_groups
from pgmlang.infer.draws_outcome import MOST_DIVERGENT, STAT_NAMES, free_draws, outcome_of
from pgmlang.infer.noncentring import movable_names
from pgmlang.infer.pace import StepBudget
from pgmlang.infer.run_length import (
    APART,
    TIMES,
    USUAL,
    RunLength,
    Settlement,
    last_half,
    settlement,
)
from pgmlang.model import Model
from pgmlang.plan.latents import (
    counts_over_latents,
    many_beside_labels,
    sampled_variables,
    sampling_reasons,
    summed_names,
    summed_out_exactly,
)
from pgmlang.plan.record import Assignment
from pgmlang.signatures.kernels import Moves, SamplerKernel
from pgmlang.tables.learned import learned_tables

if TYPE_CHECKING:
    from pgmlang.density.target import Target
    from pgmlang.infer.drawn_back import DrawnBack
    from pgmlang.native.costs import BackendChoice

CHAINS = 16
"""Chains where none are asked for, unless each takes long."""
BLOCK = 25
"""Most iterations between two looks at the clock."""
HARDLY_DIVERGENT = 0.001
"""The share of draws whose trajectories diverge, above which more of them tell no more of the tails, which these leave out."""
SMALL_STEPS = 0.95
"""Acceptance of steps where trajectories of the usual ones diverge."""


@dataclass(frozen=True, kw_only=True)
class SamplerOptions(Options):
    """``chains`` run side by side in one tensor (16 when None; of `hmc` and `nuts` fewer, down to 4, where a gradient is dear);
    each adapts for ``warmup`` iterations, then gives ``draws``: where none are asked for, 500, and more until R-hat and the effective draws are good, up to ``max_draws`` (ten times as many if not given). ``dtype``: float64 (when
    None) or float32."""

    chains: int | None = None
    warmup: int = 500
    draws: int | None = None
    max_draws: int | None = None
    dtype: str | None = None

    @property
    def num_chains(self) -> int:
        """How many chains there are."""
        return CHAINS if self.chains is None else self.chains

    @property
    def run_length(self) -> RunLength:
        """How many draws a chain gives."""
        draws = USUAL if self.draws is None else self.draws
        most = draws if self.max_draws is None and self.draws is not None else self.max_draws or TIMES * draws
        return RunLength(draws, max(draws, most))

    @property
    def iterations(self) -> int:
        """Of a chain, at the least."""
        return self.warmup + self.run_length.draws


@dataclass(frozen=True, kw_only=True)
class KernelOptions(BackendOptions, SamplerOptions):
    """Of kernels that move all latents at once, each in the same density."""


Sampled = TypeVar("Sampled", bound=SamplerOptions)


class SamplingState(NamedTuple):
    """``run``: where the chains are (``kernels.sample.RunState``); ``goal``: draws of each that are wanted; ``warmups``: which one is the
    present one, see `_second_warmup`. The blocks hold draws ``[chain, draw, d]`` and statistics ``[chain, draw]``."""

    run: Any
    goal: int
    warmups: int = 0
    draws: tuple[Any, ...] = ()
    stats: tuple[dict[str, Any], ...] = ()


def supports(model: Model, facts: Facts) -> Verdict:
    """Latent variables that are all continuous, no log Z, nothing else to learn."""
    return Verdict.of(sampling_reasons(model, facts))


def resolve(model: Model, facts: Facts, options: Sampled) -> Sampled:
    length = options.run_length
    return replace(
        options,
        chains=options.num_chains,
        dtype=options.dtype or "float64",
        draws=length.draws,
        max_draws=length.most,
    )


def moved_by(
    kernel: str, model: Model, facts: Facts, reasons: tuple[str, ...] = (), arcs: tuple[Reversal, ...] = ()
) -> tuple[Assignment, ...]:
    """The numbers that a kernel moves, why so, those that are integrated out by ``arcs``, and the labels that are summed out of their density."""
    names = tuple(arc.name for arc in arcs)
    moved = tuple(v.name for v in sampled_variables(model, facts) if v.name not in names)
    why = tuple(f"{arc.name}: integrated out, and drawn given `{arc.child}` and all others" for arc in arcs)
    back = (Assignment(names, "conjugate", why),) if arcs else ()
    return (Assignment(moved, kernel, reasons), *back, *summed_out_exactly(summed_names(model, facts)))


def sampler(row: SamplerKernel) -> Method:
    """The method of a kernel, which is made on use, so that a plan needs no torch."""

    def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
        names = ", ".join(v.name for v in sampled_variables(model, facts)[:8])
        moved = ", ".join(movable_names(model, facts))
        extra = (f"non-centred where the data say less of an element than its prior: {moved}",) if moved else ()
        return (f"{names}: latent and continuous", row.why, *extra)

    def choice(model: Model, facts: Facts, options: KernelOptions) -> BackendChoice | None:
        from pgmlang.infer.native_choice import native_choice

        gradients = options.iterations * row.gradients
        model, facts = integrated(model, facts)
        return native_choice(model, facts, options.num_chains, gradients, options.dtype)

    def resolve_backend(model: Model, facts: Facts, options: KernelOptions) -> KernelOptions:
        chosen = choice(model, facts, options) if options.backend == "auto" else None
        backend = "torch" if chosen is not None and chosen.backend == "torch" else options.backend
        chains = options.chains
        if chains is None and row.gradients > 1:
            from pgmlang.infer.native_choice import affordable_chains

            by = "torch" if backend == "torch" else "native"
            chains = affordable_chains(*integrated(model, facts), options.iterations * row.gradients, CHAINS, by)
        return resolve(model, facts, replace(options, backend=backend, chains=chains))

    def assign(model: Model, facts: Facts, options: KernelOptions) -> tuple[Assignment, ...]:
        chosen = choice(model, facts, options)
        is_taken = chosen is not None and options.backend in ("auto", chosen.backend)
        said = (chosen.reason,) if chosen is not None and is_taken else ()
        return moved_by(row.name, model, facts, said, reversals(model, facts))

    def build(problem: Problem, options: KernelOptions) -> Algorithm:
        from pgmlang.kernels.by_name import kernel_of

        return _kernel(problem, options, kernel_of(row), has_gradient=row.moves is not Moves.RANDOM_WALK)

    def against(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
        return many_beside_labels(model, facts) or shares_of_groups(model, facts)

    def case(model: Model) -> str | None:
        return None if learned_tables(model) else row.when

    return Method(
        row.name,
        row.says,
        KernelOptions,
        supports,
        reasons,
        build,
        against,
        resolve=resolve_backend,
        assign=assign,
        writes_rows_out=counts_over_latents,
        moves=row.moves,
        when=case,
        takes_start=True,
    )


def _kernel(problem: Problem, options: KernelOptions, kernel: Any, *, has_gradient: bool) -> Algorithm:
    import torch

    from pgmlang.density.target import target_of
    from pgmlang.infer.centring import noncentred_problem
    from pgmlang.infer.drawn_back import integrated_problem
    from pgmlang.infer.heavy_tails import draws_for_tails
    from pgmlang.infer.starts import beginning_of, begun_again
    from pgmlang.infer.watched import figures_of_draws
    from pgmlang.kernels import WarmupPlan, run, start

    problem, back = integrated_problem(problem, numbers_of(options.dtype))
    problem, moved = noncentred_problem(problem, options.backend)
    length = options.run_length
    target = target_of(problem, numbers_of(options.dtype), options.backend)
    if target.native is not None:
        target.native.has_values = not has_gradient
    first = WarmupPlan(kernel, options.warmup)
    # twice as long from where the chains came to; and with shorter steps, where many diverged
    plans = (
        first,
        first._replace(warmup=2 * options.warmup),
        first._replace(warmup=2 * options.warmup, target=SMALL_STEPS),
    )
    pace = StepBudget(BLOCK)

    def init(rng: np.random.Generator) -> SamplingState:
        generator = torch.Generator(problem.device).manual_seed(int(rng.integers(2**62)))
        begun = beginning_of(target, options.num_chains, generator, problem)
        metric = begun.metric if kernel.trajectories else None
        return SamplingState(start(target, begun.points, first, generator, metric), length.draws)

    def step(state: SamplingState) -> tuple[SamplingState, StepReport]:
        plan = plans[state.warmups]
        with pace.block(plan.warmup + state.goal - state.run.iteration) as count:
            done = run(target, plan, state.run, count)
        log_density = float(done.state.chains.logdensity.mean())
        following = state._replace(
            run=done.state, draws=(*state.draws, done.draws), stats=(*state.stats, done.stats)
        )
        if finished(following):
            following = gone_on(following)
        figures = figures_of_draws(following.draws, following.stats)
        report = StepReport(
            log_density, log_density, iterations=count, measure=Measure("log-density"), figures=figures
        )
        return following, report

    def gone_on(state: SamplingState) -> SamplingState:
        if state.goal >= length.most:
            return state
        said = settlement(free_draws(state.draws))
        again = 0 if state.warmups or state.goal > length.draws else _second_warmup(state, said)
        if not again:
            return state._replace(goal=length.after(state.goal, said) if not said.is_settled else for_tails(state))
        generator = torch.Generator(problem.device)
        generator.set_state(state.run.random)
        metric = state.run.tuning.metric if kernel.trajectories else None
        heights = torch.cat([block["logdensity"] for block in state.stats], 1)
        points = begun_again(target, torch.cat(state.draws, 1), heights, generator, problem)
        run = start(target, points, plans[again], generator, metric)
        return SamplingState(run, length.draws, again)

    def for_tails(state: SamplingState) -> int:
        if _share_divergent(state) > HARDLY_DIVERGENT:
            return state.goal
        taken = [block["steps"] for block in state.stats if "steps" in block]
        steps = float(torch.cat(taken, -1).double().mean()) if taken else 1.0
        return draws_for_tails(problem, target, torch.cat(state.draws, 1), steps, state.goal, length.most)

    def finished(state: SamplingState) -> bool:
        return bool(state.run.iteration >= plans[state.warmups].warmup + state.goal)

    def conclude(state: SamplingState) -> Outcome:
        has_gone_on = finished(state) and state.goal > length.draws
        told = last_half(free_draws(state.draws)) if has_gone_on else 0
        return _conclude(state, target, finished(state), moved, told, back)

    return Algorithm(init, step, finished, conclude, options.iterations)


def _share_divergent(state: SamplingState) -> float:
    divergences = sum(int(block["divergent"].sum()) for block in state.stats if "divergent" in block)
    return divergences / max(1, sum(block["acceptance"].numel() for block in state.stats))


def _second_warmup(state: SamplingState, said: Settlement) -> int:
    """Which warm-up the chains need after the first one, going by its draws; 0 for none."""
    if _share_divergent(state) > MOST_DIVERGENT:
        return 2
    return 1 if said.r_hat > APART or said.is_arriving else 0


def _conclude(
    state: SamplingState,
    target: Target,
    is_finished: bool,
    moved: tuple[str, ...],
    first: int,
    back: DrawnBack | None,
) -> Outcome:
    """The outcome of the draws from the ``first`` on."""
    import torch

    x = torch.cat(state.draws, 1) if state.draws else state.run.chains.position.unsqueeze(1)[:, :0]
    x = x[:, first:]
    stats = {
        STAT_NAMES.get(name, name): torch.cat([block[name] for block in state.stats], -1).cpu().numpy()[:, first:]
        for name in (state.stats[-1] if state.stats else ())
    }
    divergences = int(stats["diverging"].sum()) if "diverging" in stats else 0
    notes = {"step_size": float(state.run.tuning.step_size.mean()), "divergences": divergences,
             "non_centred": list(moved), "backend": target.backend}  # fmt: skip
    return outcome_of(x, stats, target, state.run.random, is_finished, moved, notes, back)

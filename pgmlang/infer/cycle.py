"""A cycle of blocks as a sampler: state, draws, what is kept of large discrete variables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.partition import density_of
from pgmlang.density.possible import always_impossible, impossible_elements, possible_free
from pgmlang.density.reductions import log_joint
from pgmlang.density.traced import NotRecordable, traced
from pgmlang.density.transforms import constrain, free_shape
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Algorithm, Measure, Outcome, Problem, StepReport, numbers_of
from pgmlang.infer.blocks import Block
from pgmlang.infer.collapsed_block import CollapsedBlock
from pgmlang.infer.cycle_options import CycleOptions
from pgmlang.infer.cycle_outcome import KEPT, joined_draws, outcome_of_draws
from pgmlang.infer.pace import StepBudget
from pgmlang.infer.starts import impossible_start, mixture_values, values_of_points
from pgmlang.infer.sweep_blocks import SweepBlock, label_run
from pgmlang.infer.watched import figures_of_named_draws
from pgmlang.kernels.by_name import kernel_of
from pgmlang.kernels.warmup import WarmupPlan
from pgmlang.plan.deadline import NEVER, Deadline
from pgmlang.signatures.kernels import kernel_named

BLOCK, MANY = 10, 250
"""Most iterations between two looks at the clock, and most sweeps of labels alone; of so many draws the log-density is recorded."""
RECORDED = 1_000_000
"""Most numbers of all chains of which it is: of more Python takes no time that counts."""


class CycleState(NamedTuple):
    """``goal``: draws of each chain that are wanted; ``values`` of all latents, ``[chain, ...]``; ``blocks``: the blocks' own states; draws in
    parts."""

    iteration: int
    goal: int
    values: dict[str, Any]
    blocks: tuple[Any, ...]
    random: Any
    draws: tuple[dict[str, Any], ...] = ()
    stats: tuple[dict[str, Any], ...] = ()


def plan_of(name: str, options: CycleOptions) -> WarmupPlan:
    """The warm-up plan of a kernel block."""
    row = kernel_named(name)
    if row is None:
        raise PgmError(Diagnostic("PGM0604", f"`{name}` is no kernel"))
    return WarmupPlan(kernel_of(row), options.warmup, length=options.length, learns_length=False)


def build_cycle(
    problem: Problem, options: CycleOptions, blocks_of: Callable[[BoundDensity], list[Block]]
) -> Algorithm:
    """The kernel that steps through blocks; the fit says whether compiled loops draw any."""
    joint = density_of(problem, numbers_of(options.dtype))
    blocks = blocks_of(joint)
    names = tuple(dict.fromkeys(n for b in blocks for n in b.names))
    length = options.run_length
    run = label_run(joint, blocks)
    pace = StepBudget(BLOCK if run is None else MANY)
    log_density = run.log_density if run is not None else _log_density_of(joint, options)
    notes = {"backend": "native" if any(isinstance(b, SweepBlock | CollapsedBlock) for b in blocks) else "torch"}
    stored = tuple(n for n in names if options.num_chains * length.draws * math.prod(joint.shapes[n]) <= KEPT)

    def init(rng: np.random.Generator) -> CycleState:
        generator = torch.Generator(joint.device).manual_seed(int(rng.integers(2**62)))
        values = first_values(joint, names, generator, options.num_chains, problem.deadline)
        better = mixture_values(problem, options.num_chains, generator, joint.dtype)
        better |= values_of_points(problem, options.num_chains, joint)
        values |= {n: v.to(values[n].dtype) for n, v in better.items() if n in values}
        if problem.start and bool((impossible_elements(joint, values) > 0).any()):
            raise impossible_start(problem)
        states = []
        for block in blocks:
            states.append(block.start(generator, values))
        return CycleState(0, length.draws, values, tuple(states), generator.get_state())

    def step(state: CycleState) -> tuple[CycleState, StepReport]:
        generator = torch.Generator(joint.device)
        generator.set_state(state.random)
        values, states = dict(state.values), list(state.blocks)
        draws: list[dict[str, Tensor]] = []
        rates: list[Tensor] = []
        lp: list[Tensor] = []
        more: dict[str, Tensor] = {}
        stats: dict[str, Tensor] = {}
        with pace.block(options.warmup + state.goal - state.iteration) as count:
            kept = max(0, min(count, state.iteration + count - options.warmup))
            if run is not None:
                values, more, heights = run.sweeps(generator, values, count, kept, stored)
                more, stats = (more, {"lp": heights}) if kept else ({}, {})
            for i in range(count if run is None else 0):
                accepted = None
                for j, block in enumerate(blocks):
                    values, states[j], rate = block.step(generator, values, states[j], state.iteration + i)
                    accepted = rate if rate is not None else accepted
                if state.iteration + i >= options.warmup:
                    draws.append({n: values[n] for n in stored})
                    lp.append(log_density(values).expand(options.num_chains))
                    if accepted is not None:
                        rates.append(accepted)
        value = float(log_density(values).mean())
        if draws:
            more, stats = {n: torch.stack([d[n] for d in draws], 1) for n in stored}, {"lp": torch.stack(lp, 1)}
        if rates:
            stats["acceptance_rate"] = torch.stack(rates, 1)
        following = CycleState(
            state.iteration + count, state.goal, values, tuple(states), generator.get_state(),
            (*state.draws, more) if more else state.draws, (*state.stats, stats) if stats else state.stats,
        )  # fmt: skip
        if finished(following):
            goal = length.following(state.goal, lambda: joined_draws(_in_numpy(following.draws)))
            following = following._replace(goal=goal)
        figures = figures_of_named_draws(following.draws)
        return following, StepReport(
            value, value, iterations=count, measure=Measure("log-density"), figures=figures
        )

    def finished(state: CycleState) -> bool:
        return state.iteration >= options.warmup + state.goal

    return Algorithm(
        init,
        step,
        finished,
        lambda state: _conclude(state, joint, names, finished(state), notes, state.goal > length.draws),
        options.iterations,
    )


def _log_density_of(joint: BoundDensity, options: CycleOptions) -> Callable[[dict[str, Tensor]], Tensor]:
    """The log-density of values, recorded where it is asked for of many draws that are not large."""
    recordings: dict[Any, Any] = {}
    size = options.num_chains * sum(math.prod(shape) for shape in joint.shapes.values())
    is_recorded = options.run_length.draws >= MANY and size <= RECORDED

    def log_density(values: dict[str, Tensor]) -> Tensor:
        # numbers first, whose type is the recording's
        names = sorted(values, key=lambda n: (not values[n].is_floating_point(), n))
        given = [values[n] for n in names]
        if not is_recorded or not given[0].is_floating_point():
            return log_joint(joint, values)
        key = tuple((n, v.dtype, v.shape) for n, v in zip(names, given, strict=True))
        if key not in recordings:
            try:
                recordings[key] = traced(
                    lambda *some: log_joint(joint, dict(zip(names, some, strict=True))), *given
                )
            except NotRecordable:  # it runs as it is written
                recordings[key] = None
        recording = recordings[key]
        return log_joint(joint, values) if recording is None else recording(*given)

    return log_density


def first_values(
    joint: BoundDensity, names: tuple[str, ...], generator: Any, chains: int, deadline: Deadline = NEVER
) -> dict[str, Tensor]:
    """Where the chains begin: continuous latents at free values near zero, discrete ones drawn evenly."""
    values: dict[str, Tensor] = {}
    free = {}
    for name in names:
        variable = joint.model.by_name[name]
        if variable.type.is_discrete:
            shape = (chains, *joint.shapes[name])
            codes = torch.randint(joint.num_states(name), shape, generator=generator, device=joint.device)
            codes = codes + joint.least(name)
            values[name] = codes.to(joint.dtype) if variable.role == "field" else codes
            if name in joint.missing:
                values[name] = torch.where(
                    joint.missing[name], values[name], joint.observed[name].to(values[name].dtype)
                )
        else:
            shape = (chains, *free_shape(joint, name))
            free[name] = torch.empty(shape, dtype=joint.dtype, device=joint.device).uniform_(
                -1, 1, generator=generator
            )
    if not free:
        return values
    return _possible_values(joint, values, free, generator, deadline)


def _possible_values(
    joint: BoundDensity, values: dict[str, Tensor], free: dict[str, Tensor], generator: Any, deadline: Deadline
) -> dict[str, Tensor]:
    """The values behind free ones of positive density: those given, or sought around them, hidden labels too."""
    first = {**values, **constrain(joint, free, values)[0]}
    if not bool((impossible_elements(joint, first) > 0).any()):
        return first
    hidden = {n: v for n, v in values.items() if joint.model.by_name[n].role != "field"}

    def values_of(parts: dict[str, Tensor]) -> dict[str, Tensor]:
        points = len(next(iter(parts.values())))
        fields = {
            n: v if len(v) == points else v[:1].expand(points, *v.shape[1:])
            for n, v in values.items()
            if n not in hidden
        }
        codes = {}
        for name in hidden:
            # a label is the cell of the unit interval that a free number falls into
            drawn_codes = (parts[name].sigmoid() * joint.num_states(name)).floor().long()
            drawn_codes = drawn_codes.clamp(max=joint.num_states(name) - 1) + joint.least(name)
            if name in joint.missing:
                drawn_codes = torch.where(
                    joint.missing[name], drawn_codes, joint.observed[name].to(drawn_codes.dtype)
                )
            codes[name] = drawn_codes
        discrete = {**fields, **codes}
        return {**discrete, **constrain(joint, {n: parts[n] for n in free}, discrete)[0]}

    cells = {
        n: torch.logit((v - joint.least(n) + 0.5) / joint.num_states(n)).to(joint.dtype) for n, v in hidden.items()
    }
    possible = possible_free(
        {**free, **cells}, lambda p: impossible_elements(joint, values_of(p)), generator, deadline,
        lambda p: always_impossible(joint, values_of(p)),
    )  # fmt: skip
    return values_of(possible)


def _in_numpy(blocks: Sequence[Mapping[str, Tensor]]) -> list[dict[str, np.ndarray]]:
    return [{n: v.cpu().numpy() for n, v in block.items()} for block in blocks]


def _conclude(
    state: CycleState,
    joint: BoundDensity,
    names: tuple[str, ...],
    is_finished: bool,
    notes: Mapping[str, Any],
    goes_on: bool,
) -> Outcome:
    draws = _in_numpy(state.draws)
    stats = [{k: v.cpu().numpy() for k, v in s.items()} for s in state.stats]
    return outcome_of_draws(
        draws, stats, names, joint.binding, is_finished=is_finished, goes_on=goes_on, notes=notes
    )

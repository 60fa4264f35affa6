"""Collapsed Gibbs sampling: labels drawn one by one, by compiled loops, with the variables around them integrated out.

Nothing here needs torch: where everything that is latent is swept or integrated out, a fit does without it.
"""

from __future__ import annotations

import math
import os
import sys
from typing import Any, NamedTuple

import numpy as np

from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.infer.base import Algorithm, Measure, Outcome, Problem, StepReport
from pgmlang.infer.collapsible import form_of
from pgmlang.infer.cycle_options import CycleOptions
from pgmlang.infer.cycle_outcome import KEPT, joined_draws, outcome_of_draws
from pgmlang.infer.pace import StepBudget
from pgmlang.infer.watched import worst_r_hat
from pgmlang.native.collapsed_arrays import arrays_of
from pgmlang.native.collapsed_sweeps import CollapsedSweeps, Remembered

BLOCK = 100
"""Most sweeps between two looks at the clock."""


class CollapsedState(NamedTuple):
    """``goal``: draws of each chain that are wanted; ``labels [chain, element]`` of all label variables; ``streams [chain]``: where each chain's random numbers are."""

    iteration: int
    goal: int
    labels: np.ndarray
    streams: np.ndarray
    draws: tuple[dict[str, Any], ...] = ()
    stats: tuple[dict[str, Any], ...] = ()


def sweeps_of(problem: Problem, names: tuple[str, ...]) -> CollapsedSweeps:
    """The compiled sweeps of a problem's labels. Raises NotScalar."""
    form = form_of(problem.model, problem.facts, names)
    known = {**problem.fixed, **{n: _some_value(problem, n) for n in form.outside}}
    return CollapsedSweeps(arrays_of(form, bound_evaluator(problem.binding, known), in_blocks=True), num_threads())


def _some_value(problem: Problem, name: str) -> np.ndarray:
    """A value that stands for one still to come."""
    variable = problem.model.by_name[name]
    shape = tuple(problem.binding.layout.size(a) for a in problem.model.array_axes(variable))
    return np.full(shape, 1 / shape[-1] if variable.type.kind == "simplex" else 0.5)


def num_threads() -> int:
    """As many as torch has, or would have: `--threads`."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdigit() and int(said) > 0 else os.cpu_count() or 1


def build_collapsed(problem: Problem, options: CycleOptions, names: tuple[str, ...]) -> Algorithm:
    """The algorithm where everything latent is a label that is swept or integrated out."""
    sweeps = sweeps_of(problem, names)
    arrays, chains = sweeps.arrays, options.num_chains
    length, pace = options.run_length, StepBudget(BLOCK)
    sizes = {v.name: len(v.codes) for v in arrays.labels} | {
        t.variable.name: math.prod(t.sizes) for t in arrays.tables
    }
    stored = tuple(n for n in names if chains * length.draws * sizes[n] <= KEPT)
    # what is remembered of the last labels: found again from these where a run is gone on with
    last: list[tuple[np.ndarray, Remembered]] = []

    def init(rng: np.random.Generator) -> CollapsedState:
        return CollapsedState(0, length.draws, *sweeps.start(rng, chains))

    def step(state: CollapsedState) -> tuple[CollapsedState, StepReport]:
        remembered = last.pop()[1] if last and last[0][0] is state.labels else sweeps.remembered(state.labels)
        labels, streams = state.labels.copy(), state.streams.copy()
        kept: list[dict[str, np.ndarray]] = []
        heights: list[np.ndarray] = []
        with pace.block(options.warmup + state.goal - state.iteration) as count:
            for i in range(count):
                if sweeps.is_rounded:
                    # sums are taken anew, so that they do not hang on where a run was stopped
                    remembered = sweeps.remembered(labels)
                sweeps.sweep(labels, remembered, streams)
                if state.iteration + i >= options.warmup:
                    kept.append(sweeps.values(labels, remembered, streams, stored))
                    heights.append(sweeps.log_joint(labels, remembered))
        last[:] = [(labels, remembered)]
        value = float((heights[-1] if heights else sweeps.log_joint(labels, remembered)).mean())
        more = ({n: np.stack([d[n] for d in kept], 1) for n in stored},) if kept else ()
        stats = ({"lp": np.stack(heights, 1)},) if heights else ()
        following = CollapsedState(
            state.iteration + count, state.goal, labels, streams, (*state.draws, *more), (*state.stats, *stats)
        )
        if finished(following):
            # labels of clusters that have changed names come together no more
            goal = length.following(state.goal, lambda: joined_draws(following.draws), tries=0)
            following = following._replace(goal=goal)
        figures = _figures(following.draws)
        report = StepReport(value, value, count, Measure("log-density"), figures)
        return following, report

    def finished(state: CollapsedState) -> bool:
        return state.iteration >= options.warmup + state.goal

    def conclude(state: CollapsedState) -> Outcome:
        return outcome_of_draws(
            state.draws,
            state.stats,
            names,
            problem.binding,
            is_finished=finished(state),
            goes_on=state.goal > length.draws,
            notes={"backend": "native"},
        )

    return Algorithm(init, step, finished, conclude, options.iterations)


def _figures(blocks: tuple[dict[str, np.ndarray], ...]) -> Any:
    """The largest R-hat of the numbers drawn, worked out where somebody watches."""
    names = [n for n, values in (blocks[0].items() if blocks else ()) if values.dtype.kind == "f"]

    def figures() -> dict[str, float]:
        flat = (
            [
                np.concatenate([b[n].reshape(*b[n].shape[:2], math.prod(b[n].shape[2:])) for n in names], 2)
                for b in blocks
            ]
            if names
            else []
        )
        return worst_r_hat(flat)

    return figures

"""EM of densities set up: what its E-step sums out and its M-step raises, by which code, and a sample of the rows for many of them."""

from __future__ import annotations

import math
from dataclasses import replace

from pgmlang.density.bound import BoundDensity
from pgmlang.density.partition import density_of
from pgmlang.density.plain_rows import plate_of_blocks
from pgmlang.density.row_blocks import RowBlocks, row_blocks
from pgmlang.density.row_sample import sample_of_rows
from pgmlang.density.summing import marginaliser_of
from pgmlang.infer.base import Algorithm, Problem
from pgmlang.infer.em_densities import DensityEm
from pgmlang.infer.em_options import SHORT, EmOptions, num_going_on, num_short_runs
from pgmlang.infer.expected_log_joint import ExpectedLogJoint
from pgmlang.infer.m_steps import blocks_of, simplices_of
from pgmlang.plan.latents import latent_variables, summed_names

SAMPLED, SAMPLED_A_NUMBER, FEWEST_FOR_SAMPLE = 2**15, 100, 4
"""Rows of a sample, and of each number that is estimated, at least; samples that there are rows for."""
MORE_WITH_SAMPLE, GOING_ON_WITH_SAMPLE = 2, 4
"""Times as many short runs with a sample, and of how many one goes on there: little is to be saved by fewer."""
SAMPLE_TOLERANCE = 1e-6
"""Nats a row still to be gained at which starts have arrived on a sample, whose optimum is not that of all rows."""
LONG = 50
"""Iterations that EM is taken to need, when a backend is chosen."""


def build(problem: Problem, options: EmOptions) -> Algorithm:
    """The kernel of a problem that `reasons_against` has nothing against."""
    assert options.restarts is not None, "the plan resolves it"
    joint, short_runs = density_of(problem), num_short_runs(options.restarts)
    names = tuple(
        dict.fromkeys((*(v.name for v in latent_variables(problem.model, problem.facts)), *joint.learned))
    )
    sums = row_blocks(
        marginaliser_of(joint, summed_names(problem.model, problem.facts)),
        short_runs or options.restarts,
        "torch" if options.hard else options.backend,
        _passes(joint, names, options),
    )
    completion = sums.by_maximum if options.hard else sums
    blocks = blocks_of(joint.model, names, simplices_of(joint.model, names))
    q = ExpectedLogJoint(joint, names, blocks, problem.deadline)
    em = DensityEm(
        problem, options, joint, sums, completion, names, q, short_runs or options.restarts, num_going_on(options.restarts),
        _of_sample(problem, options, sums, q),
    )  # fmt: skip
    return Algorithm(em.init, em.step, lambda state: bool(state.is_done), em.conclude)


def _of_sample(problem: Problem, options: EmOptions, sums: RowBlocks, q: ExpectedLogJoint) -> DensityEm | None:
    """EM of a sample of the rows, where these are plain and many more than a sample needs; None for a single start."""
    plate, numbers = plate_of_blocks(sums.whole), _numbers(q.joint, q.names)
    count = max(SAMPLED, SAMPLED_A_NUMBER * numbers)
    short_runs = MORE_WITH_SAMPLE * num_short_runs(options.restarts or 1)
    if plate is None or not short_runs or options.hard or options.max_iterations <= SHORT:
        return None
    size = q.joint.layout.size(plate)
    if size < FEWEST_FOR_SAMPLE * count:
        return None
    joint = sample_of_rows(q.joint, plate, count)
    sums = row_blocks(marginaliser_of(joint, sums.names), short_runs, "native" if sums.is_native else "torch")
    options = replace(
        options, tolerance=max(options.tolerance, SAMPLE_TOLERANCE * size), max_iterations=min(options.max_iterations, LONG)
    )  # fmt: skip
    going_on = short_runs // GOING_ON_WITH_SAMPLE
    return DensityEm(problem, options, joint, sums, sums, q.names, replace(q, joint=joint), short_runs, going_on)


def _passes(joint: BoundDensity, names: tuple[str, ...], options: EmOptions) -> int:
    """How many times about the rows are gone through: in short runs, by the starts that go on, around the end."""
    assert options.restarts is not None
    short = min(options.max_iterations, SHORT) * num_short_runs(options.restarts)
    numbers = _numbers(joint, names)
    return short + min(options.max_iterations, LONG) * num_going_on(options.restarts) + 2 * numbers


def _numbers(joint: BoundDensity, names: tuple[str, ...]) -> int:
    """How many numbers are estimated."""
    return sum(math.prod(joint.shapes[n]) for n in names)

"""Which latents to non-centre: those of which the data say less than their prior does.

Non-centred, an element that the data pin down hangs on every latent around it, and chains crawl; centred, one that they
leave open makes a funnel (Papaspiliopoulos, Roberts and Skoeld 2007, section 2). Of groups of unequal size some elements are the one and some
the other. The curvatures of both sides where short
chains end tell which it is. (A mode would not: scales there are nothing, or far too large.)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.density.reductions import sum_of_factors
from pgmlang.density.simulation import deterministic_values
from pgmlang.density.target import Target, target_of
from pgmlang.infer.base import Problem, facts_of
from pgmlang.infer.native_choice import native_choice
from pgmlang.infer.noncentring import (
    centred_name,
    location_scale_of,
    movable_names,
    noncentred,
    standard_name,
    standardising,
)
from pgmlang.infer.starts import beginning_of, given_points
from pgmlang.kernels import WarmupPlan, hmc, run, start

CHAINS, PILOT = 8, 100
"""Short chains of the model as it is written, and their iterations: its scales are soon known, if not more."""
STARTS = 16
"""Points at the least, where the user says where some numbers begin: others begin elsewhere in each."""
BETWEEN = 5
"""Iterations between two looks at the clock."""
LEAPS = 10
"""Evaluations of the gradient that an iteration of these is taken for."""
PROBES = 16
"""Elements of a vector of numbers that hang together whose curvatures are looked at."""
FEW = 0.05
"""A share of the elements that is like the others: choosing one by one has its price."""
BALANCE = 3.0
"""Curvature of the data over that of the prior above which a latent stays as it is written; more than one, as a funnel
is worse than a few elements that hang together."""


def noncentred_problem(problem: Problem, backend: str = "torch") -> tuple[Problem, tuple[str, ...]]:
    """The problem rewritten, and the names of what was non-centred. ``backend``: who works out the density of the short chains, torch
    where loops cannot say the model as it is written."""
    names = movable_names(problem.model, problem.facts)
    if not names:
        return problem, ()
    long = tuple(n for n in names if _is_long_vector(problem, n))
    written = target_of(problem) if long else _pilot_target(problem, backend)
    if long:
        problem_of_pilot = _moved(problem, long, written)
        # most likely the density that is sampled too, whose loops are then compiled once
        target = target_of(problem_of_pilot, backend=backend)
        if target.native is not None:
            target.native.has_values = False
        values = _pilot(target, problem_of_pilot)
        values = {**values, **deterministic_values(target.joint, values, names=long)}
    else:
        values = _pilot(written, problem)
    stays = {n: data_weights(written.joint, n, values) > BALANCE for n in names}
    few = tuple(n for n in names if not stays[n].all())
    in_part = {n: stays[n] for n in few if stays[n].any()}
    return (_moved(problem, few, written, in_part), few) if few else (problem, ())


def _is_long_vector(problem: Problem, name: str) -> bool:
    """Whether a variable has many numbers that hang together, those of a process say: as it is written no short chain comes anywhere."""
    model = problem.model
    family = location_scale_of(model, name)
    if family is None or not family[1].of_vectors:
        return False
    return problem.binding.layout.size(model.root_axis(model.array_axes(model.by_name[name])[-1])) > PROBES


def _pilot_target(problem: Problem, backend: str) -> Target:
    """The density of the short chains: what loops can say of the model that is sampled is another question."""
    choice = (
        native_choice(problem.model, problem.facts, CHAINS, PILOT * LEAPS, None) if backend != "torch" else None
    )
    return target_of(problem, backend="torch" if choice is None or choice.backend == "torch" else "auto")


def _moved(
    problem: Problem, names: tuple[str, ...], target: Target, in_part: Mapping[str, np.ndarray] | None = None
) -> Problem:
    """The problem with these variables non-centred, but some elements of those ``in_part``."""
    stays = in_part or {}
    model = noncentred(problem.model, names, stays)
    inputs = {centred_name(n): mask.astype(float) for n, mask in stays.items()}
    binding = replace(problem.binding, model=model, values={**problem.binding.values, **inputs})
    begins = _standard_start(problem, names, target, stays, inputs) if problem.start else {}
    return replace(
        problem, model=model, binding=binding, facts=facts_of(model, binding, problem.facts.fixed), start=begins
    )


def _standard_start(
    problem: Problem,
    names: tuple[str, ...],
    target: Target,
    in_part: Collection[str],
    inputs: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """The user's start with the standard numbers behind these variables in their place."""
    generator = Generator(problem.device).manual_seed(0)
    points = given_points(target, max(STARTS, *map(len, problem.start.values())), generator, problem)
    model = standardising(problem.model, names, in_part)
    binding = replace(problem.binding, model=model, values={**problem.binding.values, **inputs})
    joint = density_of_binding(model, binding, problem.fixed, target.dtype, target.joint.device)
    with torch.no_grad():
        values, _ = target.values(points)
    standard = deterministic_values(joint, values, names=[standard_name(n) for n in names])
    known = {n: v for n, v in values.items() if n not in names}
    return {n: v.cpu().numpy() for n, v in {**known, **standard}.items()}


def _pilot(target: Target, problem: Problem) -> dict[str, Tensor]:
    """Values ``[chain, ...]`` of all latents at the end of short chains."""
    generator = Generator(problem.device).manual_seed(0)
    begun = beginning_of(target, CHAINS, generator, problem, rounds=1)
    plan = WarmupPlan(hmc.kernel(), PILOT)
    state = start(target, begun.points, plan, generator, begun.metric)
    while state.iteration < PILOT + 1:
        # what is non-centred is no question of how much time there was
        problem.deadline.check("the pilot chains of the warm-up", "there are no draws yet")
        state = run(target, plan, state, min(BETWEEN, PILOT + 1 - state.iteration)).state
    x = state.chains.position
    generator.set_state(state.random)
    with torch.no_grad():
        values, _ = target.values(x)
        if target.sums is not None:
            values = {**values, **target.sums.draw(generator, values)}
    return values


def data_weights(joint: BoundDensity, name: str, values: Values) -> np.ndarray:
    """How many times the curvature of a variable's own conditional that of the other factors around it is, by values of
    all latents ``[chain, ...]``: of every element the median over chains, ``[*shape]``; where elements hang together, by a chain or
    a covariance, the median over them all, everywhere. Of a family that is one of
    location and scale in the logarithm, the curvatures are those by the logarithm."""
    family = location_scale_of(joint.model, name)
    is_log = family is not None and family[1].is_log
    held = {k: v for k, v in values.items() if k in joint.shapes and k != name}
    chains = next(iter(values.values())).shape[0]
    with torch.enable_grad():
        start = values[name].expand(chains, *joint.shapes[name]).detach().clone()
        x = (start.log() if is_log else start).requires_grad_()
        terms = joint.factors({**held, name: x.exp() if is_log else x}, blanket=(name,))
        apart = _rows_apart(joint, name)
        slope, prior = _slope_and_curvature(sum_of_factors(joint, {name: terms.pop(name)}).sum(), x, apart)
        _, others = _slope_and_curvature(sum_of_factors(joint, terms).sum(), x, apart)
    # a density with a corner or a far tail has no curvature there: its information is the square of its slope
    prior = torch.where(prior > 0, prior, slope.square())
    ratio = others / prior.clamp(min=torch.finfo(x.dtype).tiny)
    is_one_by_one = len(apart) == 1 and not (family is not None and family[1].of_vectors)
    if is_one_by_one:
        weights = ratio.nan_to_num(nan=0.0).median(0).values.cpu().numpy()
        share = float((weights > BALANCE).mean())
        if FEW <= share <= 1 - FEW:
            return weights
    looked_at = ratio[..., sum(apart) > 0]
    median = float(looked_at.median()) if bool(torch.isfinite(looked_at).all()) else 0.0
    return np.full(joint.shapes[name], median)


def _rows_apart(joint: BoundDensity, name: str) -> list[Tensor]:
    """Elements of a variable as masks of its shape, those of one mask meeting in no factor: all of them, or where a chain looks back at
    it, rows so far apart that none looks at another."""
    model, shape = joint.model, joint.shapes[name]
    family = location_scale_of(model, name)
    if family is not None and family[1].of_vectors:
        # some elements of each vector, one at a time: others beside them say the same
        size = shape[-1]
        places = {i * size // PROBES for i in range(PROBES)} if size > PROBES else range(size)
        one = torch.eye(size, dtype=joint.dtype, device=joint.device)
        return [one[i].expand(shape) for i in sorted(places)]
    everything = (*model.factors, *model.definitions)
    lags = [r.lag for item in everything for r in model.mentions(item) if r.name == name and r.lag]
    if not lags:
        return [torch.ones(shape, dtype=joint.dtype, device=joint.device)]
    axes = model.array_axes(model.by_name[name])
    chain = next(i for i in reversed(range(len(axes))) if model.is_chain(axes[i]))
    position = joint.layout.position(axes[chain]).reshape(-1, *[1] * (len(axes) - 1 - chain))
    apart = max(lags) + 1
    return [(position % apart == k).to(joint.dtype).expand(shape) for k in range(apart)]


def _slope_and_curvature(total: Tensor, x: Tensor, apart: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The derivatives by every element, and minus the second ones: the diagonal of the Hessian, by products with the masks ``apart``."""
    zero = torch.zeros_like(x)
    if not total.requires_grad:
        return zero, zero
    (slope,) = torch.autograd.grad(total, x, create_graph=True, allow_unused=True)
    if slope is None:
        return zero, zero
    if not slope.requires_grad:
        return slope.detach(), zero
    second = zero
    for mask in apart:
        (product,) = torch.autograd.grad((slope * mask).sum(), x, allow_unused=True, retain_graph=True)
        second = second if product is None else second + product * mask
    return slope.detach(), -second

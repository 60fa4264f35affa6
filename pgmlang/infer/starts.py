"""Where chains begin."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.joint import Joint, Values
from pgmlang.density.target import Target, target_of
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Problem
from pgmlang.kernels.log_density import value, value_and_grad
from pgmlang.plan.latents import density_reasons, many_beside_labels, summed_names

ASCENTS, CLIMB = 8, 150
"""Ascents for every chain, and their steps, where discrete variables are summed out."""
SEEKERS = 8
"""Points that look for one start."""
ROUNDS, TRIES, STEPS, FARTHEST = 300, 8, (0.3, 1.0, 3.0, 10.0), 60.0
"""Rounds of the search for possible points, moves that each point tries in one, the sizes of steps in turn, and how far
from zero it goes: exp(60) is 1e26."""
MOST = 10_000_000
"""Most numbers of a table of all ascents; beyond it they take turns."""


def starting_points(target: Target, chains: int, generator: Generator, problem: Problem) -> Tensor:
    """Free values uniform on (-2, 2), as Stan's, drawn again where the density is zero. With discrete variables summed
    out, whose clusters make poor modes that chains do not leave, the best of a few short ascents for every chain. Raises
    PgmError PGM0803."""
    if target.sums is None:
        return uniform_points(target, chains, generator, problem)
    many = uniform_points(target, ASCENTS * chains, generator, problem)
    size = sum(math.prod(target.joint.shapes[n]) * target.joint.num_states(n) for n in target.sums.names)
    together = len(many) if len(many) * size <= MOST else chains
    parts = [ascended(target, x) for x in many.split(together)]
    reached, height = torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])
    best = height.reshape(ASCENTS, chains).argmax(0)
    return reached.reshape(ASCENTS, chains, -1)[best, torch.arange(chains, device=reached.device)]


def ascended(target: Target, x: Tensor) -> tuple[Tensor, Tensor]:
    """Points after some steps of Adam up the log-density, and its values there: none lower than where it began."""
    best, height = x, value(target, x)
    first, second = torch.zeros_like(x), torch.zeros_like(x)
    for i in range(1, CLIMB + 1):
        here, slope = value_and_grad(target, x)
        better = here > height
        best, height = torch.where(better.unsqueeze(-1), x, best), torch.where(better, here, height)
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope * slope
        x = x + 0.1 * (first / (1 - 0.9**i)) / ((second / (1 - 0.99**i)).sqrt() + 1e-8)
    return best, height


def uniform_points(target: Target, chains: int, generator: Generator, problem: Problem) -> Tensor:
    """Uniform points of positive density, nearer to zero after some tries, then sought by `possible_points`. Raises PgmError
    PGM0803 without any."""
    x = torch.empty(chains, target.dimension, dtype=target.dtype, device=problem.device)
    x.uniform_(-2, 2, generator=generator)
    for scale in (2.0,) * 4 + (0.5,) * 4 + (0.05,) * 4:
        bad = ~torch.isfinite(value(target, x))
        if not bool(bad.any()):
            return x
        fresh = torch.empty_like(x).uniform_(-scale, scale, generator=generator)
        x = torch.where(bad.unsqueeze(-1), fresh, x)
    return possible_points(lambda x: _impossible_at(target, x), x, generator)


def _impossible_at(target: Target, x: Tensor) -> Tensor:
    """How many elements of factors are impossible at free values ``[points, dimension]``; with discrete variables summed
    out, whether the whole is."""
    with torch.no_grad():
        # not `value`, which records a program of each shape
        is_bad = (~torch.isfinite(target(x))).to(x.dtype)
        if target.sums is not None:
            return is_bad
        values, _ = target.values(x)
        return torch.maximum(is_bad, impossible_elements(target.joint, {**target.given, **values}, target.params))


def impossible_elements(joint: Joint, values: Values, params: Values | None = None, nets: Any = None) -> Tensor:
    """How many elements of the factors have no finite log-value, ``[...]`` as the values lead."""
    num_impossible = torch.zeros((), dtype=joint.dtype, device=joint.device)
    with torch.no_grad():
        for name, term in joint.factors(values, params, nets).items():
            axes = joint.factor_axes[name]
            bad = (~torch.isfinite(term)).to(joint.dtype)
            num_impossible = num_impossible + (bad.sum(tuple(range(-len(axes), 0))) if axes else bad)
    return num_impossible


def possible_points(impossible: Callable[[Tensor], Tensor], x: Tensor, generator: Generator) -> Tensor:
    """Points ``[points, dimension]`` of positive density, sought from ``x``. ``impossible``: how much of the density is zero
    at points, 0 for nothing. Some coordinates at a time move by steps of all sizes, and stay where no more becomes
    impossible than was; points that find nothing begin where another one did. Raises PgmError PGM0803 without any.
    """
    count = impossible(x)
    for i in range(ROUNDS):
        bad = (count > 0).nonzero().flatten()
        if not len(bad):
            return x
        here = x[bad].repeat_interleave(TRIES, 0)
        share = torch.rand(len(here), 1, generator=generator, dtype=x.dtype, device=x.device) ** 3
        moves = torch.rand(here.shape, generator=generator, dtype=x.dtype, device=x.device) < share
        one = torch.randint(x.shape[1], (len(here), 1), generator=generator, device=x.device)
        noise = torch.randn(here.shape, generator=generator, dtype=x.dtype, device=x.device)
        there = torch.where(moves.scatter(1, one, True), here + STEPS[i % len(STEPS)] * noise, here)
        height = torch.where(there.abs().amax(-1) < FARTHEST, impossible(there), math.inf).reshape(-1, TRIES)
        least, which = height.min(1)
        better = least <= count[bad]
        rows = torch.arange(len(bad), device=x.device) * TRIES + which
        x = x.index_put((bad[better],), there[rows[better]])
        count = count.index_put((bad[better],), least[better])
    good = (count == 0).nonzero().flatten()
    if not len(good):
        raise PgmError(
            Diagnostic("PGM0803", "the density is zero, or no number, wherever a chain was started",
                       help="does the data lie within the distributions' supports, do probabilities sum to one,"
                       " and is every input finite?")
        )  # fmt: skip
    chosen = good[torch.randint(len(good), (len(x),), generator=generator, device=x.device)]
    return torch.where((count > 0).unsqueeze(-1), x[chosen], x)


def possible_free(
    free: Mapping[str, Tensor], impossible: Callable[[dict[str, Tensor]], Tensor], generator: Generator
) -> dict[str, Tensor]:
    """As `possible_points`, of free values by name, ``[points, *shape]`` each."""
    shapes = {n: tuple(v.shape[1:]) for n, v in free.items()}
    sizes = [math.prod(s) for s in shapes.values()]

    def named(x: Tensor) -> dict[str, Tensor]:
        parts = zip(shapes.items(), x.split(sizes, -1), strict=True)
        return {n: free_part.reshape(len(x), *shape) for (n, shape), free_part in parts}

    begin = torch.cat([v.reshape(len(v), -1) for v in free.values()], 1)
    return named(possible_points(lambda x: impossible(named(x)), begin, generator))


def nearest_possible(
    free: Mapping[str, Tensor], impossible: Callable[[dict[str, Tensor]], Tensor], generator: Generator
) -> dict[str, Tensor]:
    """Free values ``[*shape]`` by name where the density is not zero: these, or the nearest of some that were found."""
    copies = {n: v.expand(SEEKERS, *v.shape) for n, v in free.items()}
    if not free or not bool((impossible({n: v[:1] for n, v in copies.items()}) > 0).any()):
        return dict(free)
    possible = possible_free(copies, impossible, generator)
    away = sum(((possible[n] - free[n]) ** 2).reshape(SEEKERS, -1).sum(1) for n in free)
    nearest = int(torch.as_tensor(away).argmin())
    return {n: v[nearest] for n, v in possible.items()}


def starting_codes(joint: Joint, name: str, generator: Generator, starts: int) -> Tensor:
    """Codes ``[start, *shape]`` to begin with: clusters of what is observed beside the variable by k-means++ (Arthur
    and Vassilvitskii 2007) with two rounds of Lloyd's, or drawn evenly where nothing is. Which cluster gets which code
    differs from start to start: where labels are no mere names, few orders are right."""
    shape, states = joint.shapes[name], joint.num_states(name)
    axes = joint.axes(name)
    columns = [
        v.to(joint.dtype).reshape(*shape, -1)
        for other, v in joint.observed.items()
        if other != name and axes and joint.axes(other)[: len(axes)] == axes and other not in joint.missing
        and other not in joint.unseen        and joint.model.by_name[other].type.kind != "labels"
    ]  # fmt: skip
    if not columns:
        return torch.randint(states, (starts, *shape), generator=generator, device=joint.device)
    points = torch.cat(columns, -1).reshape(-1, sum(c.shape[-1] for c in columns))
    points = (points - points.mean(0)) / points.std(0).clamp(min=1e-9)
    centres = points[torch.randint(len(points), (starts, 1), generator=generator, device=joint.device)]
    for _ in range(states - 1):
        far = _distances(points, centres).amin(-1)
        chosen = torch.multinomial(far + 1e-12, 1, generator=generator)
        centres = torch.cat([centres, points[chosen]], 1)
    for _ in range(2):
        hot = torch.nn.functional.one_hot(_distances(points, centres).argmin(-1), states).to(joint.dtype)
        total = hot.sum(1)[..., None]
        fresh = torch.einsum("snk,nd->skd", hot, points) / total.clamp(min=1)
        centres = torch.where(total > 0, fresh, centres)
    order = centres[..., 0].argsort(-1)
    centres = torch.stack([centres[i, _rotated(order[i], i)] for i in range(starts)])
    return _distances(points, centres).argmin(-1).reshape(starts, *shape)


def _rotated(order: Tensor, i: int) -> Tensor:
    """The order, every other one backwards, begun one place later each two."""
    return (order.flip(0) if i % 2 else order).roll(i // 2)


def _distances(points: Tensor, centres: Tensor) -> Tensor:
    """Squared distances ``[start, point, centre]``."""
    return (
        points.square().sum(-1)[:, None] - 2 * points @ centres.mT + centres.square().sum(-1)[..., None, :]
    ).clamp(min=0)


def mixture_values(problem: Problem, chains: int, generator: Generator, dtype: torch.dtype) -> dict[str, Tensor]:
    """Values of the latents of a mixture, discrete ones drawn given the others, at the `starting_points` of its density
    with those summed out; nothing for other models, and for ones of thousands of latent numbers."""
    model, facts = problem.model, problem.facts
    if not summed_names(model, facts) or tuple(density_reasons(model, facts)) or many_beside_labels(model, facts):
        return {}
    target = target_of(problem, dtype)
    assert target.sums is not None
    with torch.no_grad():
        values, _ = target.values(starting_points(target, chains, generator, problem))
    return {**values, **target.sums.draw(generator, values)}

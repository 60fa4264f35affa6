"""Where chains begin."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.possible import always_impossible, impossible_elements, possible_points
from pgmlang.density.target import Target, target_of
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.components import summing_steps
from pgmlang.infer.base import Problem
from pgmlang.kernels.beginning import ROUNDS, Beginning, beginning
from pgmlang.kernels.log_density import value, value_and_grad
from pgmlang.kernels.metric import PRICE
from pgmlang.plan.deadline import NEVER, Deadline
from pgmlang.plan.latents import many_beside_labels, sampling_reasons, summed_names

WIDE, CANDIDATES = 8.0, 6
"""How far from zero paths begin that do not begin near it, and of how many points the likeliest."""
PATHS = 8
"""Paths for every chain, where discrete variables are summed out."""
CLIMB = 150
"""Most steps by which a point is lifted."""
ARRIVED, FAR_ABOVE = 0.25, 4.0
"""Share of the chains that have surely found where the mass is, and deviations of their log-density above which others have not."""
PROBES = 20
"""Draws of a chain at which slopes are looked at."""
SEARCH = "the search for starting points"
MOST = 10_000_000
"""Most numbers of a table of all paths; beyond it they take turns."""


def beginning_of(
    target: Target,
    chains: int,
    generator: Generator,
    problem: Problem,
    price: float = PRICE,
    rounds: int = ROUNDS,
) -> Beginning:
    """Where chains begin and with which metric: paths (`kernels.beginning`) from free values uniform on (-2, 2), as Stan's, drawn again where
    the density is zero, and as many from farther out, the better of two for each chain: where a likelihood is flat near zero (growth that has
    ended before the first measurement) no path from there finds the data. With discrete variables summed out, whose clusters make poor modes that chains do not leave, the best of a few paths
    for every chain. ``price``: of a metric's direction; ``rounds``: most times that paths begin. From points that the user gives, chains begin there and paths tell the metric alone.
    Raises PgmError PGM0803, and PGM0612 for given points of density zero."""
    if problem.start:
        given = given_points(target, chains, generator, problem)
        return beginning(
            target, given, generator, _checked(problem.deadline), price=price, rounds=rounds
        )._replace(points=given)
    if target.sums is None:
        points = uniform_points(target, chains, generator, problem)
        points = torch.cat([points, wide_points(target, points, generator)])
        return beginning(
            target,
            points,
            generator,
            _checked(problem.deadline),
            attempts=2,
            together=2,
            price=price,
            rounds=rounds,
        )
    many = uniform_points(target, PATHS * chains, generator, problem)
    size = sum(math.prod(target.joint.shapes[n]) * target.joint.num_states(n) for n in target.sums.names)
    together = PATHS if len(many) * size <= MOST else 1
    return beginning(
        target,
        many,
        generator,
        _checked(problem.deadline),
        attempts=PATHS,
        together=together,
        price=price,
        rounds=rounds,
    )


def starting_points(target: Target, chains: int, generator: Generator, problem: Problem) -> Tensor:
    """Those of `beginning_of` where discrete variables are summed out; else the uniform points themselves, `lifted`: spread wide, and soon
    there. Raises as `beginning_of`."""
    if problem.start:
        return given_points(target, chains, generator, problem)
    if target.sums is None:
        return lifted(target, uniform_points(target, chains, generator, problem), problem.deadline)
    return beginning_of(target, chains, generator, problem).points


def given_points(target: Target, chains: int, generator: Generator, problem: Problem) -> Tensor:
    """Free values ``[chain, dimension]`` at the user's points, in turn; what these leave open as `uniform_points`. Raises PgmError PGM0612
    where the density is zero."""
    with torch.no_grad():
        values, _ = target.values(uniform_points(target, chains, generator, problem))
        given = values_of_points(problem, chains, target.joint)
        x = target.free({**values, **given})
        back, _ = target.values(x)
    # beyond a bound that other values or data move
    is_elsewhere = any(not torch.allclose(back[n], v, rtol=1e-4, atol=1e-8) for n, v in given.items() if n in back)
    if is_elsewhere or not bool(torch.isfinite(value(target, x)).all()):
        raise impossible_start(problem)
    return x


def impossible_start(problem: Problem) -> PgmError:
    """PGM0612: the user's points are none that the model and the data allow."""
    names = ", ".join(f"`{n}`" for n in problem.start)
    message = f"the density is zero where {names} should begin"
    return PgmError(Diagnostic("PGM0612", message, help="leave `--start` out, or give values that the data allow"))


def values_of_points(problem: Problem, chains: int, joint: BoundDensity) -> dict[str, Tensor]:
    """The user's values ``[chain, *shape]``, points in turn."""
    return {
        n: torch.as_tensor(v[np.arange(chains) % len(v)], dtype=joint.dtype, device=joint.device)
        for n, v in problem.start.items()
    }


def begun_again(target: Target, draws: Tensor, heights: Tensor, generator: Generator, problem: Problem) -> Tensor:
    """Where chains go on from that did not come together, by their ``draws [C, n, d]`` and log-densities ``heights [C, n]``: at their last
    draws, but those in a spike at uniform points, `lifted`.

    Where a scale is nothing, of measurements beside what they measure say, the density has no end and next to no mass: L-BFGS climbs it, so
    that `beginning_of` may leave a chain there, and with the step size of the others it stays. Such a chain lies far above the others in
    log-density, and below them in that and the logarithm of its volume together: the slopes of a normal distribution have its precision as
    their mean squares.
    """
    means = heights.mean(-1)
    probes = draws[:, :: -(-draws.shape[1] // PROBES)].unbind(1)
    slopes = torch.stack([value_and_grad(target, x)[1] for x in probes])
    mass = means - 0.5 * slopes.square().mean(0).log().sum(-1)
    usual = math.sqrt(0.5 * draws.shape[-1])  # the standard deviation of a normal distribution's log-density
    is_high = means > means.quantile(ARRIVED) + FAR_ABOVE * usual
    is_spike = is_high & (mass < mass[~is_high].max())
    if not bool(is_spike.any()):
        return draws[:, -1]
    fresh = lifted(target, uniform_points(target, len(draws), generator, problem))
    return torch.where(is_spike.unsqueeze(-1), fresh, draws[:, -1])


def _checked(deadline: Deadline) -> Callable[[], None]:
    # half of a search would be another start than the whole, for a run that is taken up again too
    return lambda: deadline.check(SEARCH, "there are no draws yet")


def lifted(target: Target, x: Tensor, deadline: Deadline = NEVER) -> Tensor:
    """Points ``[chain, dimension]``, those whose density is below the median moved up by steps of Adam until it is not, or for `CLIMB` steps.

    The step size of a warm-up is that of most chains: one that begins far down a slope too steep for it would never move.
    """
    first, second = torch.zeros_like(x), torch.zeros_like(x)
    begun, level = x, value(target, x).median()
    for i in range(1, CLIMB + 1):
        height, slope = value_and_grad(target, x)
        is_low = height < level
        if not bool(is_low.any()):
            break
        deadline.check(SEARCH, "there are no draws yet")
        # far down a slope of 1e12 a point would else remember that size, and creep where it is 1
        slope = slope / slope.abs().amax(-1, keepdim=True).clamp(min=torch.finfo(slope.dtype).tiny)
        first, second, step = _adam(first, second, slope, i)
        x = torch.where(is_low.unsqueeze(-1), x + step, x)
    return torch.where(torch.isfinite(value(target, x)).unsqueeze(-1), x, begun)


def _adam(first: Tensor, second: Tensor, slope: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Both moments after the ``count``-th slope, and the step (Kingma and Ba 2015, algorithm 1)."""
    first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope * slope
    return first, second, 0.1 * (first / (1 - 0.9**count)) / ((second / (1 - 0.99**count)).sqrt() + 1e-8)


def uniform_points(target: Target, chains: int, generator: Generator, problem: Problem) -> Tensor:
    """Uniform points of positive density, nearer to zero after some tries, then sought by `possible_points`. Raises PgmError
    PGM0803 without any."""
    x = torch.empty(chains, target.dimension, dtype=target.dtype, device=problem.device)
    x.uniform_(-2, 2, generator=generator)
    for scale in (2.0,) * 4 + (0.5,) * 4 + (0.05,) * 4:
        bad = ~torch.isfinite(target.value_once(x))
        if not bool(bad.any()):
            return x
        fresh = torch.empty_like(x).uniform_(-scale, scale, generator=generator)
        x = torch.where(bad.unsqueeze(-1), fresh, x)
    return possible_points(
        lambda x: _impossible_at(target, x), x, generator, problem.deadline, lambda x: _causes_at(target, x)
    )


def _causes_at(target: Target, x: Tensor) -> tuple[str, ...]:
    """What is impossible at all of some free values ``[points, dimension]``; nothing where discrete variables are summed out."""
    if target.sums is not None:
        return ()
    with torch.no_grad():
        values, _ = target.values(x)
    return always_impossible(target.joint, {**target.given, **values}, target.params)


def wide_points(target: Target, x: Tensor, generator: Generator) -> Tensor:
    """For each of points ``[chain, dimension]`` the likeliest of `CANDIDATES` uniform on (-`WIDE`, `WIDE`); the point itself where all are
    impossible."""
    drawn = x.new_empty(CANDIDATES, *x.shape).uniform_(-WIDE, WIDE, generator=generator)
    heights = (
        target.value_once(drawn.flatten(0, 1))
        .reshape(CANDIDATES, -1)
        .nan_to_num(nan=-math.inf, posinf=-math.inf, neginf=-math.inf)
    )
    best, chosen = heights.max(0)
    return torch.where(torch.isfinite(best).unsqueeze(-1), drawn[chosen, torch.arange(len(x))], x)


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


def mixture_values(problem: Problem, chains: int, generator: Generator, dtype: torch.dtype) -> dict[str, Tensor]:
    """Values of the latents of a mixture, discrete ones drawn given the others, at the `starting_points` of its density
    with those summed out; nothing for other models, and for ones of thousands of latent numbers."""
    model, facts = problem.model, problem.facts
    labels = summed_names(model, facts)
    # what is told soonest comes first
    if (
        not labels
        or many_beside_labels(model, facts)
        or summing_steps(model, labels)[1]
        or sampling_reasons(model, facts)
    ):
        return {}
    target = target_of(problem, dtype)
    assert target.sums is not None
    with torch.no_grad():
        values, _ = target.values(starting_points(target, chains, generator, problem))
    return {**values, **target.sums.draw(generator, values)}

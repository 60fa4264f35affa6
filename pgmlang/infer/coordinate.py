"""Coordinate ascent on the evidence lower bound (Blei, Kucukelbir and McAuliffe 2017, section 4.1).

Every continuous latent variable has a factor q of its complete conditional's family; the discrete ones keep their whole
posterior given the expected log-factors (Beal 2003, chapter 3, has it for chains): summed out, as in EM.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bind import bound_density
from pgmlang.density.numerics import numerics, seeded
from pgmlang.density.summing import marginaliser_of
from pgmlang.guides.importance_weights import pareto_k
from pgmlang.infer.ascent import Ascent
from pgmlang.infer.base import Algorithm, Measure, Outcome, Problem, StepReport
from pgmlang.infer.bilinear import bilinear_of
from pgmlang.infer.conjugate import conjugate_family
from pgmlang.plan.deadline import NEVER, Deadline
from pgmlang.plan.latents import latent_variables, summed_names
from pgmlang.results.guide_quality import guide_doubts

TRIAL = 5
"""Iterations of a restart before the best is chosen."""
FEWEST = 16
"""Fewest iterations where local factors begin anew at first."""
CHAINS, DRAWS, MOST = 4, 500, 20_000_000
"""Draws of q that go into the fit, and the most numbers of them."""
CURE = "`--method gibbs` or `hmc`: they draw from the posterior as it is, dependence included"


class CoordinateState(NamedTuple):
    """``factors``: q of every continuous latent; ``blocks``: axes of a Normal's elements that hang together;
    ``random``: generator state of the draws at the end."""

    iteration: int
    factors: dict[str, tuple[Any, ...]]
    blocks: dict[str, tuple[int, ...]]
    random: Any
    trace: tuple[float, ...] = ()
    is_done: bool = False


def ascend(ascent: Ascent, state: CoordinateState) -> tuple[CoordinateState, float]:
    """One pass: the discrete latents' posterior, then every factor, local ones several times; and the bound before it."""
    for i in range(ascent.num_local_passes if ascent.local else 0):
        factors = dict(state.factors)
        if i == 0 and state.iteration < ascent.num_restarted_passes:
            factors |= {
                n: tuple(torch.ones_like(q) for q in factors[n])
                for n in ascent.local
                if not ascent.family(n).is_coupled
            }
        _, weights = ascent.posterior(factors, state.blocks)
        for name in ascent.local:
            factors[name] = ascent.update(name, factors, state.blocks, weights)
        state = state._replace(factors=factors)
    value, weights = ascent.bound(state.factors, state.blocks)
    factors = dict(state.factors)
    for name in ascent.families:
        factors[name] = ascent.update(name, factors, state.blocks, weights)
    return state._replace(factors=factors, iteration=state.iteration + 1), value


def begin(ascent: Ascent, generator: Generator, restarts: int, deadline: Deadline = NEVER) -> CoordinateState:
    """The best of some random beginnings after a few passes: of those that there is time for."""
    best: tuple[float, CoordinateState] | None = None
    rows = max((math.prod(ascent.joint.shapes[n]) for n in ascent.sums.names), default=1)
    shares = list(np.geomspace(1, min(1, 30 / rows), restarts)) if ascent.sums.names else [1.0]
    for share in shares:
        if best is not None and deadline.is_over():
            break
        factors = ascent.first(generator)
        blocks: dict[str, tuple[int, ...]] = {n: () for n in ascent.families if ascent.family(n).is_coupled}
        # between shared and discrete latents, the local ones follow the shared ones' noise
        weights = (
            ascent.bound(factors, {})[1] if ascent.local else ascent.at_random(factors, generator, float(share))
        )
        for name in blocks:
            centre = ascent.shaped(name, factors[name][0], blocks)
            blocks[name] = ascent.find_blocks(name, factors, blocks, weights, generator)
            factors[name] = ascent.update(name, factors, blocks, weights, centre)
        for name in ascent.families:
            if name not in blocks:
                ascent.check(name, factors, blocks, weights, generator)
                factors[name] = ascent.update(name, factors, blocks, weights)
        state = CoordinateState(0, factors, blocks, generator.get_state())
        value = -math.inf
        if ascent.sums.names and restarts > 1:
            for _ in range(TRIAL):
                if deadline.is_over():
                    break
                state, value = ascend(ascent, state)
        if best is None or value > best[0]:
            best = value, state
    assert best is not None
    return best[1]._replace(iteration=0, random=generator.get_state())


def conclude(ascent: Ascent, state: CoordinateState) -> Outcome:
    """Draws of q, the discrete latents' given them where there is room, and how well q stands for the posterior."""
    joint = ascent.joint
    generator = torch.Generator(joint.device)
    generator.set_state(state.random)
    numbers = sum(math.prod(joint.shapes[n]) for n in (*ascent.families, *ascent.sums.names))
    count = max(25, min(DRAWS, MOST // max(1, CHAINS * numbers)))
    with seeded(generator), numerics(joint.dtype, joint.device), torch.no_grad():
        draws_of_q = _draw(ascent, state, CHAINS * count)
        values = {
            n: ascent.shaped(n, x.unflatten(0, (CHAINS, count)), state.blocks) for n, x in draws_of_q.items()
        }
        shape = pareto_k(joint, ascent.sums.names, _weigher(ascent, state, draws_of_q))
    notes: dict[str, Any] = {
        "objective": "bound",
        "elbo": state.trace[-1] if state.trace else math.nan,
        "elbo_unit": "data",
        "independent_draws": True,
        "pareto_k": shape,
    }
    size = sum(math.prod(joint.shapes[n]) * joint.num_states(n) for n in ascent.sums.names)
    if ascent.sums.names and CHAINS * count * size <= 5 * MOST:
        values |= _given_back(ascent, generator, values)
    elif ascent.sums.names:
        notes["not_drawn"] = list(ascent.sums.names)
    draws = {k: v.cpu().numpy() for k, v in values.items()}
    means = {
        n: mean.cpu().numpy() for n, mean in _means(ascent, state).items() if bool(torch.isfinite(mean).all())
    }
    doubts = guide_doubts(shape, CURE)
    axes = {k: joint.axes(k) for k in draws}
    return Outcome(means, state.trace, state.is_done and not doubts, doubts, notes, draws, axes)


def _draw(ascent: Ascent, state: CoordinateState, count: int) -> dict[str, Tensor]:
    """Draws ``[count, *shape]`` of each factor of q."""
    return {n: ascent.family(n).draw(q, (count,)) for n, q in state.factors.items()}


def _weigher(ascent: Ascent, state: CoordinateState, drawn: Mapping[str, Tensor]) -> Callable[[int], Tensor]:
    """Logarithms of the importance weights ``[count]`` of draws of q: first of those ``drawn``, then of fresh ones."""
    start, size = 0, min((len(x) for x in drawn.values()), default=0)

    def log_weights(count: int) -> Tensor:
        nonlocal start
        start += count
        if start > size:
            return _log_weights(ascent, state, _draw(ascent, state, count))
        return _log_weights(ascent, state, {n: x[start - count : start] for n, x in drawn.items()})

    return log_weights


def _log_weights(ascent: Ascent, state: CoordinateState, draws: Mapping[str, Tensor]) -> Tensor:
    """Logarithms of the importance weights ``[count]`` of draws of q, the discrete latents summed out of the joint."""
    log_q: Tensor | float = 0.0
    values = {}
    for name, q in state.factors.items():
        family = ascent.family(name)
        x = family.inside(draws[name])
        log_q = log_q + family.log_prob(q, x).reshape(len(x), -1).sum(1)
        values[name] = ascent.shaped(name, x, state.blocks)
    return ascent.log_marginal(values) - log_q


def _means(ascent: Ascent, state: CoordinateState) -> dict[str, Tensor]:
    """The mean of every factor, in closed form."""
    out = {}
    for name, q in state.factors.items():
        out[name] = ascent.shaped(name, ascent.family(name).mean(q), state.blocks)
    return out


def _given_back(ascent: Ascent, generator: Generator, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Draws of the discrete latents given those of the others, some at a time."""
    parts = [
        ascent.sums.draw(generator, {k: v[:, start : start + 50] for k, v in values.items()})
        for start in range(0, next(iter(values.values())).shape[1], 50)
    ]
    return {n: torch.cat([p[n] for p in parts], 1) for n in parts[0]}


def _ordered(problem: Problem) -> Iterator[tuple[str, str]]:
    for variable in latent_variables(problem.model, problem.facts):
        family = conjugate_family(problem.model, variable.name)
        assert family is not None
        yield variable.name, family


def build(problem: Problem, tolerance: float, max_iterations: int, restarts: int) -> Algorithm:
    """The kernel of a problem whose continuous latents all have a conjugate family. In float64: expected logarithms
    of small probabilities leave the range of float32."""
    joint = bound_density(problem)
    ascent = Ascent(
        joint, marginaliser_of(joint, summed_names(problem.model, problem.facts)), dict(_ordered(problem))
    )
    ascent = bilinear_of(ascent)

    def init(rng: np.random.Generator) -> CoordinateState:
        generator = torch.Generator(joint.device).manual_seed(int(rng.integers(2**62)))
        return begin(ascent, generator, max(1, restarts), problem.deadline)

    def step(state: CoordinateState) -> tuple[CoordinateState, StepReport]:
        state, value = ascend(ascent, state)
        gain = value - state.trace[-1] if state.trace else math.inf
        settled = gain <= tolerance * max(1.0, abs(value)) and not (ascent.local and state.iteration <= FEWEST)
        state = state._replace(trace=(*state.trace, value), is_done=settled)
        return state, StepReport(value, value, measure=Measure("bound"))

    def done(state: CoordinateState) -> bool:
        return state.is_done or state.iteration >= max_iterations

    return Algorithm(init, step, done, lambda state: conclude(ascent, state))

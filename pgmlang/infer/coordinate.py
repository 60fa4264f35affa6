"""Coordinate ascent on the evidence lower bound (Blei, Kucukelbir and McAuliffe 2017, section 4.1).

Every continuous latent variable has a factor q of its complete conditional's family; the discrete ones keep their whole
posterior given the expected log-factors (Beal 2003, chapter 3, has it for chains): summed out, as in EM.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.gradients import gradient_error
from pgmlang.density.joint import Joint, joint_of, numerics, seeded
from pgmlang.density.summing import Sums, Table, sums_of
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Info, Kernel, Outcome, Problem
from pgmlang.infer.conjugate import conjugate_family, slope
from pgmlang.infer.expectations import (
    NORMAL,
    Factor,
    Family,
    LogDensity,
    Q,
    from_blocks,
    is_of_family,
    optimal,
    optimal_normal,
    to_blocks,
)
from pgmlang.kernels.log_density import GradientNotFinite
from pgmlang.plan.latents import latent_variables, summed_names

LARGEST = 600
"""Most elements of a Normal variable that hang together."""
TRIAL = 5
"""Iterations of a restart before the best is chosen."""
FEWEST = 16
"""Fewest iterations where local factors begin anew at first."""
CHAINS, DRAWS, MOST = 4, 500, 20_000_000
"""Draws of q that go into the fit, and the most numbers of them."""


class State(NamedTuple):
    """``factors``: q of every continuous latent; ``blocks``: axes of a Normal's elements that hang together;
    ``random``: generator state of the draws at the end."""

    iteration: int
    factors: dict[str, tuple[Any, ...]]
    blocks: dict[str, tuple[int, ...]]
    random: Any
    trace: tuple[float, ...] = ()
    is_done: bool = False


@dataclass(frozen=True, eq=False)
class Ascent:
    """One problem, set up once. ``families``: of the continuous latents, in the order of their updates."""

    joint: Joint
    sums: Sums
    families: Mapping[str, str]
    programs: dict[str, Sums] = field(default_factory=dict)

    inner = 4
    """Updates of local factors before the others' (Hoffman, Blei and Bach 2010, algorithm 2)."""
    fresh = 15
    """First iterations, in which local factors begin anew each time: what they settled on while the shared ones were
    crude would be kept for good."""

    @cached_property
    def local(self) -> tuple[str, ...]:
        """Latents of rows or of their groups, between shared ones and the discrete ones."""
        rows = {p.name for p in self.joint.model.plates if p.is_rows}
        found = tuple(n for n in self.families if rows & set(self.joint.axes(n)))
        return found if self.sums.names and 0 < len(found) < len(self.families) else ()

    # ---- expected factors

    def points(self, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]], but: str = "") -> dict[str, Tensor]:  # fmt: skip
        """Each latent ``but`` one at its points, along a leading axis of its own: their mean is the expectation."""
        out = {}
        for i, name in enumerate(self.families):
            if name == but:
                continue
            x = self.shaped(name, self.family(name).points(factors[name]), blocks)
            lead = [1] * len(self.families)
            lead[i] = len(x)
            out[name] = x.reshape((*lead, *self.joint.shapes[name]))
        return out

    def family(self, name: str) -> Family:
        return NORMAL if self.families[name] == "Normal" else Q[self.families[name]]

    def shaped(self, name: str, x: Tensor, blocks: Mapping[str, tuple[int, ...]]) -> Tensor:
        """Points or draws of q as the variable's arrays."""
        shape = self.joint.shapes[name]
        return from_blocks(x, blocks[name], shape) if self.families[name] == "Normal" else x

    def expected(self, tables: Mapping[str, Table]) -> dict[str, Table]:
        """Tables averaged over the points of every latent: ``[*value axes, *axes]``."""
        places = self.sums.places
        out = {}
        for name, table in tables.items():
            lead = table.values.dim() - places - len(table.axes)
            mean = table.values.mean(tuple(range(places, places + lead))) if lead else table.values
            out[name] = table._replace(values=mean)
        return out

    def posterior(self, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]]) -> tuple[float, Any]:
        """The expected log-joint with the discrete latents summed out, and how much each entry of each factor's table
        counts: their posterior."""
        with torch.no_grad():
            tables = self.expected(self.sums.tables(self.points(factors, blocks)))
        return self.weigh(tables)

    def bound(self, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]]) -> tuple[float, Any]:
        """The evidence lower bound, and what `posterior` counts."""
        total, weights = self.posterior(factors, blocks)
        return total + self.entropy(factors), weights

    def entropy(self, factors: Mapping[str, Factor]) -> float:
        """Of all factors."""
        with numerics(self.joint.dtype, self.joint.device):
            return sum(float(self.family(n).entropy(q)) for n, q in factors.items())

    def weigh(self, tables: Mapping[str, Table]) -> tuple[float, dict[str, Tensor]]:
        """The log-marginal of tables, and its gradient."""
        with torch.enable_grad():
            leaves = {k: t._replace(values=t.values.detach().requires_grad_()) for k, t in tables.items()}
            total = self.sums.reduce(leaves)
            found = torch.autograd.grad(total.sum(), [t.values for t in leaves.values()])
        return float(total.detach()), dict(zip(leaves, found, strict=True))

    def at_random(self, factors: Mapping[str, Factor], generator: Generator, share: float) -> dict[str, Tensor]:
        """Weights of a random assignment of the discrete latents, sharp for this share of the rows and uniform for the
        others: where the ascent begins, as no two values of a label may be alike for good."""
        joint, sums = self.joint, self.sums
        with torch.no_grad():
            tables = self.expected(sums.tables(self.points(factors, dict.fromkeys(factors, ()))))
            tables = {
                k: t if k.startswith("seen ") else t._replace(values=torch.zeros_like(t.values))
                for k, t in tables.items()
            }
            for i, name in enumerate(sums.names):
                size, shape = joint.num_states(name), joint.shapes[name]
                first = [1] * i + [size] + [1] * (sums.places - i - 1)
                noise = torch.rand(size, *shape, generator=generator, dtype=joint.dtype, device=joint.device)
                one = torch.rand(shape, generator=generator, dtype=joint.dtype, device=joint.device) < share
                values = torch.where(one, 20 * noise * size, noise).reshape((*first, *shape))
                tables[f"at {name}"] = Table(frozenset({i}), joint.axes(name), values)
        return self.weigh(tables)[1]

    # ---- updates

    def density(self, name: str, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]],
                weights: Mapping[str, Tensor]) -> LogDensity:  # fmt: skip
        """The expected log-joint as a function of one variable, ``[*shape]``: the terms it occurs in."""
        sums = self._around(name)
        others = self.points(factors, blocks, name)

        def value(x: Tensor) -> Tensor:
            wide = x.reshape((*[1] * len(self.families), *x.shape))
            tables = self.expected(sums.tables({**others, name: wide}))
            total = torch.zeros((), dtype=x.dtype, device=x.device)
            for key, table in tables.items():
                weight = weights[key]
                # impossible entries have no weight, and minus infinity times it would be no number
                total = total + (torch.where(weight == 0, torch.zeros_like(weight), table.values) * weight).sum()
            return total

        return value

    def _around(self, name: str) -> Sums:
        """The tables of the factors that mention a variable."""
        if name not in self.programs:
            program = self.joint.blanket((name,))
            # axes of factors are the joint's cached ones, by the program
            self.programs[name] = replace(self.sums, joint=replace(self.joint, program=program))
        return self.programs[name]

    def update(self, name: str, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]],
               weights: Any, centre: Tensor | None = None) -> Factor:  # fmt: skip
        """The best q of one variable given the others. ``centre``: where a Normal's quadratic is read, its mean so far
        unless given."""
        density = self.density(name, factors, blocks, weights)
        if self.families[name] == "Normal":
            if centre is None:
                centre = self.shaped(name, factors[name][0], blocks)
            with self._led_back(name, density):
                return optimal_normal(density, self.joint.shapes[name], blocks[name], centre)
        like = torch.zeros(self.joint.shapes[name], dtype=self.joint.dtype, device=self.joint.device)
        with self._led_back(name, density):
            return optimal(self.families[name], density, like)

    @contextmanager
    def _led_back(self, name: str, density: LogDensity) -> Iterator[None]:
        """Raises PgmError PGM0808 with the model's line where a density has no finite slope."""
        try:
            yield
        except GradientNotFinite as stuck:
            leaf = stuck.x.detach().requires_grad_()
            joint = self._around(name).joint
            raise gradient_error(lambda: density(leaf), {name: leaf}, joint, "expected log-density") from stuck

    # ---- the beginning

    def first(self, generator: Generator) -> dict[str, Factor]:
        """Wide factors, a little apart from each other."""
        out: dict[str, Factor] = {}
        for name, family in self.families.items():
            shape = self.joint.shapes[name]
            noise = torch.rand(shape, generator=generator, dtype=self.joint.dtype, device=self.joint.device)
            if family == "Normal":
                loc = noise.unsqueeze(-1) - 0.5
                out[name] = (loc, torch.ones_like(loc).unsqueeze(-1))
            else:
                out[name] = (0.95 + 0.1 * noise,) if family == "Dirichlet" else (2 + noise, 2 + 0.1 * noise)
        return out

    def find_blocks(self, name: str, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]],
                    weights: Mapping[str, Tensor], generator: Generator) -> tuple[int, ...]:  # fmt: skip
        """The fewest axes along which a Normal's elements hang together, seen in its Hessian. Raises PgmError PGM0602
        when those are too many elements, or when there is no quadratic."""
        shape = self.joint.shapes[name]
        density = self.density(name, factors, blocks, weights)
        centre = self.shaped(name, factors[name][0], blocks)
        noise = torch.randn(shape, generator=generator, dtype=self.joint.dtype, device=self.joint.device)
        probe = centre + noise
        with self._led_back(name, density):
            seen = slope(density, probe)
        several = [i for i, n in enumerate(shape) if n > 1]
        subsets = [s for count in range(len(several) + 1) for s in combinations(several, count)]
        for axes in sorted(subsets, key=lambda s: math.prod(shape[i] for i in s)):
            if math.prod(shape[i] for i in axes) > LARGEST:
                break
            try:
                loc, root = optimal_normal(density, shape, axes, centre)
            except torch.linalg.LinAlgError:
                continue
            gap = (loc - to_blocks(probe, axes, len(shape))).unsqueeze(-1)
            told = from_blocks(torch.cholesky_solve(gap, root).squeeze(-1), axes, shape)
            if torch.allclose(told, seen, rtol=1e-6, atol=1e-7 * float(seen.abs().max()) + 1e-12):
                return axes
        message = f"more than {LARGEST} elements of `{name}` hang together"
        raise PgmError(Diagnostic("PGM0602", message, self.joint.model.by_name[name].span, help="`--method elbo`"))

    def check(self, name: str, factors: Mapping[str, Factor], blocks: Mapping[str, tuple[int, ...]],
              weights: Mapping[str, Tensor], generator: Generator) -> None:  # fmt: skip
        """Raises PgmError PGM0602 where the complete conditional is not of the family that the model promises."""
        shape = self.joint.shapes[name]
        x = 0.2 + 0.6 * torch.rand(shape, generator=generator, dtype=self.joint.dtype, device=self.joint.device)
        density = self.density(name, factors, blocks, weights)
        if not is_of_family(self.families[name], density, self.update(name, factors, blocks, weights), x):
            message = f"the complete conditional of `{name}` is no {self.families[name]}"
            raise PgmError(
                Diagnostic("PGM0602", message, self.joint.model.by_name[name].span, help="`--method elbo`")
            )


def ascend(ascent: Ascent, state: State) -> tuple[State, float]:
    """One pass: the discrete latents' posterior, then every factor, local ones several times; and the bound before it."""
    for i in range(ascent.inner if ascent.local else 0):
        factors = dict(state.factors)
        if i == 0 and state.iteration < ascent.fresh:
            factors |= {
                n: tuple(torch.ones_like(q) for q in factors[n])
                for n in ascent.local
                if ascent.families[n] != "Normal"
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


def begin(ascent: Ascent, generator: Generator, restarts: int) -> State:
    """The best of some random beginnings after a few passes."""
    best: tuple[float, State] | None = None
    rows = max((math.prod(ascent.joint.shapes[n]) for n in ascent.sums.names), default=1)
    shares = list(np.geomspace(1, min(1, 30 / rows), restarts)) if ascent.sums.names else [1.0]
    for share in shares:
        factors = ascent.first(generator)
        blocks: dict[str, tuple[int, ...]] = {n: () for n, f in ascent.families.items() if f == "Normal"}
        # between shared and discrete latents, the local ones follow the shared ones' noise
        weights = (
            ascent.bound(factors, {})[1] if ascent.local else ascent.at_random(factors, generator, float(share))
        )
        for name in blocks:
            centre = ascent.shaped(name, factors[name][0], blocks)
            blocks[name] = ascent.find_blocks(name, factors, blocks, weights, generator)
            factors[name] = ascent.update(name, factors, blocks, weights, centre)
        for name, family in ascent.families.items():
            if family != "Normal":
                ascent.check(name, factors, blocks, weights, generator)
                factors[name] = ascent.update(name, factors, blocks, weights)
        state = State(0, factors, blocks, generator.get_state())
        value = -math.inf
        if ascent.sums.names and restarts > 1:
            for _ in range(TRIAL):
                state, value = ascend(ascent, state)
        if best is None or value > best[0]:
            best = value, state
    assert best is not None
    return best[1]._replace(iteration=0, random=generator.get_state())


def conclude(ascent: Ascent, state: State) -> Outcome:
    """Draws of q, the discrete latents' given them where there is room."""
    joint = ascent.joint
    generator = torch.Generator(joint.device)
    generator.set_state(state.random)
    numbers = sum(math.prod(joint.shapes[n]) for n in (*ascent.families, *ascent.sums.names))
    count = max(25, min(DRAWS, MOST // max(1, CHAINS * numbers)))
    with seeded(generator), numerics(joint.dtype, joint.device), torch.no_grad():
        values = {n: ascent.shaped(n, ascent.family(n).draw(q, (CHAINS, count)), state.blocks)
                  for n, q in state.factors.items()}  # fmt: skip
    notes: dict[str, Any] = {
        "objective": "bound",
        "elbo": state.trace[-1] if state.trace else math.nan,
        "elbo_unit": "data",
        "independent_draws": True,
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
    return Outcome(means, state.trace, state.is_done, (), notes, draws, {k: joint.axes(k) for k in draws})


def _means(ascent: Ascent, state: State) -> dict[str, Tensor]:
    """The mean of every factor, in closed form."""
    out = {}
    for name, q in state.factors.items():
        family = ascent.families[name]
        mean = q[0] if family == "Normal" else getattr(torch.distributions, family)(*q).mean
        out[name] = ascent.shaped(name, mean, state.blocks)
    return out


def _given_back(ascent: Ascent, generator: Generator, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Draws of the discrete latents given those of the others, some at a time."""
    parts = [
        ascent.sums.draw(generator, {k: v[:, at : at + 50] for k, v in values.items()})
        for at in range(0, next(iter(values.values())).shape[1], 50)
    ]
    return {n: torch.cat([p[n] for p in parts], 1) for n in parts[0]}


def _ordered(problem: Problem) -> Iterator[tuple[str, str]]:
    for variable in latent_variables(problem.model, problem.facts):
        family = conjugate_family(problem.model, variable.name)
        assert family is not None
        yield variable.name, family


def build(problem: Problem, tolerance: float, max_iterations: int, restarts: int) -> Kernel:
    """The kernel of a problem whose continuous latents all have a conjugate family. In float64: expected logarithms
    of small probabilities leave the range of float32."""
    joint = joint_of(problem)
    from pgmlang.infer.bilinear import bilinear_of

    ascent = Ascent(joint, sums_of(joint, summed_names(problem.model, problem.facts)), dict(_ordered(problem)))
    ascent = bilinear_of(ascent)

    def init(rng: np.random.Generator) -> State:
        generator = torch.Generator(joint.device).manual_seed(int(rng.integers(2**62)))
        return begin(ascent, generator, max(1, restarts))

    def step(state: State) -> tuple[State, Info]:
        state, value = ascend(ascent, state)
        gain = value - state.trace[-1] if state.trace else math.inf
        settled = gain <= tolerance * max(1.0, abs(value)) and not (ascent.local and state.iteration <= FEWEST)
        state = state._replace(trace=(*state.trace, value), is_done=settled)
        return state, Info(value, value, gain, label="bound")

    def done(state: State) -> bool:
        return state.is_done or state.iteration >= max_iterations

    return Kernel(init, step, done, lambda state: conclude(ascent, state))

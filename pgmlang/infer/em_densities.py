"""EM where the parameters are numbers of densities: mixtures, hidden Markov models (Dempster, Laird and Rubin 1977).

The E-step sums the discrete variables out exactly. The M-step raises the expected complete log-joint, Q: probability
vectors in closed form (theta times the gradient of Q are the expected counts), all others by L-BFGS, each only if Q
gains, so that the objective never falls (expectation conditional maximisation: Meng and Rubin 1993). Starts run side
by side in one tensor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.clusters import starting_codes
from pgmlang.density.gradients import gradient_error, gradients_of, slopes_of
from pgmlang.density.keys import AddedTable, TableKey
from pgmlang.density.partition import density_of
from pgmlang.density.possible import possible_free
from pgmlang.density.summing import NEVER, LogTable, Marginaliser, marginaliser_of
from pgmlang.density.table_priors import log_table_priors
from pgmlang.density.transforms import constrain, free_shape, unconstrain
from pgmlang.infer.base import Algorithm, Measure, Outcome, Problem, StepReport
from pgmlang.kernels import lbfgs
from pgmlang.kernels.log_density import GradientNotFinite
from pgmlang.objectives.log_density import log_prior
from pgmlang.plan.latents import latent_variables, summed_names

LABEL = "expected log-joint"
CLIMBS = 15
"""Most L-BFGS iterations of an M-step."""


class DensityEmState(NamedTuple):
    """``values`` by name, ``[start, ...]``; ``objective [start]`` before the last M-step."""

    values: dict[str, Any]
    objective: Any
    trace: tuple[tuple[float, ...], ...] = ()
    is_done: bool = False


@dataclass(frozen=True, eq=False)
class DensityEm:
    """EM of one problem, set up once."""

    problem: Problem
    max_iterations: int
    tolerance: float
    restarts: int
    joint: BoundDensity
    sums: Marginaliser
    names: tuple[str, ...]

    def init(self, rng: np.random.Generator) -> DensityEmState:
        generator = torch.Generator(self.joint.device).manual_seed(int(rng.integers(2**62)))
        values = self._first_values(generator)
        tables = self._tables(values)
        places = self.sums.places
        for i, name in enumerate(self.sums.names):
            codes = starting_codes(self.joint, name, generator, self.restarts)
            all_codes = torch.arange(self.joint.num_states(name), device=self.joint.device)
            shape = [1] * i + [-1] + [1] * (places - i - 1) + [1] * codes.dim()
            hard = torch.where(all_codes.reshape(shape) == codes, 0.0, NEVER).to(self.joint.dtype)
            # a label that the values rule out begins as another: NEVER is likelier than minus infinity
            tables[AddedTable(name)] = LogTable(frozenset({i}), self.joint.axes(name), hard)
        weights = self._expect(tables)[1]
        return DensityEmState(self._maximise(values, weights), torch.full((self.restarts,), -math.inf))

    def _first_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Values near the zero of the free ones, ``[start, ...]``, where the density is not zero."""
        free = {
            n: 0.1 * torch.randn((self.restarts, *free_shape(self.joint, n)), generator=generator,
                                 dtype=self.joint.dtype, device=self.joint.device)
            for n in self.names
        }  # fmt: skip

        def impossible(points: dict[str, Tensor]) -> Tensor:
            with torch.no_grad():
                total = self.sums.log_marginal(*self._split(constrain(self.joint, points)[0]))
            return (~torch.isfinite(total)).to(self.joint.dtype)

        return constrain(self.joint, possible_free(free, impossible, generator, self.problem.deadline))[0]

    def step(self, state: DensityEmState) -> tuple[DensityEmState, StepReport]:
        """One E-step and one M-step of every start."""
        total, weights = self._expect(self._tables(state.values))
        total = total + self._log_prior(state.values)
        values = self._maximise(state.values, weights)
        best = float(total.max())
        before = max(state.trace[-1]) if state.trace else -math.inf
        gain = total - torch.as_tensor(state.objective, dtype=total.dtype, device=total.device)
        rows = max(1, self.problem.binding.sizes.get(self.problem.binding.plate, 1))
        done = bool((gain <= self.tolerance * rows).all()) and len(state.trace) > 2
        trace = (*state.trace, tuple(total.tolist()))
        is_done = done or len(trace) >= self.max_iterations
        return DensityEmState(values, total, trace, is_done), StepReport(
            best, best, best - before, measure=Measure("log-posterior")
        )

    def conclude(self, state: DensityEmState) -> Outcome:
        with torch.no_grad():
            values = state.values
            total = self.sums.log_marginal(*self._split(values)) + self._log_prior(values)
        best = int(total.argmax())
        parameters = {n: v[best].cpu().numpy() for n, v in values.items()}
        trace = (*(t[best] for t in state.trace), float(total[best]))
        converged = state.is_done and len(state.trace) < self.max_iterations
        near = int((total > total[best] - 0.01).sum())
        notes = {"objective": "log-posterior", "restarts": self.restarts, "starts_that_agree": near}
        parameters.update(self.problem.fixed)
        estimated = tuple(n for n in values if n not in self.joint.learned)
        with torch.no_grad():
            prior = log_prior(self.joint, {n: v[best] for n, v in values.items()}, None, estimated)
        likelihood = None if prior is None else float(total[best]) - prior
        return Outcome(parameters, trace, converged, (), notes, log_likelihood=likelihood)

    # ---- the two steps

    def _split(self, values: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        learned = set(self.joint.learned)
        return (
            {k: v for k, v in values.items() if k not in learned},
            {k: v for k, v in values.items() if k in learned},
        )

    def _log_prior(self, values: dict[str, Tensor]) -> Tensor | float:
        """The priors of learned tables, ``[start]``."""
        return log_table_priors(self.joint, values)

    def _tables(self, values: dict[str, Tensor]) -> dict[TableKey, Any]:
        return self.sums.tables(*self._split(values))

    def _expect(self, tables: dict[TableKey, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.enable_grad():
            leaves = {k: t._replace(values=t.values.detach().requires_grad_()) for k, t in tables.items()}
            total = self.sums.reduce(leaves)
            slopes = torch.autograd.grad(total.sum(), [t.values for t in leaves.values()])
        return total.detach(), dict(zip(leaves, slopes, strict=True))

    def _expected_log_joint(self, values: dict[str, Tensor], weights: dict[str, Tensor]) -> Tensor:
        """Q and the tables' log priors, summed over starts."""
        total = torch.zeros((), dtype=self.joint.dtype, device=self.joint.device)
        total = total + torch.as_tensor(self._log_prior(values)).sum()
        for key, table in self._tables(values).items():
            # an entry without weight may be minus infinity
            total = total + torch.where(weights[key] == 0, 0.0, weights[key] * table.values.clamp(min=-1e30)).sum()
        return total

    def _maximise(self, values: dict[str, Tensor], weights: dict[str, Tensor]) -> dict[str, Tensor]:
        is_simplex = {n: self._is_simplex(n) for n in self.names}
        chances = {n: v.detach().clone().requires_grad_() for n, v in values.items() if is_simplex[n]}
        if chances:
            before, gradients = gradients_of(
                lambda: self._expected_log_joint({**values, **chances}, weights), chances, self.joint, LABEL
            )
            fresh = {}
            for (name, old), gradient in zip(chances.items(), gradients, strict=True):
                counts = (old.detach() * gradient).clamp(min=0)
                total = counts.sum(-1, keepdim=True)
                share = (counts / total.clamp(min=1e-300)).clamp(min=1e-15)
                fresh[name] = torch.where(total > 0, share / share.sum(-1, keepdim=True), old.detach())
            with torch.no_grad():
                after = self._expected_log_joint({**values, **fresh}, weights)
            if float(after) >= float(before) - 1e-9 * abs(float(after)):
                values = {**values, **fresh}
            else:
                is_simplex = dict.fromkeys(is_simplex, False)
        others = {n: v for n, v in values.items() if not is_simplex[n]}
        return {**values, **self._climbed(values, others, weights)} if others else values

    def _is_simplex(self, name: str) -> bool:
        from torch.distributions import constraints

        return self.joint.program.SUPPORTS[name] is constraints.simplex

    def _climbed(
        self, values: dict[str, Tensor], moved: dict[str, Tensor], weights: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        begin = {k: v.detach() for k, v in unconstrain(self.joint, moved, values, values).items()}

        def free(x: Tensor) -> dict[str, Tensor]:
            pieces = torch.split(x, [v.numel() for v in begin.values()])
            return {k: p.reshape(v.shape) for (k, v), p in zip(begin.items(), pieces, strict=True)}

        def objective(leaves: Mapping[str, Tensor]) -> Tensor:
            return -self._expected_log_joint(
                {**values, **constrain(self.joint, leaves, values, values)[0]}, weights
            )

        def function(x: Tensor) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                loss = objective(free(leaf))
                (gradient,) = slopes_of(loss, [leaf])
            return loss.detach(), gradient

        try:
            first = lbfgs.start(function, torch.cat([v.flatten() for v in begin.values()]))
            last = lbfgs.descend(function, first, CLIMBS, self.problem.deadline.is_over)
        except GradientNotFinite as stuck:
            leaves = {k: v.detach().requires_grad_() for k, v in free(stuck.x).items()}
            raise gradient_error(lambda: objective(leaves), leaves, self.joint, LABEL) from stuck
        before, after = float(first.value), float(last.value)
        if not after <= before + 1e-9 * abs(before):
            return {}
        with torch.no_grad():
            return constrain(self.joint, free(last.x), values, values)[0]


def build(problem: Problem, max_iterations: int, tolerance: float, restarts: int) -> Algorithm:
    """The kernel of a problem that `reasons_against` has nothing against."""
    joint = density_of(problem)
    sums = marginaliser_of(joint, summed_names(problem.model, problem.facts))
    names = (*(v.name for v in latent_variables(problem.model, problem.facts)), *joint.learned)
    em = DensityEm(problem, max_iterations, tolerance, restarts, joint, sums, tuple(dict.fromkeys(names)))
    return Algorithm(em.init, em.step, lambda state: bool(state.is_done), em.conclude)

"""The evidence lower bound, by draws of a guide.

Reparameterised draws (Kingma and Welling 2014); for discrete latents of the written guide the score function with the
other particles as the baseline (Mnih and Rezende 2016; Kool, van Hoof and Welling 2019), each row with its own terms as
the signal. Discrete latents without a guide are summed out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.initial import initial_free
from pgmlang.density.keys import FreeKey
from pgmlang.density.provider import BY_TORCH, DensityProvider
from pgmlang.density.reductions import (
    determines,
    log_joint,
    scaled_sum,
    sum_of_factors,
    sum_per_element,
    sum_to_axes,
)
from pgmlang.density.seen_rows import log_marginal_of
from pgmlang.density.summing import Marginaliser, marginaliser_of
from pgmlang.density.table_priors import log_table_priors
from pgmlang.density.transforms import constrain
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.guides.automatic import AutomaticGuide
from pgmlang.guides.family import LOC
from pgmlang.guides.importance_weights import pareto_k, row_pareto_k
from pgmlang.guides.registry import GUIDES
from pgmlang.guides.written import WrittenGuide
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate
from pgmlang.objectives import elbo_starts
from pgmlang.objectives.objective import Objective, learned_values, per_unit, units_of
from pgmlang.plan.deadline import NEVER, Deadline
from pgmlang.plan.guided import automatic_names, summed_out
from pgmlang.plan.problem import Problem
from pgmlang.results.guide_quality import guide_doubts, row_guide_doubts, share_of_poor_rows
from pgmlang.results.outcome import Outcome

DRAWS = (4, 500)
"""Chains and draws that an automatic guide leaves."""


@dataclass(frozen=True, eq=False)
class ElboObjective:
    """Minus the evidence lower bound of one problem. ``summed``: discrete latents that no guide names; ``plate``: the
    rows that are its units."""

    model: Model
    automatic: AutomaticGuide
    written: WrittenGuide
    summed: tuple[str, ...]
    particles: int
    plate: str | None
    provider: DensityProvider = BY_TORCH
    deadline: Deadline = NEVER

    def start(self, joint: BoundDensity, generator: Generator) -> dict[FreeKey, Tensor]:
        """Free values of what is learned and of the guides' params."""
        free: dict[FreeKey, Tensor] = {**initial_free(joint, generator), **self.written.begin(joint)}
        begin = self.automatic.begin(joint, generator)
        free |= begin
        if begin and not self.model.nets:
            if self.summed:
                free[LOC] = self._best_start(joint, free, generator)
            elif not self.written.is_written:
                free[LOC] = elbo_starts.nearest(
                    joint, self.automatic, free[LOC], self.params(joint, free), generator, self.deadline
                )
                free[LOC] = elbo_starts.climbed(
                    joint, self.automatic, free[LOC], self.plate, self._loss_at(free), generator, self.deadline
                )
        return free

    def _best_start(self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], generator: Generator) -> Tensor:
        params = self.params(joint, free)
        loss = self._loss_at(free)
        return elbo_starts.best(joint, self.automatic, params, self.plate, loss, generator, self.deadline)

    def _loss_at(self, free: Mapping[FreeKey, Tensor]) -> elbo_starts.Loss:
        """The loss by the guide's location, all else held."""

        def loss(rows: BoundDensity, loc: Tensor, draws: Generator) -> Tensor:
            return self.loss(rows, {**free, LOC: loc}, None, draws, None)[0]

        return loss

    def params(self, joint: BoundDensity, free: Mapping[FreeKey, Tensor]) -> dict[str, Tensor]:
        """Params, tables and the guide's own params from free ones."""
        return {**learned_values(joint, free), **self.written.params(free)}

    def loss(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        """Minus the bound of a unit of data, with the gradient of the score function added where it is needed."""
        if self.provider.native(joint) is not None:
            bound = self._log_weights(joint, free, generator, (self.particles,))
            return -bound.mean() / units_of(joint, self.plate), extra
        params = self.params(joint, free)
        shape = (self.particles,)
        drawn, terms_q = self.written.sample(joint, generator, params, nets, shape)
        values, log_q = self.automatic.sample(joint, free, generator, shape, drawn, params, nets)
        values = {**values, **drawn}
        axes_q = {k: self.written.axes(joint, k) for k in terms_q}
        terms: dict[str, Tensor] = {}
        if self.summed:
            bound = log_marginal_of(self._sums(joint), values, params, nets) - log_q
        else:
            terms = joint.factors(values, params, nets)
            bound = sum_of_factors(joint, terms) - log_q
        bound = bound + log_table_priors(joint, params)
        for name, term in terms_q.items():
            bound = bound - scaled_sum(joint, term, axes_q[name])
        loss = -bound.mean()
        if any(self.model.by_name[n].type.is_discrete for n in terms_q) and torch.is_grad_enabled():
            # the value stays the bound, only the gradient gains the score's part
            surrogate = self._score_function(joint, terms, terms_q, axes_q)
            loss = loss - (surrogate - surrogate.detach())
        return loss / units_of(joint, self.plate), extra

    def _log_weights(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], generator: Generator, shape: tuple[int, ...]
    ) -> Tensor:
        """Log-density less the guide's, ``[...]``, at draws of an automatic guide of all latents, in their free numbers: the Jacobian
        is in both."""
        x, log_q = self.automatic.sample_free(joint, free, generator, shape)
        numbers = self.automatic.numbers(joint)
        learned = torch.cat([free[n].flatten() for n in joint.learned]) if joint.learned else x.new_zeros(0)

        def by_torch(vector: Tensor) -> Tensor:
            sizes = [free[n].numel() for n in joint.learned]
            *pieces, rest = vector.split([*sizes, numbers.width], -1)
            named = {
                n: p.reshape(*p.shape[:-1], *free[n].shape) for n, p in zip(joint.learned, pieces, strict=True)
            }
            params = learned_values(joint, named)
            values, log_det = constrain(joint, numbers.by_name(numbers.taken(rest)), {}, params)
            if self.summed:
                return log_marginal_of(self._sums(joint), values, params) + log_det
            return log_joint(joint, values, params) + log_det

        vector = torch.cat([learned.expand(*shape, len(learned)), numbers.laid_out(x)], -1)
        return self.provider.value(joint, vector, by_torch) - log_q

    def _score_function(
        self, joint: BoundDensity, terms: Mapping[str, Tensor], terms_q: Mapping[str, Tensor],
        axes_q: Mapping[str, tuple[str, ...]],
    ) -> Tensor:  # fmt: skip
        """A scalar whose gradient is the score function's: each row's own terms are the signal, less the mean of the
        other particles'."""
        assert self.plate is not None
        discrete = [n for n in terms_q if self.model.by_name[n].type.is_discrete]
        score = sum(sum_to_axes(joint, terms_q[n], axes_q[n], (self.plate,)) for n in discrete)
        signal = sum_per_element(joint, terms, self.plate)
        for name, term in terms_q.items():
            if determines(joint, axes_q[name], self.plate):
                signal = signal - sum_to_axes(joint, term, axes_q[name], (self.plate,))
        signal = signal.detach()
        others = (signal.sum(0) - signal) / (self.particles - 1)
        each = (signal - others) * score * joint.weights.get(self.plate, 1.0)
        surrogate: Tensor = each.sum(-1).mean() * joint.scale.get(self.plate, 1.0)
        return surrogate

    def _sums(self, joint: BoundDensity) -> Marginaliser:
        return joint.memo.once(marginaliser_of, joint, self.summed)

    def conclude(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, extra: Any, generator: Generator
    ) -> Outcome:
        """The params, draws of the automatic guide and of the written one's globals, and the bound."""
        params = self.params(joint, free)
        parameters = {k: v.cpu().numpy() for k, v in params.items()}
        losses = [float(self.loss(joint, free, nets, generator, extra)[0]) for _ in range(8)]
        if not all(map(math.isfinite, losses)):
            message = "the bound is minus infinity: the guide reaches values that the model rules out"
            cure = "`--method hmc`, or write the bound into the variable's own distribution (`Truncated`, `: ordered`)"
            raise PgmError(Diagnostic("PGM0803", message, help=cure))
        notes: dict[str, Any] = {
            "backend": self.provider.backend_of(joint),
            "elbo": -sum(losses) / len(losses),
            "elbo_unit": self.plate or "data",
        }
        drawn = self.written.sample_globals(joint, generator, params, nets, DRAWS)
        warnings: tuple[Diagnostic, ...] = ()
        if self.automatic.names:
            values, _ = self.automatic.sample(joint, free, generator, DRAWS, drawn, params, nets)
            if self.summed:
                values = {**values, **self._sums(joint).draw(generator, values, params, nets)}
            drawn = {**values, **drawn}
        draws = {k: v.cpu().numpy() for k, v in drawn.items()}
        if self._is_judged():
            notes["pareto_k"] = self._pareto_k(joint, free, params, nets, generator)
            warnings = guide_doubts(notes["pareto_k"], self.automatic.family.cure)
        elif self.plate is not None and not self.summed:
            given, _ = self.automatic.sample(joint, free, generator, (1,), {}, params, nets)
            shapes = row_pareto_k(joint, self.plate, params, nets, generator, given)
            notes |= {"row_pareto_k": shapes.tolist(), "poor_rows": share_of_poor_rows(shapes)}
            warnings = row_guide_doubts(shapes)
        notes |= {"independent_draws": True} if draws else {}
        return Outcome(parameters, (), not warnings, warnings, notes, draws, {k: joint.axes(k) for k in draws})

    def _is_judged(self) -> bool:
        """Whether the guide is one distribution for all latents: an amortised one of rows is one for each row, of which
        thousands are never all good."""
        rows = {p.name for p in self.model.plates if p.is_rows}
        return not any(rows & set(self.model.by_name[n].plates) for n in self.written.names)

    def _pareto_k(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], params: Mapping[str, Tensor], nets: Any, generator: Generator
    ) -> float:  # fmt: skip
        def log_weights(count: int) -> Tensor:
            if self.provider.native(joint) is not None:
                return self._log_weights(joint, free, generator, (count,))
            drawn, terms_q = self.written.sample(joint, generator, params, nets, (count,))
            values, log_q = self.automatic.sample(joint, free, generator, (count,), drawn, params, nets)
            values = {**values, **drawn}
            for name, term in terms_q.items():
                log_q = log_q + scaled_sum(joint, term, self.written.axes(joint, name))
            if self.summed:
                return log_marginal_of(self._sums(joint), values, params, nets) - log_q
            return log_joint(joint, values, params, nets) - log_q

        return pareto_k(joint, self.summed, log_weights)


def elbo_objective(problem: Problem, particles: int, guide: str, backend: str) -> Objective:
    """The bound of a problem. ``guide``: the family of the automatic guide, a key of ``GUIDES``; ``backend``: as `native_of`,
    of a bound over an automatic guide alone."""
    model, facts = problem.model, problem.facts
    automatic, written = AutomaticGuide(automatic_names(model, facts), GUIDES[guide]), WrittenGuide(model)
    summed = summed_out(model, facts)
    by = backend if automatic.names and not written.is_written and not model.nets else "torch"
    provider = DensityProvider(automatic.names, True, summed, by)
    elbo = ElboObjective(
        model, automatic, written, summed, particles, unit_plate(model), provider, problem.deadline
    )
    return Objective(elbo.start, elbo.loss, elbo.conclude, per_unit("bound", elbo.plate))

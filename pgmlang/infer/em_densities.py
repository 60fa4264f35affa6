"""EM where the parameters are numbers of densities: mixtures, hidden Markov models (Dempster, Laird and Rubin 1977).

The E-step sums the discrete variables out exactly. The M-step raises the expected complete log-joint, Q: probability
vectors in closed form (theta times the gradient of Q are the expected counts), all others by L-BFGS, each only if Q
gains, so that the objective never falls (expectation conditional maximisation: Meng and Rubin 1993). Starts run side
by side in one tensor.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
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
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Algorithm, Measure, Outcome, Problem, StepReport
from pgmlang.infer.density_errors import PointSurface, judged, point_surface
from pgmlang.infer.end import CURVATURE_UNKNOWN, doubts_of
from pgmlang.infer.m_steps import MaximumBlock, blocks_of
from pgmlang.kernels import lbfgs
from pgmlang.kernels.extrapolation import ahead, still_to_gain
from pgmlang.kernels.log_density import GradientNotFinite
from pgmlang.lower.factors import factor_names
from pgmlang.model import Factor, Model
from pgmlang.model.dependence import names_behind
from pgmlang.objectives.log_density import log_prior
from pgmlang.plan.deadline import OutOfTime
from pgmlang.plan.latents import latent_variables, summed_names
from pgmlang.plan.undetermined import undetermined_names
from pgmlang.tables.learned import learned_tables

LABEL = "expected log-joint"
PLAIN = 5
"""EM's first iterations, before any step ahead: they do not converge linearly yet."""
CLIMBS = 15
"""Most L-BFGS iterations of an M-step."""


class DensityEmState(NamedTuple):
    """``values`` by name, ``[start, ...]``, for the next E-step; ``objective [start]`` at the last ones that were taken,
    ``trace`` of these. ``plain``: what the last M-steps in a row came to; ``fallback``: the M-step's values where ``values``
    are a step ahead of them. ``collapse``: what stopped an M-step whose maximum lies at the end of a support."""

    values: dict[str, Any]
    objective: Any
    trace: tuple[tuple[float, ...], ...] = ()
    is_done: bool = False
    is_converged: bool = False
    plain: tuple[dict[str, Any], ...] = ()
    fallback: dict[str, Any] | None = None
    collapse: str = ""


@dataclass(frozen=True, eq=False)
class DensityEm:
    """EM of one problem, set up once. ``completion``: how the E-step sums the labels out, or finds the most probable ones
    (``is_hard``); ``sums``: their sum."""

    problem: Problem
    max_iterations: int
    tolerance: float
    restarts: int
    is_hard: bool
    joint: BoundDensity
    sums: Marginaliser
    completion: Marginaliser
    names: tuple[str, ...]
    blocks: tuple[tuple[MaximumBlock, ...], ...]

    def init(self, rng: np.random.Generator) -> DensityEmState:
        generator = torch.Generator(self.joint.device).manual_seed(int(rng.integers(2**62)))
        values = self._first_values(generator)
        begun = torch.full((self.restarts,), -math.inf)
        codes = {n: starting_codes(self.joint, n, generator, self.restarts) for n in self.sums.names}
        if all(c is None for c in codes.values()):
            return DensityEmState(values, begun)
        tables = self._tables(values)
        places = self.sums.places
        for i, name in enumerate(self.sums.names):
            shape = (self.restarts, *self.joint.shapes[name])
            states = self.joint.num_states(name)
            clusters = codes[name]
            if clusters is None:
                clusters = torch.randint(states, shape, generator=generator, device=self.joint.device)
            all_codes = torch.arange(states, device=self.joint.device)
            wide = [1] * i + [-1] + [1] * (places - i - 1) + [1] * clusters.dim()
            hard = torch.where(all_codes.reshape(wide) == clusters, 0.0, NEVER).to(self.joint.dtype)
            # a label that the values rule out begins as another: NEVER is likelier than minus infinity
            tables[AddedTable(name)] = LogTable(frozenset({i}), self.joint.axes(name), hard)
        return DensityEmState(self._maximise(values, self._expect(tables)[1]), begun)

    def _first_values(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Values near the zero of the free ones, ``[start, ...]``, where the density is not zero; probabilities anywhere, so
        that labels are told apart."""
        free = {
            n: (1.0 if self._is_simplex(n) else 0.1) * torch.randn(
                (self.restarts, *free_shape(self.joint, n)), generator=generator, dtype=self.joint.dtype,
                device=self.joint.device)
            for n in self.names
        }  # fmt: skip

        def impossible(points: dict[str, Tensor]) -> Tensor:
            with torch.no_grad():
                total = self.sums.log_marginal(*self._split(constrain(self.joint, points)[0]))
            return (~torch.isfinite(total)).to(self.joint.dtype)

        return constrain(self.joint, possible_free(free, impossible, generator, self.problem.deadline))[0]

    def step(self, state: DensityEmState) -> tuple[DensityEmState, StepReport]:
        """One E-step and one M-step of every start; where a step ahead went too far, back to the M-step's values."""
        total, weights = self._expect(self._tables(state.values))
        total = total + self._log_prior(state.values)
        before = state.objective.to(total)
        values = state.values
        gone_too_far = torch.zeros_like(total, dtype=torch.bool)
        if state.fallback is not None:
            gone_too_far = ~(total >= before)
            total = torch.where(gone_too_far, before, total)
            values = _chosen(gone_too_far, state.fallback, values)
            weights = {
                k: torch.where(_along_starts(gone_too_far, w, self.sums.places), 0.0, w)
                for k, w in weights.items()
            }
        trace = (*state.trace, tuple(total.tolist()))
        best = float(total.max())
        report = StepReport(best, best, best - float(before.max()), measure=Measure("log-posterior"))
        try:
            following = self._maximise(values, weights)
        except PgmError as error:
            if error.diagnostics[0].code != "PGM0808" or not state.trace:
                raise
            return DensityEmState(values, total, trace, True, collapse=error.diagnostics[0].message), report
        if state.fallback is not None:
            following = _chosen(gone_too_far, state.fallback, following)
        plain = (*state.plain, following)[-3:]
        is_converged = len(plain) == 3 and self._has_converged(trace)
        is_done = is_converged or len(trace) >= self.max_iterations
        if is_done:
            # of the last values taken the objective is known
            return DensityEmState(values, total, trace, True, is_converged), report
        if len(plain) == 3 and len(trace) > PLAIN and not self.is_hard:
            return DensityEmState(self._ahead(plain), total, trace, plain=(), fallback=following), report
        return DensityEmState(following, total, trace, plain=plain), report

    def _has_converged(self, trace: tuple[tuple[float, ...], ...]) -> bool:
        """Whether the best start has arrived, and every other one too or too low to pass it."""
        last = list(zip(*trace[-3:], strict=True))
        left = [still_to_gain(column) for column in last]
        top = max(column[-1] for column in last)
        return all(
            gain <= self.tolerance or column[-1] + gain < top - 1 for column, gain in zip(last, left, strict=True)
        )

    def _ahead(self, plain: tuple[dict[str, Tensor], ...]) -> dict[str, Tensor]:
        """Values a step ahead of three of EM's: probabilities as they are, of which none falls by more than nine tenths,
        the others by the free numbers behind them."""
        numbers = []
        for one in plain:
            others = {n: v for n, v in one.items() if not self._is_simplex(n)}
            free = unconstrain(self.joint, others, one, one) if others else {}
            numbers.append({n: free.get(n, v) for n, v in one.items()})
        flat = [
            torch.cat([v.reshape(self.restarts, -1) for v in one.values()], 1).cpu().numpy() for one in numbers
        ]
        far = torch.as_tensor(ahead(*flat), device=self.joint.device)
        pieces = torch.split(far, [v[0].numel() for v in numbers[2].values()], 1)
        points = {n: p.reshape(v.shape) for (n, v), p in zip(numbers[2].items(), pieces, strict=True)}
        out = dict(plain[2])
        for name, value in plain[2].items():
            if self._is_simplex(name):
                cells = torch.maximum(points.pop(name), 0.1 * value)
                out[name] = cells / cells.sum(-1, keepdim=True)
        return {**out, **(constrain(self.joint, points, out, out)[0] if points else {})}

    def conclude(self, state: DensityEmState) -> Outcome:
        # a step ahead that was not looked at may have gone too far
        reached = state.values if state.fallback is None else state.fallback
        with torch.no_grad():
            total = self.sums.log_marginal(*self._split(reached)) + self._log_prior(reached)
        order = total if not self.is_hard else state.objective
        best = int(order.argmax())
        values = {n: v[best] for n, v in reached.items()}
        near = int((order > order[best] - 0.01).sum())
        notes: dict[str, Any] = {
            "objective": "log-posterior",
            "restarts": self.restarts,
            "starts_that_agree": near,
        }
        if self.is_hard:
            notes["objective"] = "log-posterior of the completed data"
        warnings: tuple[Diagnostic, ...] = ()
        errors: dict[str, np.ndarray] = {}
        if state.collapse:
            message = f"the likelihood rises without end, a cluster of one value perhaps: {state.collapse}"
            cure = "give the spread of each cluster a prior (`s ~ HalfNormal(2)`), one spread for all, or fewer clusters"
            warnings = (Diagnostic("PGM0801", message, help=cure),)
        if state.is_converged and not self.is_hard:
            without_data = undetermined_names(self.problem.model, self.problem.facts)
            try:
                surface = self._point(values)
                values, errors, end = judged(surface, values)
                if end is not None:
                    notes["newton_decrement"] = end.decrement
                    warnings = tuple(doubts_of(end, surface.number_names(), "log-posterior", without_data))
            except OutOfTime:
                warnings = (CURVATURE_UNKNOWN,)
        with torch.no_grad():
            one = {n: v[None] for n, v in values.items()}
            height = float(self.sums.log_marginal(*self._split(one)) + self._log_prior(one))
            prior = log_prior(self.joint, values, None, tuple(n for n in values if n not in self.joint.learned))
        trace = tuple(t[best] for t in state.trace)
        if not self.is_hard:
            trace = (*trace, max(height, trace[-1]) if trace else height)
        parameters = {n: v.cpu().numpy() for n, v in values.items()}
        return Outcome(
            {**parameters, **self._counts(one), **self.problem.fixed}, trace, state.is_converged and not warnings, warnings, notes,
            log_likelihood=None if prior is None else height - prior - float(self._log_prior(one)), standard_errors=errors,
        )  # fmt: skip

    def _point(self, values: dict[str, Tensor]) -> PointSurface:
        """The log-posterior around values of one start."""

        def total(some: dict[str, Tensor]) -> Tensor:
            self.problem.deadline.check("the look at the curvature", "it is not known")
            return self.sums.log_marginal(*self._split(some)) + self._log_prior(some)

        simplices = tuple(n for n in values if self._is_simplex(n))
        return point_surface(self.joint, total, values, simplices)

    def _counts(self, one: dict[str, Tensor]) -> dict[str, np.ndarray]:
        """Expected counts behind learned tables: their probabilities times the gradient of the log-likelihood."""
        tables = {t.name: t for t in learned_tables(self.joint.model)}
        leaves = {n: v.detach().clone().requires_grad_() for n, v in one.items() if n in tables}
        if not leaves:
            return {}
        with torch.enable_grad():
            slopes = slopes_of(
                self.sums.log_marginal(*self._split({**one, **leaves})).sum(), list(leaves.values())
            )
        return {
            tables[n].counts_name: (v * s).detach().clamp(min=0)[0].cpu().numpy()
            for (n, v), s in zip(leaves.items(), slopes, strict=True)
        }

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
        return self.completion.tables(*self._split(values))

    def _expect(self, tables: dict[TableKey, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.enable_grad():
            leaves = {k: t._replace(values=t.values.detach().requires_grad_()) for k, t in tables.items()}
            total = self.completion.reduce(leaves)
            slopes = torch.autograd.grad(total.sum(), [t.values for t in leaves.values()])
        return total.detach(), dict(zip(leaves, slopes, strict=True))

    def _expected_log_joint(
        self, values: dict[str, Tensor], weights: dict[str, Tensor], moved: Collection[str]
    ) -> Tensor:
        """Q and the tables' log priors, summed over starts: of the factors that hang on what is ``moved``."""
        total = torch.zeros((), dtype=self.joint.dtype, device=self.joint.device)
        total = total + torch.as_tensor(self._log_prior(values)).sum()
        around = self.joint.memo.once(_around, self.completion, tuple(moved))
        for key, table in around.tables(*self._split(values)).items():
            if key not in weights:
                continue
            # an entry without weight may be minus infinity
            total = total + torch.where(weights[key] == 0, 0.0, weights[key] * table.values.clamp(min=-1e30)).sum()
        return total

    def _maximise(self, values: dict[str, Tensor], weights: dict[str, Tensor]) -> dict[str, Tensor]:
        is_simplex = {n: self._is_simplex(n) for n in self.names}
        chances = {n: v.detach().clone().requires_grad_() for n, v in values.items() if is_simplex[n]}
        if chances:
            before, gradients = gradients_of(
                lambda: self._expected_log_joint({**values, **chances}, weights, chances),
                chances,
                self.joint,
                LABEL,
            )
            fresh = {}
            for (name, old), gradient in zip(chances.items(), gradients, strict=True):
                counts = (old.detach() * gradient).clamp(min=0)
                total = counts.sum(-1, keepdim=True)
                share = (counts / total.clamp(min=1e-300)).clamp(min=1e-15)
                fresh[name] = torch.where(total > 0, share / share.sum(-1, keepdim=True), old.detach())
            with torch.no_grad():
                after = self._expected_log_joint({**values, **fresh}, weights, fresh)
            if float(after) >= float(before) - 1e-9 * abs(float(after)):
                values = {**values, **fresh}
            else:
                is_simplex = dict.fromkeys(is_simplex, False)
        others = [n for n in values if not is_simplex[n]]
        values, solved = self._solved(values, weights)
        moved = {n: values[n] for n in others if n not in solved}
        return {**values, **self._climbed(values, moved, weights)} if moved else values

    def _solved(
        self, values: dict[str, Tensor], weights: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], frozenset[str]]:
        """Values at the maxima that have a closed form, and their names: those of a round are left out where rounding left
        one outside of its support or Q lower than before."""
        following, solved = dict(values), frozenset[str]()
        for blocks in self.blocks:
            names = frozenset(n for b in blocks for n in b.names)
            first, here = self._slopes(following, names, weights)
            away = {
                n: v for b in blocks
                for n, v in zip(b.names, b.step.elsewhere(tuple(following[n] for n in b.names)), strict=True)
            }  # fmt: skip
            _, there = self._slopes({**following, **away}, names, weights)
            fresh: dict[str, Tensor] = {}
            for block in blocks:
                at = (tuple(some[n] for n in block.names) for some in (following, here, there))
                fresh.update(zip(block.names, block.step.solve(*at), strict=True))
            if not all(bool(torch.isfinite(v).all()) for v in fresh.values()):
                continue
            with torch.no_grad():
                last = self._expected_log_joint({**following, **fresh}, weights, names)
            if float(last) >= float(first) - 1e-9 * abs(float(first)):
                following.update(fresh)
                solved |= names
        return following, solved

    def _slopes(
        self, values: dict[str, Tensor], names: Collection[str], weights: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Q and its gradients by some names."""
        leaves = {n: values[n].detach().clone().requires_grad_() for n in names}
        height, slopes = gradients_of(
            lambda: self._expected_log_joint({**values, **leaves}, weights, leaves), leaves, self.joint, LABEL
        )
        return height, dict(zip(leaves, slopes, strict=True))

    def _support(self, name: str) -> Any:
        return self.joint.program.SUPPORTS[name]

    def _is_simplex(self, name: str) -> bool:
        from torch.distributions import constraints

        return self._support(name) is constraints.simplex

    def _climbed(
        self, values: dict[str, Tensor], moved: dict[str, Tensor], weights: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        begin = {k: v.detach() for k, v in unconstrain(self.joint, moved, values, values).items()}

        def free(x: Tensor) -> dict[str, Tensor]:
            pieces = torch.split(x, [v.numel() for v in begin.values()])
            return {k: p.reshape(v.shape) for (k, v), p in zip(begin.items(), pieces, strict=True)}

        def objective(leaves: Mapping[str, Tensor]) -> Tensor:
            return -self._expected_log_joint(
                {**values, **constrain(self.joint, leaves, values, values)[0]}, weights, moved
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


def _around(sums: Marginaliser, names: tuple[str, ...]) -> Marginaliser:
    """The tables of the factors that hang on some values or params."""
    model = sums.joint.model
    mine = {
        key for key, factor in factor_names(model).items()
        if set(names) & {*names_behind(model, factor), getattr(factor, "target", "")} or _learned_in(model, factor, names)
    }  # fmt: skip
    others = sums.scopes.keys() - factor_names(model).keys()
    return replace(sums, scopes={k: s for k, s in sums.scopes.items() if k in mine or k in others})


def _learned_in(model: Model, factor: Factor, names: tuple[str, ...]) -> bool:
    """Whether a factor takes its probabilities from one of these learned tables."""
    return any(t.name in names and t.target == getattr(factor, "target", "") for t in learned_tables(model))


def _along_starts(mask: Tensor, weight: Tensor, places: int) -> Tensor:
    """A mask ``[start]`` along the axis of the starts of a factor's weights ``[*value axes, start, ...]``."""
    return mask.reshape((*[1] * places, -1, *[1] * (weight.dim() - places - 1)))


def _chosen(mask: Tensor, one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, Tensor]:
    """One's values of the starts ``[start]`` of the mask, the other's elsewhere."""
    return {n: torch.where(mask.reshape(-1, *[1] * (v.dim() - 1)), one[n], v) for n, v in other.items()}


def build(
    problem: Problem, max_iterations: int, tolerance: float, restarts: int, is_hard: bool = False
) -> Algorithm:
    """The kernel of a problem that `reasons_against` has nothing against."""
    joint = density_of(problem)
    sums = marginaliser_of(joint, summed_names(problem.model, problem.facts))
    completion = replace(sums, log_sum=torch.amax) if is_hard else sums
    names = dict.fromkeys((*(v.name for v in latent_variables(problem.model, problem.facts)), *joint.learned))
    em = DensityEm(
        problem,
        max_iterations,
        tolerance,
        restarts,
        is_hard,
        joint,
        sums,
        completion,
        tuple(names),
        blocks_of(joint.model, tuple(names)),
    )
    return Algorithm(em.init, em.step, lambda state: bool(state.is_done), em.conclude)

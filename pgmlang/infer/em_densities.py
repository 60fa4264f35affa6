"""EM where the parameters are numbers of densities: mixtures, hidden Markov models (Dempster, Laird and Rubin 1977).

The E-step sums the discrete variables out exactly, the M-step raises the expected complete log-joint
(`expected_log_joint`). Starts run side by side in one tensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.clusters import starting_codes
from pgmlang.density.gradients import slopes_of
from pgmlang.density.possible import possible_free
from pgmlang.density.row_blocks import Expectation, RowBlocks
from pgmlang.density.summing import without_never
from pgmlang.density.table_priors import log_table_priors
from pgmlang.density.transforms import constrain, free_shape, unconstrain
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Measure, Outcome, Problem, StepReport
from pgmlang.infer.density_errors import PointSurface, Total, judged, point_surface
from pgmlang.infer.em_options import SHORT, EmOptions
from pgmlang.infer.end import CURVATURE_UNKNOWN, doubts_of, no_standard_errors
from pgmlang.infer.expected_log_joint import ExpectedLogJoint, split
from pgmlang.infer.m_steps import simplices_of
from pgmlang.infer.spreads import are_singular, in_units_of_data, units_of
from pgmlang.kernels.extrapolation import ahead, still_to_gain
from pgmlang.objectives.log_density import log_prior
from pgmlang.plan.deadline import OutOfTime
from pgmlang.plan.undetermined import undetermined_names
from pgmlang.tables.learned import learned_tables

RARE = 0.01
"""Least probability of anything at a start from clusters, shared among the values that there are."""
PLAIN = 5
"""EM's first iterations, before any step ahead: they do not converge linearly yet."""


class DensityEmState(NamedTuple):
    """``values`` by name, ``[start, ...]``, for the next E-step; ``objective [start]`` at the last ones that were taken,
    ``trace`` of these. ``plain``: what the last M-steps in a row came to; ``fallback``: the M-step's values where ``values``
    are a step ahead of them. ``collapse``: what stopped an M-step whose maximum lies at the end of a support; ``num_collapsed``:
    starts that were left for it. ``is_sample``: of a sample of the rows."""

    values: dict[str, Any]
    objective: Any
    trace: tuple[tuple[float, ...], ...] = ()
    is_done: bool = False
    is_converged: bool = False
    plain: tuple[dict[str, Any], ...] = ()
    fallback: dict[str, Any] | None = None
    collapse: str = ""
    num_collapsed: int = 0
    is_sample: bool = False


@dataclass(frozen=True, eq=False)
class DensityEm:
    """EM of one problem, set up once. ``completion``: how the E-step sums the labels out, or finds the most probable ones
    (``hard``); ``sums``: their sum; ``q``: what M-steps raise. ``sample``: the same of a sample of the rows, where starts converge
    before the best go on with all; ``num_starts``: of which so many go on (``num_going_on``) after short runs."""

    problem: Problem
    options: EmOptions
    joint: BoundDensity
    sums: RowBlocks
    completion: RowBlocks
    names: tuple[str, ...]
    q: ExpectedLogJoint
    num_starts: int
    num_going_on: int
    sample: DensityEm | None = None

    @property
    def restarts(self) -> int:
        assert self.options.restarts is not None, "the plan resolves it"
        return self.options.restarts

    @cached_property
    def simplices(self) -> frozenset[str]:
        """The names that are probabilities along their last axis."""
        return frozenset(simplices_of(self.joint.model, self.names))

    def init(self, rng: np.random.Generator) -> DensityEmState:
        if self.sample is not None:
            return self.sample.init(rng)._replace(is_sample=True)
        generator = torch.Generator(self.joint.device).manual_seed(int(rng.integers(2**62)))
        starts = self.num_starts
        values = self._first_values(generator, starts)
        begun = torch.full((starts,), -math.inf)
        codes = {n: starting_codes(self.joint, n, generator, starts) for n in self.sums.names}
        if all(c is None for c in codes.values()):
            return DensityEmState(values, begun)
        for name, clusters in codes.items():
            if clusters is None:
                shape = (starts, *self.joint.shapes[name])
                codes[name] = torch.randint(
                    self.joint.num_states(name), shape, generator=generator, device=self.joint.device
                )
        held = {n: c for n, c in codes.items() if c is not None}
        values = in_units_of_data(self.joint, self.q.closed, values)
        return DensityEmState(self._with_rare(self.q.maximise(values, self._expect(values, held)[1])), begun)

    def _with_rare(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """Values at which what no row of a starting cluster shows is rare: from zero no step of EM leads away."""
        out = dict(values)
        for name, value in values.items():
            if name in self.simplices:
                cells = value.clamp(min=RARE / value.shape[-1])
                out[name] = cells / cells.sum(-1, keepdim=True)
            elif self.joint.model.by_name[name].type.kind == "unit":
                out[name] = value.clamp(RARE / 2, 1 - RARE / 2)
        return out

    def _first_values(self, generator: torch.Generator, starts: int) -> dict[str, Tensor]:
        """Values near the zero of the free ones, ``[start, ...]``, where the density is not zero; probabilities anywhere, so
        that labels are told apart."""
        free = {
            n: (1.0 if n in self.simplices else 0.1) * torch.randn(
                (starts, *free_shape(self.joint, n)), generator=generator, dtype=self.joint.dtype,
                device=self.joint.device)
            for n in self.names
        }  # fmt: skip

        def impossible(points: dict[str, Tensor]) -> Tensor:
            with torch.no_grad():
                total = self.sums.log_marginal(*split(self.joint, constrain(self.joint, points)[0]))
            return (~torch.isfinite(total)).to(self.joint.dtype)

        return constrain(self.joint, possible_free(free, impossible, generator, self.problem.deadline))[0]

    def step(self, state: DensityEmState) -> tuple[DensityEmState, StepReport]:
        """One E-step and one M-step of every start; where a step ahead went too far, back to the M-step's values."""
        if state.is_sample:
            return self._step_of_sample(state)
        total, known = self._expect(state.values)
        total = total + self._log_prior(state.values)
        before = state.objective.to(total)
        values = state.values
        gone_too_far = torch.zeros_like(total, dtype=torch.bool)
        if state.fallback is not None:
            gone_too_far = ~(total >= before)
            total = torch.where(gone_too_far, before, total)
            values = _chosen(gone_too_far, state.fallback, values)
            known = known.of_starts(~gone_too_far)
        trace = (*state.trace, tuple(total.tolist()))
        best = float(total.max())
        report = StepReport(best, best, measure=Measure("log-posterior"))
        try:
            is_able, why = ~are_singular(self.joint, self.q.closed, values), "a component has no spread"
            following = self.q.maximise(values, known) if bool(is_able.all()) else {}
        except PgmError as error:
            if error.diagnostics[0].code != "PGM0808":
                raise
            is_able, why = self._have_maximum(values), error.diagnostics[0].message
            if not state.trace and not bool(is_able.any()):
                raise
        if not bool(is_able.all()):
            return self._without(
                state._replace(values=values, plain=(), fallback=None), is_able, why, trace
            ), report
        if state.fallback is not None:
            following = _chosen(gone_too_far, state.fallback, following)
        plain = (*state.plain, following)[-3:]
        if len(trace) == SHORT and len(total) > self.num_going_on:
            state = state._replace(values=following, objective=total, trace=trace, plain=(), fallback=None)
            return _of_starts(state, _best(total, self.num_going_on)), report
        is_converged = len(plain) == 3 and self._has_converged(trace)
        is_done = is_converged or len(trace) >= self.options.max_iterations
        if is_done:
            # of the last values taken the objective is known
            return state._replace(values=values, objective=total, trace=trace, is_done=True, is_converged=is_converged,
                                  plain=(), fallback=None), report  # fmt: skip
        state = state._replace(values=following, objective=total, trace=trace, plain=plain, fallback=None)
        if len(plain) == 3 and len(trace) > PLAIN and not self.options.hard:
            return state._replace(values=self._ahead(plain), plain=(), fallback=following), report
        return state, report

    def _step_of_sample(self, state: DensityEmState) -> tuple[DensityEmState, StepReport]:
        """A step on the sample; starts that have arrived there, or that all collapse, go on with all rows."""
        assert self.sample is not None
        following, report = self.sample.step(state._replace(is_sample=False))
        report = report._replace(measure=Measure("log-posterior of a sample"))
        if not following.is_done:
            return following._replace(is_sample=True), report
        best = _of_starts(following, _best(following.objective, self.num_going_on))
        begun = torch.full_like(best.objective, -math.inf)
        return DensityEmState(best.values, begun, num_collapsed=best.num_collapsed), report

    def _have_maximum(self, values: dict[str, Tensor]) -> Tensor:
        """Whether the M-step of each start by itself has finite slopes, ``[start]``."""
        out = []
        for start in range(len(next(iter(values.values())))):
            one = {n: v[start : start + 1] for n, v in values.items()}
            try:
                self.q.maximise(one, self._expect(one)[1])
                out.append(True)
            except PgmError as error:
                if error.diagnostics[0].code != "PGM0808":
                    raise
                out.append(False)
        return torch.as_tensor(out)

    def _without(
        self, state: DensityEmState, is_able: Tensor, why: str, trace: tuple[tuple[float, ...], ...]
    ) -> DensityEmState:
        """The state of the starts that have a maximum; where none has, the last one."""
        able = is_able.nonzero().flatten().tolist()
        if len(able) > 0:
            lost = len(is_able) - len(able)
            return _of_starts(state, able)._replace(num_collapsed=state.num_collapsed + lost)
        total = torch.as_tensor(trace[-1], dtype=self.joint.dtype)
        return state._replace(objective=total, trace=trace, is_done=True, collapse=why)

    def _has_converged(self, trace: tuple[tuple[float, ...], ...]) -> bool:
        """Whether the best start has arrived, and every other one too or too low to pass it."""
        last = list(zip(*trace[-3:], strict=True))
        left = [still_to_gain(column) for column in last]
        top = max(column[-1] for column in last)
        return all(
            gain <= self.options.tolerance or column[-1] + gain < top - 1
            for column, gain in zip(last, left, strict=True)
        )

    def _ahead(self, plain: tuple[dict[str, Tensor], ...]) -> dict[str, Tensor]:
        """Values a step ahead of three of EM's: probabilities as they are, of which none falls by more than nine tenths,
        the others by the free numbers behind them."""
        numbers = []
        for one in plain:
            others = {n: v for n, v in one.items() if n not in self.simplices}
            free = unconstrain(self.joint, others, one, one) if others else {}
            numbers.append({n: free.get(n, v) for n, v in one.items()})
        flat = [
            torch.cat([v.flatten(1) if v.dim() > 1 else v[:, None] for v in one.values()], 1).cpu().numpy()
            for one in numbers
        ]
        far = torch.as_tensor(ahead(*flat), device=self.joint.device)
        pieces = torch.split(far, [v[0].numel() for v in numbers[2].values()], 1)
        points = {n: p.reshape(v.shape) for (n, v), p in zip(numbers[2].items(), pieces, strict=True)}
        out = dict(plain[2])
        for name, value in plain[2].items():
            if name in self.simplices:
                cells = torch.maximum(points.pop(name), 0.1 * value)
                out[name] = cells / cells.sum(-1, keepdim=True)
        return {**out, **(constrain(self.joint, points, out, out)[0] if points else {})}

    def conclude(self, state: DensityEmState) -> Outcome:
        # a step ahead that was not looked at may have gone too far
        reached = state.values if state.fallback is None else state.fallback
        with torch.no_grad():
            total = self.sums.log_marginal(*split(self.joint, reached)) + self._log_prior(reached)
        order = total if not self.options.hard else state.objective
        best = int(order.argmax())
        values = {n: v[best] for n, v in reached.items()}
        near = int((order > order[best] - 0.01).sum())
        notes: dict[str, Any] = {
            "objective": "log-posterior",
            "restarts": self.restarts,
            "starts_that_agree": near,
            "starts_that_collapse": state.num_collapsed,
            "backend": "native" if self.completion.is_native else "torch",
        }
        if self.options.hard:
            notes["objective"] = "log-posterior of the completed data"
        warnings: tuple[Diagnostic, ...] = ()
        errors: dict[str, np.ndarray] = {}
        if state.collapse:
            message = f"the likelihood rises without end, a cluster of one value perhaps: {state.collapse}"
            cure = "give the spread of each cluster a prior (`s ~ HalfNormal(2)`), one spread for all, or fewer clusters"
            warnings = (Diagnostic("PGM0801", message, help=cure),)
        if not (state.is_converged and not self.options.hard):
            why = "hard EM takes what is latent for known" if self.options.hard else "EM has not converged"
            notes |= no_standard_errors(why, None)
        if state.is_converged and not self.options.hard:
            without_data = undetermined_names(self.problem.model, self.problem.facts)
            try:
                surface = self._point(values)
                values, errors, end, reason = judged(surface, values)
                notes |= no_standard_errors(reason, end)
                if end is not None:
                    notes["newton_decrement"] = end.decrement
                    warnings = tuple(doubts_of(end, surface.number_names(), "log-posterior", without_data))
            except OutOfTime:
                warnings = (CURVATURE_UNKNOWN,)
                notes |= no_standard_errors("the time limit came first", None)
        with torch.no_grad():
            one = {n: v[None] for n, v in values.items()}
            height = float(self.sums.log_marginal(*split(self.joint, one)) + self._log_prior(one))
            prior = log_prior(self.joint, values, None, tuple(n for n in values if n not in self.joint.learned))
        trace = () if state.is_sample else tuple(t[best] for t in state.trace)
        if not self.options.hard:
            trace = (*trace, height)  # that of the values that are kept
        parameters = {n: v.cpu().numpy() for n, v in values.items()}
        return Outcome(
            {**parameters, **self._counts(one), **self.problem.fixed}, trace, state.is_converged and not warnings, warnings, notes,
            log_likelihood=None if prior is None else height - prior - float(self._log_prior(one)), standard_errors=errors,
        )  # fmt: skip

    def _point(self, values: dict[str, Tensor]) -> PointSurface:
        """The log-posterior around values of one start."""

        def total(some: dict[str, Tensor]) -> Tensor:
            self.problem.deadline.check("the look at the curvature", "it is not known")
            return self.sums.log_marginal(*split(self.joint, some)) + self._log_prior(some)

        def near(some: dict[str, Tensor]) -> Total | None:
            height = self.sums.near(*split(self.joint, some))
            if height is None:
                return None
            return lambda values: height(*split(self.joint, values)) + self._log_prior(values)

        simplices = tuple(n for n in values if n in self.simplices)
        units = units_of(self.joint, self.q.closed, values)
        return point_surface(self.joint, total, values, simplices, near, units)

    def _counts(self, one: dict[str, Tensor]) -> dict[str, np.ndarray]:
        """Expected counts behind learned tables: their probabilities times the gradient of the log-likelihood."""
        tables = {t.name: t for t in learned_tables(self.joint.model)}
        leaves = {n: v.detach().clone().requires_grad_() for n, v in one.items() if n in tables}
        if not leaves:
            return {}
        with torch.enable_grad():
            slopes = slopes_of(
                self.sums.log_marginal(*split(self.joint, {**one, **leaves})).sum(), list(leaves.values())
            )
        return {
            tables[n].counts_name: (v * s).detach().clamp(min=0)[0].cpu().numpy()
            for (n, v), s in zip(leaves.items(), slopes, strict=True)
        }

    # ---- the two steps

    def _log_prior(self, values: dict[str, Tensor]) -> Tensor | float:
        """The priors of learned tables, ``[start]``."""
        return log_table_priors(self.joint, values)

    def _expect(
        self, values: dict[str, Tensor], codes: dict[str, Tensor] | None = None
    ) -> tuple[Tensor, Expectation]:
        """The E-step; ``codes``: labels that are held, ``[start, ...]``."""
        total, known = self.completion.expected(*split(self.joint, values), codes)
        if codes is not None:
            return total, known  # labels that a start holds need not be possible
        return without_never(total), known


def _chosen(mask: Tensor, one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, Tensor]:
    """One's values of the starts ``[start]`` of the mask, the other's elsewhere."""
    return {n: torch.where(mask.reshape(-1, *[1] * (v.dim() - 1)), one[n], v) for n, v in other.items()}


def _of_starts(state: DensityEmState, some: list[int]) -> DensityEmState:
    """A state, of some of its starts."""
    return state._replace(
        values={n: v[some] for n, v in state.values.items()}, objective=state.objective[some],
        trace=tuple(tuple(heights[i] for i in some) for heights in state.trace),
    )  # fmt: skip


def _best(heights: Tensor, count: int) -> list[int]:
    """The highest starts."""
    known = heights.nan_to_num(-math.inf, -math.inf, -math.inf)
    return list(known.topk(min(count, len(known))).indices.tolist())

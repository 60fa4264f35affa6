"""Conditional Gaussian networks learned in closed form: least squares from complete rows, EM from rows with missing cells and
latent numbers and labels (Dempster, Laird and Rubin 1977, section 4; Lauritzen 1995)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Algorithm, Outcome, Problem, StepReport
from pgmlang.infer.counts import estimate, log_prior, unseen_rows, with_counts
from pgmlang.infer.em_options import EmOptions
from pgmlang.infer.end import no_standard_errors
from pgmlang.infer.gaussian_errors import errors_of_complete, errors_of_incomplete
from pgmlang.infer.gaussian_learning import Estimates, Expected, GaussianLearning, maximised
from pgmlang.kernels.extrapolation import still_to_gain

SWEEPS = 200
"""Sweeps between coefficients and sds in least squares, at most; one where each coefficient belongs to one sd."""
LEAST_SD = 1e-12
"""An sd below this share of the spread of its number is one of rows without residuals: the likelihood has no maximum."""


# ---- least squares


def build_least_squares(problem: Problem) -> Algorithm:
    """One step for complete rows."""

    def step(state: Outcome | None) -> tuple[Outcome, StepReport]:
        learning = GaussianLearning(problem)
        expected = learning.available(None)
        start = np.full(learning.elements.num_sds, 1.0)
        coefficients, sds, rank = maximised(expected, start, learning.elements.num_coefficients, SWEEPS)
        _need_spread(learning, sds)
        counts = learning.label_counts()
        at = Estimates(coefficients, sds, estimate(problem.model, counts))
        engine_value = learning.expect(at).log_likelihood
        outcome = _outcome(learning, at, counts, (engine_value,), rank, True)
        if rank == learning.elements.num_coefficients:
            errors = errors_of_complete(expected, coefficients, sds)
            outcome = outcome._replace(standard_errors=learning.elements.by_name(*errors))
        return outcome, StepReport(engine_value, engine_value)

    def conclude(state: Outcome | None) -> Outcome:
        assert state is not None, "there is one step"
        return state

    return Algorithm(lambda rng: None, step, lambda state: state is not None, conclude)


def _need_spread(learning: GaussianLearning, sds: np.ndarray) -> None:
    """Raises PgmError PGM0602 where rows lie on the predictor: the likelihood grows without end as an sd goes to zero."""
    numbers = learning.rows.numbers
    with np.errstate(invalid="ignore"):
        spread = float(np.nanmax(np.abs(numbers - learning.centre), initial=0.0)) or 1.0
    for name, block in learning.elements.sds.items():
        if (sds[block.first : block.first + block.count] < LEAST_SD * spread).any():
            message = f"no residual is left for `{name}`: the likelihood has no maximum"
            cure = (
                "there are as many coefficients as rows, or a column twice: leave some out, or give priors (`map`)"
            )
            raise PgmError(Diagnostic("PGM0602", message, learning.binding.model.by_name[name].span, help=cure))


def _outcome(
    learning: GaussianLearning, at: Estimates, counts: Mapping[str, np.ndarray], trace: tuple[float, ...], rank: int,
    is_converged: bool,
) -> Outcome:  # fmt: skip
    problem = learning.problem
    parameters = with_counts(problem.model, dict(at.tables), counts)
    values = learning.elements.by_name(at.coefficients, at.sds)
    warnings = unseen_rows(problem.model, counts)
    if rank < learning.elements.num_coefficients:
        names = ", ".join(f"`{n}`" for n in [*learning.elements.coefficients][:6])
        free = learning.elements.num_coefficients - rank
        warnings += (
            Diagnostic("PGM0801", f"the rows do not tell {free} of the coefficients {names} from the others",
                       help="predictors are sums of each other: take one out, or give priors (`map`)"),
        )  # fmt: skip
    return Outcome(
        {**parameters, **values, **problem.fixed}, trace, is_converged and rank == learning.elements.num_coefficients, warnings,
        log_likelihood=trace[-1] if trace else None,
    )  # fmt: skip


# ---- EM


@dataclass(frozen=True, eq=False)
class GaussianEmState:
    """``at``: where the next E-step is; ``starts``: all places that it begins from, ``start``: which is being run; ``best``: the state
    of the best so far that has ended; ``expected``: what the last E-step found at ``evaluated``."""

    at: Estimates
    starts: tuple[Estimates, ...]
    start: int = 0
    trace: tuple[float, ...] = ()
    objectives: tuple[float, ...] = ()
    evaluated: Estimates | None = None
    counts: Mapping[str, np.ndarray] | None = None
    rank: int = 0
    is_converged: bool = False
    best: GaussianEmState | None = None
    is_done: bool = False


class GaussianEm:
    """EM for one problem."""

    def __init__(self, problem: Problem, options: EmOptions) -> None:
        self.problem = problem
        self.options = options
        self.learning = GaussianLearning(problem)
        assert options.restarts is not None, "the plan resolves it"
        self.restarts = options.restarts

    def algorithm(self) -> Algorithm:
        return Algorithm(self.init, self.step, lambda state: state.is_done, self.conclude)

    def init(self, rng: np.random.Generator) -> GaussianEmState:
        starts = tuple(self._start(child) for child in rng.spawn(self.restarts))
        return GaussianEmState(starts[0], starts)

    def _start(self, rng: np.random.Generator) -> Estimates:
        """What the rows that show all of a conditional say; of a conditional that none shows coefficients are random, and sds those of
        its number: zero would be a saddle, where what is latent says nothing."""
        learning = self.learning
        is_random = self.restarts > 1
        expected = learning.available(rng if is_random else None)
        sds = np.ones(learning.elements.num_sds)
        with np.errstate(invalid="ignore"):
            seen = ~np.isnan(learning.rows.numbers)
            spread = np.sqrt(
                np.where(seen, np.square(learning.rows.numbers - learning.centre), 0.0).sum(0)
                / np.maximum(seen.sum(0), 1)
            )
        for c in learning.conditionals:
            for ids in c.sd_params[c.sd_params >= 0]:
                sds[ids] = spread[c.child] or 1.0
        before = sds.copy()
        coefficients, sds, _ = maximised(expected, sds, learning.elements.num_coefficients, 5)
        # few rows fit too well: an sd begins no smaller than a hundredth of the number's own
        sds = np.maximum(sds, 0.01 * before)
        said = sum((np.square(m[:, 1:]).sum(0) for m in expected.squares.values()), np.zeros(len(coefficients)))
        coefficients = np.where(
            said > 0,
            coefficients,
            rng.standard_normal(len(coefficients)) * (before.mean() if len(before) else 1.0),
        )
        counts = learning.label_counts()
        tables = estimate(self.problem.model, {n: c + 1.0 for n, c in counts.items()})
        if is_random:
            tables = {n: _jittered(t, rng) for n, t in tables.items()}
        return Estimates(coefficients, sds, tables)

    def step(self, state: GaussianEmState) -> tuple[GaussianEmState, StepReport]:
        """One E-step and one M-step."""
        expected = self.learning.expect(state.at)
        value = expected.log_likelihood
        if value == -math.inf:
            raise PgmError(Diagnostic("PGM0609", "some row has probability zero", place=self.problem.binding.source,
                                      help="a given table excludes it: correct the row, or the table"))  # fmt: skip
        objective = value + log_prior(self.problem.model, state.at.tables)
        slack = 1e-9 * max(1.0, abs(objective))
        if state.objectives and objective < state.objectives[-1] - slack:
            message = f"EM's log-likelihood fell from {state.objectives[-1]:.9g} to {objective:.9g}"
            raise PgmError(
                Diagnostic("PGM0805", message, help="this is a bug in pgmlang: please report the model")
            )
        following, rank = self._maximise(expected, state.at)
        state = replace(
            state, trace=(*state.trace, value), objectives=(*state.objectives, objective), evaluated=state.at,
            counts=expected.counts, at=following, rank=rank,
        )  # fmt: skip
        report = StepReport(value, objective)
        converged = len(state.objectives) >= 3 and still_to_gain(state.objectives) <= self.options.tolerance
        if converged or len(state.trace) >= self.options.max_iterations:
            return self._finish(replace(state, is_converged=converged)), report
        return state, report

    def _maximise(self, expected: Expected, at: Estimates) -> tuple[Estimates, int]:
        coefficients, sds, rank = maximised(expected, at.sds, self.learning.elements.num_coefficients)
        _need_spread(self.learning, sds)
        tables = estimate(self.problem.model, expected.counts) if at.tables else {}
        return Estimates(coefficients, sds, tables), rank

    def _finish(self, state: GaussianEmState) -> GaussianEmState:
        best = state.best
        if best is None or state.objectives[-1] > best.objectives[-1]:
            best = replace(state, best=None)
        following = state.start + 1
        if following < len(state.starts):
            return GaussianEmState(state.starts[following], state.starts, following, best=best)
        return replace(state, best=best, is_done=True)

    def conclude(self, state: GaussianEmState) -> Outcome:
        ended = state.best if state.is_done and state.best is not None else state
        if ended.evaluated is None or ended.counts is None:
            assert state.best is not None, "an E-step has been taken"
            ended = state.best
        at, counts = ended.evaluated, ended.counts
        assert at is not None, "what has ended has been evaluated"
        assert counts is not None, "what has ended has been evaluated"
        outcome = _outcome(self.learning, at, counts, ended.trace, ended.rank, ended.is_converged)
        if not outcome.is_converged:
            return outcome._replace(notes=no_standard_errors("EM has not converged", None))
        errors = errors_of_incomplete(self.learning, at)
        if errors is None:
            return outcome._replace(
                notes=no_standard_errors(
                    "the curvature is not that of a maximum, or there are too many params for it", None
                )
            )
        return outcome._replace(standard_errors=self.learning.elements.by_name(*errors))


def _jittered(table: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    cells = table * rng.dirichlet(np.full(table.shape[-1], 4.0), size=table.shape[:-1])
    return np.asarray(cells / cells.sum(-1, keepdims=True))

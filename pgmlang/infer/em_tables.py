"""EM on tables at work: networks and their evidence are set up once, an exact E-step, tables in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from pgmlang.binding.row_groups import RowGroup, row_groups, table_shapes
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact import ExactEngine
from pgmlang.exact.stacked_counts import stacked_counts
from pgmlang.infer.base import Outcome, Problem, StepReport
from pgmlang.infer.counts import estimate, log_prior, normalise, summarize, unseen_rows, with_counts
from pgmlang.infer.em_options import SHORT, EmOptions, num_going_on, num_short_runs
from pgmlang.infer.em_reasons import open_tables
from pgmlang.infer.end import CURVATURE_UNKNOWN, doubts_of, no_standard_errors
from pgmlang.infer.exact import impossible_row, log_partition
from pgmlang.infer.table_errors import observed_information, table_surface
from pgmlang.kernels.curvature import reason_against
from pgmlang.kernels.extrapolation import ahead, still_to_gain
from pgmlang.kernels.second_derivatives import TooCostly
from pgmlang.model.dependence import names_behind
from pgmlang.plan.deadline import OutOfTime
from pgmlang.plan.undetermined import undetermined_names
from pgmlang.tables.conditionals import uniform_parameters
from pgmlang.tables.learned import Table, learned_tables, prior_counts

Parameters = dict[str, np.ndarray]
Trace = tuple[float, ...]

PLAIN = 5
"""EM's first iterations, before any step ahead: they do not converge linearly yet."""


@dataclass(frozen=True, eq=False)
class Best:
    """What a finished start came to, or a short run."""

    parameters: Parameters
    counts: Parameters
    trace: Trace
    objective: float
    is_converged: bool
    is_short: bool


@dataclass(frozen=True, eq=False)
class EmState:
    """``parameters``: for the next E-step; ``evaluated``: the last ones whose log-likelihood is known, with the
    expected ``counts`` under them. ``start``: number of the present start, ``starts``: all of them; ``short_runs``: what those
    that are over came to, where the best are yet to be chosen (``is_short``). ``plain``: what the last M-steps in a row came
    to; ``fallback``: the M-step's tables where ``parameters`` are a step ahead of them."""

    parameters: Parameters
    starts: tuple[Parameters, ...]
    is_short: bool = False
    short_runs: tuple[tuple[float, Parameters], ...] = ()
    start: int = 0
    trace: Trace = ()
    objectives: Trace = ()
    evaluated: Parameters | None = None
    counts: Parameters | None = None
    best: Best | None = None
    is_done: bool = False
    plain: tuple[Parameters, ...] = ()
    fallback: Parameters | None = None


class TableEm:
    """EM for one problem: the networks and their evidence are set up once, only tables change."""

    def __init__(self, problem: Problem, options: EmOptions) -> None:
        self.problem = problem
        self.options = options
        self.model = problem.model
        self.tables: tuple[Table, ...] = learned_tables(self.model)
        self.shapes = table_shapes(problem.binding)
        start = uniform_parameters(self.shapes)
        self.groups: list[RowGroup] = list(row_groups(problem.binding, start, problem.fixed))
        self.weight = max(1.0, sum(float(g.weights.sum()) for g in self.groups))
        self.stacked = [stacked_counts(g.unrolled.network, g.evidence, g.weights) for g in self.groups]
        self.log_partitions = [log_partition(g, ExactEngine(g.unrolled.network)) for g in self.groups]
        self.open_tables = open_tables(self.model, problem.facts)
        assert options.restarts is not None, "the plan resolves it"
        self.restarts = options.restarts

    # ---- the kernel

    def init(self, rng: np.random.Generator) -> EmState:
        counts = summarize(self.problem.binding, self.problem.fixed).counts
        known = {t.name: normalise(counts[t.name], 1.0) for t in self.tables}
        around = self._even(known)
        many = num_short_runs(self.restarts)
        children = enumerate(rng.spawn(many or self.restarts))
        starts = tuple(self._start(known, around, child, number) for number, child in children)
        return EmState(starts[0], starts, is_short=bool(many))

    def _even(self, known: Parameters) -> Parameters:
        """The tables with latent variables as the data say them of labels that nothing tells apart: of what is observed the
        same shares in every row."""
        if not self.open_tables:
            return {}
        even = {t.name: np.full(self.shapes[t.name], 1 / self.shapes[t.name][-1]) for t in self.open_tables}
        _, counts = self._expect({**known, **even}, is_hard=False)
        return {name: normalise(counts[name], 1.0) for name in even}

    def _start(self, known: Parameters, around: Parameters, rng: np.random.Generator, number: int) -> Parameters:
        """Available-case counts plus one; tables with latent variables at random ``around`` what the data say, without any
        every table at random from the second start on."""
        out = dict(known)
        for table in self.open_tables or (self.tables if number else ()):
            shape = self.shapes[table.name]
            cells = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
            if table.name in around:
                cells = cells * around[table.name]
            out[table.name] = cells / cells.sum(axis=-1, keepdims=True)
        return out

    def step(self, state: EmState) -> tuple[EmState, StepReport]:
        """One E-step and one M-step, or an E-step that finds that a step ahead went too far."""
        value, counts = self._expect(state.parameters)
        objective = value + log_prior(self.model, state.parameters)
        gain = objective - state.objectives[-1] if state.objectives else math.inf
        if state.fallback is not None and not gain >= 0:
            back = replace(state, parameters=state.fallback, fallback=None)
            return back, StepReport(state.trace[-1], state.objectives[-1])
        slack = 1e-9 * max(1.0, abs(objective))
        if gain < -slack:
            message = f"EM's log-likelihood fell from {state.objectives[-1]:.9g} to {objective:.9g}"
            raise PgmError(
                Diagnostic("PGM0805", message, help="this is a bug in pgmlang: please report the model")
            )
        following = estimate(self.model, counts)
        state = replace(
            state,
            trace=(*state.trace, value),
            objectives=(*state.objectives, objective),
            evaluated=state.parameters,
            counts=counts,
            parameters=following,
            plain=(*state.plain, following)[-3:],
            fallback=None,
        )
        info = StepReport(value, objective)
        is_plain = len(state.plain) == 3
        converged = is_plain and still_to_gain(state.objectives) <= self.options.tolerance
        if state.is_short and (converged or len(state.trace) == SHORT) and self.options.max_iterations > SHORT:
            return self._after_short_run(state), info
        if converged or len(state.trace) >= self.options.max_iterations:
            return self._finish(state, converged), info
        if is_plain and len(state.trace) > PLAIN and not self.options.hard:
            state = replace(state, parameters=tables_ahead(*state.plain), fallback=following, plain=())
        return state, info

    def _after_short_run(self, state: EmState) -> EmState:
        """The next short run, or the first of the starts that go on from where the best of them ended."""
        runs = (*state.short_runs, (state.objectives[-1], state.parameters))
        best, following = self._better(state, False), state.start + 1
        if following < len(state.starts):
            return EmState(state.starts[following], state.starts, True, runs, following, best=best)
        order = sorted(range(len(runs)), key=lambda i: -runs[i][0])[: num_going_on(self.restarts)]
        starts = tuple(runs[i][1] for i in order)
        return EmState(starts[0], starts, best=best)

    def _finish(self, state: EmState, converged: bool) -> EmState:
        """Ends the present start, keeps the better of it and the best so far."""
        best = self._better(state, converged)
        following = state.start + 1
        if following < len(state.starts):
            return EmState(
                state.starts[following], state.starts, state.is_short, state.short_runs, following, best=best
            )
        return replace(state, best=best, is_done=True)

    def _better(self, state: EmState, converged: bool) -> Best | None:
        if state.evaluated is None or state.counts is None:
            return state.best
        height = state.objectives[-1]
        mine = Best(state.evaluated, state.counts, state.trace, height, converged, state.is_short)
        if state.best is None or height > state.best.objective:
            return mine
        # the short run that it began with is no rival of a start that went on
        return mine if state.best.is_short and not state.is_short else state.best

    def conclude(self, state: EmState) -> Outcome:
        best = state.best if state.is_done else self._better(state, False)
        assert best is not None
        parameters = {**with_counts(self.problem.model, best.parameters, best.counts), **self.problem.fixed}
        warnings = unseen_rows(self.model, best.counts)
        notes: dict[str, object] = {"restarts": self.restarts}
        if self.options.hard:
            return self._hard_outcome(Outcome(parameters, best.trace, best.is_converged, warnings, notes), best)
        outcome = Outcome(
            parameters, best.trace, best.is_converged, warnings, notes, log_likelihood=best.trace[-1]
        )
        if not (self.open_tables or self.problem.facts.missing):
            return outcome  # the counts of complete data tell the errors
        if state.is_done and best.is_converged:
            return self._judged(outcome, best)
        return outcome._replace(notes={**notes, **no_standard_errors("EM has not converged", None)})

    def _hard_outcome(self, outcome: Outcome, best: Best) -> Outcome:
        """That of hard assignments: the trace is that of the completed data, and only tables without anything latent or
        missing have standard errors."""
        notes = {**outcome.notes, "objective": "log-likelihood of the completed data"}
        counted = self._counted()
        if len(counted) == len(self.tables):
            return outcome._replace(notes=notes)
        prior = {t.name: prior_counts(t, self.shapes[t.name]) for t in self.tables}
        surface = table_surface(self._expect, best.parameters, best.counts, prior, counted)
        unknown = {n: np.full_like(t, math.nan) for n, t in best.parameters.items()}
        notes |= no_standard_errors("hard EM takes what is latent for known", None)
        return outcome._replace(notes=notes, standard_errors={**unknown, **surface.counted_errors()})

    def _judged(self, outcome: Outcome, best: Best) -> Outcome:
        """The outcome with standard errors, and with what the curvature at its end speaks against."""
        unknown = {n: np.full_like(t, math.nan) for n, t in best.parameters.items()}
        prior = {t.name: prior_counts(t, self.shapes[t.name]) for t in self.tables}

        def expect(parameters: Parameters) -> tuple[float, Parameters]:
            self.problem.deadline.check("the look at the curvature", "it is not known")
            return self._expect(parameters)

        surface = table_surface(expect, best.parameters, best.counts, prior, self._counted())
        unknown |= surface.counted_errors()
        reason = reason_against(surface.size)
        try:
            ended = None if reason else observed_information(surface)
        except TooCostly as costly:
            reason, ended = str(costly), None
        except OutOfTime:
            notes = {**outcome.notes, **no_standard_errors("the time limit came first", None)}
            warnings = (*outcome.warnings, CURVATURE_UNKNOWN)
            return outcome._replace(is_converged=False, standard_errors=unknown, warnings=warnings, notes=notes)
        notes = {**outcome.notes, **no_standard_errors(reason, None if ended is None else ended[0])}
        if ended is None:
            return outcome._replace(standard_errors=unknown, notes=notes)
        end, tables, errors = ended
        if end.is_minimum:
            value, counts = self._expect(tables)
            parameters = {**outcome.parameters, **with_counts(self.model, tables, counts)}
            return outcome._replace(parameters=parameters, standard_errors=errors, log_likelihood=value,
                                    notes={**outcome.notes, "newton_decrement": end.decrement})  # fmt: skip
        without_data = undetermined_names(self.problem.model, self.problem.facts)
        doubts = tuple(doubts_of(end, surface.names(), "log-likelihood", without_data))
        doubted = (*outcome.warnings, *doubts)
        return outcome._replace(is_converged=False, standard_errors=unknown, warnings=doubted, notes=notes)

    def _counted(self) -> set[str]:
        """The tables whose cells the data show alone: what is latent or missing has no part in them."""
        hidden = {*self.problem.facts.latent, *self.problem.facts.missing}
        behind = {t.name: {t.target, *names_behind(self.model, *t.distribution.parents)} for t in self.tables}
        return {name for name, names in behind.items() if not names & hidden}

    # ---- the E-step

    def _expect(self, parameters: Parameters, is_hard: bool | None = None) -> tuple[float, Parameters]:
        """Log-likelihood of the data and expected counts of the learned tables, by the most probable values where EM
        ``is_hard``."""
        is_hard = self.options.hard if is_hard is None else is_hard
        counts = {name: np.zeros(shape) for name, shape in self.shapes.items()}
        total = 0.0
        for group, stacked, log_partition_ in zip(self.groups, self.stacked, self.log_partitions, strict=True):
            network = group.unrolled.with_parameters(parameters)
            if stacked is not None and not is_hard:
                by_factor, log_evidence = stacked.expected_counts(network)
            else:
                by_factor, log_evidence = self._by_engine(ExactEngine(network), group, is_hard)
            if np.isneginf(log_evidence[group.weights > 0]).any():
                raise impossible_row(group, log_evidence, self.problem.binding.source)
            total += float(group.weights @ (log_evidence - log_partition_))
            group.unrolled.add_counts(counts, by_factor)
        return total, counts

    def _by_engine(
        self, engine: ExactEngine, group: RowGroup, is_hard: bool
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Counts by factor and the log-evidence of the rows, completed by their most probable values where EM is hard."""
        num_rows = len(group.weights)
        evidence = self._completed(engine, group, num_rows) if is_hard else group.evidence
        return engine.expected_counts(evidence, group.weights, num_rows=num_rows)

    def _completed(self, engine: ExactEngine, group: RowGroup, num_rows: int) -> dict[int, np.ndarray]:
        """Every row with its most probable values filled in."""
        codes, log_value = engine.mpe(group.evidence, num_rows=num_rows)
        if np.isneginf(log_value[group.weights > 0]).any():
            raise impossible_row(group, log_value, self.problem.binding.source)
        return {v: np.ascontiguousarray(codes[:, v]) for v in range(codes.shape[1])}


def tables_ahead(first: Parameters, second: Parameters, third: Parameters) -> Parameters:
    """Tables a step ahead of three of EM's, whose rows are probabilities still: no cell falls by more than nine tenths."""
    flat = [np.concatenate([t.ravel() for t in tables.values()]) for tables in (first, second, third)]
    far = np.maximum(ahead(*flat), 0.1 * flat[2])
    out, start = {}, 0
    for name, table in third.items():
        cells = far[start : start + table.size].reshape(table.shape)
        start += table.size
        out[name] = cells / cells.sum(axis=-1, keepdims=True)
    return out

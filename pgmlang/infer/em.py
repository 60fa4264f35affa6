"""Expectation-maximisation with an exact E-step (Dempster, Laird and Rubin 1977): tables from incomplete data.

A prior's counts are added in the M-step, so the log-likelihood plus the sum of prior counts times log table never
falls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from pgmlang.binding.row_groups import RowGroup, row_groups, table_shapes
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact import ExactEngine
from pgmlang.infer.base import Algorithm, Facts, Method, Options, Outcome, Problem, StepReport, Verdict
from pgmlang.infer.counts import estimate, log_prior, normalise, summarize, unseen_rows, with_counts
from pgmlang.infer.em_reasons import estimated, reasons_against
from pgmlang.infer.exact import impossible_row, log_partition
from pgmlang.model import Model
from pgmlang.model.dependence import names_behind
from pgmlang.plan.latents import summed_names
from pgmlang.plan.table_reasons import table_reasons, width_reasons, width_words
from pgmlang.tables.conditionals import uniform_parameters
from pgmlang.tables.learned import Table, learned_tables

Parameters = dict[str, np.ndarray]
Trace = tuple[float, ...]

DEFAULT_RESTARTS = 5
"""Random starts where there are latent variables; without them the start is that of the available cases."""


@dataclass(frozen=True, kw_only=True)
class EmOptions(Options):
    """``tolerance``: converged when the objective gains less than this for each unit of weight. ``restarts``:
    starts, the best one is kept; None: 5 with latent variables, else 1. ``hard``: complete each row by its most
    probable values instead of in expectation."""

    max_iterations: int = 500
    tolerance: float = 1e-7
    restarts: int | None = None
    hard: bool = False


@dataclass(frozen=True, eq=False)
class Best:
    """What a finished start came to."""

    parameters: Parameters
    counts: Parameters
    trace: Trace
    objective: float
    is_converged: bool


@dataclass(frozen=True, eq=False)
class EmState:
    """``parameters``: for the next E-step; ``evaluated``: the last ones whose log-likelihood is known, with the
    expected ``counts`` under them. ``start``: number of the present start."""

    parameters: Parameters
    start: int = 0
    trace: Trace = ()
    objectives: Trace = ()
    evaluated: Parameters | None = None
    counts: Parameters | None = None
    best: Best | None = None
    is_done: bool = False


def supports(model: Model, facts: Facts) -> Verdict:
    """An exact E-step: learned tables whose network fits into memory, or densities with summed-out latents."""
    against = _table_reasons(model, facts)
    if against and not tuple(reasons_against(model, facts)):
        return Verdict.of(())
    if against and (facts.binding is not None and not learned_tables(model)):
        return Verdict.of(tuple(reasons_against(model, facts)))
    return Verdict.of(against)


def _table_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    reasons = list(table_reasons(model, facts))
    if not learned_tables(model):
        reasons.append(Diagnostic("PGM0602", "no table is learned: all are given"))
    return tuple(reasons or width_reasons(model, facts))


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    if _table_reasons(model, facts):
        summed = ", ".join(f"`{n}`" for n in summed_names(model, facts))
        names = ", ".join(f"`{n}`" for n in estimated(model, facts))
        return (
            f"{summed or 'nothing'} summed out exactly in the E-step",
            f"{names}: point estimates (posterior mode)",
        )
    out = []
    if facts.binding is None:
        out.append("when cells are missing or variables latent: expected counts in their place")
    if facts.latent and facts.binding is not None:
        out.append("latent: " + ", ".join(f"`{n}`" for n in sorted(facts.latent)))
    if facts.missing:
        cells = sum(facts.missing.values())
        out.append(f"{cells:,} missing cell{'s' if cells > 1 else ''} in {len(facts.missing)} variables")
    if facts.binding is not None and facts.is_complete:
        out.append("every cell is observed: the E-step is only counting")
    return (*out, "the E-step is exact", *width_words(model, facts))


class _Em:
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
        self.log_partitions = [log_partition(g, ExactEngine(g.unrolled.network)) for g in self.groups]
        self.open_tables = self._open_tables()
        self.restarts = options.restarts or (DEFAULT_RESTARTS if self.open_tables else 1)

    def _open_tables(self) -> list[Table]:
        """Tables that mention a latent variable: the data say nothing about them by themselves."""
        latent = self.problem.facts.latent
        out = []
        for table in self.tables:
            if {table.target, *names_behind(self.model, *table.distribution.parents)} & latent:
                out.append(table)
        return out

    # ---- the kernel

    def init(self, rng: np.random.Generator) -> EmState:
        counts = summarize(self.problem.binding, self.problem.fixed).counts
        self.starts = [self._start(counts, child, number) for number, child in enumerate(rng.spawn(self.restarts))]
        return EmState(self.starts[0])

    def _start(self, counts: Parameters, rng: np.random.Generator, number: int) -> Parameters:
        """Available-case counts plus one, random rows for tables with latent variables; without any, every table is
        random from the second start on."""
        out = {t.name: normalise(counts[t.name], 1.0) for t in self.tables}
        for table in self.open_tables or (self.tables if number else ()):
            shape = self.shapes[table.name]
            out[table.name] = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
        return out

    def step(self, state: EmState) -> tuple[EmState, StepReport]:
        """One E-step and one M-step."""
        value, counts = self._expect(state.parameters)
        objective = value + log_prior(self.model, state.parameters)
        gain = objective - state.objectives[-1] if state.objectives else math.inf
        slack = 1e-9 * max(1.0, abs(objective))
        if gain < -slack:
            message = f"EM's log-likelihood fell from {state.objectives[-1]:.9g} to {objective:.9g}"
            raise PgmError(
                Diagnostic("PGM0805", message, help="this is a bug in pgmlang: please report the model")
            )
        state = replace(
            state,
            trace=(*state.trace, value),
            objectives=(*state.objectives, objective),
            evaluated=state.parameters,
            counts=counts,
            parameters=estimate(self.model, counts),
        )
        info = StepReport(value, objective, gain)
        converged = gain <= self.options.tolerance * self.weight
        if converged or len(state.trace) >= self.options.max_iterations:
            return self._finish(state, converged), info
        return state, info

    def _finish(self, state: EmState, converged: bool) -> EmState:
        """Ends the present start, keeps the better of it and the best so far."""
        best = self._better(state, converged)
        following = state.start + 1
        if following >= self.restarts:
            return replace(state, best=best, is_done=True)
        return EmState(self.starts[following], following, best=best)

    def _better(self, state: EmState, converged: bool) -> Best | None:
        if state.evaluated is None or state.counts is None:
            return state.best
        mine = Best(state.evaluated, state.counts, state.trace, state.objectives[-1], converged)
        return mine if state.best is None or mine.objective > state.best.objective else state.best

    def conclude(self, state: EmState) -> Outcome:
        best = state.best if state.is_done else self._better(state, False)
        assert best is not None
        parameters = {**with_counts(self.problem.model, best.parameters, best.counts), **self.problem.fixed}
        warnings = unseen_rows(self.model, best.counts)
        # of hard assignments the trace is that of the completed data
        total = None if self.options.hard else best.trace[-1]
        notes = {"restarts": self.restarts}
        return Outcome(parameters, best.trace, best.is_converged, warnings, notes, log_likelihood=total)

    # ---- the E-step

    def _expect(self, parameters: Parameters) -> tuple[float, Parameters]:
        """Log-likelihood of the data and expected counts of the learned tables."""
        counts = {name: np.zeros(shape) for name, shape in self.shapes.items()}
        total = 0.0
        for group, log_partition_ in zip(self.groups, self.log_partitions, strict=True):
            engine = ExactEngine(group.unrolled.with_parameters(parameters))
            num_rows = len(group.weights)
            evidence = group.evidence
            if self.options.hard:
                evidence = self._completed(engine, group, num_rows)
            by_factor, log_evidence = engine.expected_counts(evidence, group.weights, num_rows=num_rows)
            if np.isneginf(log_evidence[group.weights > 0]).any():
                raise impossible_row(group, log_evidence, self.problem.binding.source)
            total += float(group.weights @ (log_evidence - log_partition_))
            group.unrolled.add_counts(counts, by_factor)
        return total, counts

    def _completed(self, engine: ExactEngine, group: RowGroup, num_rows: int) -> dict[int, np.ndarray]:
        """Every row with its most probable values filled in."""
        codes, log_value = engine.mpe(group.evidence, num_rows=num_rows)
        if np.isneginf(log_value[group.weights > 0]).any():
            raise impossible_row(group, log_value, self.problem.binding.source)
        return {v: np.ascontiguousarray(codes[:, v]) for v in range(codes.shape[1])}


def build(problem: Problem, options: EmOptions) -> Algorithm:
    if _table_reasons(problem.model, problem.facts):
        from pgmlang.infer.em_densities import build as build_densities

        return build_densities(
            problem, options.max_iterations, options.tolerance, options.restarts or DEFAULT_RESTARTS
        )
    em = _Em(problem, options)
    return Algorithm(em.init, em.step, lambda state: state.is_done, em.conclude)


def idle(model: Model, facts: Facts, options: EmOptions) -> dict[str, str]:
    """Densities are weighed, never completed."""
    against = _table_reasons(model, facts)
    if against:
        return {"hard": "rows are completed where tables alone are learned"}
    return {"device": "the E-step of tables runs on the CPU"}


def when(model: Model) -> str | None:
    return "with missing cells or latent variables" if learned_tables(model) else None


METHOD = Method("em", "tables from incomplete data, exact E-step", EmOptions, supports, reasons, build, idle=idle,
                only_rises=True, when=when)  # fmt: skip

"""Maximum likelihood from complete data: tables, or their posterior mean under priors, by weighted counts; coefficients and sds of normal
numbers by least squares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as fields_of
from functools import partial

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.partition import describe
from pgmlang.fields.reasons import learned_params
from pgmlang.infer.base import Algorithm, Facts, Method, Outcome, Problem, StepReport, Verdict
from pgmlang.infer.beside_directed import beside_directed
from pgmlang.infer.counts import Statistics, estimate, log_likelihood, summarize, unseen_rows, with_counts
from pgmlang.infer.exact import log_likelihood_of
from pgmlang.infer.gaussian_reasons import estimated_params, latent_in_rows, learnable, prefers_draws
from pgmlang.infer.likelihood import LikelihoodOptions, is_gradient_case, reasons_against
from pgmlang.infer.likelihood import assign as assign_gradients
from pgmlang.infer.likelihood import build as build_gradients
from pgmlang.infer.likelihood import idle as idle_gradients
from pgmlang.infer.likelihood import resolve as resolve_gradients
from pgmlang.model import Model
from pgmlang.plan.record import Assignment
from pgmlang.plan.table_reasons import table_reasons
from pgmlang.tables.learned import learned_tables

__all__ = ["METHOD", "Statistics", "conclude", "summarize"]

COUNTING, LEAST_SQUARES = "counting", "least squares"


@dataclass(frozen=True, kw_only=True)
class MlOptions(LikelihoodOptions):
    """Counting has nothing to choose, one pass over the data; the options are those of gradients, for fields."""


@dataclass(frozen=True, eq=False)
class MlState:
    statistics: Statistics | None = None
    outcome: Outcome | None = None


def _by_gradients(model: Model, facts: Facts) -> bool:
    """Whether something is to be learned in fields; tables beside fields whose params are known are counted."""
    return is_gradient_case(model) and not (model.conditionals and not learned_params(model, facts))


def by_least_squares(model: Model, facts: Facts) -> bool:
    """Whether what is to be learned are coefficients and sds of normal distributions, every cell observed."""
    is_complete = not (latent_in_rows(model, facts) or facts.unknown or facts.missing)
    return facts.binding is not None and is_complete and not learnable(model, facts)


def supports(model: Model, facts: Facts) -> Verdict:
    """Learned tables, and coefficients and sds of numbers that are normal, every cell observed; or fields, by gradients."""
    if _by_gradients(model, facts):
        return Verdict.of(tuple(reasons_against(model, facts)))
    if by_least_squares(model, facts):
        return Verdict.of(())
    has_numbers = any(not v.type.is_discrete for v in model.of_role("random"))
    reasons = list(learnable(model, facts) if has_numbers and facts.binding else table_reasons(model, facts))
    if not has_numbers and not learned_tables(model):
        reasons.append(Diagnostic("PGM0602", "no table is learned: all are given"))
    for name in sorted(latent_in_rows(model, facts)):
        reasons.append(Diagnostic("PGM0602", f"`{name}` is latent", model.by_name[name].span))
    for name, number in sorted(facts.missing.items()):
        cells = f"{number:,} missing cell{'s' if number > 1 else ''}"
        reasons.append(Diagnostic("PGM0602", f"`{name}` has {cells}", model.by_name[name].span))
    return Verdict.of(reasons)


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    if _by_gradients(model, facts):
        return (describe(model, facts),)
    if by_least_squares(model, facts):
        names = ", ".join(f"`{n}`" for n in estimated_params(model, facts))
        return (f"every cell is observed: least squares give {names} in closed form",)
    tables = learned_tables(model)
    out = (
        ["every cell is observed: counts give the tables in closed form"]
        if facts.binding is not None
        else ["when every cell is observed: counts give the tables in closed form"]
    )
    priors = sum(t.distribution.prior is not None for t in tables)
    if priors:
        out.append(f"{priors} of {len(tables)} tables have a prior: their posterior mean")
    return tuple(out)


def conclude(binding: Binding, statistics: Statistics, fixed: Mapping[str, np.ndarray] | None = None) -> Outcome:
    """The tables from statistics, maybe summed over many batches of rows; ``binding`` gives sizes and labels."""
    model = binding.model
    parameters = estimate(model, statistics.counts)
    value = log_likelihood(bound_evaluator(binding, fixed), statistics, parameters)
    return Outcome(
        {**with_counts(model, parameters, statistics.counts), **(fixed or {})},
        (value,),
        True,
        unseen_rows(model, statistics.counts),
        log_likelihood=value,
    )


def _step(problem: Problem, state: MlState) -> tuple[MlState, StepReport]:
    statistics = summarize(problem.binding, problem.fixed)
    outcome = conclude(problem.binding, statistics, problem.fixed)
    if problem.model.potentials:
        tables = {t.name: outcome.parameters[t.name] for t in learned_tables(problem.model)}
        total = log_likelihood_of(problem, tables)
        outcome = outcome._replace(log_likelihood=total, trace=outcome.trace if total is None else (total,))
    value = outcome.trace[-1]
    return MlState(statistics, outcome), StepReport(value, value)


def _conclude(state: MlState) -> Outcome:
    assert state.outcome is not None
    return state.outcome


def resolve(model: Model, facts: Facts, options: LikelihoodOptions) -> LikelihoodOptions:
    return resolve_gradients(model, facts, options) if _by_gradients(model, facts) else options


def assign(model: Model, facts: Facts, options: MlOptions) -> tuple[Assignment, ...]:
    if _by_gradients(model, facts):
        return assign_gradients(model, facts, options)
    tables = Assignment(tuple(t.name for t in learned_tables(model)), COUNTING)
    if by_least_squares(model, facts):
        return (
            Assignment(estimated_params(model, facts), LEAST_SQUARES),
            *((tables,) if tables.variables else ()),
        )
    return (tables,)


def build(problem: Problem, options: MlOptions) -> Algorithm:
    if problem.has_kernel(LEAST_SQUARES):
        from pgmlang.infer.em_gaussian import build_least_squares

        return build_least_squares(problem)
    if not problem.has_kernel(COUNTING):
        return build_gradients(problem, options)
    return Algorithm(lambda rng: MlState(), partial(_step, problem), lambda s: s.outcome is not None, _conclude)


def idle(model: Model, facts: Facts, options: MlOptions) -> dict[str, str]:
    """Counting has nothing to choose."""
    if _by_gradients(model, facts):
        return idle_gradients(model, facts, options)
    names = [f.name for f in fields_of(MlOptions) if f.name != "max_time"]
    what = "least squares are solved" if by_least_squares(model, facts) else "tables are counted"
    return dict.fromkeys([*names, "device"], f"{what} in one pass on the CPU")


METHOD = beside_directed(
    Method(
        "ml",
        "maximum likelihood: tables by counting, normal numbers by least squares, fields by gradients",
        MlOptions,
        supports,
        reasons,
        build,
        resolve=resolve,
        assign=assign,
        idle=idle,
        reasons_against_auto=lambda model, facts: (
            () if _by_gradients(model, facts) else prefers_draws(model, facts)
        ),
        when=lambda model: "with complete data" if learned_tables(model) else None,
    )
)

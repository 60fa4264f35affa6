"""A method for fields, of models in which fields stand beside observed directed variables.

The fields are learned given these, tables by counting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.given import bound_given_directed, entangled_reasons, facts_given_directed, given_directed
from pgmlang.fields.reasons import field_names, learned_params
from pgmlang.infer.base import Algorithm, Facts, Method, Outcome, Problem, Verdict
from pgmlang.infer.counts import estimate, summarize, unseen_rows, with_counts
from pgmlang.model import Conditional, Model
from pgmlang.plan.record import Assignment
from pgmlang.tables.learned import learned_tables

TABLES = "counting beside fields"


def beside_directed(method: Method) -> Method:
    """The method, which takes observed directed variables beside the fields."""

    def supports(model: Model, facts: Facts) -> Verdict:
        if not _is_mixed(model, facts):
            verdict = method.supports(model, facts)
            if verdict.ok or not _has_both(model, facts):
                return verdict
            return Verdict(False, (*entangled_reasons(model, facts), *verdict.reasons))
        return method.supports(given_directed(model), facts_given_directed(model, facts))

    def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
        if not _is_mixed(model, facts):
            return method.reasons(model, facts)
        own = method.reasons(given_directed(model), facts_given_directed(model, facts))
        names = ", ".join(f"`{c.target}`" for c in model.conditionals)
        return (*own, f"{names}: observed, so the fields are learned given them; tables by counting")

    def idle(model: Model, facts: Facts, options: Any) -> Mapping[str, str]:
        if not _is_mixed(model, facts):
            return method.idle(model, facts, options)
        return method.idle(given_directed(model), facts_given_directed(model, facts), options)

    def reasons_against_auto(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
        if not _is_mixed(model, facts):
            return method.reasons_against_auto(model, facts)
        return method.reasons_against_auto(given_directed(model), facts_given_directed(model, facts))

    def resolve(model: Model, facts: Facts, options: Any) -> Any:
        if not _is_mixed(model, facts):
            return method.resolve(model, facts, options)
        return method.resolve(given_directed(model), facts_given_directed(model, facts), options)

    def assign(model: Model, facts: Facts, options: Any) -> tuple[Assignment, ...]:
        if not _is_mixed(model, facts):
            return method.assignments(model, facts, options)
        own = method.assignments(given_directed(model), facts_given_directed(model, facts), options)
        tables = tuple(t.name for t in learned_tables(model))
        return (*own, *((Assignment(tables, TABLES),) if tables else ()))

    def build(problem: Problem, options: Any) -> Algorithm:
        if not _is_mixed(problem.model, problem.facts):
            algorithm: Algorithm = method.build(problem, options)
            return algorithm
        binding = bound_given_directed(problem.binding)
        facts = facts_given_directed(problem.model, problem.facts)
        fields: Algorithm = method.build(
            replace(problem, model=binding.model, binding=binding, facts=facts), options
        )
        return fields._replace(conclude=lambda state: _with_tables(problem, fields.conclude(state)))

    return replace(
        method,
        supports=supports,
        reasons=reasons,
        idle=idle,
        resolve=resolve,
        assign=assign,
        reasons_against_auto=reasons_against_auto,
        build=build,
    )


def _has_both(model: Model, facts: Facts) -> bool:
    """Whether there is something to learn where fields and directed variables are."""
    return bool(field_names(model) and model.conditionals and learned_params(model, facts))


def _is_mixed(model: Model, facts: Facts) -> bool:
    """Whether both are there, and the fields can be learned given the directed variables; else these are the method's own
    affair, which may have log Z as a factor."""
    return _has_both(model, facts) and not entangled_reasons(model, facts)


def _with_tables(problem: Problem, outcome: Outcome) -> Outcome:
    """The outcome with the tables of the directed variables, and the log-likelihood of these added."""
    model = problem.model
    targets = {t.target for t in learned_tables(model)}
    factors = tuple(f for f in model.factors if isinstance(f, Conditional) and f.target in targets)
    counted = replace(problem.binding, model=replace(model, factors=factors, guide=None))
    counts = summarize(counted, problem.fixed).counts
    tables = estimate(counted.model, counts)
    total = outcome.log_likelihood
    if total is not None:
        total += _log_density(problem, problem.binding, tables)
    return outcome._replace(
        parameters={**outcome.parameters, **with_counts(counted.model, tables, counts)},
        warnings=(*outcome.warnings, *unseen_rows(counted.model, counts)),
        log_likelihood=total,
    )


def _log_density(problem: Problem, binding: Binding, tables: Mapping[str, np.ndarray]) -> float:
    """The summed log-density of the directed variables."""
    import torch

    from pgmlang.density.bind import density_of_binding
    from pgmlang.density.reductions import log_joint

    model = replace(problem.model, factors=problem.model.conditionals, guide=None)
    joint = density_of_binding(
        model, replace(binding, model=model), problem.fixed, torch.float64, torch.device("cpu")
    )
    with torch.no_grad():
        return float(log_joint(joint, {}, {n: torch.as_tensor(t, dtype=torch.float64) for n, t in tables.items()}))

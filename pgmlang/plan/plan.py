"""Inference as data: which variables, which method, which options, why."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from pgmlang.binding.record import Binding
from pgmlang.model import Model
from pgmlang.normal import by_name, separate_terms
from pgmlang.plan.choose import Refusal, choose, none_fits
from pgmlang.plan.method import Facts, Method, facts_of
from pgmlang.plan.registry import METHODS, method_named
from pgmlang.tables.learned import learned_tables


@dataclass(frozen=True)
class PlanBlock:
    """``variables``: what the method fits or infers. ``when``: the case it is for, where the data decides."""

    variables: tuple[str, ...]
    method: str
    options: dict[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    when: str = ""


@dataclass(frozen=True)
class Plan:
    """``refused``: methods tried before, with the reasons why not."""

    model: str
    blocks: tuple[PlanBlock, ...]
    refused: tuple[tuple[str, str], ...] = ()


def make_plan(model: Model, binding: Binding | None = None, method: str = "auto") -> Plan:
    """The plan for a model and its data, or for a model alone; the order of statements says nothing in it. Raises
    PgmError: PGM0601, 0602, 0604, 0610."""
    closed = by_name(binding.model if binding is not None else separate_terms(model))
    facts = facts_of(closed, binding)
    if binding is None and method == "auto":
        return _without_data(closed, facts)
    chosen, refusals = choose(closed, facts, method)
    refused = tuple((r.method, r.reasons[0].message) for r in refusals)
    return Plan(closed.name, (_block(chosen, closed, facts),), refused)


def _block(method: Method, model: Model, facts: Facts, when: str = "") -> PlanBlock:
    options = dataclasses.asdict(method.options())
    return PlanBlock(_subjects(model, facts), method.name, options, method.all_reasons(model, facts), when)


def _subjects(model: Model, facts: Facts) -> tuple[str, ...]:
    """Learned tables first, then latent variables and those with missing cells."""
    tables = [t.name for t in learned_tables(model)]
    hidden = facts.latent | facts.unknown | frozenset(facts.missing)
    return (*tables, *(v.name for v in model.of_role("random", "field") if v.name in hidden))


def _without_data(model: Model, facts: Facts) -> Plan:
    """What it would take with complete data, and with missing cells."""
    blocks = []
    refusals = []
    for name in METHODS:
        method = method_named(name)
        verdict = method.supports(model, facts)
        case = method.when(model)
        if verdict.ok and case is not None:
            blocks.append(_block(method, model, facts, case))
        elif not verdict.ok:
            refusals.append(Refusal(name, verdict.reasons))
    if blocks:
        return Plan(model.name, tuple(blocks))
    for guessed in _guesses(model):
        for name in METHODS:
            method = method_named(name)
            against = (*method.only_by_name(model, guessed), *method.reasons_against_auto(model, guessed))
            if method.supports(model, guessed).ok and not against:
                seen = ", ".join(v.name for v in model.variables if v.name in guessed.observed)
                blocks.append(_block(method, model, guessed, f"with {seen} in the data and the rest latent"))
                break
    if not blocks:
        raise none_fits(refusals)
    return Plan(model.name, tuple(blocks))


def _guesses(model: Model) -> tuple[Facts, ...]:
    """What data would most likely say: values of the variables of rows that nothing else hangs on; where there are none,
    of any one field."""
    parents = {p for c in model.conditionals for p in model.random_parents(c)}
    rows = {p.name for p in model.plates if p.is_rows}
    leaves = {
        c.target
        for c in model.conditionals
        if c.target not in parents and rows & set(model.by_name[c.target].plates)
    }
    names = {v.name for v in model.of_role("random", "field")}
    cases = [leaves] if leaves else [{v.name} for v in model.of_role("field")]
    return tuple(Facts(frozenset(observed), frozenset(names - observed)) for observed in cases)

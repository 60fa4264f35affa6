"""Inference as data: which variables, which kernel, which options, why. What is planned is what runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model
from pgmlang.normal import by_name, separate_terms
from pgmlang.plan.choose import Refusal, choose, none_fits
from pgmlang.plan.method import Facts, Method, Options, facts_of
from pgmlang.plan.record import Plan, PlanBlock
from pgmlang.plan.registry import METHODS, method_named, options_for, refuse_idle


class Planned(NamedTuple):
    """A plan with what it names: the method, the model and facts it was made for, and the resolved options."""

    plan: Plan
    method: Method
    model: Model
    facts: Facts
    options: Options


def make_plan(
    model: Model,
    binding: Binding | None = None,
    method: str = "auto",
    options: Mapping[str, Any] | None = None,
    fixed: Iterable[str] = (),
) -> Plan:
    """The plan for a model and its data, or for a model alone; the order of statements says nothing in it. ``options``:
    those of the method that are given; ``fixed``: names of params held. Raises PgmError: PGM0601, 0602, 0604, 0610, 0612."""
    if binding is None and method == "auto":
        closed = by_name(separate_terms(model))
        return _without_data(closed, facts_of(closed, None, fixed), options or {})
    return planned(model, binding, method, options, fixed).plan


def planned(
    model: Model,
    binding: Binding | None,
    method: str = "auto",
    options: Mapping[str, Any] | None = None,
    fixed: Iterable[str] = (),
    device: str = "cpu",
    *,
    has_start: bool = False,
) -> Planned:
    """`make_plan` for one method, with what it names; ``has_start``: whether it is told where to begin."""
    closed = by_name(binding.model if binding is not None else separate_terms(model))
    facts = facts_of(closed, binding, fixed, device)
    named = [*(options or {}), *(["device"] if device != "cpu" else [])]
    chosen, refusals = choose(closed, facts, method, [*named, *(["start"] if has_start else [])])
    given = options_for(chosen, options or {})
    refuse_idle(chosen, closed, facts, named, given)
    resolved = chosen.resolve(closed, facts, given)
    refused = tuple((r.method, r.reasons[0].message) for r in refusals)
    plan = Plan(closed.name, _blocks(chosen, closed, facts, resolved), refused)
    return Planned(plan, chosen, closed, facts, resolved)


def replanned(plan: Plan, binding: Binding, fixed: Iterable[str] = ()) -> Planned:
    """A plan given, for the data it is to be carried out on. Raises PgmError PGM0612 where it is not for these, and what
    `make_plan` raises."""
    if len({(b.when, b.method, tuple(sorted(b.options.items()))) for b in plan.blocks}) > 1:
        message = "the plan is for several cases, and data are of one"
        raise PgmError(Diagnostic("PGM0612", message, help="plan with the data: `model.plan(data)`"))
    closed = by_name(binding.model)
    facts = facts_of(closed, binding, fixed)
    method, _ = choose(closed, facts, plan.method)
    options = options_for(method, plan.options)
    resolved = method.resolve(closed, facts, options)
    blocks = _blocks(method, closed, facts, resolved)
    asked, possible = ({(frozenset(b.variables), b.kernel) for b in some} for some in (plan.blocks, blocks))
    if asked != possible:
        shown = "; ".join(f"{b.kernel} for {', '.join(b.variables)}" for b in blocks)
        message = f"the plan is not one of `{method.name}` for this model and data, which is: {shown}"
        cure = (
            "another kernel for some variables is another method: `gibbs(z) * hmc(mu)`; another option, `options`"
        )
        raise PgmError(Diagnostic("PGM0612", message, help=cure))
    return Planned(Plan(closed.name, blocks, plan.refused), method, closed, facts, resolved)


def _blocks(
    method: Method, model: Model, facts: Facts, resolved: Options, when: str = ""
) -> tuple[PlanBlock, ...]:
    """The blocks of a method; its reasons stand with the first."""
    options = _used(method, model, facts, resolved)
    reasons = method.all_reasons(model, facts)
    out: list[PlanBlock] = []
    for assignment in method.assignments(model, facts, resolved):
        why = (*reasons, *assignment.reasons) if not out else assignment.reasons
        out.append(PlanBlock(assignment.variables, method.name, assignment.kernel, options, why, when))
    return tuple(out)


def _used(method: Method, model: Model, facts: Facts, resolved: Options) -> dict[str, Any]:
    """The options that will be used: of those that do nothing here only what the method itself has set."""
    idle = method.idle(model, facts, resolved)
    before = dataclasses.asdict(method.options())
    after = dataclasses.asdict(resolved)
    return {k: v for k, v in after.items() if v is not None and (k not in idle or v != before[k])}


def _without_data(model: Model, facts: Facts, options: Mapping[str, Any]) -> Plan:
    """What it would take with complete data, and with missing cells."""
    blocks: list[PlanBlock] = []
    refusals = []
    for name in METHODS:
        method = method_named(name)
        verdict = method.supports(model, facts)
        case = method.when(model)
        if verdict.ok and case is not None:
            blocks += _resolved_blocks(method, model, facts, options, case)
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
                blocks += _resolved_blocks(
                    method, model, guessed, options, f"with {seen} in the data and the rest latent"
                )
                break
    if not blocks:
        raise none_fits(refusals)
    return Plan(model.name, tuple(blocks))


def _resolved_blocks(
    method: Method, model: Model, facts: Facts, options: Mapping[str, Any], when: str
) -> tuple[PlanBlock, ...]:
    given = options_for(method, options)
    return _blocks(method, model, facts, method.resolve(model, facts, given), when)


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

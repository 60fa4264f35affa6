"""Questions about a fresh row whose numbers are jointly normal, of what gives every global a value: exact.

What is asked and what it and the evidence hang on are the latents of one unit (`query/linear_gaussian.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pgmlang.diagnostics import PgmError
from pgmlang.query.answer import Answer
from pgmlang.query.events import bound_of
from pgmlang.query.parse import Event, Query
from pgmlang.query.row_names import base

if TYPE_CHECKING:
    from torch import Tensor

    from pgmlang.query.linear_gaussian import GaussianUnits
    from pgmlang.query.new_rows import NewRows
    from pgmlang.results.fit import Fit

QUANTILES = (0.05, 0.5, 0.95)


def reasons_against_closed_form(fit: Fit, query: Query) -> Iterator[str]:
    """Why a question about a fresh row is not one about a normal distribution."""
    from pgmlang.query.linear_gaussian import reasons_against
    from pgmlang.tables.learned import learned_tables

    model = fit.model
    if fit.draws:
        yield "the fit holds draws"
    if model.guide is not None or model.nets:
        yield "the model has a guide or networks"
    if query.kind == "MAP" or (len(query.targets) > 1 and query.targets[0].op is not None):
        yield "several are asked for together"
    if any(e.weights or e.value is None for e in query.evidence):
        yield "the evidence is soft"
    names = {base(t.variable.name) for t in query.targets}
    if any(n not in model.by_name or model.by_name[n].role != "random" for n in names):
        yield "something that is asked is not random"
        return
    if any(t.op in ("=", "!=") for t in query.targets):
        yield "a number is asked to equal another"
    latents = _latents(fit, query)
    if not names <= set(latents):
        yield "something that is asked the fit or the question tells"
    kept = tuple(f for f in model.factors if getattr(f, "target", None) in {*latents, *_told(query)})
    reduced = replace(model, factors=kept)
    if learned_tables(reduced) and not all(t.name in fit.parameters for t in learned_tables(reduced)):
        yield "a table is not known"
    yield from reasons_against(reduced, latents)


def _told(query: Query) -> set[str]:
    return {base(e.variable.name) for e in (*query.evidence, *query.interventions)}


def _latents(fit: Fit, query: Query) -> tuple[str, ...]:
    """What is asked, and what it and the evidence hang on, as far as neither the fit nor the question tells it."""
    model = fit.model
    known = {*fit.parameters, *_told(query)}
    done = {base(e.variable.name) for e in query.interventions}
    pending = [base(t.variable.name) for t in query.targets] + [base(e.variable.name) for e in query.evidence]
    reached: set[str] = set()
    while pending:
        name = pending.pop()
        if name in reached:
            continue
        reached.add(name)
        conditional = model.conditional_of.get(name)
        if conditional is not None and name not in done and name not in fit.parameters:
            pending += model.random_parents(conditional)
    return tuple(v.name for v in model.of_role("random") if v.name in reached and v.name not in known)


def answer_in_closed_form(fit: Fit, query: Query) -> Answer:
    """Moments and quantiles of numbers, and probabilities of their being above or below one. Raises PgmError as
    `fresh_row.row_of` and for elements as `row_elements`."""
    from pgmlang.query.fresh_row import check_targets, impossible_evidence, row_of

    check_targets(fit, query)
    row = row_of(fit, query.evidence, query.interventions, 0, 1)
    units = _units(fit, query, row)
    log_evidence, mean, factor = units.solve()
    names = tuple(t.variable.name for t in query.targets)
    rows = [line for t in query.targets for line in _lines(t, row, units, mean, factor)]
    total = float(log_evidence.sum()) if query.evidence else 0.0
    if total == -math.inf:
        raise PgmError(impossible_evidence(query.evidence))
    return Answer(query.text, "exact", names, tuple(rows), total)


def _units(fit: Fit, query: Query, row: NewRows) -> GaussianUnits:
    from pgmlang.density.bind import density_of_binding
    from pgmlang.query.linear_gaussian import GaussianUnits

    joint, names = row.joint, _latents(fit, query)
    kept = {*names, *(base(e.variable.name) for e in query.evidence)}
    factors = tuple(f for f in joint.model.factors if getattr(f, "target", None) in kept)
    inner = density_of_binding(
        replace(joint.model, factors=factors, guide=None), joint.binding, joint.held, joint.dtype, joint.device
    )
    given = {k: v for k, v in row.given.items() if k not in names}
    return GaussianUnits(inner, names, None, given, {}, row.params, row.nets, 1)


def _lines(
    event: Event, row: NewRows, units: GaussianUnits, mean: Tensor, factor: Tensor
) -> Iterator[dict[str, object]]:
    from scipy.stats import norm

    from pgmlang.query.row_elements import elements_of

    name = base(event.variable.name)
    means, sds = units.marginals(mean, factor)
    for text, index in elements_of(row.joint, event):
        m, s = float(means[name][index]), float(sds[name][index])
        if event.op is None:
            low, middle, high = (float(q) for q in norm.ppf(QUANTILES, m, s))
            yield {"variable": text, "mean": m, "sd": s, "q5": low, "q50": middle, "q95": high}
            continue
        bound = bound_of(event, name, is_discrete=False)
        p = norm.cdf(bound, m, s) if event.op in ("<", "<=") else norm.sf(bound, m, s)
        yield {text: f"{event.op} {event.value}", "p": float(p)}

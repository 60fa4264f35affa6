"""Questions about a fresh row of a point estimate without draws: its numbers by their own distributions, whatever their
families are (`query/number_mixtures.py`), its labels by how probable each makes what is given; real latents besides are
integrated by quadrature, whose error is named.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.diagnostics import PgmError
from pgmlang.query.answer import Answer
from pgmlang.query.events import bound_of, code_of
from pgmlang.query.map_targets import refuse_numbers, with_targets
from pgmlang.query.parse import Event, Query
from pgmlang.query.row_elements import element_of_draws, elements_of, single_element
from pgmlang.query.row_names import base

if TYPE_CHECKING:
    from torch import Tensor

    from pgmlang.query.labelled_row import LabelledRow
    from pgmlang.query.number_mixtures import NumberMixture
    from pgmlang.results.fit import Fit

QUANTILES = {"q5": 0.05, "q50": 0.5, "q95": 0.95}


def reasons_against_distributions(fit: Fit, query: Query) -> Iterator[str]:
    """Why a question is not about labels and numbers of a row that have distributions of their own."""
    model = fit.model
    if fit.draws or model.guide is not None:
        yield "the fit holds draws, or the model a guide"
    if query.kind == "MAP":
        query = with_targets(fit, query)
    names = {base(t.variable.name) for t in query.targets}
    if any(n not in model.by_name or model.by_name[n].role not in ("random", "derived") for n in names):
        yield "something that is asked is not random"
        return
    if any(model.by_name[n].role == "derived" and model.by_name[n].type.is_discrete for n in names):
        yield "a defined label is asked"
    if names & {base(e.variable.name) for e in query.interventions}:
        yield "something that is asked is set"
    if any(model.by_name[n].type.is_discrete and model.labels_of(model.by_name[n].type) is None for n in names):
        yield "labels that are asked have no names"
    events = [t for t in query.targets if t.op is not None]
    if sum(not model.by_name[base(t.variable.name)].type.is_discrete for t in events) > 1:
        yield "several numbers are compared together"


def answer_by_distributions(fit: Fit, query: Query) -> Answer | None:
    """Moments, quantiles and probabilities of events, of labels one by one and together; None where a number above has no
    closed form and is one of more than quadrature takes, or the labels are too many. Raises PgmError as
    `fresh_row.row_of`, `conditional.check_soft` and for elements as `row_elements`."""
    from pgmlang.query.conditional import check_soft
    from pgmlang.query.fresh_row import check_targets, impossible_evidence
    from pgmlang.query.labelled_row import NotTold, labelled_row
    from pgmlang.query.row_scores import error_bound

    if query.kind == "MAP":
        query = with_targets(fit, query)
        refuse_numbers(fit, query)
    check_targets(fit, query)
    check_soft(fit, tuple(e for e in query.evidence if e.value is None))
    row = labelled_row(fit, query)
    if row is None:
        return None
    if row.log_evidence == -math.inf:
        raise PgmError(impossible_evidence(query.evidence))
    try:
        lines = tuple(_lines(row, query))
    except NotTold:
        return None
    names = tuple(t.variable.name for t in query.targets)
    total = row.log_evidence if query.evidence else 0.0
    if not row.is_integrated:
        return Answer(query.text, "exact", names, lines, total)
    note = f"real latents integrated by adaptive quadrature, error {error_bound(max(row.error, *row.differences, 0.0))}"
    return Answer(query.text, "quadrature", names, lines, total, (note,))


def _lines(row: LabelledRow, query: Query) -> Iterator[dict[str, object]]:
    if query.targets[0].op is not None:
        yield _event(row, query.targets)
        return
    labels = [t for t in query.targets if base(t.variable.name) in row.codes]
    if len(labels) == len(query.targets):
        yield from row.of_labels.answer(query)
        return
    for target in query.targets:
        if target in labels:
            for text, index in elements_of(row.joint, target):
                yield from row.of_labels.lines(target, text, index, query.kind)
        else:
            yield from _figures(row, target)


def _figures(row: LabelledRow, target: Event) -> Iterator[dict[str, object]]:
    """Moments and quantiles of the elements of a number."""
    mixture = row.number(base(target.variable.name))
    figures: dict[str, Tensor] = {"mean": mixture.mean, "sd": mixture.sd}
    figures |= {name: mixture.quantile(q) for name, q in QUANTILES.items()}
    for name in QUANTILES:
        point = figures[name]
        row.check(mixture, lambda m: m.log_cdf(point).exp())  # noqa: B023
    for text, index in elements_of(row.joint, target):
        yield {"variable": text, **{name: float(values[index]) for name, values in figures.items()}}


def _event(row: LabelledRow, targets: tuple[Event, ...]) -> dict[str, object]:
    """The probability that all events hold, of which one at most is of a number."""
    out: dict[str, object] = {}
    holds = np.ones(len(row.log_weights), dtype=bool)
    number: Event | None = None
    for event in targets:
        name, index = base(event.variable.name), single_element(row.joint, event)
        out[event.variable.name] = event.value if event.op == "=" else f"{event.op} {event.value}"
        if name in row.codes:
            labels = row.joint.model.labels_of(row.joint.model.by_name[name].type) or ()
            is_so = element_of_draws(row.codes[name], index) == code_of(event, name, labels)
            holds &= is_so if event.op == "=" else ~is_so
        else:
            number = event
    if not holds.any():
        return {**out, "p": 0.0}
    share = float(row.weights[holds].sum())
    if number is not None and share > 0:
        share *= _chance(row, row.number(base(number.variable.name), holds), number)
    return {**out, "p": share}


def _chance(row: LabelledRow, mixture: NumberMixture, target: Event) -> float:
    """The probability of an event of one number."""
    import torch

    from pgmlang.density.quantiles import just_below

    name, index = base(target.variable.name), single_element(row.joint, target)
    bound = bound_of(target, name, mixture.is_discrete or mixture.has_atoms)

    def chance(m: NumberMixture) -> Tensor:
        def at(x: float) -> Tensor:
            return torch.full(m.weights.shape[1:], float(x), dtype=m.weights.dtype)

        # what is below a bound is at most the last value before it: at a bound there may be an atom
        last = at(math.ceil(bound) - 1) if mixture.is_discrete else just_below(at(bound), mixture.sd)
        match target.op:
            case "<":
                return m.log_cdf(last).exp()
            case "<=":
                return m.log_cdf(at(bound)).exp()
            case ">":
                return m.log_survival(at(bound)).exp()
            case ">=":
                return m.log_survival(last).exp()
            case _:
                share = m.point_chance(at(bound))
                return share if target.op == "=" else 1 - share

    row.check(mixture, chance)
    return float(chance(mixture)[index])

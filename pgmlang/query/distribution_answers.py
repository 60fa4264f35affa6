"""Questions about numbers of a fresh row that have a distribution of their own under a point estimate: exact, whatever their
families are (`query/number_mixtures.py`)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgmlang.diagnostics import PgmError
from pgmlang.query.answer import Answer
from pgmlang.query.events import bound_of
from pgmlang.query.parse import Event, Query
from pgmlang.query.row_elements import elements_of, single_element
from pgmlang.query.row_names import base
from pgmlang.query.sequences import length_of, names_of

if TYPE_CHECKING:
    from torch import Tensor

    from pgmlang.query.new_rows import NewRows
    from pgmlang.query.number_mixtures import NumberMixture
    from pgmlang.results.fit import Fit

QUANTILES = {"q5": 0.05, "q50": 0.5, "q95": 0.95}


def reasons_against_distributions(fit: Fit, query: Query) -> Iterator[str]:
    """Why a question is not about numbers below what is known and labels alone."""
    from pgmlang.density.distributions import has_distribution

    model = fit.model
    if fit.draws or model.guide is not None:
        yield "the fit holds draws, or the model a guide"
    if query.kind == "MAP" or any(e.value is None for e in query.evidence):
        yield "the most probable values are asked, or the evidence is soft"
    names = {base(t.variable.name) for t in query.targets}
    if any(n not in model.by_name or model.by_name[n].role != "random" for n in names):
        yield "something that is asked is not random"
        return
    if names & {base(e.variable.name) for e in query.interventions}:
        yield "something that is asked is set"
    if any(model.by_name[n].type.is_discrete or not has_distribution(model, n) for n in names):
        yield "something that is asked is no number with a known distribution"
    if len(query.targets) > 1 and query.targets[0].op is not None:
        yield "several events are asked together"


def answer_by_distributions(fit: Fit, query: Query) -> Answer | None:
    """Moments, quantiles and probabilities of events; None where a number above has no closed form, or the labels are too
    many. Raises PgmError as
    `fresh_row.row_of` and for elements as `row_elements`."""
    from pgmlang.query.fresh_row import check_targets, impossible_evidence, row_of
    from pgmlang.query.number_mixtures import number_mixtures
    from pgmlang.query.row_scores import log_evidence

    check_targets(fit, query)
    length = length_of(fit.model, names_of(query))
    row = row_of(fit, query.evidence, query.interventions, 0, 1, length)
    names = tuple(dict.fromkeys(base(t.variable.name) for t in query.targets))
    mixtures = number_mixtures(row, names)
    if set(mixtures) != set(names) or not _is_summed(row.as_one_draw()):
        return None
    total = float(log_evidence(row.as_one_draw())[0]) if query.evidence else 0.0
    if total == -math.inf:
        raise PgmError(impossible_evidence(query.evidence))
    lines = [line for t in query.targets for line in _lines(row, t, mixtures[base(t.variable.name)])]
    return Answer(query.text, "exact", tuple(t.variable.name for t in query.targets), tuple(lines), total)


def _is_summed(row: NewRows) -> bool:
    """Whether what is hidden behind the evidence is summed out, or normal."""
    if not row.has_hidden_numbers():
        return not row.is_guided()
    inner, sums, continuous = row.inference()
    return row.gaussian(inner, sums, continuous) is not None


def _lines(row: NewRows, target: Event, mixture: NumberMixture) -> Iterator[dict[str, object]]:
    if target.op is not None:
        yield _event(row, target, mixture)
        return
    figures: dict[str, Tensor] = {"mean": mixture.mean, "sd": mixture.sd}
    figures |= {name: mixture.quantile(q) for name, q in QUANTILES.items()}
    for text, index in elements_of(row.joint, target):
        yield {"variable": text, **{name: float(values[index]) for name, values in figures.items()}}


def _event(row: NewRows, target: Event, mixture: NumberMixture) -> dict[str, object]:
    import torch

    name, index = base(target.variable.name), single_element(row.joint, target)
    bound = bound_of(target, name, mixture.is_discrete)
    # whole numbers: what is below a bound is at most the last one before it
    last = math.ceil(bound) - 1 if mixture.is_discrete else bound

    def at(x: float) -> Tensor:
        return torch.full(mixture.weights.shape[1:], float(x), dtype=mixture.weights.dtype)

    def below(x: float) -> float:
        return float(mixture.log_cdf(at(x))[index].exp())

    def above(x: float) -> float:
        return float(mixture.log_survival(at(x))[index].exp())

    match target.op:
        case "<":
            p = below(last)
        case "<=":
            p = below(bound)
        case ">":
            p = above(bound)
        case ">=":
            p = above(last)
        case _:
            share = float(mixture.log_prob(at(bound))[index].exp())
            p = share if target.op == "=" else 1 - share
    text = target.value if target.op == "=" else f"{target.op} {target.value}"
    return {target.variable.name: text, "p": p}

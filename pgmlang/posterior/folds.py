"""The four folds over a conditioned posterior, and log Z."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.posterior.condition import Conditioned, condition
from pgmlang.posterior.draws import draw
from pgmlang.posterior.forgotten_elements import forgotten_elements_of_rows, forgotten_elements_told
from pgmlang.posterior.new_elements import new_elements_of_rows, new_elements_told
from pgmlang.posterior.questions import answerer
from pgmlang.posterior.record import Posterior
from pgmlang.posterior.rows import need_observed, row_answerer
from pgmlang.query.answer import Answer
from pgmlang.query.asked_names import check_asked
from pgmlang.query.binned_values import in_bins
from pgmlang.query.parse import Evidence, Query, parse_query
from pgmlang.query.rows import Columns, in_table_order
from pgmlang.query.score import Score
from pgmlang.query.sequences import with_rows
from pgmlang.query.sites import by_site_number


def query(posterior: Posterior, question: str | Query, seed: int = 0) -> Answer:
    """Answers ``P(...)``, ``MAP(...)`` or ``E(...)``. Raises PgmError: PGM0606 for what cannot be given or asked, PGM0607
    for names and labels, PGM0608 for ``do``, PGM0609 for impossible evidence."""
    asked = parse_query(question) if isinstance(question, str) else question
    asked = with_rows(posterior.fit.model, asked)
    if posterior.network is None:
        for target in asked.targets:
            check_asked(posterior.fit, target.variable)
    given = condition(posterior, evidence=asked.evidence, do=asked.interventions, seed=seed)
    model = posterior.fit.model
    labels = posterior.fit.labels
    targets = tuple(
        in_bins(model, labels, replace(t, variable=by_site_number(model, t.variable))) for t in asked.targets
    )
    asked = replace(asked, targets=targets, evidence=given.evidence, interventions=given.do)
    answer = answerer(given, asked).answer(given, asked)
    told = (*given.evidence, *given.do)
    elements = (*new_elements_told(posterior.fit, told), *forgotten_elements_told(posterior.fit, told))
    return replace(answer, caution="; ".join(filter(None, [answer.caution, *(w.message for w in elements)])))


def predict(given: Conditioned, targets: Sequence[str] | None = None) -> Columns:
    """For every row, the posterior of what it does not say, in the order of the file. Raises PgmError PGM0607 for unknown
    targets."""
    rows = given.bound
    columns = row_answerer(given.posterior).predict(given, targets)
    without_input = tuple(w for w in rows.warnings if w.code == "PGM0725")
    forgotten = forgotten_elements_of_rows(given.posterior.fit, given.seen, rows)
    told = (*of_new_labels(given.posterior, rows, given.seen), *forgotten, *without_input, *columns.warnings)
    columns = replace(columns, warnings=told)
    return in_table_order(columns, rows)


def of_new_labels(
    posterior: Posterior, rows: Binding, seen: Mapping[str, tuple[str, ...]] | None = None
) -> tuple[Diagnostic, ...]:
    """Warnings of labels and of elements of outer plates in rows that the fit has not ``seen`` (default: the posterior's)."""
    labels = tuple(w for w in rows.warnings if w.code == "PGM0723")
    return (
        *labels,
        *new_elements_of_rows(posterior.fit.model, posterior.fit.labels if seen is None else seen, rows),
    )


def score(given: Conditioned) -> Score:
    """Log-likelihoods of the rows, with the name of the estimator and the plate whose elements they are of. Raises PgmError
    PGM0708 where the rows say nothing that has one."""
    need_observed(given)
    return row_answerer(given.posterior).score(given).of_present(given.bound)


def sample(given: Conditioned, num_draws: int) -> Columns:
    """Joint draws of fresh rows given the evidence. Raises PgmError PGM0609 where it is impossible."""
    columns = draw(given, num_draws)
    fit = given.posterior.fit
    elements = (*new_elements_told(fit, given.evidence), *forgotten_elements_told(fit, given.evidence))
    return replace(columns, warnings=(*elements, *columns.warnings))


def log_z(posterior: Posterior, evidence: tuple[Evidence, ...] = ()) -> float:
    """log Z of a network of tables with evidence clamped: ln P(evidence) of a directed one, a density where it is of numbers. Raises
    PgmError PGM0609 when it is minus infinity."""
    if posterior.points:
        values = [log_z(point, evidence) for point in posterior.points]
        return float(np.logaddexp.reduce(values) - math.log(len(values)))
    if not posterior.reasons_against_gaussian:
        return _log_density(posterior, evidence)
    answers = posterior.tables
    hard, soft = answers.evidence(condition(posterior, evidence=evidence).evidence)
    value = float(answers.engine.log_z(hard, soft)[0])
    if value == float("-inf"):
        raise PgmError(answers.impossible(hard, soft, evidence))
    return value


def _log_density(posterior: Posterior, evidence: tuple[Evidence, ...]) -> float:
    """The same of a conditional Gaussian network."""
    from pgmlang.posterior.gaussian import answers_given

    answers, rest = answers_given(posterior, condition(posterior, evidence=evidence).evidence)
    row = answers.rows_of(rest)
    value = float(answers.engine.log_evidence(row)[0])
    if value == float("-inf"):
        raise PgmError(answers.impossible(row, rest))
    return value

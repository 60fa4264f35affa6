"""Fresh rows drawn from a posterior, given evidence."""

from __future__ import annotations

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.posterior.condition import Conditioned
from pgmlang.query.network import NetworkAnswers
from pgmlang.query.parse import Evidence
from pgmlang.query.rows import Columns
from pgmlang.query.rows import sample as sample_network
from pgmlang.query.sequences import in_sequence, length_of
from pgmlang.tables.from_model import iid_plate


def draw(given: Conditioned, num_draws: int) -> Columns:
    """Joint draws of fresh rows. Raises PgmError PGM0606 for soft evidence, PGM0609 for what cannot be."""
    posterior = given.posterior
    if posterior.points:
        return _at_points(given, num_draws)
    fit = posterior.fit
    if not posterior.reasons_against_gaussian:
        from pgmlang.posterior.gaussian import answers_given

        gaussian, rest = answers_given(posterior, given.evidence)
        return gaussian.sample(rest, num_draws, given.seed)
    if posterior.reasons_against_tables or (
        posterior.reasons_against_tables_of_rows and not given.evidence and not fit.is_given
    ):
        return _of_densities(given, num_draws)
    if posterior.network is None and not iid_plate(fit.model, fit.parameters)[0]:
        return _sequence(given, num_draws)
    answers, rest = posterior.tables_given(given.evidence)
    return _of_network(answers, num_draws, given.seed, rest)


def _at_points(given: Conditioned, num_draws: int) -> Columns:
    """Rows by turns of each point."""
    from pgmlang.posterior.points import joined

    points = given.at_points()
    counts = [len(part) for part in np.array_split(np.arange(num_draws), len(points))]
    return joined([draw(p, n) for p, n in zip(points, counts, strict=True) if n or num_draws == 0])


def _of_densities(given: Conditioned, num_draws: int) -> Columns:
    """Rows that are completed from what is given of them, or drawn forwards."""
    from pgmlang.query.drawn_rows import sample_given
    from pgmlang.query.fresh_binding import is_drawn_forwards
    from pgmlang.query.prior_rows import fresh_rows

    fit = given.posterior.fit
    if given.posterior.has_fields and given.evidence:
        from pgmlang.query.field_answers import sample_fields_given

        return sample_fields_given(fit, given.evidence, num_draws, given.seed)
    if not given.evidence and is_drawn_forwards(fit):
        return fresh_rows(fit, num_draws, given.seed)
    return sample_given(fit, given.evidence, num_draws, given.seed)


def _of_network(answers: NetworkAnswers, num_draws: int, seed: int, items: tuple[Evidence, ...]) -> Columns:
    hard, soft = answers.evidence(items)
    if soft:
        raise PgmError(Diagnostic("PGM0606", "samples take hard evidence only", help="write `a = label`"))
    if hard and not np.isfinite(answers.log_evidence(hard, {})):
        raise PgmError(answers.impossible(hard, {}, items))
    return sample_network(answers, hard, num_draws, seed)


def _sequence(given: Conditioned, num_draws: int) -> Columns:
    """Rows that hang together: a chain's follow each other in one sequence; given evidence each draw is a sequence of its
    own, as long as the evidence says. Raises PgmError PGM0602 for groups, which only data can give."""
    from pgmlang.query.fresh_binding import fresh_binding
    from pgmlang.query.table_rows import TableRows

    fit, evidence = given.posterior.fit, in_sequence(given.posterior.fit.model, given.evidence)
    length = length_of(fit.model, (e.variable.name for e in evidence))
    if length > 1:
        return _of_network(given.posterior.tables_of_sequence(length), num_draws, given.seed, evidence)
    if evidence:
        answers, rest = given.posterior.tables_given(given.evidence)
        return _of_network(answers, num_draws, given.seed, rest)
    return TableRows(fresh_binding(fit, num_draws), fit.parameters).sample(given.seed)

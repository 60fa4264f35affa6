"""A first question to a fit: one that it answers from what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgmlang.diagnostics import PgmError
from pgmlang.posterior.condition import condition
from pgmlang.posterior.questions import CHAINED, SIMULATED, answerer
from pgmlang.posterior.record import Posterior
from pgmlang.query.parse import parse_query

MOST = 12
"""Questions that are tried."""


def first_question(posterior: Posterior) -> str | None:
    """A question in words that the posterior answers exactly or from its draws, without any simulation; None where it
    has no such answer to a name alone."""
    posterior = _with_one_draw(posterior)
    return next(
        (text for text, _ in zip(_questions(posterior), range(MOST), strict=False) if _answers(posterior, text)),
        None,
    )


def _with_one_draw(posterior: Posterior) -> Posterior:
    """The same with the first draw alone: whether there is an answer does not hang on how many there are."""
    fit = posterior.fit
    first = {name: values[:1, :1] for name, values in fit.draws.items()}
    stats = {name: values[:1, :1] for name, values in fit.sample_stats.items()}
    return replace(posterior, fit=replace(fit, draws=first, sample_stats=stats))


def _answers(posterior: Posterior, text: str) -> bool:
    try:
        asked = parse_query(text)
        given = condition(posterior, evidence=asked.evidence, do=asked.interventions)
        asked = replace(asked, evidence=given.evidence, interventions=given.do)
        row = answerer(given, asked)
        if row.name in (SIMULATED, CHAINED):
            return False
        row.answer(given, asked)
    except PgmError:  # what is refused is not proposed
        return False
    return True


def _questions(posterior: Posterior) -> Iterator[str]:
    """Draws first, then estimates, then the labels of a row; the smallest of each kind before arrays."""
    fit = posterior.fit
    held = sorted(fit.draws, key=lambda n: fit.draws[n][0, 0].size)
    held += sorted((n for n in fit.parameters if n not in fit.draws), key=lambda n: fit.parameters[n].size)
    for name in held:
        variable = fit.model.by_name.get(name)
        if variable is not None:
            yield f"P({name})" if variable.type.is_discrete else f"E({name})"
    for variable in fit.model.of_role("random", "field"):
        yield f"P({variable.name})" if variable.type.is_discrete else f"E({variable.name})"

"""Who answers a question in words: a row for each answerer, with its reasons against; the first without any answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pgmlang.posterior.condition import Conditioned
from pgmlang.query.answer import Answer
from pgmlang.query.conditional import ConditionalAnswers, reasons_against_a_fresh_row
from pgmlang.query.discrete_part import discrete_part
from pgmlang.query.draws import DrawAnswers
from pgmlang.query.input_values import row_inputs
from pgmlang.query.normal_answers import answer_by_normal, reasons_against_normal
from pgmlang.query.normal_rows import answer_of_fresh_row, reasons_against_fresh_numbers
from pgmlang.query.parse import Query
from pgmlang.query.row_names import base
from pgmlang.query.sequences import length_of, names_of, position_of


@dataclass(frozen=True)
class QuestionRow:
    """``reasons_against``: why this does not answer a question; none where it does."""

    name: str
    reasons_against: Callable[[Conditioned, Query], Iterator[str]]
    answer: Callable[[Conditioned, Query], Answer]


def _names(query: Query) -> set[str]:
    return {t.variable.name.partition("[")[0] for t in query.targets}


def _against_estimates(given: Conditioned, query: Query) -> Iterator[str]:
    fit = given.posterior.fit
    if given.posterior.reasons_against_tables:
        yield "what is estimated beside numbers and draws is answered with them"
    numbers = {n for n in (*fit.parameters, *fit.deterministic) if n in fit.model.by_name}
    if not _names(query) or not _names(query) <= numbers:
        yield "not every target is a number that the fit holds"


def _against_points(given: Conditioned, query: Query) -> Iterator[str]:
    if not given.posterior.points:
        yield "no fields stand beside latents that the fit has values of"
        return
    from pgmlang.posterior.points import hold_up_fields, outer_latents

    latents = outer_latents(given.posterior.fit.model)
    if _names(query) & latents:
        yield "a target is a latent that the fit has draws of"
    elif len(given.posterior.points) > 1 and not hold_up_fields(given.posterior.fit.model, latents):
        (first, *_) = given.at_points()
        if answerer(first, query).name == CHAINED:
            yield "chains over fields that hang on no latent take a draw of them at every step"


def _at_points(given: Conditioned, query: Query) -> Answer:
    from pgmlang.posterior.points import mean_answer

    return mean_answer(query, [answerer(point, query).answer(point, query) for point in given.at_points()])


def _against_tables(given: Conditioned, query: Query) -> Iterator[str]:
    yield from given.posterior.reasons_against_tables
    model = given.posterior.fit.model
    if given.posterior.network is None and any(base(n) in model.definition_of for n in _names(query)):
        yield "a target is a deterministic name, and no variable of the network"


def _by_tables(given: Conditioned, query: Query) -> Answer:
    """Values of inputs are given to the row, whether they are seen or set."""
    model = given.posterior.fit.model
    length = length_of(model, names_of(query))
    if length > 1 or any(position_of(model, n) is not None for n in names_of(query)):
        return given.posterior.tables_of_sequence(length).answer(query)
    inputs = set() if given.posterior.network is not None else set(row_inputs(given.posterior.fit.model))
    done = tuple(e for e in query.interventions if base(e.variable.name) in inputs)
    answers, rest = given.posterior.tables_given((*query.evidence, *done))
    return answers.answer(
        replace(query, evidence=rest, interventions=tuple(e for e in query.interventions if e not in done))
    )


def _against_gaussian(given: Conditioned, query: Query) -> Iterator[str]:
    posterior = given.posterior
    yield from posterior.reasons_against_gaussian
    if posterior.reasons_against_gaussian or posterior.network is not None:
        return
    model = posterior.fit.model
    asked = [model.by_name[base(n)] for n in _names(query) if base(n) in model.by_name]
    if any(v.role != "random" or v.name in posterior.fit.parameters for v in asked):
        yield "something that is asked is no variable of a row"
    if sum(t.op is not None and not v.type.is_discrete for t, v in zip(query.targets, asked, strict=False)) > 1:
        yield "several numbers are compared together"


def _by_gaussian(given: Conditioned, query: Query) -> Answer:
    from pgmlang.posterior.gaussian import answer

    return answer(given, query)


def _against_labels(given: Conditioned, query: Query) -> Iterator[str]:
    answers = discrete_part(given.posterior.fit)
    if answers is None:
        yield "no label hangs on labels and estimates alone"
        return
    asked = {t.variable.name for t in query.targets}
    told = {e.variable.name for e in (*query.evidence, *query.interventions)}
    if not asked or not asked | told <= set(answers.network.index):
        yield "something that is asked or given is not such a label"


def _by_labels(given: Conditioned, query: Query) -> Answer:
    answers = discrete_part(given.posterior.fit)
    assert answers is not None, "a row with no reason against it has its network"
    return answers.answer(query)


def _against_fresh_row(given: Conditioned, query: Query) -> Iterator[str]:
    yield from reasons_against_a_fresh_row(given.posterior.fit, query)


def _against_closed_form(given: Conditioned, query: Query) -> Iterator[str]:
    reasons = list(reasons_against_a_fresh_row(given.posterior.fit, query, with_fields=True))
    if not reasons:
        # which imports torch
        from pgmlang.query.gaussian_answers import reasons_against_closed_form

        reasons = list(reasons_against_closed_form(given.posterior.fit, query))
    yield from reasons


def _by_closed_form(given: Conditioned, query: Query) -> Answer:
    from pgmlang.query.gaussian_answers import answer_in_closed_form

    return answer_in_closed_form(given.posterior.fit, query)


def _against_distributions(given: Conditioned, query: Query) -> Iterator[str]:
    reasons = list(reasons_against_a_fresh_row(given.posterior.fit, query))
    if not reasons:
        from pgmlang.query.distribution_answers import reasons_against_distributions

        reasons = list(reasons_against_distributions(given.posterior.fit, query))
    yield from reasons


def _by_distributions(given: Conditioned, query: Query) -> Answer:
    from pgmlang.query.distribution_answers import answer_by_distributions

    fit = given.posterior.fit
    return answer_by_distributions(fit, query) or ConditionalAnswers(fit, given.seed).answer(query)


def _against_normal(given: Conditioned, query: Query) -> Iterator[str]:
    yield from reasons_against_normal(given.posterior.fit, query)


def _by_normal(given: Conditioned, query: Query) -> Answer:
    return answer_by_normal(given.posterior.fit, query)


def _against_fresh_numbers(given: Conditioned, query: Query) -> Iterator[str]:
    yield from reasons_against_a_fresh_row(given.posterior.fit, query)
    yield from reasons_against_fresh_numbers(given.posterior.fit, query)


def _by_fresh_numbers(given: Conditioned, query: Query) -> Answer:
    fit = given.posterior.fit
    return answer_of_fresh_row(fit, query) or ConditionalAnswers(fit, given.seed).answer(query)


def _against_defined(given: Conditioned, query: Query) -> Iterator[str]:
    from pgmlang.query.defined_labels import is_defined_by_labels

    if given.posterior.network is not None or not is_defined_by_labels(given.posterior.fit, query):
        yield "what is asked is no mean or event of a name that labels of the row define"


def _by_defined(given: Conditioned, query: Query) -> Answer:
    from pgmlang.query.defined_labels import answer_by_labels

    fit = given.posterior.fit
    exact = answer_by_labels(fit, query, lambda other: answerer(given, other).answer(given, other))
    return exact or ConditionalAnswers(fit, given.seed).answer(query)


def _against_nothing(given: Conditioned, query: Query) -> Iterator[str]:
    yield from ()


def _against_fields(given: Conditioned, query: Query) -> Iterator[str]:
    if not given.posterior.has_fields:
        yield "the model has no fields"
    yield from reasons_against_a_fresh_row(given.posterior.fit, query, with_fields=True)


def _by_chains(given: Conditioned, query: Query) -> Answer:
    from pgmlang.query.field_answers import FieldAnswers

    return FieldAnswers(given.posterior.fit, given.seed).answer(query)


SIMULATED = "a fresh row"
"""The answerer that completes rows by draws."""
CHAINED = "a fresh row of fields by chains"
"""The answerer that runs chains over fields."""
QUESTIONS = (
    QuestionRow("estimates", _against_estimates, lambda given, query: DrawAnswers.of(given.posterior.fit).answer(query)),
    QuestionRow("fields at points", _against_points, _at_points),
    QuestionRow("tables", _against_tables, _by_tables),
    QuestionRow("labels above numbers", _against_labels, _by_labels),
    QuestionRow("a conditional Gaussian network", _against_gaussian, _by_gaussian),
    QuestionRow("a normal posterior", _against_normal, _by_normal),
    QuestionRow("a fresh row under a normal posterior", _against_fresh_numbers, _by_fresh_numbers),
    QuestionRow("a name that labels define", _against_defined, _by_defined),
    QuestionRow("a fresh row in closed form", _against_closed_form, _by_closed_form),
    QuestionRow("a fresh row's numbers by their distributions", _against_distributions, _by_distributions),
    QuestionRow(SIMULATED, _against_fresh_row,
                lambda given, query: ConditionalAnswers(given.posterior.fit, given.seed).answer(query)),
    QuestionRow(CHAINED, _against_fields, _by_chains),
    QuestionRow("what the fit holds", _against_nothing,
                lambda given, query: DrawAnswers.of(given.posterior.fit).answer(query)),
)  # fmt: skip


def answerer(given: Conditioned, query: Query) -> QuestionRow:
    """The first row without a reason against it; the last has none, and refuses itself."""
    return next(row for row in QUESTIONS if not any(True for _ in row.reasons_against(given, query)))

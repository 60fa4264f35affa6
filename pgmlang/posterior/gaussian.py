"""Posteriors whose row is a conditional Gaussian network: who is one, questions about a fresh row, and bound rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.binding.row_groups import has_one_network
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian import GaussianNetwork
from pgmlang.gaussian.from_model import row_network
from pgmlang.infer.gaussian_rows import GaussianRows, labels_told_apart
from pgmlang.posterior.condition import Conditioned
from pgmlang.query.answer import Answer
from pgmlang.query.element_answers import elements_told, outer_plates
from pgmlang.query.gaussian_network import GaussianAnswers
from pgmlang.query.input_values import inputs_of, row_inputs
from pgmlang.query.parse import Evidence, Query
from pgmlang.query.row_names import base
from pgmlang.query.rows import Columns, observed_target, without_answers
from pgmlang.query.score import Score

if TYPE_CHECKING:
    from pgmlang.posterior.record import Posterior


def answers_given(
    posterior: Posterior, items: tuple[Evidence, ...]
) -> tuple[GaussianAnswers, tuple[Evidence, ...]]:
    """Answers about a fresh row of the outer elements, and with the values of inputs, that the evidence names, and the rest
    of the evidence. Raises PgmError as `element_answers.elements_told` and `input_values.inputs_of`."""
    fit = posterior.fit
    if isinstance(posterior.network, GaussianNetwork):
        return posterior.gaussian_answers, items
    outer, inputs = outer_plates(fit), row_inputs(fit.model)
    around = {q for p in fit.model.plates if p.is_rows for q in fit.model.enclosing(p.name)[:-1]}
    items = tuple(e for e in items if e.value is None or e.variable.name not in around.difference(outer))
    if not outer and not inputs:
        return posterior.gaussian_answers, items
    elements, items = elements_told(fit, items) if outer else ({}, items)
    values, items = inputs_of(fit, items) if inputs else ({}, items)
    one = row_network(fit.model, dict(fit.parameters), dict(fit.sizes), dict(fit.labels), values, elements)
    return GaussianAnswers(one.network), items


def answer(given: Conditioned, query: Query) -> Answer:
    """A question about a fresh row; values of inputs are given to it, whether they are seen or set."""
    posterior = given.posterior
    inputs = set() if posterior.network is not None else set(row_inputs(posterior.fit.model))
    done = tuple(e for e in query.interventions if base(e.variable.name) in inputs)
    answers, rest = answers_given(posterior, (*query.evidence, *done))
    left = tuple(e for e in query.interventions if e not in done)
    return answers.answer(replace(query, evidence=rest, interventions=left))


# ---- bound rows


def reasons_against_rows(posterior: Posterior) -> Sequence[str]:
    """Why bound rows are not answered for as a network of each."""
    if posterior.reasons_against_gaussian or isinstance(posterior.network, GaussianNetwork):
        return posterior.reasons_against_gaussian
    apart = labels_told_apart(posterior.fit.model, posterior.fit.parameters)
    return (f"the table of `{apart}` hangs on what tells rows apart",) if apart else ()


Element = tuple[str, int, str]
"""A variable, the place of one of its elements in a network, and what that is called."""


def targets_of(
    elements: Mapping[str, Sequence[Element]], open_names: Sequence[str], asked: Sequence[str] | None
) -> list[Element]:
    """What is predicted, of the ``elements`` of each variable. ``open_names``: the variables that rows leave open; ``asked``: variables or elements,
    all that is open where None. Raises PgmError PGM0607, PGM0612."""
    if asked is None:
        if not open_names:
            raise PgmError(Diagnostic("PGM0612", "everything in these rows is observed: there is nothing to predict",
                                      help="hide what is to be predicted (`--hide NAME`, in Python `hide=['NAME']`), or ask for `score`"))  # fmt: skip
        return [e for n in open_names for e in elements[n]]
    out: list[Element] = []
    single = {e[2]: [e] for listed in elements.values() for e in listed}
    for name in asked:
        named = elements.get(name) or single.get(name)
        if named is None:
            known = ", ".join(f"`{n}`" for n in open_names) or "nothing"
            raise PgmError(Diagnostic("PGM0607", f"`{name}` is not to be predicted here",
                                      help=f"not observed in these rows: {known}"))  # fmt: skip
        if named[0][0] not in open_names:
            raise observed_target(named[0][0])
        out += named
    return out


def _elements(rows: GaussianRows) -> dict[str, list[Element]]:
    shown = {**{n: v for v, n in enumerate(rows.network.numbers)}, **rows.network.discrete.index}
    names = [v.name for v in rows.binding.model.variables if v.name in rows.blocks]
    if rows.file_network is not None:
        return {n: [(n, shown[n], n)] for n in names}
    return {n: [(n, i, t) for t, i in shown.items() if base(t) == n] for n in names}


def _rows_of(given: Conditioned) -> GaussianRows:
    posterior = given.posterior
    if isinstance(posterior.network, GaussianNetwork):
        return GaussianRows(given.bound, {}, posterior.network)
    fit, bound = posterior.fit, given.bound
    is_shared = has_one_network(bound, fit.parameters) and bound.model.variables == fit.model.variables
    kept = (posterior.gaussian_row, posterior.gaussian_answers.engine) if is_shared else None
    return GaussianRows(bound, fit.parameters, kept=kept)


def score_rows(given: Conditioned) -> Score:
    """The log-density of what each row says, missing cells and latents integrated and summed out."""
    return Score(_rows_of(given).log_evidence(), given.bound.plate or "data", "exact")


def predict_rows(given: Conditioned, targets: Sequence[str] | None) -> Columns:
    """For each row and each target that it leaves open: mean, sd and the middle 90 % of a number, the most probable label and
    all labels' probabilities. Raises PgmError PGM0607 for targets, PGM0612 where nothing is open."""
    rows = _rows_of(given)
    elements = _elements(rows)
    asked = targets_of(elements, [n for n in elements if rows.is_open(n)], targets)
    numbers = [i for n, i, _ in asked if rows.is_number(n)]
    labels = [i for n, i, _ in asked if not rows.is_number(n)]
    figures, tables, log_evidence = rows.answers(numbers, labels, (0.05, 0.95))
    columns: dict[str, list[str] | np.ndarray] = {}
    for name, i, shown in asked:
        if rows.is_number(name):
            columns |= zip(
                (shown, f"{shown}.sd", f"{shown}.q5", f"{shown}.q95"), figures[:, :, numbers.index(i)], strict=True
            )
            continue
        texts = np.array(rows.network.discrete.variables[i].labels, dtype=object)
        columns[shown] = texts[np.nan_to_num(tables[i]).argmax(1)].tolist()
        columns |= {f"P({shown} = {t})": tables[i][:, k] for k, t in enumerate(texts)}
    plain = Columns(columns, plate=given.bound.plate)
    return without_answers(plain, np.isneginf(log_evidence), given.bound)

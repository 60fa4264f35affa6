"""Bound rows of posteriors whose rows are chains in which labels choose among the numbers' distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact.gaussian import MOST_CONFIGURATIONS
from pgmlang.infer.gaussian_sequences import GaussianSequences
from pgmlang.posterior.condition import Conditioned
from pgmlang.posterior.gaussian import Element, targets_of
from pgmlang.query.rows import Columns, without_answers
from pgmlang.query.score import Score, deviations_of
from pgmlang.tables.conditionals import value_labels
from pgmlang.tables.elements import element_names
from pgmlang.tables.evaluate import Evaluator

if TYPE_CHECKING:
    from pgmlang.posterior.record import Posterior


def reasons_against_switching(posterior: Posterior) -> Sequence[str]:
    """Why bound rows are no chain whose labels choose among its numbers' distributions."""
    from pgmlang.gaussian.sequence_network import switching_reasons

    if posterior.network is not None:
        return ("it is a network of a file",)
    if posterior.fit.draws:
        return ("the fit holds draws",)
    return tuple(
        dict.fromkeys(d.message for d in switching_reasons(posterior.fit.model, posterior.fit.parameters))
    )


LARGEST_ERROR = 0.5
"""Nats by which a score may be off, one standard error."""
LONG = 500
"""Rows beyond which numbers that nothing hangs on are not worth a network of all rows."""


RUNS = 20
"""Estimates of a likelihood whose mean is taken, by paths of labels of their own."""


def sequences_of(given: Conditioned, most_of_leaves: int = 0) -> GaussianSequences | None:
    """The rows; None where they have weights, and where sums over labels alone take them: no number is open, or none that anything hangs on in
    more rows than ``most_of_leaves``."""
    sequences = GaussianSequences(given.bound, given.posterior.fit.parameters)
    is_for_sums = sequences.are_leaves and (
        not sequences.open_numbers or given.bound.layout.size(given.bound.plate) > most_of_leaves
    )
    return None if given.bound.weights is not None or is_for_sums else sequences


def log_evidence_of(sequences: GaussianSequences) -> np.ndarray | None:
    """The log-density of what is seen of each sequence; None where one would be a mixture of too many normal distributions."""
    try:
        return sequences.log_evidence()
    except PgmError as error:
        if error.diagnostics[0].code != "PGM0611":
            raise
        return None


def score_sequences(given: Conditioned, sequences: GaussianSequences) -> Score:
    """The log-density of what is seen of each sequence; with more paths of labels than are exact by unbiased estimates. Raises PgmError PGM0611 for
    sequences of too many numbers, PGM0602 where the estimates tell too little."""
    exact, plate = log_evidence_of(sequences), sequences.unit or "data"
    if exact is not None:
        return Score(exact, plate, "exact")
    logs = sequences.log_estimates(RUNS, MOST_CONFIGURATIONS, given.seed)
    if len(logs) == 1:
        return Score(logs[0], plate, "exact")
    log_mean = np.logaddexp.reduce(logs) - np.log(len(logs))
    said = f"{len(logs)} times {MOST_CONFIGURATIONS:,} paths of labels, numbers integrated"
    score = Score(log_mean, plate, said, deviations=deviations_of(logs, log_mean))
    worst = float(np.max(score.mcse)) if score.mcse is not None else 0.0
    if not worst < LARGEST_ERROR:
        message = f"a score by paths of labels would be off by {worst:.2g} nats or more"
        raise PgmError(Diagnostic("PGM0602", message, help="score shorter stretches of the sequence"))
    return score


def predict_sequences(given: Conditioned, sequences: GaussianSequences, targets: Sequence[str] | None) -> Columns:
    """As `posterior.gaussian.predict_rows`, of every row given all that is seen of its sequence."""
    model, layout = given.bound.model, given.bound.layout
    hidden = tuple(p.name for p in model.plates if p.is_rows)
    evaluator = Evaluator(model, {}, layout)
    known = {**sequences.sequences[0].sequence.labels, **sequences.sequences[0].sequence.numbers}
    elements: dict[str, list[Element]] = {}
    for variable in (v for v in model.variables if v.name in known):
        width = known[variable.name].count // max(len(sequences.sequences[0].rows), 1)
        names = element_names(evaluator, model, variable, hidden)[:width]
        elements[variable.name] = [(variable.name, k, text) for k, text in enumerate(names)]
    asked = targets_of(elements, [n for n in elements if sequences.is_open(n)], targets)
    count = layout.size(given.bound.plate)
    labels = {n: value_labels(evaluator, model.by_name[n]) for n, *_ in asked if model.by_name[n].type.is_discrete}
    out = {text: np.full((4 if n not in labels else len(labels[n]), count), np.nan) for n, _, text in asked}
    impossible = np.zeros(count, dtype=bool)
    for one, block in sequences.posteriors([n for n, *_ in asked]):
        impossible[one.rows] = np.isneginf(block.log_evidence[0])
        for name, k, text in asked:
            nodes = sequences.block_of(one, name)
            places = np.arange(nodes.first, nodes.first + nodes.count).reshape(len(one.rows), -1)[:, k].tolist()
            if name in labels:
                out[text][:, one.rows] = np.stack([block.tables[v][0] for v in places], 1)
            else:
                out[text][:, one.rows] = block.figures(places, (0.05, 0.95))[:, 0]
    columns: dict[str, list[str] | np.ndarray] = {}
    for name, _, text in asked:
        if name in labels:
            texts = np.array(labels[name], dtype=object)
            columns[text] = texts[np.nan_to_num(out[text]).argmax(0)].tolist()
            columns |= {f"P({text} = {t})": out[text][i] for i, t in enumerate(labels[name])}
        else:
            columns |= zip((text, f"{text}.sd", f"{text}.q5", f"{text}.q95"), out[text], strict=True)
    return without_answers(Columns(columns, plate=given.bound.plate), impossible, given.bound)

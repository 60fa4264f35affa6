"""The probabilities of a discrete network as they are drawn in its nodes: one exact pass for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from pgmlang.diagnostics import PgmError
from pgmlang.drawing.scene import MOST_MARKS, Mark, NodeFigures
from pgmlang.query.network import NetworkAnswers
from pgmlang.query.parse import Evidence

MAX_CELLS = 1 << 24
"""Cells that the marginals behind a drawing may keep: some seconds of work."""


def network_figures(
    answers: NetworkAnswers,
    evidence: Iterable[Evidence] = (),
    done: Iterable[Evidence] = (),
    node_of: Callable[[str], str] = str,
) -> dict[str, NodeFigures]:
    """The marginals of every variable given ``evidence`` and the interventions ``done``, by the name of its node.

    Variables of one node (elements of a plate or an axis) have a line each, their likeliest label; of more than
    MOST_MARKS elements nothing is drawn. Raises PgmError PGM0603 where the tables behind would be too wide, PGM0606 to
    PGM0609 for the evidence.
    """
    items, interventions = tuple(evidence), tuple(done)
    narrow = replace(answers.intervened(interventions) if interventions else answers, max_cells=MAX_CELLS)
    hard, soft = narrow.evidence(items)
    for item in interventions:
        variable = narrow.variable(item.variable.name, item.variable.span)
        hard[variable] = narrow.code(variable, item.value or "", item.span)
    marginals = narrow.engine.marginals(hard, None, soft)
    if not np.isfinite(marginals.log_evidence[0]):
        raise PgmError(narrow.impossible(hard, soft, (*items, *interventions)))
    elements: dict[str, list[int]] = {}
    for v, variable_record in enumerate(narrow.network.variables):
        elements.setdefault(node_of(variable_record.name), []).append(v)
    figures: dict[str, NodeFigures] = {}
    for name, members in elements.items():
        tables = [marginals.tables[v][0] for v in members]
        labels = [tuple(narrow.network.variables[v].labels) for v in members]
        if len(members) == 1:
            marks = label_marks(labels[0], tables[0])
        elif len(members) <= MOST_MARKS:
            heads = [narrow.network.variables[v].name.removeprefix(name).strip("[]") for v in members]
            marks = tuple(map(_likeliest, heads, labels, tables))
        else:
            continue
        figures[name] = NodeFigures(marks, is_evidence=all(v in hard or v in soft for v in members))
    return figures


def label_marks(labels: tuple[str, ...], table: np.ndarray, most: int = MOST_MARKS) -> tuple[Mark, ...]:
    """A bar for each label, in the order of the labels; of more than ``most`` the likeliest, and one for the rest."""
    if len(labels) <= most:
        return tuple(Mark(label, 0.0, float(p), percent(float(p))) for label, p in zip(labels, table, strict=True))
    chosen = np.sort(np.argsort(-table, kind="stable")[: most - 1])
    marks = [Mark(labels[i], 0.0, float(table[i]), percent(float(table[i]))) for i in chosen]
    rest = max(0.0, 1.0 - float(table[chosen].sum()))
    return (*marks, Mark(f"{len(labels) - len(chosen)} others", 0.0, rest, percent(rest)))


def _likeliest(element: str, labels: tuple[str, ...], table: np.ndarray) -> Mark:
    best = int(np.argmax(table))
    p = float(table[best])
    return Mark(f"{element} = {labels[best]}", 0.0, p, percent(p))


def percent(p: float) -> str:
    """A probability to a tenth of a per cent; what is neither sure nor impossible does not look so."""
    if 0 < p < 0.0005:
        return "<0.1 %"
    if 0.9995 <= p < 1:
        return ">99.9 %"
    return f"{100 * p:.1f} %" if 0 < p < 1 else f"{100 * p:.0f} %"

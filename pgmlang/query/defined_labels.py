"""Names that are defined by labels of a fresh row (``s = 2 * b + c``): their values at every combination of the labels, each as
probable as these are together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.model.dependence import names_behind, nodes_behind
from pgmlang.model.expr import Ref
from pgmlang.query.answer import Answer
from pgmlang.query.conditional import Draws
from pgmlang.query.parse import Event, Query, QueryVariable
from pgmlang.query.row_names import of_a_row
from pgmlang.results.fit import Fit

if TYPE_CHECKING:
    import torch

    from pgmlang.query.new_rows import NewRows

MOST = 4096
"""Most combinations of labels that are gone through."""


def is_defined_by_labels(fit: Fit, query: Query) -> bool:
    """Whether a question is about one name, whole, that definitions make of labels of its own row, and asks for a mean or an
    event."""
    if len(query.targets) != 1 or query.kind == "MAP" or (query.kind == "P" and query.targets[0].op is None):
        return False
    model, name = fit.model, query.targets[0].variable.name
    definition = model.definition_of.get(name)
    if definition is None or name not in of_a_row(fit):
        return False
    plates = model.by_name[name].plates
    behind = [model.by_name[n] for n in names_behind(model, definition) if n in of_a_row(fit)]
    labels = [v for v in behind if v.role == "random"]
    return (
        bool(labels)
        and all(v.role in ("random", "input", "derived") for v in behind)
        and all(v.plates == plates and model.array_axes(v) == model.batch_axes(plates) for v in labels)
        and all(model.labels_of(v.type) is not None for v in labels)
        and math.prod(len(model.labels_of(v.type) or ()) for v in labels) <= MOST
        and not any(isinstance(n, Ref) and n.lag for n in nodes_behind(model, definition))
    )


def answer_by_labels(fit: Fit, query: Query, ask: Callable[[Query], Answer]) -> Answer | None:
    """The answer from that about the labels together, as ``ask`` finds it. None where that has a Monte Carlo error, or the
    name hangs on draws of the globals too. Raises PgmError as these."""
    from pgmlang.query.fresh_row import row_of

    hard = tuple(e for e in query.evidence if e.value is not None)
    row = row_of(fit, hard, query.interventions, 0, 1, 1)
    name = query.targets[0].variable.name
    behind = names_behind(fit.model, fit.model.definition_of[name])
    labels = [v.name for v in fit.model.of_role("random") if v.name in behind and v.name in of_a_row(fit)]
    told = {e.variable.name for e in (*hard, *query.interventions)}
    unknown = [n for n in labels if n not in told]
    if not row.is_point:
        return None
    shares, log_evidence = np.ones(1), 0.0
    combinations: list[tuple[int, ...]] = [()]
    if unknown:
        span = query.targets[0].variable.span
        targets = tuple(Event(QueryVariable(n, span)) for n in unknown)
        joint = ask(replace(query, kind="P", targets=targets))
        texts = [tuple(fit.model.labels_of(fit.model.by_name[n].type) or ()) for n in unknown]
        combinations = list(product(*(range(len(t)) for t in texts)))
        if any("mcse" in line for line in joint.table) or len(joint.table) != len(combinations):
            return None
        by_labels = {tuple(line[n] for n in unknown): line["p"] for line in joint.table}
        shares = np.array([by_labels[tuple(t[k] for t, k in zip(texts, c, strict=True))] for c in combinations])
        log_evidence = joint.log_evidence
    elif query.evidence:
        return None
    values = _values(row.as_one_draw(), name, unknown, combinations)
    lines = Draws(row.joint, {name: values}, {}, shares).answer(query)
    exact = tuple({k: v for k, v in line.items() if k != "mcse"} for line in lines)
    return Answer(query.text, fit.method, (name,), exact, log_evidence)


def _values(rows: NewRows, name: str, labels: list[str], combinations: list[tuple[int, ...]]) -> torch.Tensor:
    """Of the name at each combination of codes, ``[C, *shape]``."""
    import torch

    from pgmlang.density.simulation import deterministic_values

    joint = rows.joint
    codes = np.array(combinations, dtype=np.int64).reshape(len(combinations), len(labels))
    count = len(combinations)
    given = {k: v.expand(count, *v.shape[1:]) for k, v in rows.given.items() if k not in labels}
    for i, label in enumerate(labels):
        shape = joint.shape_of(label)
        given[label] = torch.as_tensor(codes[:, i]).reshape(count, *[1] * len(shape)).expand(count, *shape)
    seen = {k: v.expand(count, *v.shape) for k, v in joint.observed.items() if k not in labels}
    values = deterministic_values(joint, {**seen, **given}, rows.params, rows.nets, (name,))[name]
    return values.expand(count, *joint.shape_of(name))

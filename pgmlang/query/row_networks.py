"""Rows of new data by the networks of their own: one for each set of rows that share inputs and outer elements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import RowGroup, plates_told_apart, row_groups
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model.evaluate import Evaluator
from pgmlang.query.answer import Answer
from pgmlang.query.network import NetworkAnswers
from pgmlang.query.parse import Evidence, Query
from pgmlang.query.rows import Columns, impossible_rows
from pgmlang.tables.from_model import iid_plate, row_network
from pgmlang.tables.learned import learned_tables, prior_counts, table_shape

if TYPE_CHECKING:
    from pgmlang.results.fit import Fit


def are_alike(fit: Fit) -> bool:
    """Whether each row of the fit's model is a network by itself, given what is learned."""
    alike, plate = iid_plate(fit.model, fit.parameters)
    return alike and plate is not None


def outer_plates(fit: Fit) -> tuple[str, ...]:
    """Outer plates whose elements have tables, params or inputs of their own, outermost first."""
    plate = iid_plate(fit.model, fit.parameters)[1] if are_alike(fit) else None
    return plates_told_apart(fit.model, plate) if plate is not None else ()


def predict_rows(fit: Fit, binding: Binding, targets: list[str] | None = None) -> Columns:
    """``query.rows.predict`` where rows may differ in their inputs and outer elements: the most probable label and the
    probabilities of every variable that the data leave open, and the log evidence, one row each."""
    groups = list(_groups(fit, binding))
    num_rows = binding.sizes[binding.plate]
    first = NetworkAnswers(groups[0].unrolled.network)
    if targets is None:
        names = [v.name for i, v in enumerate(first.network.variables) if any(_is_open(g, i) for g in groups)]
    else:
        names = targets
    indices = [first.variable(n, None) for n in names]
    labels = [np.array(first.network.variables[i].labels, dtype=object) for i in indices]
    tables = [np.full((num_rows, len(own)), np.nan) for own in labels]
    evidence = np.full(num_rows, np.nan)
    for group in groups:
        answers = NetworkAnswers(group.unrolled.network)
        found = answers.engine.marginals(group.evidence, indices, num_rows=len(group.weights))
        for table, index in zip(tables, indices, strict=True):
            table[group.members] = found.tables[index][group.inverse]
        evidence[group.members] = (found.log_evidence - answers.log_partition)[group.inverse]
    columns: dict[str, list[str] | np.ndarray] = {}
    for name, own, table in zip(names, labels, tables, strict=True):
        possible = np.isfinite(table).all(axis=1)
        columns[name] = np.where(possible, own[np.argmax(np.nan_to_num(table), axis=1)], "").tolist()
        columns |= {f"P({name} = {label})": table[:, code] for code, label in enumerate(own)}
    columns["log_evidence"] = evidence
    return Columns(columns, impossible_rows(evidence))


def score_rows(fit: Fit, binding: Binding) -> np.ndarray:
    """Log-likelihood of each row, missing cells summed out, shape (rows,)."""
    out = np.full(binding.sizes[binding.plate], np.nan)
    for group in _groups(fit, binding):
        answers = NetworkAnswers(group.unrolled.network)
        value = (
            np.asarray(answers.engine.log_z(group.evidence, num_rows=len(group.weights))) - answers.log_partition
        )
        out[group.members] = np.broadcast_to(value, len(group.weights))[group.inverse]
    return out


def _is_open(group: RowGroup, node: int) -> bool:
    return node not in group.evidence or bool((group.evidence[node] < 0).any())


def _groups(fit: Fit, binding: Binding) -> Iterator[RowGroup]:
    known = {k: v for k, v in fit.parameters.items() if k not in binding.values}
    yield from row_groups(replace(binding, weights=None), _widened(fit, binding, known), {})


def _widened(fit: Fit, binding: Binding, known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The fit's tables and params with entries for elements of outer plates that only the new data have: the mean of a
    table's prior. Raises PgmError PGM0705 where there is none."""
    out = dict(known)
    here = Evaluator(binding.model, {}, binding.sizes, binding.labels, binding.membership)
    tables = {t.name: t for t in learned_tables(binding.model)}
    for name, array in known.items():
        table = tables.get(name)
        variable = binding.model.by_name.get(name)
        if table is not None:
            axes: tuple[str, ...] = table.distribution.by
            wanted = table_shape(here, table)
            prior = prior_counts(table, wanted)
        elif variable is not None:
            axes = here.array_axes(variable)
            wanted, prior = tuple(here.size(a) for a in axes), 0.0
        else:
            continue
        if tuple(array.shape) == tuple(wanted):
            continue
        grown = [(a, old) for a, old, new in zip(axes, array.shape, wanted, strict=False) if new != old]
        if not prior or not grown:
            plate, old = grown[0] if grown else (axes[0] if axes else binding.plate, 0)
            element = binding.labels.get(plate, ())[old : old + 1]
            subject = f"`{element[0]}` is a new `{plate}`" if element else f"there are new elements of `{plate}`"
            target = name.partition(".")[0]
            cure = "leave such rows out, or fit with `Table(..., prior = 1, by = ...)`" if table is not None else (
                "leave such rows out, or fit again with data of it"
            )  # fmt: skip
            raise PgmError(Diagnostic("PGM0705", f"{subject}: the fit knows no `{target}` of it", help=cure))
        full = np.full(wanted, 1.0 / wanted[-1])
        full[tuple(slice(0, n) for n in array.shape)] = array
        out[name] = full
    return out


# ---- questions about a fresh row of an outer element


def of_element(fit: Fit, items: Iterable[Evidence]) -> tuple[NetworkAnswers, tuple[Evidence, ...]]:
    """The network of a fresh row of the outer elements that the evidence names (``school = A``), and the rest of the
    evidence. Raises PgmError PGM0607 where an element is not named, or not known."""
    plates = outer_plates(fit)
    rest: list[Evidence] = []
    elements: dict[str, int] = {}
    for item in items:
        plate = item.variable.name
        if plate not in plates:
            rest.append(item)
            continue
        labels = fit.labels.get(plate) or tuple(str(i) for i in range(fit.sizes.get(plate, 0)))
        if item.value is None or item.value not in labels:
            near = did_you_mean(item.value or "", labels) or "its elements: " + ", ".join(labels[:12])
            raise PgmError(
                Diagnostic("PGM0607", f"`{item.value}` is no element of `{plate}`", item.span, help=near)
            )
        elements[plate] = labels.index(item.value)
    for plate in plates:
        if plate not in elements:
            labels = fit.labels.get(plate) or ("0",)
            message = f"each `{plate}` has numbers of its own: the question does not say which is meant"
            raise PgmError(Diagnostic("PGM0607", message, help=f"say which: `P(... | {plate} = {labels[0]})`"))
    network = row_network(fit.model, fit.parameters, fit.sizes, fit.labels, elements=elements)
    fields = frozenset(v.name for v in fit.model.of_role("field"))
    return NetworkAnswers(network, fields), tuple(rest)


class ElementAnswers:
    """What answers questions about a fit whose outer elements have tables or params of their own."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit

    def answer(self, query: Query) -> Answer:
        """As ``NetworkAnswers.answer``, the outer element named among the evidence."""
        answers, rest = of_element(self.fit, query.evidence)
        return answers.answer(replace(query, evidence=rest))

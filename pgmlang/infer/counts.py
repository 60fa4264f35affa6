"""Sufficient statistics of tables: counts of every table's cells, additive over batches of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import bound_evaluator, weight_array
from pgmlang.diagnostics import Diagnostic
from pgmlang.model import Choice, Conditional, Dist, Distribution, Model, TableDist
from pgmlang.model.expr import Ref
from pgmlang.model.named import NamedArray, take
from pgmlang.model.row_plates import row_plate
from pgmlang.tables.conditionals import as_codes, dist_probabilities, value_labels
from pgmlang.tables.context import ElementContext
from pgmlang.tables.evaluate import Evaluator
from pgmlang.tables.finite import CHILD
from pgmlang.tables.learned import Table, given_values, learned_tables, prior_counts, table_shape, tables_of


@dataclass(frozen=True, eq=False)
class Statistics:
    """Of some rows: ``counts`` of every table, given or learned; ``others``: the log-likelihood of conditionals
    that are no tables; ``total``: the sum of the rows' weights. The sum of two is that of both sets of rows."""

    counts: dict[str, np.ndarray]
    others: float
    total: float

    def __add__(self, more: Statistics) -> Statistics:
        counts = {name: array + more.counts[name] for name, array in self.counts.items()}
        return Statistics(counts, self.others + more.others, self.total + more.total)


def summarize(binding: Binding, fixed: Mapping[str, np.ndarray] | None = None) -> Statistics:
    """The statistics of the rows in which a table's variables are all known (available cases)."""
    model = binding.model
    evaluator = bound_evaluator(binding, fixed)
    weights = weight_array(binding)
    plate = row_plate(model)
    weighted = NamedArray(weights, (plate,)) if weights is not None and plate is not None else None
    tables = {id(t.distribution): t for t in tables_of(model)}
    counts = {t.name: np.zeros(table_shape(evaluator, t)) for t in tables.values()}
    others = 0.0
    for conditional in model.conditionals:
        if conditional.target not in binding.values:
            continue
        target = _Target(evaluator, conditional, weighted)
        others += target.add(conditional.distribution, None, tables, counts)
    total = float(weights.sum()) if weights is not None else float(binding.sizes.get(plate or "", 1))
    return Statistics(counts, others, total)


class _Target:
    """The data of one conditional."""

    def __init__(self, evaluator: Evaluator, conditional: Conditional, weights: NamedArray | None) -> None:
        self.evaluator = evaluator
        self.context: ElementContext = evaluator.context(conditional.plates)
        self.variable = evaluator.model.by_name[conditional.target]
        self.axes = evaluator.model.array_axes(self.variable)
        self.codes = as_codes(np.asarray(evaluator.values[conditional.target]))
        self.weights = weights if weights is not None and weights.axes[0] in self.axes else None

    def add(
        self,
        distribution: Distribution,
        mask: np.ndarray | None,
        tables: Mapping[int, Table],
        counts: dict[str, np.ndarray],
    ) -> float:
        """Adds to ``counts``; returns the log-likelihood of what is no table. ``mask``: the cells meant."""
        if isinstance(distribution, Choice):
            condition = self.evaluator.evaluate(distribution.condition, self.context)
            chosen = np.broadcast_to(condition.to(self.axes), self.codes.shape).astype(bool)
            here = chosen if mask is None else mask & chosen
            there = ~chosen if mask is None else mask & ~chosen
            return self.add(distribution.then, here, tables, counts) + self.add(
                distribution.otherwise, there, tables, counts
            )
        if isinstance(distribution, TableDist):
            self._count(tables[id(distribution)], mask, counts)
            return 0.0
        assert isinstance(distribution, Dist)
        return self._log_likelihood(distribution, mask)

    def _column(self, parent: Ref) -> np.ndarray:
        """Codes of a parent, ready to broadcast with the target's."""
        return self.evaluator.codes(parent, self.context).to(self.axes)

    def _count(self, table: Table, mask: np.ndarray | None, counts: dict[str, np.ndarray]) -> None:
        parents = table.distribution.parents
        if any(not self._is_known(p) for p in parents):
            return
        shape = counts[table.name].shape
        columns = [self._element(axis) for axis in table.distribution.by]
        columns += [self._column(p) for p in parents]
        flat = np.zeros((), dtype=np.int64)
        keep = mask
        for column, size in zip([*columns, self.codes], shape, strict=True):
            flat = flat * size + column
            if column.size and int(column.min()) < 0:
                seen = np.broadcast_to(column >= 0, self.codes.shape)
                keep = seen if keep is None else keep & seen
        flat = np.broadcast_to(flat, self.codes.shape)
        weights = None
        if self.weights is not None:
            weights = np.broadcast_to(self.weights.to(self.axes), self.codes.shape)
        if keep is not None:
            flat = flat[keep]
            weights = weights[keep] if weights is not None else None
        frequencies = np.bincount(
            flat.ravel(), None if weights is None else weights.ravel(), minlength=counts[table.name].size
        )
        counts[table.name] += frequencies.reshape(shape)

    def _is_known(self, parent: Ref) -> bool:
        variable = self.evaluator.model.by_name[parent.name]
        needed = [variable.name] if variable.role != "derived" else self._behind(variable.name)
        return all(n in self.evaluator.values for n in needed)

    def _behind(self, name: str) -> list[str]:
        return list(self.evaluator.model.random_parents(self.evaluator.model.definition_of[name]))

    def _element(self, axis: str) -> np.ndarray:
        index = self.context.coordinates.get(axis)
        return (NamedArray(np.arange(self.evaluator.layout.size(axis)), (axis,)) if index is None else index).to(
            self.axes
        )

    def _log_likelihood(self, distribution: Dist, mask: np.ndarray | None) -> float:
        size = len(value_labels(self.evaluator, self.variable))
        if any(n not in self.evaluator.values for n in self._parents(distribution)):
            return 0.0
        table = dist_probabilities(self.evaluator, self.variable, distribution, self.context, size)
        p = take(table, {CHILD: NamedArray(np.maximum(self.codes, 0), self.axes)}).to(self.axes)
        keep = self.codes >= 0 if mask is None else mask & (self.codes >= 0)
        with np.errstate(divide="ignore"):
            log_p = np.log(np.broadcast_to(p, self.codes.shape))
        if self.weights is not None:
            log_p = log_p * self.weights.to(self.axes)
        return float(log_p[keep].sum())

    def _parents(self, distribution: Dist) -> tuple[str, ...]:
        probe = Conditional(self.variable.name, distribution, self.variable.plates)
        return self.evaluator.model.random_parents(probe)


def normalise(counts: np.ndarray, prior: float) -> np.ndarray:
    """The posterior mean of each row under a Dirichlet prior; without one the maximum likelihood, and a row
    without counts stays uniform."""
    cells = counts + prior
    total = cells.sum(axis=-1, keepdims=True)
    return np.where(total > 0, cells / np.where(total > 0, total, 1.0), 1.0 / counts.shape[-1])


def estimate(model: Model, counts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every learned table from its counts."""
    learned = (t for t in tables_of(model) if t.is_learned)
    return {t.name: normalise(counts[t.name], prior_counts(t, counts[t.name].shape)) for t in learned}


def with_counts(
    model: Model, parameters: dict[str, np.ndarray], counts: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Parameters and the counts behind each learned table."""
    tables = [t for t in learned_tables(model) if t.name in parameters and t.name in counts]
    return {**parameters, **{t.counts_name: counts[t.name] for t in tables}}


def log_likelihood(evaluator: Evaluator, statistics: Statistics, parameters: Mapping[str, np.ndarray]) -> float:
    """log p(rows | tables): the sum of counts times log probabilities."""
    total = statistics.others
    for table in tables_of(evaluator.model):
        values = parameters[table.name] if table.is_learned else given_values(evaluator, table)
        total += _sum_log(statistics.counts[table.name], values)
    return total


def _sum_log(counts: np.ndarray, values: np.ndarray) -> float:
    seen = counts > 0
    with np.errstate(divide="ignore"):
        return float((counts[seen] * np.log(values[seen])).sum())


def log_prior(model: Model, parameters: Mapping[str, np.ndarray]) -> float:
    """The sum of prior counts times log probabilities: what EM with these priors adds to its objective."""
    out = 0.0
    for table in tables_of(model):
        prior = prior_counts(table, parameters[table.name].shape) if table.is_learned else 0.0
        if prior:
            with np.errstate(divide="ignore"):
                out += prior * float(np.log(parameters[table.name]).sum())
    return out


def unseen_rows(model: Model, counts: Mapping[str, np.ndarray]) -> tuple[Diagnostic, ...]:
    """One warning that counts the rows that no data reached, of tables without a prior."""
    tables_unseen = []
    span = None
    for table in tables_of(model):
        if table.is_learned and table.distribution.prior is None:
            totals = counts[table.name].sum(axis=-1)
            empty = int((totals <= 0).sum())
            if empty:
                tables_unseen.append((empty, totals.size, table.target))
                span = span or table.distribution.span
    if not tables_unseen:
        return ()
    number = sum(n for n, _, _ in tables_unseen)
    listed = ", ".join(f"{n} of {m} of `{name}`" for n, m, name in tables_unseen[:8])
    more = f", and {len(tables_unseen) - 8} more tables" if len(tables_unseen) > 8 else ""
    message = f"{number} table row{'s' if number > 1 else ''} without data, uniform: {listed}{more}"
    return (Diagnostic("PGM0802", message, span, help="give the tables a prior: `prior = 1`"),)

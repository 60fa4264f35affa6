"""The conditional probability tables of a model: their names, shapes, priors and given rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Choice, Distribution, Model, TableDist, Variable
from pgmlang.model.branches import branches
from pgmlang.model.expr import Apply, First
from pgmlang.model.named import check_cells
from pgmlang.tables.evaluate import Evaluator


@dataclass(frozen=True)
class Table:
    """A table of the model. ``number``: 1, or which one of the same variable's (chosen by ``if``) it is. ``name`` and
    ``counts_name``: of its probabilities and of the counts behind them in a fit, ``NAME.table`` and ``NAME.counts``, of a
    second one ``NAME.table2`` and ``NAME.counts2``."""

    target: str
    number: int
    distribution: TableDist

    @property
    def name(self) -> str:
        return f"{self.target}.table{self._suffix}"

    @property
    def counts_name(self) -> str:
        return f"{self.target}.counts{self._suffix}"

    @property
    def _suffix(self) -> str:
        return "" if self.number == 1 else str(self.number)

    @property
    def is_learned(self) -> bool:
        return self.distribution.rows is None


def tables_of(model: Model) -> tuple[Table, ...]:
    """Every table of the model, given or learned."""
    return model.once(_tables)


def _tables(model: Model) -> tuple[Table, ...]:
    out: list[Table] = []
    for conditional in model.conditionals:
        tables = [d for d in branches(conditional.distribution) if isinstance(d, TableDist)]
        out += [Table(conditional.target, i + 1, table) for i, table in enumerate(tables)]
    return tuple(out)


def learned_tables(model: Model) -> tuple[Table, ...]:
    """The tables whose rows are fitted."""
    return tuple(t for t in tables_of(model) if t.is_learned)


def is_of_first_rows(model: Model, table: Table) -> bool:
    """Whether a table is that of the first rows of sequences alone: ``if first then Table() else ...``."""
    return _is_first(model.conditional_of[table.target].distribution, table.distribution)


def _is_first(distribution: Distribution, table: TableDist) -> bool:
    if not isinstance(distribution, Choice):
        return False
    first: tuple[Distribution, ...] = ()
    match distribution.condition:
        case First():
            first = tuple(branches(distribution.then))
        case Apply(function="not", arguments=(First(),)):
            first = tuple(branches(distribution.otherwise))
    if any(d is table for d in first):
        return True
    return _is_first(distribution.then, table) or _is_first(distribution.otherwise, table)


def num_values(evaluator: Evaluator, variable: Variable) -> int:
    """Number of values of a discrete variable. Raises PgmError while its labels are not known."""
    labels = evaluator.labels_of(variable.type)
    if labels is None:
        message = f"the labels of `{variable.name}` are not known"
        raise PgmError(Diagnostic("PGM0407", message, variable.span, help="write them out, or bind data"))
    return len(labels)


def table_shape(evaluator: Evaluator, table: Table) -> tuple[int, ...]:
    """(elements of ``by``, sizes of the parents in order, labels of the target)."""
    by_name = evaluator.model.by_name
    parents = [num_values(evaluator, by_name[p.name]) for p in table.distribution.parents]
    by = evaluator.layout.shape(table.distribution.by)
    return (*by, *parents, num_values(evaluator, by_name[table.target]))


def prior_counts(table: Table, shape: tuple[int, ...]) -> float:
    """The Dirichlet counts that a prior adds to each cell; BDeu spreads its size over a table's cells."""
    prior = table.distribution.prior
    if prior is None:
        return 0.0
    kind, size = prior
    if kind == "bdeu":
        return size / math.prod(shape[len(table.distribution.by) :])
    return size


def given_values(evaluator: Evaluator, table: Table) -> np.ndarray:
    """The array of a table that is written out; a row whose sum is off by rounding is normalised."""
    shape = table_shape(evaluator, table)
    check_cells(shape, f"`{table.target}`")
    values = np.array(table.distribution.rows, dtype=float).reshape(shape)
    return values / values.sum(axis=-1, keepdims=True)


def table_values(evaluator: Evaluator, table: Table, parameters: dict[str, np.ndarray]) -> np.ndarray:
    """A table's probabilities: the given rows, or those of ``parameters``. Raises PGM0610 without them."""
    if not table.is_learned:
        return given_values(evaluator, table)
    if table.name not in parameters:
        raise PgmError(
            Diagnostic(
                "PGM0610",
                f"the table of `{table.target}` is not known: it is learned from data",
                table.distribution.span,
                help="fit the model first, or write the rows of the table",
            )
        )
    return np.asarray(parameters[table.name], dtype=float)

"""Rows of a network of a file, a column for each variable: every row is an instance of the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.posterior.condition import Conditioned
from pgmlang.query.rows import Columns, impossible_rows
from pgmlang.query.score import Score


def _evidence(given: Conditioned) -> tuple[dict[int, np.ndarray], int]:
    """Codes of what the rows say by the variable's index, -1 at missing cells, and the number of rows."""
    index = given.posterior.tables.network.index
    rows: Binding = given.bound
    return {index[n]: codes for n, codes in rows.values.items()}, rows.sizes[rows.plate]


def score_network_rows(given: Conditioned) -> Score:
    """ln P of what each row says, missing cells summed out."""
    answers = given.posterior.tables
    evidence, count = _evidence(given)
    log_evidence = answers.engine.log_z(evidence, num_rows=count) - answers.log_partition
    return Score(log_evidence, given.bound.plate, "exact")


def predict_network_rows(given: Conditioned, targets: Sequence[str] | None = None) -> Columns:
    """For each row the most probable label and the probabilities of all labels of each target (default: what is not fully
    given), and ln P of what the row says. Raises PgmError PGM0607 for an unknown target."""
    answers = given.posterior.tables
    evidence, count = _evidence(given)
    network = answers.network
    for name in targets or ():
        if name not in network.index:
            raise PgmError(Diagnostic("PGM0607", f"there is no variable `{name}`",
                                      help=did_you_mean(name, network.index)))  # fmt: skip
    open_ = [v for v in range(len(network.variables)) if v not in evidence or (evidence[v] < 0).any()]
    wanted = open_ if targets is None else [network.index[n] for n in targets]
    marginals = answers.engine.marginals(evidence, wanted, num_rows=count)
    columns: dict[str, list[str] | np.ndarray] = {}
    for v in wanted:
        variable, table = network.variables[v], marginals.tables[v]
        labels = np.array(variable.labels, dtype=object)
        possible = np.isfinite(table).all(axis=1)
        columns[variable.name] = np.where(possible, labels[np.argmax(np.nan_to_num(table), axis=1)], "").tolist()
        for code, label in enumerate(variable.labels):
            columns[f"P({variable.name} = {label})"] = table[:, code]
    log_evidence = columns["log_evidence"] = marginals.log_evidence - answers.log_partition
    return Columns(columns, impossible_rows(log_evidence, None), given.bound.plate)

"""Nothing to learn: the tables are given. One pass computes the log-evidence of the data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from pgmlang.binding.row_groups import RowGroup, row_groups
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact import ExactEngine
from pgmlang.infer.base import Facts, Info, Kernel, Method, Options, Outcome, Problem, Verdict
from pgmlang.model import Model
from pgmlang.plan.table_reasons import table_reasons, width_reasons, width_words
from pgmlang.tables.learned import learned_tables


@dataclass(frozen=True, kw_only=True)
class ExactOptions(Options):
    """Nothing to choose."""


def supports(model: Model, facts: Facts) -> Verdict:
    """Discrete variables, all tables and params known, a narrow enough graph."""
    reasons = list(table_reasons(model, facts))
    for table in learned_tables(model):
        if table.name not in facts.fixed:
            message = f"the table of `{table.target}` is to be learned"
            reasons.append(Diagnostic("PGM0602", message, table.distribution.span))
    return Verdict.of(reasons or width_reasons(model, facts))


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    return ("every table is given: nothing to learn, answers are exact", *width_words(model, facts))


def log_partition(group: RowGroup, engine: ExactEngine) -> float:
    """log Z of the undirected part of a group's network; the directed one sums to one."""
    undirected = any(f.child is None for f in group.unrolled.network.factors)
    return float(engine.log_z()[0]) if undirected else 0.0


def impossible_row(group: RowGroup, log_evidence: np.ndarray, source: str) -> PgmError:
    """PGM0609 for the first row of probability zero, with its values."""
    distinct = int(np.flatnonzero(np.isneginf(log_evidence))[0])
    row = int(group.members[np.flatnonzero(group.inverse == distinct)[0]])
    variables = group.unrolled.network.variables
    seen = [
        f"{variables[v].name} = {variables[v].labels[int(codes[distinct])]}"
        for v, codes in group.evidence.items()
        if codes[distinct] >= 0
    ]
    shown = ", ".join(seen[:6]) + (", ..." if len(seen) > 6 else "")
    return PgmError(
        Diagnostic(
            "PGM0609",
            f"row {row + 1} has probability zero: {shown}",
            place=source,
            help="a given table excludes it: correct the row, or the table",
        )
    )


def _step(problem: Problem, state: float | None) -> tuple[float, Info]:
    total = 0.0
    for group in row_groups(problem.binding, problem.fixed, problem.fixed):
        engine = ExactEngine(group.unrolled.network)
        log_z = engine.log_z(group.evidence, num_rows=len(group.weights))
        if np.isneginf(log_z[group.weights > 0]).any():
            raise impossible_row(group, log_z, problem.binding.source)
        total += float(group.weights @ (log_z - log_partition(group, engine)))
    return total, Info(total, total)


def build(problem: Problem, options: ExactOptions) -> Kernel:
    def conclude(state: float) -> Outcome:
        return Outcome(dict(problem.fixed), (state,), True, log_likelihood=state)

    return Kernel(lambda rng: None, partial(_step, problem), lambda s: s is not None, conclude)


METHOD = Method("exact", "exact answers where everything is known", ExactOptions, supports, reasons, build,
                idle=lambda model, facts, options: {"device": "tables are contracted on the CPU"},
                when=lambda model: None if learned_tables(model) else "")  # fmt: skip

"""Most probable explanation and marginal MAP: maximum in place of the sum (Dawid 1992)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgmlang.exact.backtrack import backtrack, first_largest
from pgmlang.exact.compiled import CompiledNetwork
from pgmlang.exact.contract import ForwardTables, forward
from pgmlang.exact.evidence import Evidence, EvidenceRows, Soft, prepare
from pgmlang.exact.plan import contraction_plan
from pgmlang.exact.program import ContractionProgram, Leaf
from pgmlang.exact.query import CompiledQuery, order_for


def fill_observed(codes: np.ndarray, rows: EvidenceRows, row_of: np.ndarray) -> None:
    """Write the evidence into ``codes`` (configurations, variables)."""
    for v, code in rows.fixed.items():
        codes[:, v] = code
    for v, column in rows.hard.items():
        codes[:, v] = column[row_of]


def mpe(engine: CompiledNetwork, evidence: Evidence | None, soft: Soft | None, num_rows: int | None) -> tuple[
    np.ndarray, np.ndarray
]:  # fmt: skip
    """(codes (rows, variables), log value (rows,)); impossible evidence: codes -1 and -inf."""
    rows = prepare(engine.network, evidence, soft, num_rows)
    codes = np.zeros((rows.num_rows, len(engine.network.variables)), dtype=np.int64)
    log_value = np.zeros(rows.num_rows)
    if rows.num_rows:
        query = engine.query(rows, None, space="max")
        for piece, chunk in engine.chunks(query, rows):
            done = engine.run_forward(query, chunk)
            row_of = np.arange(chunk.num_rows)
            fill_observed(codes[piece], chunk, row_of)
            backtrack(query.program, done, codes[piece], row_of, first_largest)
            log_value[piece] = done.log_z
    codes[np.isneginf(log_value)] = -1
    return rows.restore(codes), rows.restore(log_value)


def _second_stage(
    engine: CompiledNetwork, query: CompiledQuery, done: ForwardTables, targets: Sequence[int], num_rows: int
) -> tuple[ContractionProgram, ForwardTables]:
    """Maximise over the targets what summing the others left, as a program of its own."""
    program = query.program
    leaves, arrays, rows = [], [], []
    for root in program.plan.roots:
        if not program.scopes[root]:
            continue
        values = done.values[root]
        assert values is not None
        if program.space == "linear":
            with np.errstate(divide="ignore"):
                values = np.log(values)
        leaves.append(Leaf(program.scopes[root], program.has_rows[root], 0.0, False))
        arrays.append(values)
        rows.append(done.rows[root])
    sizes = engine.network.sizes
    order = order_for(leaves, sizes, targets, (), num_rows).order
    masks = [sum(1 << v for v in leaf.scope) for leaf in leaves]
    plan = contraction_plan(masks, [1.0] * len(leaves), sizes, order)
    second = ContractionProgram(plan, tuple(leaves), sizes, "max")
    return second, forward(second, arrays, rows, num_rows)


def marginal_map(
    engine: CompiledNetwork,
    targets: Sequence[int],
    evidence: Evidence | None,
    soft: Soft | None,
    num_rows: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """(codes (rows, targets), log P(targets, evidence) (rows,)); impossible evidence: codes -1 and -inf.

    The others are summed out before (a constrained elimination order), so it can be much wider than the MPE.
    """
    rows = prepare(engine.network, evidence, soft, num_rows)
    codes = np.zeros((rows.num_rows, len(engine.network.variables)), dtype=np.int64)
    log_value = np.zeros(rows.num_rows)
    hidden = [v for v in dict.fromkeys(targets) if v not in rows.fixed and v not in rows.hard]
    if rows.num_rows:
        # Logarithms throughout: a maximum compares values that may differ by more than a double holds.
        query = engine.query(rows, tuple(targets), outputs=tuple(hidden), join=False, space="log")
        for piece, chunk in engine.chunks(query, rows):
            done = engine.run_forward(query, chunk)
            second, best = _second_stage(engine, query, done, hidden, chunk.num_rows)
            row_of = np.arange(chunk.num_rows)
            fill_observed(codes[piece], chunk, row_of)
            backtrack(second, best, codes[piece], row_of, first_largest)
            log_value[piece] = best.log_z + _constant(query, done) + query.scale + chunk.log_scale()
    codes[np.isneginf(log_value)] = -1
    return rows.restore(codes[:, list(targets)]), rows.restore(log_value)


def _constant(query: CompiledQuery, done: ForwardTables) -> np.ndarray:
    """Log of the roots without targets (parts of the network that no target meets), (rows,)."""
    total = np.zeros(len(done.log_z))
    for root in query.program.plan.roots:
        if not query.program.scopes[root]:
            values, rows = done.values[root], done.rows[root]
            assert values is not None
            total += rows.expand(values) if rows is not None else values
    return total

"""Draws from the joint posterior: forward pass, then each variable given those drawn before it (Dawid 1992)."""

from __future__ import annotations

import numpy as np

from pgmlang.exact.backtrack import backtrack, drawn
from pgmlang.exact.compiled import CompiledNetwork
from pgmlang.exact.contract import is_suspect
from pgmlang.exact.evidence import Evidence, EvidenceRows, Soft, prepare
from pgmlang.exact.mpe import fill_observed

# Draws made at once: codes and weights of one step stay in the cache.
_AT_ONCE = 1 << 16


def posterior_sample(
    engine: CompiledNetwork,
    evidence: Evidence | None,
    num_draws: int,
    rng: np.random.Generator,
    soft: Soft | None,
    num_rows: int | None,
) -> np.ndarray:
    """Codes (rows, draws, variables) of independent draws; -1 in rows of impossible evidence."""
    rows = prepare(engine.network, evidence, soft, num_rows)
    codes = np.empty((rows.num_given, num_draws, len(engine.network.variables)), dtype=np.int64)
    inverse = rows.inverse if rows.inverse is not None else np.arange(rows.num_given)
    _sample(engine, rows, inverse, codes, rng, engine.space_for(rows))
    return codes


def _sample(
    engine: CompiledNetwork,
    rows: EvidenceRows,
    inverse: np.ndarray,
    codes: np.ndarray,
    rng: np.random.Generator,
    space: str,
) -> None:
    """Fill ``codes`` (given rows, draws, variables); ``inverse``: the distinct row of each given row."""
    if not codes.size:
        return
    draws, width = codes.shape[1:]
    query = engine.query(rows, None, space=space)
    for piece, chunk in engine.chunks(query, rows):
        done = engine.run_forward(query, chunk)
        given = np.flatnonzero((inverse >= piece.start) & (inverse < piece.stop))
        local = inverse[given] - piece.start
        again = is_suspect(query.program, done)[local]
        easy, rows_left = given[~again], local[~again]
        pick = drawn(rng, space != "linear")
        step = max(1, _AT_ONCE // max(draws, 1))
        for start in range(0, len(easy), step):
            row_of = np.repeat(rows_left[start : start + step], draws)
            block = np.zeros((len(row_of), width), dtype=np.int64)
            fill_observed(block, chunk, row_of)
            backtrack(query.program, done, block, row_of, pick)
            block[np.isneginf(done.log_z[row_of])] = -1
            codes[easy[start : start + step]] = block.reshape(-1, draws, width)
        if again.any():
            distinct, local = np.unique(inverse[given[again]], return_inverse=True)
            block = np.empty((len(local), draws, width), dtype=np.int64)
            _sample(engine, rows.take(distinct), local.reshape(-1), block, rng, "log")
            codes[given[again]] = block

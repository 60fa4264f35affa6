"""Expected counts of the cells of every factor: the E-step, the gradient of the log-evidence by log tables."""

from __future__ import annotations

import numpy as np

from pgmlang.exact.compiled import CompiledNetwork
from pgmlang.exact.contract import backward, is_suspect, normalised
from pgmlang.exact.evidence import Evidence, EvidenceRows, Soft, prepare
from pgmlang.exact.leaves import LeafSource
from pgmlang.exact.rows import RowIndex


def expected_counts(
    engine: CompiledNetwork,
    evidence: Evidence | None,
    weights: np.ndarray | None,
    soft: Soft | None,
    num_rows: int | None,
) -> tuple[list[np.ndarray], np.ndarray]:
    """(counts, one array a factor with the shape of its table, summed over rows; log-evidence (rows,)).

    ``weights``: (rows,) how often each row counts. Rows of impossible evidence count nothing.
    """
    rows = prepare(engine.network, evidence, soft, num_rows)
    given = np.ones(rows.num_given) if weights is None else np.asarray(weights, dtype=np.float64)
    if given.shape != (rows.num_given,):
        raise ValueError(f"weights must have shape ({rows.num_given},)")
    # Equal rows are done once, with the sum of their weights.
    total = given if rows.inverse is None else np.bincount(rows.inverse, given, minlength=rows.num_rows)
    counts = [np.zeros(factor.values.shape) for factor in engine.network.factors]
    log_z = np.zeros(rows.num_rows)
    if rows.num_rows:
        _count(engine, rows, total, counts, log_z, engine.space_for(rows))
    return counts, rows.restore(log_z)


def _count(
    engine: CompiledNetwork,
    rows: EvidenceRows,
    weights: np.ndarray,
    counts: list[np.ndarray],
    log_z: np.ndarray,
    space: str,
) -> None:
    grouped = engine.groups(rows, None, space)
    if grouped:
        for members, chunk in grouped:
            exact = np.zeros(len(members))
            _count(engine, chunk, weights[members], counts, exact, space)
            log_z[members] = exact
        return
    query = engine.query(rows, None, space=space)
    sources = [(leaf, source) for leaf, source in enumerate(query.sources) if source.factor is not None]
    wanted = tuple((leaf, source.rest) for leaf, source in sources)
    passes = query.backward(wanted)
    for piece, chunk in engine.chunks(query, rows):
        done = engine.run_forward(query, chunk)
        log_z[piece] = done.log_z
        share = np.where(np.isneginf(done.log_z), 0.0, weights[piece])
        with np.errstate(invalid="ignore", divide="ignore"):
            families = [
                (*normalised(values, index, space), index, values.shape)
                for values, index in backward(query.program, passes, done)
            ]
        again = is_suspect(query.program, done, [(total, index) for _, total, index, _ in families])
        if again.any():
            members = np.arange(piece.start, piece.stop)[again]
            exact = np.zeros(len(members))
            _count(engine, rows.take(members), weights[members], counts, exact, "log")
            log_z[members] = exact
            share[again] = 0.0
        for (_, source), (cells, total, index, shape), extraction in zip(
            sources, families, passes.extractions, strict=True
        ):
            # What is impossible counts nothing.
            cells[:, ~(total > 0)] = 0.0
            _add(counts, source, cells.reshape(shape), index, extraction.scope, share, chunk)


def _add(
    counts: list[np.ndarray],
    source: LeafSource,
    values: np.ndarray,
    index: RowIndex | None,
    scope: tuple[int, ...],
    share: np.ndarray,
    chunk: EvidenceRows,
) -> None:
    """Add one factor's posterior, weighted and summed over the rows, to its counts.

    ``values``: posterior over ``scope`` (the axes of ``source.rest`` in some order) and versions.
    """
    assert source.factor is not None
    flat = values.reshape(-1, values.shape[-1]) if index is not None else values.reshape(-1, 1)
    shape = tuple(values.shape[: len(scope)])
    order = [scope.index(v) for v in source.rest]
    target = counts[source.factor]
    fixed_index = tuple(chunk.fixed.get(v, slice(None)) for v in source.full)
    if not source.hard:
        versions = share.sum(keepdims=True) if index is None else _per_version(index, share)
        summed = (flat @ versions).reshape(shape)
        target[fixed_index] += summed.transpose(order)
        return
    # Observed parents or child: rows with the same codes go to the same cells.
    left = [v for v in source.full if v not in chunk.fixed]
    hard_shape = [target.shape[source.full.index(v)] for v in source.hard]
    codes = np.ravel_multi_index(tuple(chunk.hard[v] for v in source.hard), tuple(hard_shape))
    by_code = np.zeros((int(np.prod(hard_shape)), flat.shape[0]))
    if index is None:
        by_code += np.bincount(codes, share, minlength=len(by_code))[:, None] * flat.T
    else:
        # Sum the share of each (version, code) before touching the cells.
        pairs = (np.arange(len(codes)) if index.index is None else index.index) * len(by_code) + codes
        distinct, inverse = np.unique(pairs, return_inverse=True)
        mass = np.bincount(inverse.reshape(-1), share, minlength=len(distinct))
        version, code = distinct // len(by_code), distinct % len(by_code)
        order_by_code = np.argsort(code, kind="stable")
        version, code, mass = version[order_by_code], code[order_by_code], mass[order_by_code]
        cells = flat[:, version] * mass
        starts = np.flatnonzero(np.r_[True, code[1:] != code[:-1]])
        by_code[code[starts]] = np.add.reduceat(cells, starts, axis=1).T
    block = by_code.reshape((*hard_shape, *shape))
    depth = len(hard_shape)
    axis = {v: i for i, v in enumerate(source.hard)} | {v: depth + scope.index(v) for v in source.rest}
    target[fixed_index] += block.transpose([axis[v] for v in left])


def _per_version(index: RowIndex, share: np.ndarray) -> np.ndarray:
    return share if index.index is None else np.bincount(index.index, share, minlength=index.count)

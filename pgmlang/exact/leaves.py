"""The leaf tables of a contraction: the network's factors with the evidence cut out, and the likelihoods."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pgmlang.exact.evidence import EvidenceRows
from pgmlang.exact.program import Leaf
from pgmlang.exact.rows import RowIndex, row_index
from pgmlang.tables import DiscreteNetwork

# A table whose least nonzero cell is below e^-200 of its largest is left to logarithms.
WIDE_RANGE = 200.0
_SMALL = 4096


@dataclass(frozen=True)
class FactorTable:
    """A factor ready to contract. ``linear``: largest cell 1 (a conditional: as given), times ``exp(scale)``."""

    scope: tuple[int, ...]
    linear: np.ndarray
    scale: float
    low: float
    source: int


def factor_tables(network: DiscreteNetwork) -> tuple[FactorTable, ...]:
    """The network's factors, scaled; ``low`` is inf where linear arithmetic would lose a cell."""
    pairs = [factor.linear() for factor in network.factors]
    tables = [np.asarray(linear, dtype=np.float64) for linear, _ in pairs]
    tops, leasts = _extremes(tables)
    factors = []
    for number, (factor, linear, top, least) in enumerate(zip(network.factors, tables, tops, leasts, strict=True)):
        scale = pairs[number][1]
        if not factor.is_log and top > 0.0 and not 0.001 <= top <= 1.0 + 1e-9:
            linear, least, scale = linear / top, least / top, math.log(top)
        if factor.is_log:
            finite = factor.values[np.isfinite(factor.values)]
            low = float(finite.max() - finite.min()) if finite.size else 0.0
        else:
            # Of the scaled table: its largest cell is about 1.
            low = -math.log(least) if 0.0 < least < 1.0 else math.inf if least <= 0.0 else 0.0
        factors.append(FactorTable(factor.scope, linear, scale, low, number))
    return tuple(factors)


def _extremes(tables: Sequence[np.ndarray]) -> tuple[list[float], list[float]]:
    """The largest cell of each table (0 at least) and the least that is positive (inf where none is).

    Small tables together: a call of numpy costs more than they do.
    """
    tops, leasts = [0.0] * len(tables), [math.inf] * len(tables)
    small = [number for number, table in enumerate(tables) if 0 < table.size <= _SMALL]
    if small:
        flat = np.concatenate([tables[number].reshape(-1) for number in small])
        starts = np.cumsum([0, *[tables[number].size for number in small[:-1]]])
        top = np.maximum(np.maximum.reduceat(flat, starts), 0.0).tolist()
        least = np.minimum.reduceat(np.where(flat > 0, flat, math.inf), starts).tolist()
        for number, high, low in zip(small, top, least, strict=True):
            tops[number], leasts[number] = high, low
    for number, table in enumerate(tables):
        if table.size > _SMALL:
            tops[number] = float(table.max(initial=0.0))
            leasts[number] = float(table.min(initial=math.inf, where=table > 0))
    return tops, leasts


@dataclass(frozen=True)
class LeafSource:
    """Where a leaf's numbers come from: a factor or a likelihood (by number), or ones (both None)."""

    factor: int | None
    unary: int | None
    full: tuple[int, ...]
    rest: tuple[int, ...]
    fixed: tuple[int, ...]
    hard: tuple[int, ...]


def leaf_sources(
    factors: Sequence[FactorTable], chosen: Sequence[int], evidence: EvidenceRows, hidden: Sequence[int]
) -> list[LeafSource]:
    """One source for each chosen factor and each likelihood, and ones for a hidden variable without any."""
    sources = []
    for number in chosen:
        sources.append(_source(number, None, factors[number].scope, evidence))
    for number, unary in enumerate(evidence.unary):
        sources.append(_source(None, number, (unary.variable,), evidence))
    seen = {v for source in sources for v in source.rest}
    sources.extend(LeafSource(None, None, (v,), (v,), (), ()) for v in hidden if v not in seen)
    return sources


def _source(factor: int | None, unary: int | None, scope: tuple[int, ...], evidence: EvidenceRows) -> LeafSource:
    given, varied = evidence.fixed, evidence.hard
    if not [v for v in scope if v in given or v in varied]:
        return LeafSource(factor, unary, scope, scope, (), ())
    fixed = tuple([v for v in scope if v in given])
    hard = tuple([v for v in scope if v in varied])
    rest = tuple([v for v in scope if v not in given and v not in varied])
    return LeafSource(factor, unary, scope, rest, fixed, hard)


def describe(
    source: LeafSource, factors: Sequence[FactorTable], evidence: EvidenceRows, sizes: Sequence[int]
) -> tuple[Leaf, float]:
    """The leaf of a source, and how many versions evidence may give it."""
    rows = bool(source.hard)
    low, combos = 0.0, 1.0
    for v in source.hard:
        combos *= sizes[v]
    if source.factor is not None:
        low = factors[source.factor].low
    elif source.unary is not None:
        unary = evidence.unary[source.unary]
        low = unary.low + 20.0
        rows = rows or unary.ids is not None
        combos *= len(unary.table)
    static = source.unary is None and not source.fixed and not rows
    return Leaf(source.rest, rows, low, static), combos


def leaf_values(
    source: LeafSource, evidence: EvidenceRows, tables: Sequence[np.ndarray], logs: bool = False
) -> tuple[np.ndarray, RowIndex | None]:
    """Numbers of a leaf, the row axis last, from ``tables`` (one a factor; logarithms when ``logs``).

    ``evidence`` must be of the pattern the source was made for.
    """
    if source.unary is not None:
        values, rows = _unary_values(source, evidence)
        with np.errstate(divide="ignore"):
            return (np.log(values) if logs else values), rows
    if source.factor is None:
        raise ValueError("a leaf of ones has no source")
    table = tables[source.factor]
    if not source.fixed and not source.hard:
        return table, None
    if source.fixed:
        table = table[tuple(evidence.fixed.get(v, slice(None)) for v in source.full)]
    if not source.hard:
        return table, None
    left = tuple(v for v in source.full if v not in evidence.fixed)
    order = [left.index(v) for v in (*source.rest, *source.hard)]
    table = table.transpose(order)
    rest_shape, hard_shape = table.shape[: len(source.rest)], table.shape[len(source.rest) :]
    codes = np.ravel_multi_index(tuple(evidence.hard[v] for v in source.hard), hard_shape)
    rows, distinct = row_index(codes)
    return table.reshape(*rest_shape, -1).take(distinct, axis=-1), rows


def _unary_values(source: LeafSource, evidence: EvidenceRows) -> tuple[np.ndarray, RowIndex | None]:
    assert source.unary is not None
    unary = evidence.unary[source.unary]
    v = unary.variable
    if v in evidence.fixed or v in evidence.hard:
        weight = unary.table[0 if unary.ids is None else unary.ids]
        if v in evidence.fixed:
            weight = weight[..., evidence.fixed[v]]
        else:
            weight = weight[..., evidence.hard[v]] if weight.ndim == 1 else np.take_along_axis(
                weight, evidence.hard[v][:, None], axis=1
            )[:, 0]  # fmt: skip
        return weight, RowIndex(None, evidence.num_rows) if weight.ndim else None
    if unary.ids is None:
        return unary.table[0], None
    rows, distinct = row_index(unary.ids)
    return np.ascontiguousarray(unary.table[distinct].T), rows

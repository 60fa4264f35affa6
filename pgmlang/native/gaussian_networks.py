"""Rows of a Gaussian network without labels, each with its own pattern of missing cells, by compiled loops."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from functools import cache
from heapq import heapify, heappop, heappush
from types import ModuleType
from weakref import WeakKeyDictionary

import numpy as np

from pgmlang.gaussian import GaussianNetwork
from pgmlang.native.program_files import load_program


@cache
def network_programs() -> ModuleType:
    """The compiled elimination."""
    from pgmlang.native.runtime import normal_networks

    return load_program(inspect.getsource(normal_networks))


@dataclass(frozen=True, eq=False)
class SparsePrecision:
    """The precision of all numbers in an order of elimination of few entries, with places for those that it fills in; fields as of the
    runtime. ``order``: the numbers; ``mean``: of each in that order."""

    order: np.ndarray
    mean: np.ndarray
    begins: np.ndarray
    columns: np.ndarray
    pairs: np.ndarray
    diagonal: np.ndarray
    entries: np.ndarray
    constant: float


def sparse_precision(network: GaussianNetwork) -> SparsePrecision:
    """Of a network that neither labels nor units tell apart, by least degree."""
    slopes, intercept, sd = network.plain_rows
    rows = -slopes / sd[:, None]
    precision = rows.T @ rows
    n = len(sd)
    entries = np.nonzero(precision)
    ends = np.searchsorted(entries[0], np.arange(1, n))
    neighbours = [set(js.tolist()) - {i} for i, js in enumerate(np.split(entries[1], ends))]
    later: list[list[int]] = []
    order: list[int] = []
    waiting = [(len(around), i) for i, around in enumerate(neighbours)]
    heapify(waiting)
    is_left = [True] * n
    while waiting:
        degree, k = heappop(waiting)
        if not is_left[k] or degree != len(neighbours[k]):
            continue
        is_left[k] = False
        order.append(k)
        around = neighbours[k]
        for i in around:
            neighbours[i] |= around
            neighbours[i] -= {i, k}
            heappush(waiting, (len(neighbours[i]), i))
        later.append(sorted(around))
    rank = {k: r for r, k in enumerate(order)}
    columns = [sorted(rank[i] for i in around) for around in later]
    begins = np.cumsum([0, *map(len, columns)])
    place = {(k, j): int(begins[k]) + e for k, js in enumerate(columns) for e, j in enumerate(js)}
    pairs = [place[i, j] for js in columns for a, i in enumerate(js) for j in js[a + 1 :]]
    flat = [j for js in columns for j in js]
    heads = np.repeat(np.arange(n), np.diff(begins))
    ordered = precision[np.ix_(order, order)]
    mean = np.empty(n)
    for i in network.order:
        mean[i] = intercept[i] + sum(slopes[i, p] * mean[p] for p in network.conditionals[i].parents)
    return SparsePrecision(
        np.array(order), mean[order], begins, np.array(flat, dtype=np.int64), np.array(pairs, dtype=np.int64),
        np.diagonal(ordered).copy(), ordered[heads, flat] if flat else np.zeros(0),
        float(-np.log(sd).sum() - 0.5 * n * math.log(2 * math.pi)),
    )  # fmt: skip


_PRECISIONS: WeakKeyDictionary[GaussianNetwork, SparsePrecision] = WeakKeyDictionary()


def conditioned(
    network: GaussianNetwork, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of ``rows [R, N]`` (NaN: not seen) means and sds ``[R, N]`` given what each shows, the log-density of that, and the rows whose
    answers have lost digits."""
    if network not in _PRECISIONS:
        _PRECISIONS[network] = sparse_precision(network)
    of = _PRECISIONS[network]
    moved = np.ascontiguousarray(rows[:, of.order] - of.mean)
    means, sds = np.empty_like(moved), np.empty_like(moved)
    log_density, is_lost = np.empty(len(rows)), np.empty(len(rows), dtype=bool)
    network_programs().condition(
        of.begins, of.columns, of.pairs, of.diagonal, of.entries, of.constant, moved, means, sds, log_density, is_lost
    )  # fmt: skip
    out = np.empty((2, *rows.shape))
    out[0][:, of.order] = means + of.mean
    out[1][:, of.order] = sds
    return np.where(np.isnan(rows), out[0], rows), out[1], log_density, np.flatnonzero(is_lost)

"""The likelihood of a sequence whose labels choose among its numbers' distributions, by paths of the labels: row after row each path is continued by every
label, its numbers integrated by a Kalman filter (Chen and Liu 2000: the mixture Kalman filter). Of more paths than are kept some are drawn, without
bias, the likely ones kept as they are (Fearnhead and Clifford 2003); paths that can make no more difference are added up. While nothing is drawn
the likelihood is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pgmlang.gaussian.network import GaussianNetwork, NumberConditional
from pgmlang.gaussian.square_root import LOG_2PI


class WeighedPaths(NamedTuple):
    """Paths of labels with their ``log_weights [paths]``, as far as later rows may look back: ``codes [paths, k]`` of the ``labels``, ``means [paths, n]`` and
    ``covariances [paths, n, n]`` of the ``numbers``. ``is_exact``: whether no path has been left out."""

    labels: tuple[int, ...]
    codes: np.ndarray
    log_weights: np.ndarray
    numbers: tuple[int, ...]
    means: np.ndarray
    covariances: np.ndarray
    is_exact: bool

    def of(self, chosen: np.ndarray, log_weights: np.ndarray) -> WeighedPaths:
        return self._replace(
            codes=self.codes[chosen], log_weights=log_weights, means=self.means[chosen], covariances=self.covariances[chosen]
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class LabelPaths:
    """``label_rows``, ``number_rows``: the row of each label and number of a network of all rows of a sequence."""

    network: GaussianNetwork
    label_rows: np.ndarray
    number_rows: np.ndarray

    @cached_property
    def _tables(self) -> dict[int, tuple[tuple[int, ...], np.ndarray]]:
        """The scope of each label's table, itself the last, and its logs."""
        out = {}
        for f in self.network.discrete.factors:
            assert f.child is not None, "labels of a directed chain are drawn"
            scope = (*(v for v in f.scope if v != f.child), f.child)
            with np.errstate(divide="ignore"):
                out[f.child] = (scope, np.log(np.moveaxis(f.values, f.scope.index(f.child), -1)))
        return out

    @cached_property
    def lag(self) -> int:
        """How many rows back anything looks."""
        rows, labels = self.number_rows, self.label_rows
        backs = [0]
        for c in self.network.conditionals:
            backs += [int(rows[c.child] - rows[p]) for p in c.parents]
            backs += [int(rows[c.child] - labels[v]) for v in c.labels]
        for child, (scope, _) in self._tables.items():
            backs += [int(labels[child] - labels[v]) for v in scope]
        return max(backs)

    def _in_order(self, row: int) -> tuple[list[int], list[int]]:
        """The labels and the numbers of a row, parents first."""
        waiting = np.flatnonzero(self.label_rows == row).tolist()
        labels: list[int] = []
        while waiting:
            ready = [v for v in waiting if not set(self._tables[v][0][:-1]) & set(waiting)]
            labels += ready
            waiting = [v for v in waiting if v not in ready]
        numbers = np.flatnonzero(self.number_rows == row).tolist()
        return labels, sorted(numbers, key=self.network.rank.__getitem__)

    def log_likelihood(
        self, codes: Mapping[int, int], values: np.ndarray, most: int, rng: np.random.Generator
    ) -> tuple[float, bool]:
        """The log of an estimate without bias, by at most ``most`` paths from row to row, and whether it is exact. ``codes``: of labels that are
        seen; ``values`` ``[numbers]``, NaN where one is not."""
        paths = WeighedPaths(
            (), np.zeros((1, 0), dtype=np.int64), np.zeros(1), (), np.zeros((1, 0)), np.zeros((1, 0, 0)), True
        )  # fmt: skip
        for row in range(int(max(self.label_rows.max(initial=-1), self.number_rows.max(initial=-1))) + 1):
            labels, numbers = self._in_order(row)
            for v in labels:
                paths = self._labelled(paths, v, codes.get(v))
                if len(paths.log_weights) > 64 * most:
                    paths = reduced(paths, most, rng)
            for i in numbers:
                paths = _numbered(paths, self.network.conditionals[i], self.network.discrete.sizes, values[i])
            if not len(paths.log_weights):
                return -np.inf, paths.is_exact
            paths = reduced(_merged(self._forgotten(paths, row)), most, rng)
        return float(np.logaddexp.reduce(paths.log_weights)), paths.is_exact

    def _labelled(self, paths: WeighedPaths, v: int, seen: int | None) -> WeighedPaths:
        scope, table = self._tables[v]
        given = table[tuple(paths.codes[:, [paths.labels.index(u) for u in scope[:-1]]].T)]
        given = np.broadcast_to(given, (len(paths.codes), table.shape[-1]))
        continued = range(table.shape[-1]) if seen is None else [seen]
        parts = []
        for code in continued:
            logs = paths.log_weights + given[:, code]
            possible = np.flatnonzero(np.isfinite(logs))
            part = paths.of(possible, logs[possible])
            parts.append(part._replace(codes=np.pad(part.codes, ((0, 0), (0, 1)), constant_values=code)))
        return WeighedPaths(
            (*paths.labels, v), np.concatenate([p.codes for p in parts]), np.concatenate([p.log_weights for p in parts]), paths.numbers,
            np.concatenate([p.means for p in parts]), np.concatenate([p.covariances for p in parts]), paths.is_exact,
        )  # fmt: skip

    def _forgotten(self, paths: WeighedPaths, row: int) -> WeighedPaths:
        """Without the labels and numbers that no later row looks back at."""
        labels = [k for k, v in enumerate(paths.labels) if self.label_rows[v] > row - self.lag]
        left = [k for k, i in enumerate(paths.numbers) if self.number_rows[i] > row - self.lag]
        return paths._replace(
            labels=tuple(paths.labels[k] for k in labels),
            codes=paths.codes[:, labels],
            numbers=tuple(paths.numbers[k] for k in left),
            means=paths.means[:, left],
            covariances=paths.covariances[:, left][:, :, left],
        )


def _merged(paths: WeighedPaths) -> WeighedPaths:
    """Paths of the same labels together, where all numbers are known."""
    if paths.covariances.any():
        return paths
    if not paths.labels:
        return paths.of(np.zeros(1, dtype=np.int64), np.logaddexp.reduce(paths.log_weights, keepdims=True))
    _, first, which = np.unique(paths.codes, axis=0, return_index=True, return_inverse=True)
    log_weights = np.full(len(first), -np.inf)
    np.logaddexp.at(log_weights, which.reshape(-1), paths.log_weights)
    return paths.of(first, log_weights)


def _numbered(paths: WeighedPaths, c: NumberConditional, sizes: Sequence[int], value: float) -> WeighedPaths:
    """The paths with a number, integrated, or weighed by its density where it is seen."""
    shape = [sizes[v] for v in c.labels]
    chosen = paths.codes[:, [paths.labels.index(v) for v in c.labels]]
    which = np.ravel_multi_index(chosen.T, shape) if shape else np.zeros(len(chosen), dtype=np.int64)
    slopes, sd = c.coefficients[0, which], c.sd[0, which]
    above = [paths.numbers.index(p) for p in c.parents]
    mean = c.intercept[0, which] + (slopes * paths.means[:, above]).sum(1)
    cross = np.einsum("pk,pkj->pj", slopes, paths.covariances[:, above])
    variance = (slopes * cross[:, above]).sum(1) + sd**2
    means, covariances, log_weights = paths.means, paths.covariances, paths.log_weights
    if not np.isnan(value):
        gap = value - mean
        log_weights = log_weights - 0.5 * (gap * gap / variance + np.log(variance) + LOG_2PI)
        gain = cross / variance[:, None]
        means = means + gain * gap[:, None]
        covariances = covariances - gain[:, :, None] * cross[:, None, :]
        mean, cross, variance = np.full(len(mean), value), np.zeros_like(cross), np.zeros_like(variance)
    n = len(paths.numbers)
    wide = np.empty((len(mean), n + 1, n + 1))
    wide[:, :n, :n], wide[:, n, :n], wide[:, :n, n], wide[:, n, n] = covariances, cross, cross, variance
    return WeighedPaths(
        paths.labels, paths.codes, log_weights, (*paths.numbers, c.child), np.concatenate([means, mean[:, None]], 1), wide,
        paths.is_exact,
    )  # fmt: skip


def reduced(paths: WeighedPaths, most: int, rng: np.random.Generator) -> WeighedPaths:
    """At most ``most`` paths: those whose weight is above a bound as they are, of the others some, drawn by their weights, with the bound as
    weight."""
    count = len(paths.log_weights)
    if count <= most:
        return paths
    top = paths.log_weights.max()
    weights = np.exp(paths.log_weights - top)
    order = np.argsort(-weights, kind="stable")
    left = np.cumsum(weights[order][::-1])[::-1]
    # the fewest kept, so that the next one is not above the bound that the rest then has
    bounds = left[:most] / (most - np.arange(most))
    kept = (
        int(np.flatnonzero(weights[order][:most] < bounds)[0]) if (weights[order][:most] < bounds).any() else most
    )
    if kept == most or left[kept] <= 0:
        return paths.of(order[:kept], paths.log_weights[order[:kept]])
    rest, bound = order[kept:], bounds[kept]
    steps = np.cumsum(weights[rest]) / bound
    drawn = np.searchsorted(steps, np.arange(most - kept) + rng.random(), side="right")
    chosen = np.concatenate([order[:kept], rest[np.minimum(drawn, len(rest) - 1)]])
    logs = np.concatenate([paths.log_weights[order[:kept]], np.full(most - kept, top + np.log(bound))])
    return paths.of(chosen, logs)._replace(is_exact=False)

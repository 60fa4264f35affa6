"""More zeros than a distribution has: counts are held against a Poisson and a negative binomial with and without a share of zeros
of its own, by Schwarz's criterion (BIC, 1978); amounts have a share of exact zeros, and positive numbers beside it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pgmlang.profile.column import ColumnProfile

_SURELY = 6.0
"""A difference of BIC that is strong evidence (Kass and Raftery, 1995)."""
_SHARE = 0.05
"""Of the cells of an amount that are zero, from which they are more than chance."""


class CountFamily(NamedTuple):
    """What counts are drawn from: a Poisson, or, where they vary more, a negative binomial; and whether a share of zeros of its own
    comes on top; ``expected``: the share of zeros of the family, without those."""

    is_overdispersed: bool
    is_inflated: bool = False
    expected: float = 0.0


def count_family(values: np.ndarray) -> CountFamily:
    """The family of counts, ``values`` ascending."""
    mean = float(values.mean())
    plain = CountFamily(float(values.var()) > 1.5 * mean)
    zeros = float((values == 0).mean())
    # what the simplest distribution has anyway needs no share of its own
    if zeros * len(values) < 5 or zeros <= 1.1 * np.exp(-mean) or values[-1] < 2:
        return plain
    counts, times = np.unique(values, return_counts=True)
    kinds = [(varies, extra) for varies in (False, True) for extra in (False, True)]
    scores = {kind: _fitted(counts, times, *kind) for kind in kinds}
    best = min(scores, key=lambda k: scores[k][0])
    without = min(scores[k][0] for k in scores if not k[1])
    if not best[1] or without - scores[best][0] < _SURELY:
        return plain
    return CountFamily(best[0], True, scores[best][1])


def _fitted(
    counts: np.ndarray, times: np.ndarray, is_overdispersed: bool, is_inflated: bool
) -> tuple[float, float]:
    """BIC at the most likely parameters, and the probability of zero there without inflation."""
    from scipy.optimize import minimize

    mean = float(counts @ times / times.sum())
    start = [np.log(mean)] + [0.0] * is_overdispersed + [0.0] * is_inflated

    def not_inflated(at: Any) -> np.ndarray:
        return _negative_binomial(counts, at[0], at[1]) if is_overdispersed else _poisson(counts, at[0])

    def log_probs(at: Any) -> np.ndarray:
        plain = not_inflated(at)
        if not is_inflated:
            return plain
        stays, inflated = -np.logaddexp(0, at[-1]), -np.logaddexp(0, -at[-1])
        return np.where(counts == 0, np.logaddexp(inflated, stays + plain), stays + plain)

    reached = minimize(lambda at: -float(times @ log_probs(at)), start, method="Nelder-Mead", options={"maxiter": 600, "xatol": 1e-4, "fatol": 1e-3})  # fmt: skip
    bic = 2 * float(reached.fun) + len(start) * float(np.log(times.sum()))
    return bic, float(np.exp(not_inflated(reached.x)[0]))


def _poisson(counts: np.ndarray, log_mean: float) -> np.ndarray:
    from scipy.special import gammaln

    return np.asarray(counts * log_mean - np.exp(log_mean) - gammaln(counts + 1))


def _negative_binomial(counts: np.ndarray, log_mean: float, log_shape: float) -> np.ndarray:
    from scipy.special import gammaln

    shape, total = np.exp(log_shape), np.logaddexp(log_mean, log_shape)
    binomial = gammaln(counts + shape) - gammaln(shape) - gammaln(counts + 1)
    return np.asarray(binomial + shape * (log_shape - total) + counts * (log_mean - total))


def zeros_of_amount(column: ColumnProfile) -> float:
    """The share of zeros of a column of positive numbers beside exact zeros; 0 for others."""
    if column.kind != "number" or column.is_whole or not len(values := column.sorted_numbers) or values[0] != 0:
        return 0.0
    positive = values[values > 0]
    zeros = 1 - len(positive) / len(values)
    _, times = np.unique(positive, return_counts=True)
    # zeros that are no more frequent than other values are rounded ones
    is_apart = len(times) > 10 and len(values) - len(positive) >= max(5, 3 * int(times.max()))
    return zeros if is_apart and zeros >= _SHARE else 0.0

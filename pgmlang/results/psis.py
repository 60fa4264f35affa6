"""Pareto-smoothed importance sampling: how heavy the tail of importance weights is, and weights that stand it.

Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto smoothed importance sampling", JMLR 25; the fit of the tail is
that of Zhang and Stephens (2009). The same numbers as arviz-stats (the tests compare them), for many items at once and
without it.
"""

from __future__ import annotations

import math

import numpy as np

RELIABLE = 0.7
"""Above this k-hat means by the weights have no error that shrinks as they should, however many draws (section 3.2)."""
FEWEST = 5
"""Draws of a tail below which nothing is fitted to it."""
_EQUAL = 1e-9
"""Logarithms of weights no further apart than this, relative to their size, are one number but for rounding."""
_BLOCK = 1 << 22


def reliable(num_draws: int) -> float:
    """The k-hat up to which this many draws will do: 0.7, less for few (section 3.2.4)."""
    return min(RELIABLE, 1 - 1 / math.log10(num_draws)) if num_draws > 10 else 0.0


def pareto_shape(log_weights: np.ndarray) -> float:
    """k-hat of weights of shape (draws,): the shape of a generalised Pareto distribution fitted to the largest.

    0 where all weights are equal; infinite where one is not a number or plus infinity, NaN with fewer than 25 draws.
    """
    return float(smoothed(log_weights.reshape(-1, 1))[1][0])


def smoothed(log_weights: np.ndarray, relative_ess: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Normalised logarithms of the smoothed weights, (draws, items), and k-hat, (items,), of raw ones (draws, items).

    ``relative_ess``: effective draws over draws, where they come from chains. Weights without a tail to fit stay as
    they are.
    """
    draws, items = log_weights.shape
    out = np.array(log_weights, dtype=float)
    shapes = np.full(items, np.nan)
    step = max(1, _BLOCK // max(1, 64 * tail_length(draws, relative_ess)))
    for start in range(0, items, step):
        block = slice(start, start + step)
        out[:, block], shapes[block] = _smooth(out[:, block], tail_length(draws, relative_ess))
    return out, shapes


def tail_length(draws: int, relative_ess: float = 1.0) -> int:
    """How many of the largest weights are the tail (equation 11)."""
    return math.floor(3 * math.sqrt(draws / relative_ess)) if draws * relative_ess > 225 else draws // 5


def _smooth(log_weights: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """As `smoothed`, of a block of items."""
    highest = log_weights.max(axis=0)
    is_number = np.isfinite(highest)
    x = log_weights - np.where(is_number, highest, 0.0)
    shapes = np.where(is_number, np.nan, np.inf)
    length = min(length, len(x) - 1)
    if length >= FEWEST:
        order = np.argsort(x, axis=0)[-length - 1 :]
        ordered = np.take_along_axis(x, order, axis=0)
        cutoff = np.maximum(ordered[0], math.log(np.finfo(float).tiny))
        tail = np.exp(ordered[1:]) - np.exp(cutoff)
        spread = -ordered[0] <= _EQUAL * (1 + np.abs(highest))
        is_fitted = is_number & ~spread & (tail[-FEWEST] > 0)
        shapes[is_number & spread] = 0.0
        if is_fitted.any():
            shape, scale = _fitted_tail(tail[:, is_fitted])
            shapes[is_fitted] = shape
            p = (np.arange(1, length + 1)[:, None] - 0.5) / length
            quantiles = scale * np.where(
                np.abs(shape) < 1e-12, -np.log1p(-p), np.expm1(-shape * np.log1p(-p)) / _nonzero(shape)
            )
            smooth = np.minimum(np.log(quantiles + np.exp(cutoff[is_fitted])), 0.0)
            columns = x[:, is_fitted]
            np.put_along_axis(columns, order[1:, is_fitted], smooth, axis=0)
            x[:, is_fitted] = columns
    with np.errstate(invalid="ignore", divide="ignore"):
        return x - np.log(np.exp(x).sum(axis=0)), shapes


def _nonzero(shape: np.ndarray) -> np.ndarray:
    return np.where(np.abs(shape) < 1e-12, 1.0, shape)


def _fitted_tail(tail: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shape and scale of generalised Pareto distributions fitted to columns of sorted excesses (Zhang and Stephens 2009),
    the shape drawn to 0.5 as by ten draws."""
    n = len(tail)
    m = 30 + int(math.sqrt(n))
    quartile = tail[int(n / 4 + 0.5) - 1]
    quartile = np.where(quartile > 0, quartile, np.where(tail > 0, tail, np.inf).min(axis=0))
    b = 1 / tail[-1] + (1 - np.sqrt(m / (np.arange(1, m + 1) - 0.5)))[:, None] / (3 * quartile)
    k = np.log1p(-b[:, None] * tail).mean(axis=1)
    profile = n * (np.log(-b / k) - k - 1)
    weight = np.exp(profile - profile.max(axis=0))
    weighted = (b * weight).sum(axis=0) / weight.sum(axis=0)
    shape = np.log1p(-weighted * tail).mean(axis=0)
    return (n * shape + 10 * 0.5) / (n + 10), -shape / weighted

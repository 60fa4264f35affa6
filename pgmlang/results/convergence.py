"""Figures of draws: moments, quantiles, effective sample sizes, Monte Carlo error and R-hat, for many scalars at once.

After Vehtari, Gelman, Simpson, Carpenter, Bürkner (2021), "Rank-normalization, folding, and localization". The same
numbers as arviz-stats (the tests compare them), which takes each scalar by itself: minutes for ten thousand.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from statistics import NormalDist

import numpy as np

LEAST_DRAWS = 4
"""With fewer draws a chain, R-hat, the sample sizes and the error are NaN."""
ROUNDING = 8 * float(np.finfo(np.float64).eps)
"""Draws that differ by less, as a share of the largest, are of a constant: the diagonal of a correlation matrix that was multiplied out."""
_BLOCK = 1 << 21
"""Draws in work at a time; the memory taken is some thirty times as many bytes times eight."""


@dataclass(frozen=True, eq=False)
class Convergence:
    """One number a scalar, each of shape (scalars,).

    ``mcse``: Monte Carlo error of the mean. NaN where there is nothing to say: everything where a draw is not
    finite, R-hat and the sample sizes of a constant (whose ``mcse`` is 0). R-hat is infinite where every half of a
    chain is a constant of its own.
    """

    mean: np.ndarray
    sd: np.ndarray
    q5: np.ndarray
    q50: np.ndarray
    q95: np.ndarray
    mcse: np.ndarray
    ess_bulk: np.ndarray
    ess_tail: np.ndarray
    r_hat: np.ndarray

    def __len__(self) -> int:
        return len(self.mean)


def convergence(draws: np.ndarray) -> Convergence:
    """Figures of every scalar of draws of shape (chain, draw, *axes), in C order of the axes."""
    chains, num_draws = draws.shape[:2]
    flat = draws.reshape(chains, num_draws, -1)
    scalars = flat.shape[2]
    names = [f.name for f in fields(Convergence)]
    out = {name: np.full(scalars, np.nan) for name in names}
    if chains * num_draws:
        step = max(1, _BLOCK // (chains * num_draws))
        for start in range(0, scalars, step):
            # scalars first and every chain contiguous: (scalars of the block, chain, draw)
            block = np.array(flat[:, :, start : start + step].transpose(2, 0, 1), dtype=np.float64, order="C")
            for name, values in zip(names, _figures(block), strict=True):
                out[name][start : start + step] = values
    return Convergence(**out)


def errors_of_means(draws: np.ndarray) -> np.ndarray:
    """Monte Carlo errors of the means of draws of shape (chain, draw, *axes), ``[*axes]``: as `convergence` has them, without
    the ranks that its other figures need. NaN where a draw is not finite, and for fewer than `LEAST_DRAWS` draws a chain."""
    chains, num_draws = draws.shape[:2]
    flat = draws.reshape(chains, num_draws, -1)
    out = np.full(flat.shape[2], np.nan)
    if chains and num_draws >= LEAST_DRAWS:
        step = max(1, _BLOCK // (chains * num_draws))
        for start in range(0, flat.shape[2], step):
            block = np.array(flat[:, :, start : start + step].transpose(2, 0, 1), dtype=np.float64, order="C")
            good = np.asarray(np.isfinite(block).all(axis=(1, 2)))
            block = np.where(good[:, None, None], block, 0.0)
            unit = np.maximum(np.abs(block).max(axis=(1, 2)), np.finfo(float).tiny)
            scaled = block / unit[:, None, None]
            constant = np.ptp(scaled, axis=(1, 2)) <= ROUNDING
            sd = np.where(constant, 0.0, scaled.std(axis=(1, 2), ddof=1) * unit)
            ess = np.where(constant, 1.0, _ess(_split(scaled)))
            out[start : start + step] = np.where(good, sd / np.sqrt(ess), np.nan)
    return out.reshape(draws.shape[2:])


def error_of_mean(draws: np.ndarray, are_independent: bool) -> np.ndarray:
    """Monte Carlo error of the means of draws of shape (draw, *axes), ``[*axes]``: of one chain, or of independent draws."""
    if are_independent or len(draws) < LEAST_DRAWS:
        return np.asarray(np.std(draws, axis=0, ddof=1) / np.sqrt(len(draws)))
    return errors_of_means(draws[None])


def _figures(x: np.ndarray) -> tuple[np.ndarray, ...]:
    """The figures of a block of shape (scalars, chain, draw), in the order of Convergence's fields."""
    n, _, num_draws = x.shape
    good = np.isfinite(x).all(axis=(1, 2))
    if not good.all():
        # one draw that is not finite spoils its scalar and no other
        x = np.where(good[:, None, None], x, 0.0)
    flat = x.reshape(n, -1)
    # values of 1e300 have squares that are none
    unit = np.maximum(np.abs(flat).max(axis=1), np.finfo(float).tiny)
    scaled = flat / unit[:, None]
    centre = scaled.mean(axis=1)
    constant = np.ptp(scaled, axis=1) <= ROUNDING
    count = flat.shape[1]
    mean = np.where(constant, flat[:, 0], centre * unit)
    sd = np.where(constant, 0.0, np.sqrt(((scaled - centre[:, None]) ** 2).sum(axis=1) / max(count - 1, 1)) * unit)
    # of what was seen there is nothing to sort: most cells of a variable with some missing ones
    moving = np.flatnonzero(~constant)
    quantiles = np.tile(flat[:, 0], (3, 1))
    quantiles[:, moving] = np.quantile(flat[moving], (0.05, 0.5, 0.95), axis=1)
    mcse, bulk, tail, r_hat = np.full((4, n), np.nan)
    if num_draws >= LEAST_DRAWS:
        mcse[constant] = 0.0
    if num_draws >= LEAST_DRAWS and len(moving):
        x, ends = x[moving], quantiles[:, moving, None, None]
        mcse[moving] = sd[moving] / np.sqrt(_ess(_split(scaled[moving].reshape(x.shape))))
        normal = _normal_scores(_split(x))
        bulk[moving] = _ess(normal)
        tail[moving] = np.minimum(*(_ess(_split(x <= ends[k])) for k in (0, 2)))
        r_hat[moving] = np.fmax(_r_hat(normal), _r_hat(_normal_scores(_folded(_split(x)))))
    columns = (mean, sd, quantiles[0], quantiles[1], quantiles[2], mcse, bulk, tail, r_hat)
    return tuple(np.where(good, figure, np.nan) for figure in columns)


def ranked_r_hat(draws: np.ndarray) -> np.ndarray:
    """The R-hat of `convergence` alone, of draws ``[chain, draw, scalar]``, shape (scalars,); NaN for a constant, and for
    fewer than `LEAST_DRAWS` draws."""
    x = np.asarray(draws, dtype=np.float64).transpose(2, 0, 1)
    if x.shape[2] < LEAST_DRAWS:
        return np.full(len(x), np.nan)
    halves = _split(x)
    ranked = np.fmax(_r_hat(_normal_scores(halves)), _r_hat(_normal_scores(_folded(halves))))
    return np.where((x.max((1, 2)) == x.min((1, 2))) | ~np.isfinite(x).all((1, 2)), np.nan, ranked)


def plain_r_hat(draws: np.ndarray) -> np.ndarray:
    """As `ranked_r_hat` without ranks, of the values and of their distances from the median: what costs no sorting, and
    holds where tails are not heavy."""
    halves = _split(np.asarray(draws, dtype=np.float64).transpose(2, 0, 1))
    return np.fmax(_r_hat(halves), _r_hat(_folded(halves)))


def r_hat_of_codes(codes: np.ndarray) -> np.ndarray:
    """R-hat of draws of labels ``[chain, draw, *axes]``, of the indicator of each scalar's first draw, ``[scalars]``: what
    ranks say of two values (they are a linear function of these). NaN for constants and fewer than `LEAST_DRAWS` draws."""
    chains, num_draws = codes.shape[:2]
    flat = codes.reshape(chains, num_draws, -1)
    out = np.full(flat.shape[2], np.nan)
    half = num_draws // 2
    if num_draws < LEAST_DRAWS:
        return out
    step = max(1, _BLOCK // (chains * num_draws))
    for start in range(0, flat.shape[2], step):
        block = flat[:, :, start : start + step]
        same = block == block[:1, :1]
        shares = np.concatenate((same[:, :half].mean(1), same[:, num_draws - half :].mean(1)))
        within = (shares * (1 - shares)).mean(0) * half / max(half - 1, 1)
        between = half * shares.var(0, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            r_hat = np.sqrt((between / within + half - 1) / half)
        out[start : start + step] = np.where((within == 0) & (between > 0), np.inf, r_hat)
    return out


def _split(x: np.ndarray) -> np.ndarray:
    """Every chain as two: (scalars, chain, draw) to (scalars, 2 chains, draw // 2); an odd middle draw is left out."""
    half = x.shape[2] // 2
    return np.concatenate((x[:, :, :half], x[:, :, x.shape[2] - half :]), axis=1)


def _folded(x: np.ndarray) -> np.ndarray:
    """Distances from the median of each scalar."""
    return np.abs(x - np.median(x.reshape(len(x), -1), axis=1)[:, None, None])


def _normal_scores(x: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks among all draws of a scalar; ties have the mean of their ranks."""
    flat = x.reshape(len(x), -1)
    count = flat.shape[1]
    order = np.argsort(flat, axis=1)
    ordered = np.take_along_axis(flat, order, axis=1)
    places = np.arange(count)
    is_new = np.ones(flat.shape, dtype=bool)
    is_new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(is_new, places, 0), axis=1)
    is_last = np.ones(flat.shape, dtype=bool)
    is_last[:, :-1] = is_new[:, 1:]
    last = np.minimum.accumulate(np.where(is_last, places, count)[:, ::-1], axis=1)[:, ::-1]
    scores = np.empty(flat.shape)
    # first + last is twice the mean place: whole even between two ranks
    np.put_along_axis(scores, order, _score_of_twice_the_place(count)[first + last], axis=1)
    return scores.reshape(x.shape)


@lru_cache(maxsize=4)
def _score_of_twice_the_place(count: int) -> np.ndarray:
    """Blom's normal score of places 0, 1/2, 1 ... count - 1, shape (2 count - 1,)."""
    ranks = np.arange(2 * count - 1) / 2 + 1
    inverse = NormalDist().inv_cdf
    return np.array([inverse(p) for p in ((ranks - 3 / 8) / (count + 1 / 4)).tolist()])


def _r_hat(x: np.ndarray) -> np.ndarray:
    """The classic R-hat of each scalar of (scalars, chain, draw), shape (scalars,); infinite where chains stand still."""
    num_draws = x.shape[2]
    within = x.var(axis=2, ddof=1).mean(axis=1) if num_draws > 1 else np.zeros(len(x))
    between = num_draws * x.mean(axis=2).var(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        r_hat = np.sqrt((between / within + num_draws - 1) / num_draws)
    # what is left of a chain's variance by rounding is none; where nothing varies there is nothing to say
    return np.where((within <= 1e-24 * between) & (between > 0), np.inf, r_hat)


def _ess(x: np.ndarray) -> np.ndarray:
    """Effective sample sizes of (scalars, chain, draw) by Geyer's initial monotone sequence, shape (scalars,)."""
    x = np.asarray(x, dtype=np.float64)
    n, chains, num_draws = x.shape
    count = chains * num_draws
    constant = x.max(axis=(1, 2)) - x.min(axis=(1, 2)) < np.finfo(float).resolution
    covariance = _autocovariance(x)
    within = covariance[:, 0] * num_draws / (num_draws - 1)
    total = covariance[:, 0] + (x.mean(axis=2).var(axis=1, ddof=1) if chains > 1 else 0.0)
    total = np.where(constant, 1.0, total)
    rho = 1 - (within[:, None] - covariance) / total[:, None]
    rho[:, 0] = 1.0
    # pairs of neighbouring lags; the sequence ends at the first pair whose sum is not positive, or near the last lag
    pairs = rho[:, : num_draws // 2 * 2].reshape(n, -1, 2).sum(axis=2)
    most = max(0, (num_draws - 3) // 2)
    negative = pairs[:, :most] <= 0
    length = np.where(negative.any(axis=1), negative.argmax(axis=1), most) if most else np.zeros(n, dtype=int)
    rows = np.arange(n)
    ends = np.minimum(length, pairs.shape[1] - 1)
    even, pair = rho[rows, 2 * ends], pairs[rows, ends]
    monotone = np.where((pair >= 0) | (even > 0), even, 0.0)
    falling = np.minimum.accumulate(pairs, axis=1)
    sums = np.where(np.arange(pairs.shape[1]) < length[:, None], falling, 0.0).sum(axis=1)
    tau = np.maximum(-1 + 2 * sums + monotone, 1 / np.log10(count))
    return np.where(constant, float(count), count / tau)


def _autocovariance(x: np.ndarray) -> np.ndarray:
    """Autocovariances by lag, the mean of the chains, shape (scalars, draw)."""
    num_draws = x.shape[2]
    size = _fast_length(2 * num_draws)
    centred = x - x.mean(axis=2, keepdims=True)
    spectrum = np.fft.rfft(centred, n=size, axis=2)
    # the mean of the chains before the way back: one inverse transform a scalar
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    return np.fft.irfft(power, n=size, axis=1)[:, :num_draws] / num_draws


@lru_cache(maxsize=16)
def _fast_length(least: int) -> int:
    """The least product of 2, 3 and 5 that is not below ``least``."""
    best = 1 << max(least - 1, 1).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            length = three << max(0, (-(-least // three) - 1).bit_length())
            best = min(best, length) if length >= least else best
            three *= 3
        five *= 5
    return best

"""How heavy the tail of importance weights is, which says whether a variational fit can be trusted."""

from __future__ import annotations

import math

import numpy as np


def pareto_shape(log_weights: np.ndarray) -> float:
    """Shape of a generalised Pareto distribution fitted to the largest weights (Zhang and Stephens 2009)."""
    x = np.sort(np.exp(log_weights - log_weights.max()))
    count = int(min(0.2 * len(x), 3 * math.sqrt(len(x))))
    tail = x[-count:] - x[-count - 1]
    tail = tail[tail > 0]
    if len(tail) < 5:
        return float("nan")
    n = len(tail)
    m = 30 + int(math.sqrt(n))
    quartile = tail[int(n / 4 + 0.5) - 1]
    b = 1 / tail[-1] + (1 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3 * quartile)
    k = -np.log1p(-b[:, None] * tail).mean(1)
    profile = n * (np.log(b / k) + k - 1)
    weight = 1 / np.exp(profile - profile[:, None]).sum(1)
    weighted = float((b * weight).sum() / weight.sum())
    shape = float(np.log1p(-weighted * tail).mean())
    return (n * shape + 10 * 0.5) / (n + 10)

"""How heavy the tails of draws are."""

from __future__ import annotations

import math

import numpy as np

from pgmlang.results.psis import smoothed

FEWEST, WIDEST = 1000, 100
"""Draws, and at most numbers of a variable, of which the tails are looked at."""
HEAVY = 0.3
"""A shape that is surely over 1/4, from which on the fourth moment is infinite, and with it the error of an sd: that of some thousand draws
is known to about 0.08."""


def has_tails(draws: np.ndarray) -> bool:
    """Whether the tails of draws ``[chain, draw, ...]`` are looked at: of finite real numbers, enough of them and not too many to a draw."""
    if draws.ndim < 2 or draws.dtype.kind != "f" or draws.shape[0] * draws.shape[1] < FEWEST:
        return False
    return math.prod(draws.shape[2:]) <= WIDEST and bool(np.isfinite(draws).all())


def tail_shapes(draws: np.ndarray) -> np.ndarray:
    """Of each number of draws ``[chain, draw, ...]`` the shape of a generalised Pareto distribution of what lies farthest from the median, on
    the side where it is larger (`psis`); -inf where there is no tail to fit. Shape ``[numbers]``."""
    flat = draws.reshape(draws.shape[0] * draws.shape[1], -1)
    away = np.sort(flat, axis=0) - np.median(flat, axis=0)
    half = len(away) // 2
    with np.errstate(divide="ignore"):
        sides = np.log(np.stack([away[-half:], -away[:half]]).clip(min=0.0))
    shapes = np.stack([smoothed(side)[1] for side in sides]).max(axis=0)
    return np.where(np.isfinite(shapes), shapes, -math.inf)

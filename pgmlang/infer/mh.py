"""Adaptive random-walk Metropolis (``kernels.random_walk``)."""

from __future__ import annotations

from typing import Any

from pgmlang.infer.sampling import sampler
from pgmlang.results.fit import Moves


def _kernel() -> Any:
    from pgmlang.kernels import random_walk

    return random_walk.kernel()


METHOD = sampler(
    "mh",
    "adaptive random-walk Metropolis: needs no gradient",
    "it proposes from a random walk whose scale and covariance adapt in the warm-up",
    _kernel,
    Moves.RANDOM_WALK,
)

"""Hamiltonian Monte Carlo, many chains in one tensor (``kernels.hmc``; path length by ChEES)."""

from __future__ import annotations

from typing import Any

from pgmlang.infer.sampling import sampler
from pgmlang.results.fit import Moves


def _kernel() -> Any:
    from pgmlang.kernels import hmc

    return hmc.kernel()


METHOD = sampler(
    "hmc",
    "Hamiltonian Monte Carlo: posterior draws of continuous variables",
    "it follows the gradient of the log-density; step size, metric and path length adapt in the warm-up",
    _kernel,
    Moves.GRADIENT,
    when="with what the data leaves latent all continuous",
)

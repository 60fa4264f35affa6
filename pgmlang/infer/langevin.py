"""Metropolis-adjusted Langevin (``kernels.langevin``)."""

from __future__ import annotations

from typing import Any

from pgmlang.infer.sampling import sampler


def _kernel() -> Any:
    from pgmlang.kernels import langevin

    return langevin.mala()


METHOD = sampler(
    "langevin",
    "Metropolis-adjusted Langevin: one gradient a draw",
    "it follows the gradient of the log-density one step at a time; step size and metric adapt in the warm-up",
    _kernel,
)

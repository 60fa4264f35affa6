"""Options of expectation-maximisation."""

from __future__ import annotations

from dataclasses import dataclass

from pgmlang.infer.base import Options

DEFAULT_RESTARTS = 5
"""Random starts where there are latent variables; without them the start is that of the available cases."""


@dataclass(frozen=True, kw_only=True)
class EmOptions(Options):
    """``tolerance``: converged when less than this, in nats, is still to be gained (by Aitken's extrapolation).
    ``restarts``: starts, the best one is kept; None: 5 with latent variables, else 1. ``hard``: complete each row by its
    most probable values instead of in expectation."""

    max_iterations: int = 500
    tolerance: float = 1e-5
    restarts: int | None = None
    hard: bool = False

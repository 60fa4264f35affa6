"""Whether training has come to rest: by the gradient of its last steps, not by the height of its trace.

At a stationary point the mean of a noisy gradient is noise. Where its norm is larger than its standard error allows, the
objective still rises along it, however flat a noisy trace or a small step makes that look (Pflug, Non-asymptotic confidence
bounds for stochastic approximation algorithms with constant step size, 1990).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

FEWEST = 4
"""Fewest blocks of steps that tell the noise."""
SMALL = 0.01
"""The mean relative gradient below which nothing is gained: of a quadratic a ten-thousandth of what there was."""
ERRORS = 3.0
"""Standard errors that the norm of noise stays within."""


class LateGradient(NamedTuple):
    """Gradients of the last steps, each element relative to the size that it had, one vector a block of steps: their
    ``total [elements]``, how many ``blocks``, and the sum of their squared norms."""

    blocks: int = 0
    total: Any = None
    squares: float = 0.0

    def with_block(self, gradient: Tensor) -> LateGradient:
        total = gradient if self.total is None else self.total + gradient
        return LateGradient(self.blocks + 1, total, self.squares + float(gradient.square().sum()))

    def has_settled(self, correlation: float = 0.0) -> bool | None:
        """Whether the mean gradient's norm is within ``ERRORS`` standard errors of zero, or `SMALL`; None where too few
        blocks tell its noise. ``correlation``: of the noise of a block and the next."""
        if self.total is not None and not len(self.total):
            return True  # nothing is learned
        if self.blocks < FEWEST:
            return None
        square = float(self.total.square().sum()) / self.blocks**2
        variance = max(0.0, self.squares / self.blocks - square) / (self.blocks - 1)
        variance *= (1 + correlation) / (1 - correlation)
        return square <= max(ERRORS**2 * variance, SMALL**2 * len(self.total))

"""Angles as numbers on [-pi, pi), where they are drawn: their distribution functions and moments there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.numerics import numerics
from pgmlang.density.tail_moments import tail_moments

NODES = 64
FAR = 12.0
"""Of the density's own scale: beyond it is nothing."""


@dataclass(frozen=True, eq=False)
class Angle:
    """``inner``: a von Mises distribution with ``arguments`` of location and concentration."""

    inner: Any

    is_discrete = False

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        loc, _ = self._arguments
        end = torch.full_like(loc, math.pi)
        with numerics(end.dtype), torch.no_grad():
            return tail_moments(self.log_cdf, self.log_survival, -end, end, is_discrete=False)

    @property
    def _arguments(self) -> tuple[Tensor, Tensor]:
        loc, concentration = torch.broadcast_tensors(*self.inner.arguments)
        return loc, concentration

    @property
    def mean(self) -> Tensor:
        return self._moments[0]

    @property
    def variance(self) -> Tensor:
        return self._moments[1]

    def log_prob(self, x: Tensor) -> Tensor:
        return torch.where((x >= -math.pi) & (x < math.pi), self.inner.log_prob(x), -math.inf)

    def log_cdf(self, x: Tensor) -> Tensor:
        return self._between(torch.full_like(x, -math.pi), x.clamp(-math.pi, math.pi)).log()

    def log_survival(self, x: Tensor) -> Tensor:
        return self._between(x.clamp(-math.pi, math.pi), torch.full_like(x, math.pi)).log()

    def _between(self, low: Tensor, high: Tensor) -> Tensor:
        loc, _ = self._arguments
        return (self._turned(high - loc) - self._turned(low - loc)).clamp(0.0, 1.0)

    def _turned(self, angle: Tensor) -> Tensor:
        """The integral of the density from the location to an angle beyond it, a whole turn being one."""
        loc, concentration = self._arguments
        turns = torch.round(angle / (2 * math.pi))
        rest = angle - 2 * math.pi * turns
        width = torch.minimum(rest.abs(), FAR / concentration.sqrt())
        nodes, weights = (torch.as_tensor(a, dtype=width.dtype) for a in np.polynomial.legendre.leggauss(NODES))
        shares = (0.5 * (1 + nodes)).reshape(-1, *[1] * width.dim())
        density = self.inner.log_prob(loc + shares * width).exp()
        total = 0.5 * width * (weights.reshape(shares.shape) * density).sum(0)
        # half of all is on either side, to the last digit: moments weigh it by the square of the circle
        return turns + rest.sign() * torch.where(rest.abs() > width, 0.5, total)

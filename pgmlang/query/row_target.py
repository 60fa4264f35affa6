"""The log-density of the rows' own latents, where some of their elements are known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pgmlang.density.target import Target


@dataclass(frozen=True, eq=False)
class RowTarget(Target):
    """A target some of whose elements are ``known``, those along the first axis that the fit has values for, or
    ``seen``, where these masks are True. Their free numbers are given a normal density of their own, so that no chain
    drifts along them."""

    known: dict[str, Tensor] = field(default_factory=dict, kw_only=True)
    seen: dict[str, Tensor] = field(default_factory=dict, kw_only=True)

    def values(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        values, log_det = super().values(x)
        for name, known in self.known.items():
            values[name] = torch.cat([known, values[name][:, known.shape[1] :]], 1)
        return values, log_det

    def __call__(self, x: Tensor) -> Tensor:
        total = super().__call__(x)
        start = 0
        for name, shape in zip(self.names, self.free_shapes, strict=True):
            size = math.prod(shape)
            if name in self.known:
                idle = size // max(1, shape[0]) * self.known[name].shape[1]
                total = total - 0.5 * x[..., start : start + idle].square().sum(-1)
            if name in self.seen:
                is_seen = self.seen[name].flatten().to(x.dtype)
                total = total - 0.5 * (x[..., start : start + size].square() * is_seen).sum(-1)
            start += size
        return total

"""The log-density of the rows' own latents, where some of their elements are known."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pgmlang.density.target import Target


@dataclass(frozen=True, eq=False)
class RowTarget(Target):
    """A target some of whose elements are ``known``, those along the first axis that the fit has values for. Their free numbers are given
    a normal density of their own, so that no chain drifts along them."""

    known: dict[str, Tensor] = field(default_factory=dict, kw_only=True)

    def values(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        values, log_det = super().values(x)
        for name, known in self.known.items():
            values[name] = torch.cat([known, values[name][:, known.shape[1] :]], 1)
        return values, log_det

    def __call__(self, x: Tensor) -> Tensor:
        total = super().__call__(x)
        free = self.numbers.by_name(x)
        for name, known in self.known.items():
            total = total - 0.5 * free[name][:, : known.shape[1]].flatten(1).square().sum(-1)
        return total

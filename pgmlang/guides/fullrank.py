"""The full-rank normal guide: a covariance by its Cholesky factor."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pgmlang.density.keys import FreeKey
from pgmlang.guides.family import LOC, SCALE, Reparameterised


class FullRankNormal:
    """A location and a lower triangle, with the logs of its diagonal."""

    cure = "`--method hmc`"

    def begin(self, log_scale: Tensor) -> Tensor:
        return torch.diag(log_scale)

    def transformed(self, free: Mapping[FreeKey, Tensor], noise: Tensor) -> Reparameterised:
        diagonal = free[SCALE].diagonal()
        scale = free[SCALE].tril(-1) + torch.diag(diagonal.exp())
        return Reparameterised(free[LOC] + noise @ scale.mT, diagonal.sum())

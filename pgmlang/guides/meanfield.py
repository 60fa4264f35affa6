"""The mean-field normal guide: every free number independent of the others."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from pgmlang.density.keys import FreeKey
from pgmlang.guides.family import LOC, SCALE, Reparameterised


class MeanFieldNormal:
    """A location and the log of a standard deviation for each number."""

    cure = "`--guide fullrank`, or `--method hmc`"

    def begin(self, log_scale: Tensor) -> Tensor:
        return log_scale

    def transformed(self, free: Mapping[FreeKey, Tensor], noise: Tensor) -> Reparameterised:
        log_scale = free[SCALE]
        return Reparameterised(free[LOC] + log_scale.exp() * noise, log_scale.sum())

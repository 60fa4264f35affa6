"""Families of automatic guides: normal distributions over the free numbers behind continuous latents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from pgmlang.density.keys import FreeKey, GuideMoment

LOC, SCALE = GuideMoment("loc"), GuideMoment("scale")
"""Keys of a guide's params among the free values."""
LOG_SCALE = math.log(0.1)
"""Where the standard deviations begin."""


class GuideFamily(Protocol):
    """A reparameterised normal family over ``[size]`` free numbers (Kucukelbir, Tran, Ranganath, Gelman and Blei 2017)."""

    cure: str
    """What to take where a fit of this family is poor."""

    def begin(self, log_scale: Tensor) -> Tensor:
        """The first value of the scale's params, by the log of the standard deviations ``[size]``."""
        ...

    def transformed(self, free: Mapping[FreeKey, Tensor], noise: Tensor) -> Reparameterised:
        """Draws by standard normal noise ``[..., size]``."""
        ...


@dataclass(frozen=True, eq=False)
class Reparameterised:
    """``x [..., size]``: draws as a function of the params; ``log_det []``: of that map."""

    x: Tensor
    log_det: Tensor

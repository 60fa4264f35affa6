"""An automatic guide of some continuous latents: a family over all their free numbers at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.free_numbers import FreeNumbers, free_numbers
from pgmlang.density.keys import FreeKey
from pgmlang.density.transforms import constrain
from pgmlang.guides.family import LOC, LOG_SCALE, SCALE, GuideFamily


@dataclass(frozen=True, eq=False)
class AutomaticGuide:
    """``names``: the latents, in the model's order; none: a guide of nothing."""

    names: tuple[str, ...]
    family: GuideFamily

    def numbers(self, joint: BoundDensity) -> FreeNumbers:
        """The latents' free numbers, without cells that are data."""
        return joint.memo.once(free_numbers, joint, self.names)

    def size(self, joint: BoundDensity) -> int:
        """How many free numbers there are."""
        return self.numbers(joint).dimension

    def begin(self, joint: BoundDensity, generator: Generator) -> dict[FreeKey, Tensor]:
        """The first params of the family, near zero with small deviations; none without latents."""
        size = self.size(joint)
        if not size:
            return {}
        loc = 0.1 * torch.randn(size, generator=generator, dtype=joint.dtype, device=joint.device)
        log_scale = torch.full((size,), LOG_SCALE, dtype=joint.dtype, device=joint.device)
        return {LOC: loc, SCALE: self.family.begin(log_scale)}

    def sample(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], generator: Generator, shape: tuple[int, ...],
        given: Mapping[str, Tensor], params: Mapping[str, Tensor], nets: Any,
    ) -> tuple[dict[str, Tensor], Tensor]:  # fmt: skip
        """Draws and their log-density ``[...]`` as values. ``given``: draws of the written guide, on which bounds may
        hang."""
        if not self.names:
            return {}, torch.zeros(shape, dtype=joint.dtype, device=joint.device)
        x, log_q = self.sample_free(joint, free, generator, shape)
        values, log_det = constrain(joint, self.numbers(joint).by_name(x), given, params, nets)
        return values, log_q - log_det

    def sample_free(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], generator: Generator, shape: tuple[int, ...]
    ) -> tuple[Tensor, Tensor]:
        """Draws of the free numbers, ``[..., size]``, and their log-density ``[...]``."""
        size = self.size(joint)
        noise = torch.randn((*shape, size), generator=generator, dtype=joint.dtype, device=joint.device)
        draws = self.family.transformed(free, noise)
        log_q = -0.5 * noise.square().sum(-1) - draws.log_det - 0.5 * size * math.log(2 * math.pi)
        return draws.x, log_q

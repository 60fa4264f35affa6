"""An automatic guide of some continuous latents: a family over all their free numbers at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import FreeKey
from pgmlang.density.transforms import constrain, free_shape
from pgmlang.guides.family import LOC, LOG_SCALE, SCALE, GuideFamily


@dataclass(frozen=True, eq=False)
class AutomaticGuide:
    """``names``: the latents, in the model's order; none: a guide of nothing."""

    names: tuple[str, ...]
    family: GuideFamily

    def size(self, joint: BoundDensity) -> int:
        """How many free numbers there are."""
        return sum(math.prod(free_shape(joint, n)) for n in self.names)

    def begin(self, joint: BoundDensity, generator: Generator) -> dict[FreeKey, Tensor]:
        """The first params of the family, near zero with small deviations; none without latents."""
        size = self.size(joint)
        if not size:
            return {}
        loc = 0.1 * torch.randn(size, generator=generator, dtype=joint.dtype, device=joint.device)
        log_scale = torch.full((size,), LOG_SCALE, dtype=joint.dtype, device=joint.device)
        return {LOC: loc, SCALE: self.family.begin(log_scale)}

    def by_name(self, joint: BoundDensity, x: Tensor) -> dict[str, Tensor]:
        """Free numbers ``[..., size]`` as free values ``[..., *free_shape]``."""
        shapes = {n: free_shape(joint, n) for n in self.names}
        pieces = x.split([math.prod(s) for s in shapes.values()], -1) if shapes else ()
        return {
            n: piece.reshape((*x.shape[:-1], *s)) for (n, s), piece in zip(shapes.items(), pieces, strict=True)
        }

    def sample(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], generator: Generator, shape: tuple[int, ...],
        given: Mapping[str, Tensor], params: Mapping[str, Tensor], nets: Any,
    ) -> tuple[dict[str, Tensor], Tensor]:  # fmt: skip
        """Draws and their log-density ``[...]`` as values. ``given``: draws of the written guide, on which bounds may
        hang."""
        if not self.names:
            return {}, torch.zeros(shape, dtype=joint.dtype, device=joint.device)
        x, log_q = self.sample_free(joint, free, generator, shape)
        values, log_det = constrain(joint, self.by_name(joint, x), given, params, nets)
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

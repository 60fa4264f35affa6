"""Score matching: denoising (Vincent 2011) and sliced (Song, Garg, Shi and Ermon 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import FreeKey
from pgmlang.density.reductions import log_joint, scaled_sum
from pgmlang.objectives.objective import learned_values, rows_of


@dataclass(frozen=True, eq=False)
class ScoreMatching:
    """``names``: the real fields, all of them observed; ``kind``: ``denoising`` or ``sliced``; ``noise``: sd of what is
    added, as a share of the data's."""

    names: tuple[str, ...]
    plate: str | None
    kind: str
    noise: float

    def spread(self, joint: BoundDensity, generator: Generator) -> dict[str, Tensor]:
        """Standard deviation of each field in the data."""
        return {n: joint.observed[n].std().clamp(min=1e-12) for n in self.names}

    def scores(
        self, joint: BoundDensity, points: Mapping[str, Tensor], params: Mapping[str, Tensor], nets: Any
    ) -> tuple[Tensor, ...]:
        """Gradients of the log-density by the fields."""
        total = log_joint(replace(joint, scale={}, weights={}), points, params, nets)
        return torch.autograd.grad(total, [points[n] for n in self.names], create_graph=True)

    def loss(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        """The objective of a row, by noise ``[*shape]`` of each field; ``extra`` is the fields' `spread`."""
        with torch.enable_grad():
            params = learned_values(joint, free)
            noise = {
                n: torch.randn(
                    joint.observed[n].shape, generator=generator, dtype=joint.dtype, device=joint.device
                )
                for n in self.names
            }
            if self.kind == "denoising":
                gaps = self._denoising(joint, params, nets, noise, extra)
            else:
                gaps = self._sliced(joint, params, nets, noise)
            unscaled = replace(joint, scale={})
            total = torch.zeros((), dtype=joint.dtype, device=joint.device)
            for name, gap in gaps.items():
                total = total + scaled_sum(unscaled, gap, joint.axes(name))
        return total / rows_of(joint, self.plate), extra

    def _denoising(
        self, joint: BoundDensity, params: Mapping[str, Tensor], nets: Any, noise: Mapping[str, Tensor],
        spread: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:  # fmt: skip
        """Half the squared gap between the score at a point with noise added and the way back, by element."""
        sd = {n: self.noise * spread[n] for n in self.names}
        points = {n: (joint.observed[n] + sd[n] * noise[n]).requires_grad_() for n in self.names}
        scores = self.scores(joint, points, params, nets)
        return {n: 0.5 * (sd[n] * s + noise[n]).square() for n, s in zip(self.names, scores, strict=True)}

    def _sliced(
        self, joint: BoundDensity, params: Mapping[str, Tensor], nets: Any, noise: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Hyvaerinen's objective along random directions, by element."""
        points = {n: joint.observed[n].detach().clone().requires_grad_() for n in self.names}
        scores = self.scores(joint, points, params, nets)
        slopes = torch.stack([(noise[n] * s).sum() for n, s in zip(self.names, scores, strict=True)]).sum()
        curved = torch.autograd.grad(slopes, [points[n] for n in self.names], create_graph=True)
        return {
            n: noise[n] * curve + 0.5 * score.square()
            for n, score, curve in zip(self.names, scores, curved, strict=True)
        }

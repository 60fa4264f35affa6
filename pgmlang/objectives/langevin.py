"""Maximum likelihood of real fields with persistent Langevin chains (Du and Mordatch 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import FreeKey
from pgmlang.density.reductions import log_joint, scaled_sum, sum_of_factors, sum_per_element
from pgmlang.fields.fields import one_row
from pgmlang.model import Model
from pgmlang.objectives.objective import learned_values, units_of

RESTART = 0.05
"""Share of Langevin chains that begin anew at noise at each step."""
DECAY = 1e-3
"""Weight of the squared log-potentials, which keeps a neural energy near zero (Du and Mordatch 2019)."""


@dataclass(frozen=True, eq=False)
class LangevinLikelihood:
    """Maximum likelihood of real fields with persistent Langevin chains."""

    model: Model
    names: tuple[str, ...]
    plate: str | None
    chains: int
    k: int
    step_size: float

    def extra(self, joint: BoundDensity, generator: Generator) -> dict[str, Tensor]:
        return self._noise(joint, generator, self.chains)

    def _noise(self, joint: BoundDensity, generator: Generator, chains: int) -> dict[str, Tensor]:
        """Normal points of the data's mean and spread, ``[chain, 1, ...]``."""
        out = {}
        for name in self.names:
            data = joint.observed[name]
            row_shape = joint.shapes[name][1:] if self.plate else joint.shapes[name]
            shape = (chains, 1, *row_shape) if self.plate else (chains, *row_shape)
            noise = torch.randn(shape, generator=generator, dtype=joint.dtype, device=joint.device)
            mean = data.mean(0) if self.plate else data.mean()
            sd = data.std(0) if self.plate and len(data) > 1 else data.std()
            out[name] = mean + 1.5 * sd * noise
        return out

    def _single_row(self, joint: BoundDensity) -> BoundDensity:
        return joint.whole.memo.once(one_row, joint.whole, self.plate)

    def loss(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        params = learned_values(joint, free)
        plain = replace(joint, scale={}, weights={})
        one = self._single_row(joint)
        held = {k: v.detach() for k, v in params.items()}
        chains = self._langevin(one, joint, extra, held, nets, generator)
        negative = log_joint(one, chains, params, nets)
        positive = self._each(self._blurred(plain, generator) if nets is not None else plain, params, nets)
        raised = scaled_sum(joint, positive, (self.plate,)) if self.plate else positive
        gap = negative.mean() - raised / units_of(joint, self.plate)
        small = DECAY * (negative.square().mean() + positive.square().mean()) if nets is not None else 0.0
        monitor = gap.detach().abs()
        loss = gap + small
        return loss - loss.detach() + monitor, chains

    def _blurred(self, joint: BoundDensity, generator: Generator) -> BoundDensity:
        """The data with the noise of one Langevin step: a network would raise spikes at the points themselves, which no
        chain of such steps can follow."""
        seen = dict(joint.observed)
        for name in self.names:
            x = seen[name]
            noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
            seen[name] = x + self.step_size * float(x.std()) * noise
        return replace(joint, observed=seen)

    def _each(self, joint: BoundDensity, params: Mapping[str, Tensor], nets: Any) -> Tensor:
        terms = joint.factors({}, params, nets)
        return sum_per_element(joint, terms, self.plate) if self.plate else sum_of_factors(joint, terms)

    def _langevin(
        self,
        one: BoundDensity,
        joint: BoundDensity,
        extra: Mapping[str, Tensor],
        params: Any,
        nets: Any,
        generator: Generator,
    ) -> dict[str, Tensor]:
        """``k`` unadjusted Langevin steps of every chain, a few of which begin anew."""
        fresh = self._noise(joint, generator, self.chains)
        again = torch.rand(self.chains, generator=generator, device=joint.device) < RESTART
        points = {
            n: torch.where(again.reshape(-1, *[1] * (extra[n].dim() - 1)), fresh[n], extra[n]).detach()
            for n in self.names
        }
        for _ in range(self.k):
            with torch.enable_grad():
                leaves = {n: p.requires_grad_() for n, p in points.items()}
                total = log_joint(one, leaves, params, nets).sum()
                slopes = torch.autograd.grad(total, list(leaves.values()))
            for name, slope in zip(self.names, slopes, strict=True):
                step = self.step_size * float(joint.observed[name].std())
                noise = torch.randn(slope.shape, generator=generator, dtype=slope.dtype, device=slope.device)
                move = (0.5 * step**2 * slope).clamp(-2 * step, 2 * step)
                points[name] = (points[name].detach() + move + step * noise).detach()
        return points

"""Where an automatic guide begins: at data that are possible and near, and at the best of several tops."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pgmlang.density.keys import FreeKey, GuideMoment

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from pgmlang.density.joint import Joint
    from pgmlang.kernels.lbfgs import Function, Point

STARTS, CLIMB = 24, 20
"""Places that a bound with many tops is climbed from, and the iterations of each half of a climb."""
CLIMBS, MOST_ROWS = 3, 20_000
"""Climbs that find where one guide begins, each with fresh noise, and the most rows that they see."""
LOC = GuideMoment("loc")
"""The middle of the guide among free numbers."""


def free_size(joint: Joint, names: tuple[str, ...]) -> int:
    """How many free numbers variables have together."""
    return sum(math.prod(joint.free_shape(n)) for n in names)


@dataclass(frozen=True, eq=False)
class GuideStart:
    """The search for one problem. ``automatic``: variables of the guide; ``plate``: that of the rows; ``params``: what is
    learned, from free numbers; ``loss``: minus the bound, as of ``training.Objective``."""

    automatic: tuple[str, ...]
    plate: str | None
    params: Callable[[Joint, Mapping[FreeKey, Tensor]], dict[str, Tensor]]
    loss: Callable[[Joint, Mapping[FreeKey, Tensor], Any, Generator, Any], tuple[Tensor, Any]]

    def possible(self, joint: Joint, loc: Tensor, free: Mapping[FreeKey, Tensor], generator: Generator) -> Tensor:
        """The middle of the guide, or the nearest place that was found where the density is not zero."""
        import torch

        from pgmlang.infer.starts import impossible_elements, nearest_possible

        params = self.params(joint, free)
        shapes = {n: joint.free_shape(n) for n in self.automatic}
        parts = loc.split([math.prod(s) for s in shapes.values()])
        begin = {n: p.reshape(s) for (n, s), p in zip(shapes.items(), parts, strict=True)}

        def impossible(free: dict[str, Tensor]) -> Tensor:
            return impossible_elements(joint, joint.constrain(free, None, params)[0], params)

        nearest = nearest_possible(begin, impossible, generator)
        return torch.cat([nearest[n].flatten() for n in shapes])

    def climbed(self, joint: Joint, free: Mapping[FreeKey, Tensor], generator: Generator) -> Tensor:
        """Where a climb of the bound by the middle of the guide ends, its widths held: steps of the gradient's would
        take all epochs to data that are far."""
        from pgmlang.kernels import lbfgs
        from pgmlang.kernels.log_density import GradientNotFinite

        some = self._at_most(joint, MOST_ROWS, generator)
        loc: Tensor = free[LOC]
        for _ in range(CLIMBS):
            function = self._held(some, free, generator.get_state())
            try:
                loc = lbfgs.descend(function, lbfgs.start(function, loc), CLIMB).x
            except GradientNotFinite:
                return loc  # a step with fresh noise says where, if it persists
        return loc

    def best(self, joint: Joint, free: Mapping[FreeKey, Tensor], generator: Generator) -> Tensor:
        """Where the bound is highest after a short climb from each of several places: with discrete latents summed
        out it has many tops. The first half of a climb sees some rows only, which lets labels find rows of their own."""
        import torch

        from pgmlang.density.gradients import gradient_error
        from pgmlang.kernels import lbfgs
        from pgmlang.kernels.log_density import GradientNotFinite

        points: list[Point] = []
        broken: Any = None
        for i in range(STARTS):
            loc = self._drawn(joint, free, generator) if i % 2 else torch.randn(
                free_size(joint, self.automatic), generator=generator, dtype=joint.dtype, device=joint.device
            )  # fmt: skip
            try:
                for some_rows in (self._some_rows(joint, generator), joint):
                    noise = generator.get_state()
                    function = self._held(some_rows, free, noise)
                    point = lbfgs.descend(function, lbfgs.start(function, loc), CLIMB)
                    loc = point.x
            except GradientNotFinite as error:
                broken = some_rows, noise, error.x.detach().requires_grad_()
                continue
            points.append(point)
        if not points:
            some_rows, noise, leaf = broken
            raise gradient_error(lambda: self._at(some_rows, free, noise, leaf), {LOC: leaf}, joint, "bound")
        best: Tensor = min(points, key=lambda p: math.inf if math.isnan(float(p.value)) else float(p.value)).x
        return best

    def _held(self, joint: Joint, free: Mapping[FreeKey, Tensor], noise: Tensor) -> Function:
        """The loss by the guide's location, the noise of its draws held: a function."""
        import torch

        from pgmlang.density.gradients import slopes_of

        def function(loc: Tensor) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                leaf = loc.detach().requires_grad_()
                loss = self._at(joint, free, noise, leaf)
                (gradient,) = slopes_of(loss, [leaf])
            return loss.detach(), gradient

        return function

    def _at(self, joint: Joint, free: Mapping[FreeKey, Tensor], noise: Tensor, loc: Tensor) -> Tensor:
        """The loss at a location of the guide, by draws from this state of the generator."""
        import torch

        generator = torch.Generator(joint.device)
        generator.set_state(noise)
        return self.loss(joint, {**free, LOC: loc}, None, generator, None)[0]

    def _some_rows(self, joint: Joint, generator: Generator) -> Joint:
        """A few rows as if there were no more; all of them where they have guides of their own."""
        import torch

        power = 0.4 + 0.4 * float(torch.rand((), generator=generator, device=joint.device))
        total = joint.layout.size(self.plate) if self.plate else 0
        some = self._at_most(joint, max(3, int(total**power)), generator)
        return some if some is joint else replace(some, scale={})

    def _at_most(self, joint: Joint, count: int, generator: Generator) -> Joint:
        """So many rows, which stand for all; all of them where they are fewer, or have guides of their own."""
        import numpy as np
        import torch

        if self.plate is None or any(self.plate in joint.axes(n) for n in self.automatic):
            return joint
        total = joint.layout.size(self.plate)
        if total <= count:
            return joint
        order = torch.randperm(total, generator=generator, device=joint.device).cpu().numpy()
        return joint.rows(self.plate, np.sort(order[:count]))

    def _drawn(self, joint: Joint, free: Mapping[FreeKey, Tensor], generator: Generator) -> Tensor:
        """Free numbers of a draw of the prior, given what is learned."""
        import torch

        seen = {k: v for k, v in joint.observed.items() if k not in joint.missing}
        params = self.params(joint, free)
        drawn = joint.simulate(generator, seen, params)
        begin = joint.unconstrain({n: drawn[n] for n in self.automatic}, drawn, params)
        return torch.cat([begin[n].flatten() for n in self.automatic])

"""Where an automatic guide begins: where the density is not zero, and with labels summed out, on the highest hill."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.gradients import gradient_error, slopes_of
from pgmlang.density.possible import always_impossible, impossible_elements, nearest_possible
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.density.simulation import simulate
from pgmlang.density.transforms import constrain, unconstrain
from pgmlang.guides.automatic import AutomaticGuide
from pgmlang.guides.family import LOC
from pgmlang.kernels import lbfgs
from pgmlang.kernels.lbfgs import Point
from pgmlang.kernels.log_density import GradientNotFinite
from pgmlang.plan.deadline import NEVER, Deadline

STARTS, CLIMB = 24, 20
"""Places that a bound with many tops is climbed from, and the iterations of each half of a climb."""
CLIMBS, MOST_ROWS = 3, 20_000
"""Climbs that find where one guide begins, each with fresh noise, and the most rows that they see."""

Loss = Callable[[BoundDensity, Tensor, Generator], Tensor]
"""The loss of some rows by the guide's location, with draws of a generator."""


def nearest(
    joint: BoundDensity,
    guide: AutomaticGuide,
    loc: Tensor,
    params: Mapping[str, Tensor],
    generator: Generator,
    deadline: Deadline = NEVER,
) -> Tensor:
    """The guide's location, or the nearest that was found where the density is not zero."""

    def impossible(free: dict[str, Tensor]) -> Tensor:
        return impossible_elements(joint, constrain(joint, free, None, params)[0], params)

    def causes(free: dict[str, Tensor]) -> tuple[str, ...]:
        return always_impossible(joint, constrain(joint, free, None, params)[0], params)

    numbers = guide.numbers(joint)
    return numbers.vector(nearest_possible(numbers.by_name(loc), impossible, generator, deadline, causes))


def climbed(
    joint: BoundDensity,
    guide: AutomaticGuide,
    loc: Tensor,
    plate: str | None,
    loss: Loss,
    generator: Generator,
    deadline: Deadline = NEVER,
) -> Tensor:
    """Where a climb of the bound by the guide's location ends, its widths held: steps of the gradient's would take all
    epochs to data that are far."""
    some = _at_most(joint, guide, plate, MOST_ROWS, generator)
    for _ in range(CLIMBS):
        if deadline.is_over():
            break
        function = _function(some, loss, generator.get_state())
        try:
            loc = lbfgs.descend(function, lbfgs.start(function, loc), CLIMB, deadline.is_over).x
        except GradientNotFinite:
            return loc  # a step with fresh noise says where, if it persists
    return loc


def best(
    joint: BoundDensity, guide: AutomaticGuide, params: Mapping[str, Tensor], plate: str | None, loss: Loss,
    generator: Generator, deadline: Deadline = NEVER,
) -> Tensor:  # fmt: skip
    """The location where the bound is highest after a short climb from each of several places: with discrete latents
    summed out it has many tops. The first half of a climb sees some rows only, which lets labels find rows of their own.
    """
    points: list[Point] = []
    broken: tuple[BoundDensity, Tensor, Tensor] | None = None
    for i in range(STARTS):
        if points and deadline.is_over():
            break
        loc = _drawn(joint, guide, params, generator) if i % 2 else torch.randn(
            guide.size(joint), generator=generator, dtype=joint.dtype, device=joint.device
        )  # fmt: skip
        try:
            for rows in (_some_rows(joint, guide, plate, generator), joint):
                noise = generator.get_state()
                function = _function(rows, loss, noise)
                point = lbfgs.descend(function, lbfgs.start(function, loc), CLIMB, deadline.is_over)
                loc = point.x
        except GradientNotFinite as error:
            broken = rows, noise, error.x.detach().requires_grad_()
            continue
        points.append(point)
    if not points:
        assert broken is not None
        rows, noise, leaf = broken
        raise gradient_error(lambda: loss(rows, leaf, _generator(rows, noise)), {LOC: leaf}, joint, "bound")
    highest: Tensor = min(points, key=lambda p: math.inf if math.isnan(float(p.value)) else float(p.value)).x
    return highest


def _function(joint: BoundDensity, loss: Loss, noise: Tensor) -> lbfgs.Function:
    """The loss and its gradient by the guide's location, the noise of its draws held: a function."""

    def function(loc: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            leaf = loc.detach().requires_grad_()
            value = loss(joint, leaf, _generator(joint, noise))
            (gradient,) = slopes_of(value, [leaf])
        return value.detach(), gradient

    return function


def _generator(joint: BoundDensity, state: Tensor) -> Generator:
    generator = torch.Generator(joint.device)
    generator.set_state(state)
    return generator


def _some_rows(
    joint: BoundDensity, guide: AutomaticGuide, plate: str | None, generator: Generator
) -> BoundDensity:
    """A few rows as if there were no more; all of them where they have guides of their own."""
    power = 0.4 + 0.4 * float(torch.rand((), generator=generator, device=joint.device))
    total = joint.layout.size(plate) if plate else 0
    some = _at_most(joint, guide, plate, max(3, int(total**power)), generator)
    return some if some is joint else replace(some, scale={})


def _at_most(
    joint: BoundDensity, guide: AutomaticGuide, plate: str | None, count: int, generator: Generator
) -> BoundDensity:
    """So many rows, which stand for all; all of them where they are fewer, or have guides of their own."""
    if plate is None or any(plate in joint.axes(n) for n in guide.names):
        return joint
    total = joint.layout.size(plate)
    if total <= count:
        return joint
    order = torch.randperm(total, generator=generator, device=joint.device).cpu().numpy()
    return restricted_to_rows(joint, plate, np.sort(order[:count]))


def _drawn(
    joint: BoundDensity, guide: AutomaticGuide, params: Mapping[str, Tensor], generator: Generator
) -> Tensor:
    """Free numbers of a draw of the prior, given what is learned."""
    seen = {k: v for k, v in joint.observed.items() if k not in joint.missing}
    drawn = simulate(joint, generator, seen, params)
    begin = unconstrain(joint, {n: drawn[n] for n in guide.names}, drawn, params)
    return guide.numbers(joint).vector(begin)

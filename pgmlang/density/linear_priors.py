"""Priors with given arguments, by the statistics of their value.

The log-density of ``p ~ Beta(2, 3)`` is linear in log p and log(1 - p), whatever p: an objective that is looked at thousands of
times works out two logarithms an element, not the kernel that is accurate for every argument. The coefficients come from the
emitted program, at a few points of the support.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.families import FAMILIES, Family
from pgmlang.lower.family_classes import statistics_function
from pgmlang.model import Conditional, Dist
from pgmlang.model.dependence import names_behind

AGREEMENT = 1e-10
"""Largest relative difference from the program at one more point."""
SCALARS = {"unit": (0.25, 0.5, 0.75, 0.6), "positive": (0.5, 1.0, 2.0, 1.4)}
"""Points of a support, the last one to compare."""


@dataclass(frozen=True, eq=False)
class LinearPrior:
    """``constant`` plus ``coefficients [statistics, *shape]`` times the ``statistics`` of the values of ``name``."""

    name: str
    constant: Tensor
    coefficients: tuple[tuple[int, Tensor], ...]
    statistics: Callable[[Tensor], tuple[Tensor, ...]]
    dims: int

    def log_density(self, value: Tensor) -> Tensor:
        """``[...]`` of values ``[..., *shape]``."""
        columns = self.statistics(value)
        total = self.constant
        for place, coefficient in self.coefficients:
            product = coefficient * columns[place]
            total = total + (product.sum(tuple(range(-self.dims, 0))) if self.dims else product)
        return total


def linear_prior(joint: BoundDensity, conditional: Conditional) -> LinearPrior | None:
    """The prior of a latent number outside of rows, or None where it has an argument to be found, no such statistics, or
    where they do not say what the program does."""
    name, distribution = conditional.target, conditional.distribution
    if not isinstance(distribution, Dist) or name in joint.observed or name not in joint.shapes:
        return None
    family = FAMILIES[distribution.family]
    unknown = {*joint.latent, *joint.learned} & names_behind(joint.model, conditional)
    is_alike = joint.model.by_name[name].type.kind == family.support
    if not family.statistics or family.with_products or not is_alike or unknown:
        return None
    points = _points(joint, family, joint.shapes[name])
    return None if points is None else _solved(joint, name, statistics_function(family), points)


def _points(joint: BoundDensity, family: Family, shape: tuple[int, ...]) -> Tensor | None:
    """Points ``[i]`` of numbers, ``[i, event]`` of probabilities, in the support: as many as statistics, the constant one
    among them, and one to compare."""
    if family.support == "simplex":
        size = shape[-1]
        if size < 2:
            return None  # nothing is free
        weights = 1 + torch.cat([torch.eye(size), torch.zeros(1, size), torch.arange(size)[None] / size])
        points = weights / weights.sum(-1, keepdim=True)
    elif family.support in SCALARS:
        *inside, last = SCALARS[family.support]
        points = torch.tensor([*inside[: 1 + len(family.statistics)], last])
    else:
        return None
    return points.to(dtype=joint.dtype, device=joint.device)


def _solved(
    joint: BoundDensity, name: str, statistics: Callable[[Tensor], tuple[Tensor, ...]], points: Tensor
) -> LinearPrior | None:
    """The prior that has the program's log-densities at all points but the last, where it has that one too."""
    shape, event = joint.shapes[name], points.shape[1:]
    others = shape[: len(shape) - len(event)]
    values = points.reshape(len(points), *[1] * len(others), *event).expand(-1, *shape)
    with torch.no_grad():
        heights = joint.factors({name: values}, only=(name,))[name].expand(-1, *others).reshape(len(points), -1)
        columns = [c.reshape(len(points), -1) for c in statistics(points)]
        known = torch.cat([torch.ones_like(columns[0][:, :1]), *columns], 1)
        solved = torch.linalg.solve(known[:-1], heights[:-1])
        error = (known[-1] @ solved - heights[-1]).abs()
    if not bool((error <= AGREEMENT * (1 + heights[-1].abs())).all()):
        return None
    # [statistics, *shape]
    slopes = solved[1:].T.reshape(*others, -1, *event).movedim(len(others), 0)
    slopes = torch.where(slopes.abs() < AGREEMENT, 0.0, slopes)
    used = [i for i, slope in enumerate(slopes) if bool((slope != 0).any())]
    if not all(bool((slopes[i] != 0).all()) for i in used):
        return None  # nothing times the logarithm of nothing
    return LinearPrior(name, solved[0].sum(), tuple((i, slopes[i]) for i in used), statistics, len(shape))

"""The log-posterior around EM's estimates of densities: Newton steps, standard errors, what is no maximum.

What is latent is summed out, so that its uncertainty is in the curvature (the observed information: Louis 1982).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.delta import standard_errors
from pgmlang.density.gradients import slopes_of
from pgmlang.density.transforms import constrain, unconstrain
from pgmlang.infer.end import reason_against_directions
from pgmlang.kernels.curvature import Curvature, curvature, reason_against
from pgmlang.kernels.second_derivatives import Function, TooCostly

Total = Callable[[dict[str, Tensor]], Tensor]
"""A log-posterior ``[point]`` of values ``[point, ...]``."""
ON_BOUNDARY = 1e-3
"""Expected counts below which a share is held at its bound."""
SIDE_BY_SIDE = 500_000
"""Numbers of the data, times points, that are gone through together."""


@dataclass(frozen=True, eq=False)
class PointSurface:
    """The log-posterior ``total`` ``[point]`` of values ``[point, ...]`` as a function of free numbers ``[n]``: of probabilities the logits relative to each row's
    greatest, those of nothing held; of others the free ones. ``values``: where it is looked at; ``shares``: which cells of
    probabilities are free. ``near``: `total` to second order around values, where that is cheaper; ``looks_at_data``: whether `total` does. ``units`` by which some values are measured."""

    joint: BoundDensity
    total: Total
    values: dict[str, Tensor]
    shares: Mapping[str, Tensor]
    near: Callable[[dict[str, Tensor]], Total | None]
    looks_at_data: bool = True
    units: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def numbers(self) -> dict[str, int]:
        """How many free numbers each name has."""
        rest = self._rest()
        return {
            n: int(self.shares[n].sum()) if n in self.shares else rest[n].numel() for n in self.values
        }  # fmt: skip

    def number_names(self) -> list[str]:
        """The name behind each number."""
        return [n.removesuffix(".table") for n, count in self.numbers.items() for _ in range(count)]

    def _rest(self) -> dict[str, Tensor]:
        others = {n: v for n, v in self.values.items() if n not in self.shares}
        measured = {n: v / self.units.get(n, 1.0) for n, v in others.items()}
        return unconstrain(self.joint, measured, self.values, self.values) if others else {}

    def start(self) -> Tensor:
        """The free numbers of the values."""
        rest = self._rest()
        pieces = [
            (v / v.amax(-1, keepdim=True)).log()[self.shares[n]] if n in self.shares else rest[n].flatten()
            for n, v in self.values.items()
        ]
        return torch.cat(pieces) if pieces else torch.zeros(0, dtype=self.joint.dtype)

    def values_at(self, x: Tensor) -> dict[str, Tensor]:
        """The values ``[..., *shape]`` of free numbers ``[..., n]``."""
        pieces = dict(zip(self.numbers, torch.split(x, list(self.numbers.values()), -1), strict=True))
        lead = x.shape[:-1]
        out: dict[str, Tensor] = {}
        for name, mask in self.shares.items():
            value = self.values[name]
            cells = (value / value.amax(-1, keepdim=True)).expand(*lead, *value.shape)
            cells = cells.masked_scatter(mask.expand_as(cells), pieces[name].exp())
            out[name] = cells / cells.sum(-1, keepdim=True)
        rest = self._rest()
        if rest:
            free = {n: pieces[n].reshape((*lead, *v.shape)) for n, v in rest.items()}
            measured = constrain(self.joint, free, {**self.values, **out}, {**self.values, **out})[0]
            out.update({n: v * self.units.get(n, 1.0) for n, v in measured.items()})
        return {n: out[n] for n in self.values}

    def around(self, x: np.ndarray) -> Function:
        """`function` to second order around a point, itself where that is not cheaper."""
        with torch.no_grad():
            near = self.near(
                self.values_at(torch.as_tensor(x[None], dtype=self.joint.dtype, device=self.joint.device))
            )
        return self.function if near is None else replace(self, total=near, looks_at_data=False).function

    def function(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Minus the log-posterior ``[m]`` of free numbers ``[m, n]``, and its gradients, a few points at a time."""
        shapes = self.joint.shapes
        cells = sum(math.prod(shapes[n]) for n in (shapes if self.looks_at_data else self.values))
        values, gradients = [], []
        for some in np.array_split(points, min(len(points), -(-len(points) * cells // SIDE_BY_SIDE))):
            with torch.enable_grad():
                leaf = torch.as_tensor(some, dtype=self.joint.dtype, device=self.joint.device).requires_grad_()
                # one number for all points where nothing hangs on any of them
                loss = -self.total(self.values_at(leaf)).expand(len(some))
                (gradient,) = slopes_of(loss.sum(), [leaf])
            values.append(loss.detach().cpu().numpy())
            gradients.append(gradient.detach().cpu().numpy())
        return np.concatenate(values), np.concatenate(gradients)


def point_surface(
    joint: BoundDensity, total: Total, values: dict[str, Tensor], simplices: tuple[str, ...],
    near: Callable[[dict[str, Tensor]], Total | None] = lambda values: None, units: Mapping[str, Tensor] | None = None,
) -> PointSurface:  # fmt: skip
    """The surface of a log-posterior ``total`` around values, of which the ``simplices`` are probabilities along their
    last axis: times the gradient they are expected counts. ``near``: the same to second order around values; ``units`` by
    which some values are measured."""
    shares = {}
    leaves = {n: values[n].detach().clone().requires_grad_() for n in simplices}
    with torch.enable_grad():
        lone = {n: v[None] for n, v in {**values, **leaves}.items()}
        slopes = slopes_of(total(lone).sum(), list(leaves.values())) if leaves else ()
    for (name, value), slope in zip(leaves.items(), slopes, strict=True):
        mask = (value * slope).detach() > ON_BOUNDARY
        shares[name] = mask.scatter(-1, value.argmax(-1, keepdim=True), False)
    return PointSurface(joint, total, values, shares, near, units=units or {})


def judged(
    surface: PointSurface, values: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, np.ndarray], Curvature | None, str]:
    """The values after Newton steps where they then are a proper maximum, their standard errors (NaN where they are not
    known), the curvature, and why there is none: there are too many numbers, or each takes too long."""
    unknown = {n: np.full(tuple(v.shape), math.nan) for n, v in values.items()}
    x = surface.start()
    reason, end = reason_against_directions(surface.joint.model, values) or reason_against(len(x)), None
    try:
        end = None if reason else curvature(surface.function, x.cpu().numpy(), surface.around)
    except TooCostly as costly:
        reason = str(costly)
    if end is None or not end.is_minimum:
        return values, unknown, end, reason
    at_end = torch.as_tensor(end.x, dtype=surface.joint.dtype, device=surface.joint.device)
    errors = standard_errors(surface.values_at, at_end, end.covariance())
    for name, mask in surface.shares.items():
        if name in errors:
            value = surface.values[name]
            is_held = (~mask).scatter(-1, value.argmax(-1, keepdim=True), False)
            errors[name] = np.where(is_held.cpu().numpy(), math.nan, errors[name])
    with torch.no_grad():
        return surface.values_at(at_end), {**unknown, **errors}, end, ""

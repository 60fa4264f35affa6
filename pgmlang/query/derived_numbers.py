"""Defined numbers that are affine in one unknown number of their own cell, ``d = c + s * y``: they have its distribution, moved
and stretched."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pgmlang.density.simulation import deterministic_values
from pgmlang.model import Model, Potential
from pgmlang.model.dependence import definitions_behind, names_behind, nodes_behind
from pgmlang.model.expr import Apply, Choose, Const, Element, First, Ref
from pgmlang.normal import canonical_factors
from pgmlang.normal.affine import form_in
from pgmlang.query.new_rows import NewRows

ELEMENTWISE = (Apply, Choose, Const, Element, First, Ref)


@dataclass(frozen=True, eq=False)
class AffineNumber:
    """``shift`` and ``slope`` ``[*shape]``: of the variable ``of``."""

    of: str
    shift: Tensor
    slope: Tensor


def affine_number(rows: NewRows, name: str) -> AffineNumber | None:
    """``rows``: of one point of the globals. None where the name is no such definition."""
    model, joint = rows.joint.model, rows.joint
    definition = model.definition_of.get(name)
    if definition is None or model.by_name[name].type.is_discrete:
        return None
    behind = names_behind(model, definition) & {*rows.forward, *rows.hidden}
    if len(behind) != 1:
        return None
    (of,) = behind
    type_ = model.by_name[of].type
    # of whole numbers the chance of each would be asked at what rounding made of them
    if (
        type_.is_discrete
        or type_.is_countable
        or joint.axes(of) != joint.axes(name)
        or not _is_of_cell(model, name, of)
    ):
        return None

    def value(x: float) -> Tensor:
        cells = torch.full((1, *joint.shapes[of]), x, dtype=joint.dtype)
        given = {**{k: v for k, v in rows.given.items() if k != of}, of: cells}
        return deterministic_values(joint, given, rows.params, rows.nets, (name,))[name].reshape(joint.shapes[of])

    shift = value(0.0)
    return AffineNumber(of, shift, value(1.0) - shift)


def _is_of_cell(model: Model, name: str, of: str) -> bool:
    """Whether a definition is linear in a variable of its own cell alone."""
    definition = model.definition_of[name]
    between = {of, *(d.target for d in definitions_behind(model, definition) if of in names_behind(model, d))}
    for node in nodes_behind(model, definition):
        if not isinstance(node, ELEMENTWISE):
            return False
        if isinstance(node, Ref) and node.name in between and (node.index or node.lag):
            return False
    standing_in = Potential(definition.value, model.by_name[of].plates)
    canonical = canonical_factors(replace(model, factors=(standing_in,), guide=None))
    return all(form_in(canonical, e, of).is_linear for f in canonical.factors for e in canonical.expressions(f))


@dataclass(frozen=True, eq=False)
class Stretched:
    """The distributions ``[C, *shape]`` of ``shift + slope * y`` of those of y."""

    parts: object
    number: AffineNumber

    is_discrete = False

    @property
    def mean(self) -> Tensor:
        return self.number.shift + self._times(self.number.slope, self.parts.mean)  # type: ignore[attr-defined]

    @property
    def variance(self) -> Tensor:
        return self._times(self.number.slope.square(), self.parts.variance)  # type: ignore[attr-defined]

    def _times(self, slope: Tensor, values: Tensor) -> Tensor:
        # nothing times what is infinite is nothing
        return torch.where(slope == 0, 0.0, slope * values)

    def log_cdf(self, x: Tensor) -> Tensor:
        return self._tail(x, self.parts.log_cdf, self.parts.log_survival, x >= self.number.shift)  # type: ignore[attr-defined]

    def log_survival(self, x: Tensor) -> Tensor:
        return self._tail(x, self.parts.log_survival, self.parts.log_cdf, x < self.number.shift)  # type: ignore[attr-defined]

    def _tail(
        self, x: Tensor, rising: Callable[[Tensor], Tensor], falling: Callable[[Tensor], Tensor], holds: Tensor
    ) -> Tensor:
        slope = self.number.slope
        z = (x - self.number.shift) / torch.where(slope == 0, 1.0, slope)
        # the point itself lies below what falls
        other = falling(torch.nextafter(z, torch.full_like(z, -math.inf)))
        constant = torch.where(holds, 0.0, -math.inf).to(z.dtype)
        return torch.where(slope > 0, rising(z), torch.where(slope < 0, other, constant))

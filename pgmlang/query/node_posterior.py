"""The posterior of one or two real latents of each unit as weighed nodes of the rule that integrates them
(`query/quadrature.py`): what hangs on the latents is a mixture over the nodes, and the latents' own distribution functions
are sinc integrals between them (Stenger 1993, section 4.5: ``h sum_k f(t_k) (1/2 + Si(pi (t - t_k) / h) / pi)``).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy.special import sici
from torch import Generator, Tensor

from pgmlang.density.reductions import determines
from pgmlang.density.transforms import free_shape, in_bound_order, transform_of
from pgmlang.graph.summable import elimination_steps
from pgmlang.model.atoms import mixed_draws
from pgmlang.model.dependence import nodes_behind
from pgmlang.model.expr import Ref
from pgmlang.query.annealed import Units, fits
from pgmlang.query.new_rows import NewRows, unknown_above
from pgmlang.query.quadrature import STEPS, QuadratureRule, at_points, integrated_with_rule, known_units
from pgmlang.query.row_units import units_of_rows

FINER = {1: 1, 2: 1}
"""Halvings of the step beyond those of the integral, by the number of latents: between nodes more has to be known."""

MOST_BEYOND = 1e-4
"""Most share of a variance at the outermost nodes."""


@dataclass(frozen=True, eq=False)
class NodePosterior:
    """``rows``: the rows with values ``[K, *shape]`` of the latents ``names`` at the K nodes among what is given, labels
    alone hidden; ``units``: the latents by unit; ``error``: of the integrals, in nats."""

    rows: NewRows
    names: tuple[str, ...]
    units: Units
    rule: QuadratureRule
    error: float

    @cached_property
    def weights(self) -> Tensor:
        """Posterior probability of each node in each unit, ``[K, units]``."""
        return torch.softmax(self.rule.log_terms, 0)

    @cached_property
    def coarse_weights(self) -> Tensor:
        """The same by the rule of twice the step: what differs tells how far the rule is off."""
        is_even = ((self.rule.nodes / self.rule.step).round() % 2 == 0).all(-1)
        return torch.softmax(self.rule.log_terms.masked_fill(~is_even[:, None], -math.inf), 0)

    @cached_property
    def is_edge(self) -> Tensor:
        """Which nodes are the outermost, ``[K]``."""
        nodes = self.rule.nodes.abs().amax(-1)
        return nodes > nodes.max() - 1e-9

    def along(self, weights: Tensor, name: str) -> Tensor:
        """Weights ``[K, units]`` at the cells of a variable, ``[K, *shape]``."""
        joint = self.rows.joint
        shape, axes = joint.shape_of(name), joint.axes(name)
        plate = self.units.plate
        if plate is None:
            return weights.reshape(len(weights), *[1] * len(shape)).expand(-1, *shape)
        for position, axis in enumerate(axes):
            if axis != plate and (plate, axis) not in joint.layout.parents:
                continue
            each = weights if axis == plate else weights[:, joint.layout.parent(plate, axis)]
            wide = each.reshape(len(each), *[1] * position, -1, *[1] * (len(shape) - position - 1))
            return wide.expand(-1, *shape)
        raise AssertionError(f"`{name}` belongs to no `{plate}`")

    def tells(self, name: str, squares: Tensor) -> bool:
        """Whether the outermost nodes say next to nothing of the variance of a variable, of squared deviations
        ``[K, *shape]``: beyond them is what the rule leaves out."""
        terms = self.along(self.weights, name) * squares
        return not bool((terms[self.is_edge].sum(0) > MOST_BEYOND * terms.sum(0)).any())

    def covers(self, name: str) -> bool:
        """Whether each cell of a variable belongs to one unit."""
        plate = self.units.plate
        return plate is None or determines(self.rows.joint, self.rows.joint.axes(name), plate)

    def looks_back(self, name: str) -> bool:
        """Whether a variable hangs on latents of other units, those of the rows before its own."""
        model = self.rows.joint.model
        behind = nodes_behind(model, model.conditional_of[name])
        return self.units.plate is not None and any(
            isinstance(n, Ref) and bool(n.lag) and n.name in self.names for n in behind
        )

    def marginal(self, name: str) -> LatentMarginal | None:
        """The distribution of a latent; None where its elements have no free number of their own."""
        joint = self.units.joint
        given = {**self.rows.given}
        transform = transform_of(joint, name, given, self.rows.params, self.rows.nets)
        is_elementwise = transform.domain.event_dim == 0 and transform.codomain.event_dim == 0
        if not is_elementwise or free_shape(joint, name) != joint.shapes[name]:
            return None
        return LatentMarginal(self, name, is_coarse=False)


@dataclass(frozen=True, eq=False)
class LatentMarginal:
    """The distribution of the elements of a latent, ``[*shape]``."""

    posterior: NodePosterior
    name: str
    is_coarse: bool

    is_discrete = False

    @property
    def coarse(self) -> LatentMarginal:
        """By the rule of twice the step."""
        return replace(self, is_coarse=True)

    @cached_property
    def _weights(self) -> Tensor:
        one = self.posterior
        return one.coarse_weights if self.is_coarse else one.weights

    @cached_property
    def _values(self) -> Tensor:
        return self.posterior.rows.given[self.name]

    @property
    def mean(self) -> Tensor:
        return (self.posterior.along(self._weights, self.name) * self._values).sum(0)[None]

    @property
    def variance(self) -> Tensor:
        share = self.posterior.along(self._weights, self.name)
        return (share * self.deviations).sum(0)[None]

    @property
    def deviations(self) -> Tensor:
        """Squared deviations from the mean at the nodes, ``[K, *shape]``."""
        return (self._values - self.mean).square()

    def log_cdf(self, x: Tensor) -> Tensor:
        return self._chance_below(x).log()[None]

    def log_survival(self, x: Tensor) -> Tensor:
        return torch.log1p(-self._chance_below(x))[None]

    def _chance_below(self, x: Tensor) -> Tensor:
        """P(X <= x) of points ``[*shape]``."""
        one, values = self.posterior, self._values
        joint = one.units.joint
        given = {**one.rows.given}
        transform = transform_of(joint, self.name, given, one.rows.params, one.rows.nets)
        with torch.no_grad():
            free = transform.inv(x.to(values.dtype).expand(values.shape))
        chances = self._free_chances(free)
        is_rising = values[-1] >= values[0]
        chances = torch.where(is_rising, chances, 1 - chances)
        # beyond the support there is no free number
        beyond = torch.where(x > values[0], 1.0, 0.0).to(values.dtype)
        return torch.where(free[0].isnan(), beyond, chances)

    def _free_chances(self, free: Tensor) -> Tensor:
        """P(free number <= point) ``[*shape]`` at points ``[K, *shape]``, one for each node of the other latents."""
        one = self.posterior
        units, rule = one.units, one.rule
        shape = units.joint.shapes[self.name]
        first = sum(math.prod(s) for s in units.shapes[: units.names.index(self.name)]) // units.num_units
        flat = free.reshape(len(free), units.num_units, -1)
        out = [self._of_coordinate(first + i, flat[..., i], rule) for i in range(flat.shape[-1])]
        return torch.stack(out, -1).reshape(shape)

    def _of_coordinate(self, j: int, points: Tensor, rule: QuadratureRule) -> Tensor:
        """P ``[units]`` that coordinate j of the free points is at most a point ``[K, units]``."""
        width, count = rule.nodes.shape[-1], len(points)
        stride = 2 if self.is_coarse else 1
        side = round(count ** (1 / width))
        start = (side // 2) % stride
        line = rule.nodes[-side:, -1][start::stride]
        grid = self._weights.reshape(*[side] * width, -1)[(slice(start, None, stride),) * width]
        wide = points.reshape(*[side] * width, -1)[(slice(start, None, stride),) * width]
        if j + 1 < width:
            # the coordinates behind it move nothing of it
            grid, wide = grid.sum(-2), wide.select(-2, 0)
        target = wide.select(j, 0) - rule.scaling.centre[:, j]
        factor = rule.scaling.factor
        for i in range(j):
            target = target - factor[:, j, i] * line.sinh()[:, None]
        target = torch.asinh(target / factor[:, j, j])
        apart = (target.unsqueeze(j) - line.reshape(-1, 1)) / (rule.step * stride)
        upto = 0.5 + torch.as_tensor(sici(np.pi * apart.numpy())[0] / np.pi)
        return (grid * upto).flatten(0, j).sum(0).clamp(0.0, 1.0)


def node_posterior(rows: NewRows, targets: Collection[str]) -> NodePosterior | None:
    """The open real latents above ``targets`` and above what is seen, integrated for each unit. ``rows``: of one point of
    the globals. None where there is none, or a count is among them, or one that may be a point beside its density, or no unit
    has as few as the rule takes, or its error stays too large."""
    model, joint = rows.joint.model, rows.joint
    latents = latents_behind(rows, targets)
    numbers = [n for n in latents if not model.by_name[n].type.is_discrete]
    if not numbers or rows.num_draws != 1 or any(n in joint.missing or n in joint.unseen for n in numbers):
        return None
    if any(model.by_name[n].type.is_countable for n in numbers) or not mixed_draws(model).isdisjoint(numbers):
        return None
    wide = replace(
        rows, hidden=latents, forward=tuple(n for n in rows.forward if n not in latents),
        generator=Generator().manual_seed(0),
    )  # fmt: skip
    if wide.is_guided() or elimination_steps(model, [n for n in latents if n not in numbers])[1]:
        return None
    inner, sums, _ = wide.inference()
    names, plate = tuple(in_bound_order(inner, numbers)), wide.unit()
    if not fits(inner, names, plate):
        return None
    units = units_of_rows(wide, inner, sums, names, plate)
    if units.width not in STEPS:
        return None
    outcome = integrated_with_rule(units, lambda: wide.drawn_from_prior(names), FINER[units.width])
    if outcome is None:
        return None
    integrals, rule = outcome
    is_known = known_units(units)
    assert is_known is not None, "units that were integrated are known whole or not at all"
    # a known latent has its value at every node: any weights do that fall towards the edge
    log_terms = torch.where(is_known, -0.5 * rule.nodes.square().sum(-1, keepdim=True), rule.log_terms)
    rule = rule._replace(log_terms=log_terms)
    with torch.no_grad():
        values, _ = at_points(units, rule.free)
    given = {**{k: v.expand(len(rule.nodes), *v.shape[1:]) for k, v in rows.given.items()}, **values}
    at_nodes = replace(
        wide, given=given, num_draws=len(rule.nodes), num_known={},
        hidden=tuple(n for n in latents if n not in numbers),
    )  # fmt: skip
    return NodePosterior(at_nodes, names, units, rule, integrals.error)


def latents_behind(rows: NewRows, targets: Collection[str]) -> tuple[str, ...]:
    """What is not known above these variables and above what is seen, in the model's order."""
    model, unknown = rows.joint.model, {*rows.forward, *rows.hidden}
    above = set(rows.hidden).union(*(unknown_above(model, n, unknown) for n in targets))
    return tuple(v.name for v in model.of_role("random") if v.name in above)

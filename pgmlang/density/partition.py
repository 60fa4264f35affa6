"""Exact log Z of fields as factors of a density: it moves with params and directed variables that are not given.

Each component of fields is summed out of its potentials, by elimination along its plates and chains, or by listing the
configurations of one row; what is left is a tensor over the component's axes, differentiable by everything else.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pgmlang.density.bind import bound_density
from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.density.keys import PartitionTable, TableKey
from pgmlang.density.log_sums import log_sum_exp
from pgmlang.density.reductions import sum_to_axes
from pgmlang.density.summing import Marginaliser, marginaliser_in_steps, scopes_of
from pgmlang.graph.components import FieldComponent, field_components, partition_reasons, potentials_of
from pgmlang.lower.factors import factor_names
from pgmlang.model import Model
from pgmlang.normal import canonical_factors
from pgmlang.plan.problem import Problem


@dataclass(frozen=True, eq=False)
class Partition:
    """``components``: those whose log Z is had exactly, each a term."""

    model: Model
    components: Mapping[TableKey, FieldComponent]

    @cached_property
    def axes(self) -> dict[TableKey, tuple[str, ...]]:
        return {key: c.axes for key, c in self.components.items()}

    @cached_property
    def mentions(self) -> dict[TableKey, frozenset[str]]:
        model = canonical_factors(self.model)
        return {
            key: frozenset(
                {r.name for p in potentials_of(model, c) for r in model.mentions(p)} | set(c.parents)
            ) - set(c.fields)
            for key, c in self.components.items()
        }  # fmt: skip

    def terms(
        self,
        joint: BoundDensity,
        values: Values,
        params: Values | None,
        nets: Any,
        blanket: Collection[str] | None = None,
    ) -> dict[TableKey, Tensor]:
        """Minus log Z of each component, ``[..., *axes]``; of those that hang on a variable in ``blanket``."""
        out: dict[TableKey, Tensor] = {}
        for key, component in self.components.items():
            if blanket is None or self.mentions[key] & set(blanket):
                others = {k: v for k, v in values.items() if k not in component.fields}
                summed = _eliminated if component.steps else _listed if component.potentials else _uniform
                out[key] = -summed(joint, component, others, params, nets)
        return out


def partition_of(joint: BoundDensity) -> Partition | None:
    """The components of a joint's fields whose log Z is had exactly; None where there are none."""
    layout, model = joint.layout, joint.model

    def size(axis: str) -> int | None:
        return layout.sizes.get(axis)

    exact = [c for c in field_components(model) if not tuple(partition_reasons(model, c, size))]
    return Partition(model, {PartitionTable(c.fields): c for c in exact}) if exact else None


def density_of(problem: Problem, dtype: torch.dtype = torch.float64) -> BoundDensity:
    """As `bound_density`, with log Z of the fields a factor of the density where it is had exactly."""
    joint = bound_density(problem, dtype)
    return replace(joint, partition=partition_of(joint))


def _alone(joint: BoundDensity, component: FieldComponent) -> BoundDensity:
    """The joint with the component's fields free, each row counted once."""
    free = {k: v for k, v in joint.observed.items() if k not in component.fields}
    missing = {k: v for k, v in joint.missing.items() if k not in component.fields}
    return replace(joint, observed=free, missing=missing, scale={}, weights={}, partition=None)


def _keys(joint: BoundDensity, component: FieldComponent) -> tuple[str, ...]:
    wanted = {id(p) for p in potentials_of(joint.model, component)}
    return tuple(k for k, f in factor_names(joint.model).items() if id(f) in wanted)


def _sums(joint: BoundDensity, component: FieldComponent) -> Marginaliser:
    factors = factor_names(joint.model)
    chosen = {k: factors[k] for k in _keys(joint, component)}
    scopes = scopes_of(joint.model, component.fields, component.steps, chosen)
    return marginaliser_in_steps(_alone(joint, component), component.fields, component.steps, scopes)


def _eliminated(
    joint: BoundDensity, component: FieldComponent, values: Values, params: Values | None, nets: Any
) -> Tensor:
    sums = joint.memo.once(_sums, joint, component)
    (table,) = sums.remaining(sums.tables(values, params, nets))
    return table.values.reshape(table.values.shape[sums.places :])


def _uniform(
    joint: BoundDensity, component: FieldComponent, values: Values, params: Values | None, nets: Any
) -> Tensor:
    """The log of the number of values, in every cell of a field without potentials."""
    (name,) = component.fields
    count = math.log(joint.num_states(name))
    return torch.full(joint.shapes[name], count, dtype=joint.dtype, device=joint.device)


def _listed(
    joint: BoundDensity, component: FieldComponent, values: Values, params: Values | None, nets: Any
) -> Tensor:
    """The log-sum-exp over the configurations of one element along the component's axes."""
    alone = joint.memo.once(_alone, joint, component)
    lead = max((v.dim() - len(joint.shapes[k]) for k, v in {**values, **(params or {})}.items()
                if k in joint.shapes), default=0)  # fmt: skip
    listed = {n: v.reshape(len(v), *[1] * lead, *v.shape[1:]) for n, v in
              joint.memo.once(_configurations, joint, component).items()}  # fmt: skip
    terms = alone.factors({**values, **listed}, params, nets, only=joint.memo.once(_keys, joint, component))
    total = torch.zeros((), dtype=joint.dtype, device=joint.device)
    for key, term in terms.items():
        total = total + sum_to_axes(alone, term, alone.factor_axes[key], component.axes)
    return log_sum_exp(total, 0)


def _configurations(joint: BoundDensity, component: FieldComponent) -> dict[str, Tensor]:
    """Codes ``[count, *shape]`` of the fields, the same in every element along the component's axes."""
    inner: dict[str, list[int]] = {}
    digits: list[Tensor] = []
    outer = {q for a in component.axes for q in joint.model.enclosing(a)} | set(component.axes)
    states: list[int] = []
    for name in component.fields:
        free = [n for a, n in zip(joint.axes(name), joint.shapes[name], strict=True) if a not in outer]
        count = int(torch.Size(free).numel())
        inner[name] = [len(states) + i for i in range(count)]
        states += [joint.num_states(name)] * count
    rest = torch.arange(int(torch.Size(states).numel()), device=joint.device)
    for size in states:
        digits.append(rest % size)
        rest = rest // size
    out = {}
    for name in component.fields:
        shape = [1 if a in outer else n for a, n in zip(joint.axes(name), joint.shapes[name], strict=True)]
        codes = torch.stack([digits[i] for i in inner[name]], -1).reshape(-1, *shape)
        out[name] = codes.expand(-1, *joint.shapes[name])
    return out

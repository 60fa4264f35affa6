"""Sums of factors over their elements: scaled to all rows, to some axes, or for each element of a plate."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values


def log_joint(joint: BoundDensity, values: Values, params: Values | None = None, nets: Any = None,
              blanket: Collection[str] | None = None) -> Tensor:  # fmt: skip
    """Sum of the factors, ``[...]``; those in a minibatched row plate count for all rows."""
    return sum_of_factors(joint, joint.factors(values, params, nets, blanket))


def sum_of_factors(joint: BoundDensity, terms: Mapping[str, Tensor]) -> Tensor:
    """The sum of factors' terms over their elements, scaled to all rows: ``[...]``."""
    total = torch.zeros((), dtype=joint.dtype, device=joint.device)
    for name, term in terms.items():
        total = total + scaled_sum(joint, term, joint.factor_axes[name])
    return total


def scaled_sum(joint: BoundDensity, term: Tensor, axes: tuple[str, ...]) -> Tensor:
    """The sum ``[...]`` of a term ``[..., *axes]`` over its elements, rows by their weights, scaled to all rows."""
    for plate, weights in joint.weights.items():
        if plate in axes:
            term = term * weights.reshape(-1, *[1] * (len(axes) - axes.index(plate) - 1))
    one = term.sum(tuple(range(-len(axes), 0))) if axes else term
    return scale_of(joint, axes) * one


def determines(joint: BoundDensity, axes: tuple[str, ...], plate: str) -> bool:
    """Whether an element along these axes belongs to one element of the plate."""
    return plate in axes or any((plate, a) in joint.layout.parents for a in axes)


def element_of(joint: BoundDensity, name: str, plate: str | None) -> Tensor:
    """The element of a plate that each element of a variable belongs to, ``[*shape]``; 0 without a plate."""
    shape, axes = joint.shape_of(name), joint.axes(name)
    if plate is None:
        return torch.zeros(shape, dtype=torch.int64)
    for position, axis in enumerate(axes):
        if axis == plate:
            index = torch.arange(shape[position])
        elif (plate, axis) in joint.layout.parents:
            index = joint.layout.parent(plate, axis)
        else:
            continue
        return index.reshape(-1, *[1] * (len(shape) - position - 1)).expand(shape)
    raise AssertionError(f"`{name}` belongs to no `{plate}`")


def sum_to_axes(joint: BoundDensity, values: Tensor, value_axes: tuple[str, ...], axes: tuple[str, ...]) -> Tensor:
    """Values ``[..., *own]`` summed to fewer axes: own axes and inner plates' rows go; those of outer elements
    are added up for each, rows by their weights."""
    for axis in reversed(value_axes):
        if axis in axes:
            continue
        dim = value_axes.index(axis) - len(value_axes)
        if axis in joint.weights:
            values = values * joint.weights[axis].reshape(-1, *[1] * (-dim - 1))
        outer = [a for a in axes if a not in value_axes and (a, axis) in joint.layout.parents]
        if outer:
            index = joint.layout.parent(outer[0], axis)
            shape = list(values.shape)
            shape[dim] = joint.layout.size(outer[0])
            values = values.new_zeros(shape).index_add(values.dim() + dim, index, values)
            value_axes = tuple(outer[0] if a == axis else a for a in value_axes)
        else:
            values = values.sum(dim)
            value_axes = tuple(a for a in value_axes if a != axis)
    if value_axes != axes:
        order = [value_axes.index(a) for a in axes]
        first = values.dim() - len(value_axes)
        values = values.permute((*range(first), *(first + o for o in order)))
    return values


def sum_per_element(joint: BoundDensity, terms: Mapping[str, Tensor], plate: str) -> Tensor:
    """The terms that belong to each element of a row plate, added up: ``[..., elements]``."""
    total = torch.zeros((), dtype=joint.dtype, device=joint.device)
    for name, term in terms.items():
        if determines(joint, joint.factor_axes[name], plate):
            total = total + sum_to_axes(joint, term, joint.factor_axes[name], (plate,))
    return total


def sum_per_unit(joint: BoundDensity, terms: Mapping[str, Tensor], plate: str | None) -> Tensor:
    """As `sum_per_element`; without a plate all terms added up, as those of one unit: ``[..., 1]``."""
    return sum_of_factors(joint, terms)[..., None] if plate is None else sum_per_element(joint, terms, plate)


def scale_of(joint: BoundDensity, axes: tuple[str, ...]) -> float:
    """What a sum along these axes is multiplied by."""
    return next((joint.scale[a] for a in axes if a in joint.scale), 1.0)

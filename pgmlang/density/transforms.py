"""Maps between values in their supports and free real values."""

from __future__ import annotations

from collections.abc import Collection
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values, completed
from pgmlang.density.numerics import numerics


def constrain(
    joint: BoundDensity, free: Values, given: Values | None = None, params: Values | None = None, nets: Any = None
) -> tuple[dict[str, Tensor], Tensor]:
    """Values, params or tables from free real values, ``[..., *free_shape]``, and the log determinant ``[...]``; cells that are data
    keep their value, and have no part in the determinant. ``given`` and ``params``: the other values and params, where bounds hang on them."""
    cells = {n: (joint.missing[n], joint.observed[n]) for n in joint.missing if n in free and n in joint.observed}
    with numerics(joint.dtype, joint.device):
        values, log_det = joint.program.constrain(dict(free), *_others(joint, given, params, nets), given=cells)
    return values, torch.as_tensor(log_det, dtype=joint.dtype, device=joint.device)


def unconstrain(
    joint: BoundDensity,
    values: Values,
    given: Values | None = None,
    params: Values | None = None,
    nets: Any = None,
) -> dict[str, Tensor]:
    """The inverse of `constrain`, without the determinant."""
    given, params = {**(given or {}), **values}, {**(params or {}), **values}
    with numerics(joint.dtype, joint.device):
        return {k: transform_of(joint, k, given, params, nets).inv(v) for k, v in values.items()}


def transform_of(
    joint: BoundDensity, name: str, given: Values | None = None, params: Values | None = None, nets: Any = None
) -> Any:
    """The map from free real values to the support of a variable, param or table."""
    return joint.program.transform_of(joint.program.SUPPORTS[name], *_others(joint, given, params, nets))


def in_bound_order(joint: BoundDensity, names: Collection[str]) -> list[str]:
    """The names so that bounds that hang on a value come after it."""
    return [n for n in joint.program.SUPPORTS if n in names]


def free_shape(joint: BoundDensity, name: str) -> tuple[int, ...]:
    """Shape of the free values of a variable, param or table (a simplex of K has K - 1)."""
    support = joint.program.SUPPORTS[name]
    if isinstance(support, FunctionType):
        return joint.shapes[name]
    transform = joint.program.transform_of(support)
    if not transform.codomain.event_dim:
        return joint.shapes[name]
    return tuple(transform.inverse_shape(torch.Size(joint.shapes[name])))


def has_moving_supports(joint: BoundDensity) -> bool:
    """Whether bounds of a variable hang on other values."""
    return any(isinstance(s, FunctionType) for s in joint.program.SUPPORTS.values())


def _others(joint: BoundDensity, given: Values | None, params: Values | None, nets: Any) -> tuple[Any, ...]:
    """What a support that moves is a function of."""
    if not has_moving_supports(joint):
        return ()
    return (
        completed(joint.observed, joint.missing, given or {}),
        joint.data,
        joint.layout,
        {**joint.fixed, **(params or {})},
        nets,
    )

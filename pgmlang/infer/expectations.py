"""Variational factors of one variable: what a static check promised, and normal blocks of elements that hang together."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pgmlang.infer.exponential import ExponentialFamily, Factor, LogDensity, slope


def is_of_family(family: ExponentialFamily, density: LogDensity, q: Factor, x: Tensor) -> bool:
    """Whether a log-density has the slope of its family at another point ``x``: what the static check promised."""
    slope_there, wanted = slope(density, x), family.slope(q, x)
    return torch.allclose(slope_there, wanted, rtol=1e-6, atol=1e-6 * float(wanted.abs().max()) + 1e-9)


def to_blocks(x: Tensor, axes: tuple[int, ...], rank: int) -> Tensor:
    """``[..., *shape]`` with ``own`` axes of a variable as ``[..., *other axes, k]``, k along ``axes`` of them."""
    lead = x.dim() - rank
    batch_axes = [i for i in range(rank) if i not in axes]
    order = (*range(lead), *(lead + i for i in batch_axes), *(lead + i for i in axes))
    return x.permute(order).reshape(*x.shape[:lead], *(x.shape[lead + i] for i in batch_axes), -1)


def from_blocks(x: Tensor, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
    """The inverse of `to_blocks`, for a variable of this shape."""
    batch_axes = [i for i in range(len(shape)) if i not in axes]
    lead = x.dim() - len(batch_axes) - 1
    wide = x.reshape((*x.shape[:lead], *(shape[i] for i in batch_axes), *(shape[i] for i in axes)))
    order = (*batch_axes, *axes)
    return wide.permute((*range(lead), *(lead + order.index(i) for i in range(len(shape)))))


def optimal_normal(density: LogDensity, shape: tuple[int, ...], axes: tuple[int, ...], centre: Tensor) -> Factor:
    """Mean and Cholesky factor of a Normal whose elements hang together along ``axes``: a quadratic's gradients at
    ``centre`` and a unit from it along each element of a block. (Far from the mean they would be differences of large
    numbers.)"""
    base = slope(density, centre)
    size = math.prod(shape[i] for i in axes)
    blocks = to_blocks(centre, axes, len(shape))
    units = torch.eye(size, dtype=centre.dtype, device=centre.device)
    units = units.reshape(size, *[1] * (blocks.dim() - 1), size).expand(size, *blocks.shape)
    columns = torch.stack([slope(density, centre + from_blocks(u, axes, shape)) - base for u in units])
    precision = -to_blocks(columns, axes, len(shape)).movedim(0, -1)
    factor = torch.linalg.cholesky(0.5 * (precision + precision.mT))
    shift = torch.cholesky_solve(to_blocks(base, axes, len(shape)).unsqueeze(-1), factor).squeeze(-1)
    eye = torch.eye(size, dtype=centre.dtype, device=centre.device).expand_as(precision)
    return blocks + shift, torch.linalg.cholesky(torch.cholesky_solve(eye, factor))

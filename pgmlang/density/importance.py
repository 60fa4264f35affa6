"""Log-likelihood and latents of rows by importance sampling, the written guide as the proposal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.density.reductions import determines, sum_per_element, sum_to_axes
from pgmlang.density.simulation import propose
from pgmlang.model.row_plates import unit_plate

CHUNK = 64
"""Draws of the guide at a time."""


def log_weights(joint: BoundDensity, params: Values, nets: Any, num: int, generator: Generator, plate: str | None = None,
                given: Values | None = None) -> Tensor:  # fmt: skip
    """``log p(x, z) - log q(z | x)`` at draws of the guide for each element of a row plate (by default the outermost),
    ``[num, elements]``. ``given``: values of what is neither observed nor in the guide."""
    return torch.cat([w for _, w in _weighed(joint, params, nets, num, generator, plate, given)])


def _weighed(joint: BoundDensity, params: Values, nets: Any, num: int, generator: Generator, plate: str | None,
             given: Values | None) -> Iterator[tuple[dict[str, Tensor], Tensor]]:  # fmt: skip
    """Draws of the guide and their weights, some at a time."""
    unit = plate or unit_plate(joint.model)
    assert unit is not None
    axes = joint.program.GUIDE_FACTORS
    for start in range(0, num, CHUNK):
        with torch.no_grad():
            shape = (min(CHUNK, num - start),)
            values, log_q = propose(joint, generator, params, nets, shape)
            weight = sum_per_element(joint, joint.factors({**(given or {}), **values}, params, nets), unit)
            for name, term in log_q.items():
                # what lies outside of the rows is averaged over the guide's draws, not weighed
                if determines(joint, tuple(axes[name]), unit):
                    weight = weight - sum_to_axes(joint, term, tuple(axes[name]), (unit,))
        yield values, weight


def resampled(joint: BoundDensity, params: Values, nets: Any, num: int, generator: Generator, plate: str, draws: int,
              given: Values | None = None) -> dict[str, Tensor]:  # fmt: skip
    """``draws`` of the guide's latents for each element of a row plate, ``[draws, *shape]``, out of ``num`` proposals by
    their weights (Rubin 1987): a draw is replaced by one of the next proposals with their share of the weight so far."""
    picks: dict[str, Tensor] = {}
    total = torch.zeros(())
    with torch.no_grad():
        for values, weight in _weighed(joint, params, nets, num, generator, plate, given):
            chunk_total = torch.logsumexp(weight, 0)
            before, total = (
                (chunk_total - math.inf, chunk_total)
                if not picks
                else (total, torch.logaddexp(total, chunk_total))
            )
            noise = torch.empty(draws, *weight.shape, dtype=weight.dtype, device=weight.device)
            chosen = (weight - noise.exponential_(generator=generator).log()).argmax(1)
            uniform = torch.rand(chosen.shape, generator=generator, dtype=weight.dtype, device=weight.device)
            anew = uniform >= (before - total).exp()
            for name, value in values.items():
                picked, fresh = (_for_elements(joint, name, x, plate) for x in (chosen, anew))
                new = torch.take_along_dim(value, picked.expand(draws, *value.shape[1:]), 0)
                picks[name] = torch.where(fresh, new, picks[name]) if name in picks else new
    return picks


def _for_elements(joint: BoundDensity, name: str, by_unit: Tensor, plate: str) -> Tensor:
    """What is said of each unit ``[draws, units]`` for the elements of a variable: ``[draws, *axes]``, of size 1 where
    the unit alone decides."""
    axes = joint.axes(name)
    axis = plate if plate in axes else next(a for a in axes if (plate, a) in joint.layout.parents)
    if axis != plate:
        by_unit = by_unit[:, joint.layout.parent(plate, axis)]
    position = axes.index(axis)
    return by_unit.reshape(len(by_unit), *[1] * position, -1, *[1] * (len(axes) - position - 1))


def importance_log_likelihood(
    joint: BoundDensity, params: Values, nets: Any, num: int, generator: Generator
) -> Tensor:
    """Log-likelihood of each row, ``[rows]``: the log-mean of the weights, below the exact one in expectation and
    consistent (Burda, Grosse and Salakhutdinov 2016, equation 8)."""
    return torch.logsumexp(log_weights(joint, params, nets, num, generator), 0) - math.log(num)

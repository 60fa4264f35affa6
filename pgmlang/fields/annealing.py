"""Annealed importance sampling (Neal 2001): log Z of fields whose params are known, with its error.

Discrete fields go from an independent base to the model by block Gibbs sweeps (Salakhutdinov and Murray 2008), real
fields from a normal base by Hamiltonian Monte Carlo.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.free_numbers import free_numbers
from pgmlang.density.reductions import sum_of_factors, sum_per_element
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.density.tabulated_labels import TabulatedLabels
from pgmlang.density.target import Target
from pgmlang.fields.fields import Fields, fields_of
from pgmlang.fields.pairwise import Pairwise
from pgmlang.fields.reasons import field_names
from pgmlang.kernels.ais import ais
from pgmlang.model.row_plates import unit_plate


class LogZ(NamedTuple):
    """``value``: the estimate of log Z of one row's fields; ``error``: its standard error; ``ess``: effective number
    of the particles."""

    value: float
    error: float
    ess: float


def discrete_log_z(
    fields: Fields, params: Mapping[str, Tensor], nets: Any, generator: Generator, particles: int, temperatures: int,
    base: Mapping[str, Tensor] | None = None, before_each: Callable[[], None] = lambda: None,
) -> LogZ:  # fmt: skip
    """log Z of discrete fields. ``base``: logits (scores of labels) of the independent base, by default zero;
    ``before_each`` temperature something else is called, which may raise."""
    logits = {**_even(fields), **(base or {})}
    normalisers = [
        x.logsumexp(-1).sum() if n in fields.states else torch.nn.functional.softplus(x).sum()
        for n, x in logits.items()
    ]
    log_base = torch.stack(normalisers).sum()
    settled = fields.with_frozen_params(params, nets, sweeps=particles * temperatures)

    def height(values: Mapping[str, Tensor]) -> Tensor:
        before_each()
        base_energy = sum(_base_energy(logits[n], values[n], n in fields.states) for n in fields.names)
        return settled.energy(values, params, nets) - base_energy

    with torch.no_grad():
        weight = _annealed(settled, fields.begin(generator, (particles,), logits), height, logits, params, nets,
                           generator, temperatures)  # fmt: skip
    value, error, ess = weighed(weight)
    return LogZ(value + float(log_base), error, ess)


def discrete_log_evidence(
    fields: Fields, params: Mapping[str, Tensor], nets: Any, generator: Generator, particles: int, temperatures: int,
    plate: str | None, given: Mapping[str, Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """Log-weights ``[particle, element]`` whose exponentials' mean is, for each element of a plate (without one: of all
    together, ``[particle, 1]``), the sum over the hidden fields, and the missing cells of those, of exp(log-potentials) given
    what is observed; the base is even. ``given``: values of other fields that the joint does not hold."""
    joint = fields.joint
    logits = _even(fields)
    log_base = sum(_free_cells(fields, n, plate) * math.log(fields.states.get(n, 2)) for n in fields.names)

    def height(values: Mapping[str, Tensor]) -> Tensor:
        terms = joint.factors(values, params, nets)
        return sum_of_factors(joint, terms)[..., None] if plate is None else sum_per_element(joint, terms, plate)

    with torch.no_grad():
        settled = fields.with_frozen_params(params, nets, sweeps=particles * temperatures)
        start = {**(given or {}), **fields.begin(generator, (particles,))}
        weight = _annealed(settled, start, height, logits, params, nets, generator, temperatures)
    return weight + log_base


def _free_cells(fields: Fields, name: str, plate: str | None) -> Tensor:
    """Cells of a field that are not seen: of each element of a plate, ``[element]``, or in all, ``[1]``."""
    joint = fields.joint
    shape, axes = joint.shapes[name], joint.axes(name)
    free = torch.ones(shape, dtype=joint.dtype)
    if name in fields.held:
        free = (~fields.held[name][0]).to(joint.dtype).expand(shape).cpu()
    if plate is None:
        return free.sum()[None]
    return free.movedim(axes.index(plate), 0).reshape(shape[axes.index(plate)], -1).sum(1)


def _even(fields: Fields) -> dict[str, Tensor]:
    """Logits of the even base, of labels a score each."""
    joint = fields.joint
    sizes = {n: (*joint.shapes[n], *([fields.states[n]] if n in fields.states else [])) for n in fields.names}
    return {n: torch.zeros(s, dtype=joint.dtype, device=joint.device) for n, s in sizes.items()}


def _annealed(
    fields: Fields | Pairwise | TabulatedLabels, values: dict[str, Tensor], height: Callable[[Mapping[str, Tensor]], Tensor],
    logits: Mapping[str, Tensor], params: Mapping[str, Tensor], nets: Any, generator: Generator, temperatures: int,
) -> Tensor:  # fmt: skip
    """Log-weights of particles that go from the base to the model in equal steps; ``height``: the model's log-density
    over the base's."""
    weight = torch.zeros((), dtype=torch.float64)
    betas = torch.linspace(0, 1, temperatures + 1, dtype=torch.float64).tolist()
    for before, beta in pairwise(betas):
        weight = (beta - before) * height(values) + weight
        values = fields.sweep(generator, values, params, nets, heat=(beta, logits))
    return weight


def _base_energy(logits: Tensor, value: Tensor, is_listed: bool) -> Tensor:
    """Log-weights ``[...]`` of values under an independent base."""
    if is_listed:
        table = logits.expand(*value.shape, logits.shape[-1])
        each, dims = table.gather(-1, value[..., None])[..., 0], logits.dim() - 1
    else:
        each, dims = logits * value, logits.dim()
    return each.sum(tuple(range(-dims, 0))) if dims else each


def weighed(log_weight: Tensor) -> tuple[float, float, float]:
    """Log of the mean weight, its standard error by the delta method, the effective number of particles."""
    count = len(log_weight)
    value = float(log_weight.logsumexp(0)) - math.log(count)
    relative = (log_weight - value).exp()
    return value, float(relative.std() / math.sqrt(count)), float(count / relative.square().mean())


def real_log_z(joint: BoundDensity, params: Mapping[str, Tensor], nets: Any, generator: Generator, particles: int, temperatures: int,
               centre: Mapping[str, tuple[Tensor, Tensor]] | None = None,
               before_each: Callable[[], None] = lambda: None, names: tuple[str, ...] | None = None,
               given: Mapping[str, Tensor] | None = None) -> LogZ:  # fmt: skip
    """log Z of real fields of one row, of these names or all. ``centre``: mean and sd of the normal base by name; ``given``:
    values of the others."""
    names = field_names(joint.model) if names is None else names
    bare = _without(joint, names)
    numbers = free_numbers(bare, names)
    target = Target(bare, numbers, given=dict(given or {}), params=dict(params), nets=nets)
    moments = {n: (centre or {}).get(n, (torch.tensor(0.0), torch.tensor(2.0))) for n in names}
    mean, sd = (
        numbers.vector({n: both[i].to(joint.dtype).expand(numbers.shapes[n]) for n, both in moments.items()})
        for i in (0, 1)
    )

    def base(x: Tensor) -> Tensor:
        before_each()
        return torch.distributions.Normal(mean, sd).log_prob(x).sum(-1)

    def draw(generator: torch.Generator, count: int) -> Tensor:
        return mean + sd * torch.randn(
            (count, len(mean)), generator=generator, dtype=joint.dtype, device=joint.device
        )

    estimate = ais(
        target, base, draw, generator=generator, particles=particles, temperatures=min(temperatures, 200)
    )
    return LogZ(float(estimate.log_z), float(estimate.error), float(estimate.ess))


def _without(joint: BoundDensity, names: tuple[str, ...]) -> BoundDensity:
    return replace(
        joint, observed={k: v for k, v in joint.observed.items() if k not in names}, scale={}, weights={}
    )


def log_z_of_row(joint: BoundDensity, params: Mapping[str, Tensor], nets: Any, generator: Generator, particles: int = 500,
                 temperatures: int = 1000, before_each: Callable[[], None] = lambda: None) -> LogZ:  # fmt: skip
    """log Z of one row's fields; the base has the rates, or mean and spread, of the data where there is any.
    ``before_each`` temperature, or look at the base, something else is called, which may raise."""
    names = field_names(joint.model)
    plate = unit_plate(joint.model)
    one = joint if plate is None else restricted_to_rows(joint, plate, np.zeros(1, dtype=np.int64))
    if all(v.type.kind == "real" for v in joint.model.of_role("field")):
        centre = {}
        for name in names:
            if name in joint.observed and plate is not None and len(joint.observed[name]) > 1:
                data = joint.observed[name]
                centre[name] = (data.mean(0, keepdim=True), 1.5 * data.std(0, keepdim=True) + 1e-6)
        return real_log_z(one, params, nets, generator, particles, temperatures, centre, before_each)
    base = {}
    for name in names:
        if name in joint.observed and plate is not None and joint.model.by_name[name].type.kind in ("bit", "spin"):
            mean = joint.observed[name].to(joint.dtype).mean(0, keepdim=True).clamp(0.02, 0.98)
            base[name] = torch.logit(mean)
    fields = fields_of(one, names)
    return discrete_log_z(fields, params, nets, generator, particles, temperatures, base, before_each)

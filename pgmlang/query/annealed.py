"""Held-out log-likelihood of rows with continuous latents of their own, by annealed importance sampling (Neal 2001).

Every unit (a row, a document, a group) given a draw of the globals is a particle of its own: it starts at a draw of its
latents' prior, and the likelihood is let in step by step, with Hamiltonian moves between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import FreeTable
from pgmlang.density.numerics import numerics
from pgmlang.density.reductions import sum_per_unit
from pgmlang.density.summing import LogTable, Marginaliser, TableKey
from pgmlang.density.transforms import free_shape, in_bound_order, transform_of, unconstrain
from pgmlang.kernels import ais, hmc
from pgmlang.kernels.tempering import Path

TEMPERATURES = (80, 320, 1280)
"""Tried one after the other, until enough draws are effective."""
PATH = 3.0
"""Leapfrog steps of a move, at most."""


@dataclass(frozen=True, eq=False)
class Units:
    """Latents ``names`` of the elements of a plate, whose arrays have that plate's axis first; without a plate those of all
    rows together, one unit. ``given``: draws of
    everything else, ``[S, ...]``; ``known``: elements that the fit has values of, the first ones, ``[S, n, ...]``."""

    joint: BoundDensity
    sums: Marginaliser | None
    names: tuple[str, ...]
    plate: str | None
    given: dict[str, Tensor]
    known: dict[str, Tensor]
    params: Mapping[str, Tensor]
    nets: Any
    num_draws: int

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Free numbers of each latent: units first."""
        return [free_shape(self.joint, n) for n in self.names]

    @property
    def num_units(self) -> int:
        return 1 if self.plate is None else self.shapes[0][0]

    @property
    def width(self) -> int:
        """Free numbers of a unit."""
        return sum(math.prod(s) for s in self.shapes) // max(self.num_units, 1)

    def values(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Values of the latents at free points ``[S * units, d]``, and each unit's log determinant ``[S, units]``."""
        wide = x.reshape(self.num_draws, self.num_units, -1)
        values: dict[str, Tensor] = {}
        total = torch.zeros(self.num_draws, self.num_units, dtype=x.dtype, device=x.device)
        start = 0
        free = {}
        for name, shape in zip(self.names, self.shapes, strict=True):
            size = math.prod(shape) // self.num_units
            free[name] = wide[..., start : start + size].reshape(self.num_draws, *shape)
            start += size
        with numerics(self.joint.dtype, self.joint.device):
            for name in in_bound_order(self.joint, self.names):
                everything = {**self.given, **values}
                transform = transform_of(self.joint, name, everything, self.params, self.nets)
                value = transform(free[name])
                log_slope = transform.log_abs_det_jacobian(free[name], value)
                total = total + log_slope.reshape(self.num_draws, self.num_units, -1).sum(-1)
                if name in self.known:
                    value = torch.cat([self.known[name], value[:, self.known[name].shape[1] :]], 1)
                values[name] = value
        return values, total

    def free(self, values: Mapping[str, Tensor]) -> Tensor:
        """The inverse of `values`."""
        unconstrained = unconstrain(
            self.joint, {n: values[n] for n in self.names}, {**self.given, **values}, self.params, self.nets
        )
        parts = [unconstrained[n].reshape(self.num_draws, self.num_units, -1) for n in self.names]
        return torch.cat(parts, -1).flatten(0, 1)

    def terms(self, values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Log prior and log-likelihood of each unit: ``[S, units]`` both."""
        everything = {**self.given, **values}
        shape = (self.num_draws, self.num_units)
        if self.sums is None:
            factors = self.joint.factors(everything, self.params, self.nets)
            factors = {k: v for k, v in factors.items() if k in self.names or not self.is_known(k)}
            prior = sum_per_unit(self.joint, {k: v for k, v in factors.items() if k in self.names}, self.plate)
            rest = sum_per_unit(self.joint, {k: v for k, v in factors.items() if k not in self.names}, self.plate)
            return prior.expand(shape), rest.expand(shape)
        tables = self.sums.tables(everything, self.params, self.nets)
        tables = {k: t for k, t in tables.items() if k in self.names or not self.is_known(k)}
        prior, rest = prior_and_rest(self.sums, tables, self.names, self.plate)
        return prior.expand(shape), rest.expand(shape)

    def is_known(self, name: object) -> bool:
        """Whether a factor is the density of what is given."""
        return name in self.given

    def base(self, x: Tensor) -> Tensor:
        """Log prior density of free points ``[S * units]``."""
        values, log_det = self.values(x)
        return (self.terms(values)[0] + log_det).flatten()

    def target(self, x: Tensor) -> Tensor:
        """Log of prior times likelihood ``[S * units]``."""
        values, log_det = self.values(x)
        prior, rest = self.terms(values)
        return (prior + rest + log_det).flatten()


def prior_and_rest(
    sums: Marginaliser, tables: Mapping[TableKey, LogTable], names: tuple[str, ...], plate: str | None
) -> tuple[Tensor, Tensor]:
    """Log prior of the latents ``names``, labels above them summed out, and log-likelihood given them, of each unit:
    ``[..., units]`` both."""
    first = {str(k): t for k, t in tables.items() if k in names}
    if not any(t.scope for t in first.values()):
        flat = {k: t.values.reshape(t.values.shape[sums.places :]) for k, t in first.items()}
        return sum_per_unit(sums.joint, flat, plate), reduced(
            sums, {k: t for k, t in tables.items() if k not in names}, plate
        )
    # the labels' own factors: labels below the latents add up to one
    own = {k: t for k, t in tables.items() if k in {*names, *sums.names} or isinstance(k, FreeTable)}
    prior = reduced(sums, own, plate)
    return prior, reduced(sums, tables, plate) - prior


def reduced(sums: Marginaliser, tables: Mapping[TableKey, LogTable], plate: str | None) -> Tensor:
    """The log-marginal of the tables of each unit: ``[..., units]``."""
    values = sums.reduce(tables, each=plate)
    return values[..., None] if plate is None else values


def fits(joint: BoundDensity, names: tuple[str, ...], plate: str | None) -> bool:
    """Whether every unit has as many latents as the next."""
    return plate is None or all(joint.axes(n)[:1] == (plate,) for n in names)


def annealed(units: Units, start: Mapping[str, Tensor], generator: Generator, temperatures: int) -> Tensor:
    """Log weights ``[S, units]`` whose exponentials have each unit's likelihood as their mean, from draws ``start`` of
    the prior ``[S, *shape]``."""
    x = units.free(start)
    path = Path(units.target, units.base)
    kernel = hmc.kernel()
    betas = ais.schedule(temperatures, x)
    tunings = ais.pilot(path, x, betas, kernel, generator, PATH, moves=1)
    return ais.anneal(path, x, betas, kernel, tunings, generator).log_weight.reshape(
        units.num_draws, units.num_units
    )

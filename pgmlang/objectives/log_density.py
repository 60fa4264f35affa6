"""Minus the log-density of the values as they are, not of the free numbers behind them: its least is the mode."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.initial import initial_free
from pgmlang.density.keys import FreeKey
from pgmlang.density.possible import always_impossible, impossible_elements, nearest_possible
from pgmlang.density.provider import DensityProvider
from pgmlang.density.reductions import log_joint, sum_of_factors
from pgmlang.density.seen_rows import log_marginal_of
from pgmlang.density.summing import marginaliser_of
from pgmlang.density.table_priors import log_table_priors
from pgmlang.density.transforms import constrain, free_shape, unconstrain
from pgmlang.model.row_plates import unit_plate
from pgmlang.objectives.objective import Objective, per_unit, units_of
from pgmlang.plan.deadline import NEVER, Deadline
from pgmlang.plan.latents import sampled_variables, summed_names
from pgmlang.plan.problem import Problem
from pgmlang.results.outcome import Outcome


@dataclass(frozen=True, eq=False)
class LogDensityObjective:
    """``latent``: the numbers sought besides what is learned; ``summed``: discrete latents, summed out."""

    latent: tuple[str, ...]
    summed: tuple[str, ...]
    plate: str | None
    provider: DensityProvider
    deadline: Deadline = NEVER
    begins: Mapping[str, np.ndarray] = field(default_factory=dict)

    def start(self, joint: BoundDensity, generator: Generator) -> dict[FreeKey, Tensor]:
        """Free values near zero, or the nearest where the density is not zero; at the first point that the user gives."""
        free = initial_free(joint, generator)
        for name in self.latent:
            shape = free_shape(joint, name)
            free[name] = 0.1 * torch.randn(shape, generator=generator, dtype=joint.dtype, device=joint.device)
        given = {
            n: torch.as_tensor(v[0], dtype=joint.dtype, device=joint.device)
            for n, v in self.begins.items() if n in free
        }  # fmt: skip
        if given:
            values = {**constrain(joint, free)[0], **given}
            free |= unconstrain(joint, given, values)
        if joint.model.nets:
            return free
        return nearest_possible(
            free, lambda f: self._impossible(joint, f), generator, self.deadline, lambda f: self._causes(joint, f)
        )

    def _causes(self, joint: BoundDensity, free: Mapping[FreeKey, Tensor]) -> tuple[str, ...]:
        """What is impossible at all of some points; nothing where labels are summed out."""
        if self.summed:
            return ()
        params, latents = _parted(joint, constrain(joint, free)[0])
        return always_impossible(joint, latents, params)

    def _impossible(self, joint: BoundDensity, free: Mapping[FreeKey, Tensor]) -> Tensor:
        """How much of the density is zero at points; with labels summed out, whether all of it is."""
        if self.summed:
            return (~log_density(joint, free, None, self.summed).isfinite()).to(joint.dtype)
        params, latents = _parted(joint, constrain(joint, free)[0])
        return impossible_elements(joint, latents, params)

    def loss(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        """Minus the log-density of a unit of data."""
        if nets is not None or self.provider.native(joint) is None:
            return -log_density(joint, free, nets, self.summed) / units_of(joint, self.plate), extra
        shapes = {n: v.shape for n, v in free.items()}

        def by_torch(x: Tensor) -> Tensor:
            pieces = x.split([math.prod(shapes[n]) for n in self.provider.names(joint)])
            named = {n: p.reshape(shapes[n]) for n, p in zip(self.provider.names(joint), pieces, strict=True)}
            return log_density(joint, named, nets, self.summed)

        value = self.provider.value(joint, self.provider.vector(joint, free), by_torch)
        return -value / units_of(joint, self.plate), extra

    def side_by_side(self, joint: BoundDensity, x: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
        """Minus the log-densities of a unit of data, and their gradients."""
        found = self.provider.side_by_side(joint, x)
        if found is None:
            return None
        values, gradients, is_known = found
        units = units_of(joint, self.plate)
        return -values / units, -gradients / units, is_known

    def conclude(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, extra: Any, generator: Generator
    ) -> Outcome:
        """The values, with ln p(data) at them where their own prior is known."""
        values, _ = constrain(joint, free, nets=nets)
        total = float(log_density(joint, free, nets, self.summed))
        parameters = {k: v.cpu().numpy() for k, v in values.items()}
        prior = log_prior(joint, values, nets, self.latent)
        likelihood = None if prior is None else total - prior
        notes: dict[str, Any] = {"log_density": total}
        if nets is None:
            notes["backend"] = self.provider.backend_of(joint)
        return Outcome(parameters, (), True, (), notes, log_likelihood=likelihood)


def log_density_objective(problem: Problem, backend: str) -> Objective:
    """Minus the log-density of a unit of data. ``backend``: as `native_of`."""
    model, facts = problem.model, problem.facts
    latent = tuple(v.name for v in sampled_variables(model, facts))
    plate, summed = unit_plate(model), summed_names(model, facts)
    provider = DensityProvider(latent, False, summed, "torch" if model.nets else backend)
    objective = LogDensityObjective(latent, summed, plate, provider, problem.deadline, problem.start)
    return Objective(
        objective.start, objective.loss, objective.conclude, per_unit("log-density", plate),
        side_by_side=objective.side_by_side,
    )  # fmt: skip


def log_density(
    joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, summed: tuple[str, ...],
    codes: Mapping[str, Tensor] = MappingProxyType({}),
) -> Tensor:  # fmt: skip
    """Log-density of the values behind free ones and of the tables' priors, no Jacobian: discrete latents summed out, or
    at their ``codes``."""
    params, latents = _parted(joint, constrain(joint, free, nets=nets)[0])
    prior = log_table_priors(joint, params)
    if not summed:
        return log_joint(joint, {**latents, **codes}, params, nets) + prior
    return log_marginal_of(joint.memo.once(marginaliser_of, joint, summed), latents, params, nets) + prior


def log_prior(
    joint: BoundDensity, values: Mapping[str, Tensor], nets: Any, estimated: tuple[str, ...]
) -> float | None:
    """The log-density of estimated latents themselves: what the log-joint has beside ln p(data). None where rows have
    such latents, for their values are no estimates that new data share, or where some of their cells are data."""
    model = joint.model
    rows = {p.name for p in model.plates if p.is_rows}
    if any(rows & set(model.by_name[n].plates) or n in joint.missing for n in estimated):
        return None
    priors = [n for n in estimated if n in model.conditional_of]
    if not priors:
        return 0.0
    params, latents = _parted(joint, values)
    return float(sum_of_factors(joint, joint.factors(latents, params, nets, only=priors)))


def _parted(joint: BoundDensity, values: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What is learned, and the latents."""
    learned = set(joint.learned)
    return {k: v for k, v in values.items() if k in learned}, {k: v for k, v in values.items() if k not in learned}

"""New rows of a fit of fields: what they say and hide, and the log Z of their fields."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.binding.record import Binding
from pgmlang.density.bind import density_of_binding
from pgmlang.density.bound import BoundDensity
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.fields.annealing import discrete_log_evidence, log_z_of_row
from pgmlang.fields.fields import fields_of
from pgmlang.fields.given import bound_given_directed
from pgmlang.fields.network import FieldNetwork, field_network
from pgmlang.fields.partition import LISTED
from pgmlang.fields.reasons import block_reasons, inputs_in_fields
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate
from pgmlang.objectives.unnormalised import log_unnormalised
from pgmlang.query.fitted_values import estimates
from pgmlang.results.fit import Fit

SWEEPS = 500
"""Sweeps of the chains behind predictions and draws."""
PARTICLES, TEMPERATURES = 100, 1000
"""Of annealing what is hidden in rows, or log Z of each."""
FEWER = 500_000
"""Most elements of all particles of an annealing, but that there are at least a few."""
MOST = 20_000_000
"""Most numbers of a table of all configurations."""


class FieldLogZ(NamedTuple):
    """``value``: log Z that all rows share, or of each row ``[rows]``; ``estimator``: how it was found, in words; ``ess``:
    effective particles, of the worst row; ``error``: its standard error, of the shape of the value. None where it is exact."""

    value: float | Tensor
    estimator: str
    ess: float | None = None
    error: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class FieldRows:
    """A fit of fields and new rows. ``hidden``: the fields that the rows do not say, or not in every cell."""

    fit: Fit
    joint: BoundDensity
    params: dict[str, Tensor]
    nets: Any
    hidden: tuple[str, ...]
    observed: tuple[str, ...]
    generator: Generator

    @property
    def plate(self) -> str | None:
        return unit_plate(self.joint.model)

    def codes(self) -> dict[str, Tensor]:
        """Codes ``[rows, *shape]`` of what the rows say of fields, -1 at missing cells."""
        fields = {v.name for v in self.joint.model.of_role("field")}
        codes = {n: c for n, c in self.joint.observed.items() if n in fields}
        return codes if self.plate else {n: c[None] for n, c in codes.items()}

    def need_blocks(self, names: tuple[str, ...]) -> None:
        reasons = [d for n in names for d in block_reasons(self.joint.model, n)]
        if reasons:
            raise PgmError(reasons)

    def need_all_directed(self) -> None:
        """Raises PgmError PGM0602 for a directed variable of the rows that they do not say."""
        for conditional in self.joint.model.conditionals:
            name = conditional.target
            if name not in self.joint.observed or name in self.joint.missing:
                message = f"`{name}` is not observed in every row, and fields hang together with it"
                raise PgmError(Diagnostic("PGM0602", message, conditional.span, help=f"give the column `{name}`"))

    def alone(self) -> FieldRows:
        """The fields without the directed variables below them: log Z is theirs."""
        if not self.joint.model.conditionals:
            return self
        return replace(self, joint=density_of_potentials(self.joint))

    def single_row(self) -> BoundDensity:
        return (
            self.joint
            if self.plate is None
            else restricted_to_rows(self.joint, self.plate, np.zeros(1, dtype=np.int64))
        )

    def network(self) -> FieldNetwork | None:
        """One row's fields where elimination is narrow enough."""
        if any(not v.type.is_discrete for v in self.joint.model.of_role("field")) or self.nets is not None:
            return None
        names = (*self.observed, *self.hidden)
        return field_network(self.joint, fields_of(self.single_row(), names), self.plate)

    def log_z(self) -> FieldLogZ:
        """log Z of a row, for each row where its inputs set it."""
        one = self.single_row()
        names = (*self.observed, *self.hidden)
        inputs = list(inputs_in_fields(self.joint.model))
        if inputs:
            return self._log_z_of_rows(names, inputs)
        binary = all(v.type.is_discrete for v in self.joint.model.of_role("field"))
        if binary and fields_of(one, names).bits <= LISTED:
            value = float(fields_of(one, names).log_partition(self.params, self.nets))
            return FieldLogZ(value, "exact, log Z by listing")
        network = self.network()
        if network is not None:
            words = "exact, log Z by variable elimination"
            with torch.no_grad():
                return FieldLogZ(float(network.log_partition(self.params, self.nets)), words)
        log_z = log_z_of_row(self.joint, self.params, self.nets, self.generator, self.particles(500))
        words = f"annealed importance sampling, log Z {log_z.value:.3f} +- {log_z.error:.3f}"
        return FieldLogZ(log_z.value, words, log_z.ess, np.array(log_z.error))

    def annealed(self, names: tuple[str, ...], plate: str | None) -> Tensor:
        """Log-weights ``[particle, row]`` of what sums these fields out."""
        fields, particles = fields_of(self.joint, names), self.particles(PARTICLES)
        return discrete_log_evidence(
            fields, self.params, self.nets, self.generator, particles, TEMPERATURES, plate
        )

    def particles(self, usual: int) -> int:
        """Fewer particles for big fields."""
        names = (*self.observed, *self.hidden)
        cells = sum(math.prod(self.single_row().shapes[n]) for n in names)
        return max(32, min(usual, FEWER // max(1, cells)))

    def _log_z_of_rows(self, names: tuple[str, ...], inputs: list[Diagnostic]) -> FieldLogZ:
        """log Z of each row, by listing or by annealing. Raises PgmError PGM0602 for real fields."""
        if self.plate is None or any(not v.type.is_discrete for v in self.joint.model.of_role("field")):
            raise PgmError(inputs)
        total = self.joint.layout.size(self.plate)
        cells = sum(math.prod(self.joint.shapes[n]) for n in names)
        with torch.no_grad():
            if fields_of(self.single_row(), names).bits <= LISTED:
                step = max(1, int(MOST * total / (2 ** fields_of(self.single_row(), names).bits * cells)))
                parts = [
                    log_unnormalised(
                        restricted_to_rows(self.joint, self.plate, np.arange(start, min(total, start + step))),
                        names,
                        self.params,
                        self.nets,
                    )
                    for start in range(0, total, step)
                ]
                return FieldLogZ(torch.cat(parts), "exact, log Z of each row by listing")
            weights = self.annealed(names, self.plate)
        share = torch.softmax(weights, 0)
        ess = float((1 / share.square().sum(0)).min())
        words = f"annealed importance sampling, log Z of each row, {TEMPERATURES} temperatures"
        error = (len(weights) * share).std(0) / math.sqrt(len(weights))
        return FieldLogZ(torch.logsumexp(weights, 0) - math.log(len(weights)), words, ess, error.cpu().numpy())


def density_of_potentials(joint: BoundDensity) -> BoundDensity:
    """The joint of the potentials alone, of all rows of its binding: directed variables are inputs of it."""
    binding = bound_given_directed(joint.binding)
    return density_of_binding(binding.model, binding, joint.held, joint.dtype, joint.device)


def field_rows_of(fit: Fit, binding: Binding, seed: int = 0) -> FieldRows:
    """What a fit of fields says of newly bound rows."""
    model: Model = binding.model
    joint = density_of_binding(model, binding, {}, torch.float64, torch.device("cpu"))
    _, params, nets, _ = estimates(fit, joint, 1)
    names = [v.name for v in model.of_role("field")]
    hidden = tuple(n for n in names if n not in joint.observed or n in joint.missing)
    observed = tuple(n for n in names if n not in hidden)
    return FieldRows(fit, joint, params, nets, hidden, observed, torch.Generator().manual_seed(seed))

"""ln P(evidence) of a row of fields that are too wide to be gone through: log Z of what the evidence leaves open less log Z of
all, both by annealing (Neal 2001) where no sum has them, with the error of the difference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.reductions import log_joint
from pgmlang.fields.annealing import discrete_log_evidence, real_log_z, weighed
from pgmlang.fields.fields import as_numbers, fields_of
from pgmlang.objectives.unnormalised import log_unnormalised
from pgmlang.query.field_rows import TEMPERATURES, FieldRows

PARTICLES = 100
"""Of annealing what the evidence leaves open."""


class LogEvidence(NamedTuple):
    """``value``: ln P(evidence); ``error``: its standard error, 0 where both sums are exact."""

    value: float
    error: float


def log_evidence_of_fields(rows: FieldRows, around: BoundDensity) -> LogEvidence:
    """ln P(what one row says). ``around``: the potentials, and the densities of what is given below the fields."""
    above, above_error = _log_z_given(rows, around)
    with torch.no_grad():
        log_z = _with_nothing_seen(rows.alone()).log_z()
    value = float(torch.as_tensor(log_z.value).reshape(-1)[0])
    error = 0.0 if log_z.error is None else float(log_z.error.reshape(-1)[0])
    return LogEvidence(above - value, math.hypot(above_error, error))


def _with_nothing_seen(rows: FieldRows) -> FieldRows:
    """The row without what it says of fields."""
    joint = rows.joint
    fields = {v.name for v in joint.model.of_role("field")}
    observed = {n: v for n, v in joint.observed.items() if n not in fields}
    missing = {n: m for n, m in joint.missing.items() if n not in fields}
    return replace(rows, joint=replace(joint, observed=observed, missing=missing))


def _log_z_given(rows: FieldRows, around: BoundDensity) -> tuple[float, float]:
    """log of the sum over what is open of exp(log-potentials), and its standard error."""
    params, nets, hidden = rows.params, rows.nets, rows.hidden
    known: Mapping[str, Tensor] = as_numbers(around, rows.observed)
    with torch.no_grad():
        if not hidden:
            return float(log_joint(around, known, params, nets)), 0.0
        if all(rows.joint.model.by_name[n].type.kind == "real" for n in hidden):
            plain = replace(around, scale={}, weights={})
            log_z = real_log_z(plain, params, nets, rows.generator, rows.particles(500), TEMPERATURES,
                               names=hidden, given=known)  # fmt: skip
            return log_z.value, log_z.error
        if not rows.joint.missing:
            try:
                return float(log_unnormalised(around, hidden, params, nets).reshape(-1)[0]), 0.0
            except ValueError:
                pass  # too many to list: annealed
        fields = fields_of(around, hidden)
        weights = discrete_log_evidence(
            fields, params, nets, rows.generator, rows.particles(PARTICLES), TEMPERATURES, None, known
        )
        value, error, _ = weighed(weights[:, 0])
    return value, error

"""Annealed importance sampling (Neal 2001): log Z of fields whose params are known, with its error.

Discrete fields go from an independent base to the model by block Gibbs sweeps (Salakhutdinov and Murray 2008), real
fields from a normal base by Hamiltonian Monte Carlo.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.reasons import drawing_reasons, field_names, inputs_in_fields
from pgmlang.infer.base import Algorithm, Facts, Measure, Method, Options, Outcome, Problem, StepReport, Verdict
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate
from pgmlang.plan.reasons import lowering_reasons, missing_inputs
from pgmlang.plan.table_reasons import missing_parameters

if TYPE_CHECKING:
    import torch
    from torch import Generator, Tensor

    from pgmlang.density.joint import Joint
    from pgmlang.fields.fields import Fields
    from pgmlang.fields.pairwise import Pairwise

FEW = 10
"""An effective number of particles below this says nothing."""


@dataclass(frozen=True, kw_only=True)
class AisOptions(Options):
    """``particles`` run side by side through ``temperatures``."""

    particles: int = 500
    temperatures: int = 1000


class LogZ(NamedTuple):
    """``value``: the estimate of log Z of one row's fields; ``error``: its standard error; ``ess``: effective number
    of the particles."""

    value: float
    error: float
    ess: float


def supports(model: Model, facts: Facts) -> Verdict:
    """Discrete fields, or fields of real numbers, all params known."""
    return Verdict.of(tuple(_reasons(model, facts)))


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    if not field_names(model):
        yield Diagnostic("PGM0602", "the model has no fields, and so no log Z")
        return
    for conditional in model.conditionals:
        yield Diagnostic(
            "PGM0602", f"`{conditional.target}` is a directed variable beside the fields", conditional.span
        )
    if not all(v.type.kind == "real" for v in model.of_role("field")):
        yield from drawing_reasons(model)
    yield from inputs_in_fields(model)
    yield from missing_parameters(model, facts)
    for net in model.nets:
        yield Diagnostic("PGM0602", f"the network `{net.name}` has no weights yet", net.span)
    yield from missing_inputs(model, facts)
    yield from lowering_reasons(model)


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    names = ", ".join(f"`{n}`" for n in field_names(model))
    return (f"log Z of {names} by annealing from an independent base", "the params are known")


def discrete_log_z(
    fields: Fields, params: Mapping[str, Tensor], nets: Any, generator: Generator, particles: int, temperatures: int,
    base: Mapping[str, Tensor] | None = None,
) -> LogZ:  # fmt: skip
    """log Z of discrete fields. ``base``: logits (scores of labels) of the independent base, by default zero."""
    import torch

    logits = {**_even(fields), **(base or {})}
    normalisers = [
        x.logsumexp(-1).sum() if n in fields.states else torch.nn.functional.softplus(x).sum()
        for n, x in logits.items()
    ]
    log_base = torch.stack(normalisers).sum()
    settled = fields.settled(params, nets)

    def height(values: Mapping[str, Tensor]) -> Tensor:
        base_energy = sum(_base_energy(logits[n], values[n], n in fields.states) for n in fields.names)
        return settled.energy(values, params, nets) - base_energy

    with torch.no_grad():
        weight = _annealed(settled, fields.begin(generator, (particles,), logits), height, logits, params, nets,
                           generator, temperatures)  # fmt: skip
    value, error, ess = weighed(weight)
    return LogZ(value + float(log_base), error, ess)


def discrete_log_evidence(
    fields: Fields, params: Mapping[str, Tensor], nets: Any, generator: Generator, particles: int, temperatures: int,
    plate: str,
) -> Tensor:  # fmt: skip
    """Log-weights ``[particle, element]`` whose exponentials' mean is, for each element of a plate, the sum over the
    hidden fields of exp(log-potentials) given what is observed; the base is even."""
    import torch

    joint = fields.joint
    logits = _even(fields)
    rows = joint.shapes[fields.names[0]][joint.axes(fields.names[0]).index(plate)]
    log_base = sum(math.prod(joint.shapes[n]) / rows * math.log(fields.states.get(n, 2)) for n in fields.names)

    def height(values: Mapping[str, Tensor]) -> Tensor:
        return joint.each(joint.factors(values, params, nets), plate)

    with torch.no_grad():
        settled = fields.settled(params, nets)
        weight = _annealed(settled, fields.begin(generator, (particles,)), height, logits, params, nets, generator,
                           temperatures)  # fmt: skip
    return weight + log_base


def _even(fields: Fields) -> dict[str, Tensor]:
    """Logits of the even base, of labels a score each."""
    import torch

    joint = fields.joint
    sizes = {n: (*joint.shapes[n], *([fields.states[n]] if n in fields.states else [])) for n in fields.names}
    return {n: torch.zeros(s, dtype=joint.dtype, device=joint.device) for n, s in sizes.items()}


def _annealed(
    fields: Fields | Pairwise, values: dict[str, Tensor], height: Callable[[Mapping[str, Tensor]], Tensor],
    logits: Mapping[str, Tensor], params: Mapping[str, Tensor], nets: Any, generator: Generator, temperatures: int,
) -> Tensor:  # fmt: skip
    """Log-weights of particles that go from the base to the model in equal steps; ``height``: the model's log-density
    over the base's."""
    import torch

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


def real_log_z(joint: Joint, params: Mapping[str, Tensor], nets: Any, generator: Generator, particles: int, temperatures: int,
               centre: Mapping[str, tuple[Tensor, Tensor]] | None = None) -> LogZ:  # fmt: skip
    """log Z of real fields of one row. ``centre``: mean and sd of the normal base by name."""
    import torch

    from pgmlang.density.target import Target
    from pgmlang.kernels.ais import ais

    names = field_names(joint.model)
    shapes = tuple(joint.free_shape(n) for n in names)
    bare = _without(joint, names)
    target = Target(bare, names, shapes, params=dict(params), nets=nets)
    parts = [(centre or {}).get(n, (torch.tensor(0.0), torch.tensor(2.0))) for n in names]
    mean = torch.cat([m.to(joint.dtype).expand(s).reshape(-1) for (m, _), s in zip(parts, shapes, strict=True)])
    sd = torch.cat([d.to(joint.dtype).expand(s).reshape(-1) for (_, d), s in zip(parts, shapes, strict=True)])

    def base(x: Tensor) -> Tensor:
        return torch.distributions.Normal(mean, sd).log_prob(x).sum(-1)

    def draw(generator: torch.Generator, count: int) -> Tensor:
        return mean + sd * torch.randn(
            (count, len(mean)), generator=generator, dtype=joint.dtype, device=joint.device
        )

    estimate = ais(
        target, base, draw, generator=generator, particles=particles, temperatures=min(temperatures, 200)
    )
    return LogZ(float(estimate.log_z), float(estimate.error), float(estimate.ess))


def _without(joint: Joint, names: tuple[str, ...]) -> Joint:
    from dataclasses import replace

    return replace(
        joint, observed={k: v for k, v in joint.observed.items() if k not in names}, scale={}, weights={}
    )


def log_z_of_row(joint: Joint, params: Mapping[str, Tensor], nets: Any, generator: Generator, particles: int = 500,
                 temperatures: int = 1000) -> LogZ:  # fmt: skip
    """log Z of one row's fields; the base has the rates, or mean and spread, of the data where there is any."""
    import torch

    from pgmlang.fields.fields import fields_of

    names = field_names(joint.model)
    plate = unit_plate(joint.model)
    one = joint if plate is None else joint.rows(plate, np.zeros(1, dtype=np.int64))
    if all(v.type.kind == "real" for v in joint.model.of_role("field")):
        centre = {}
        for name in names:
            if name in joint.observed and plate is not None and len(joint.observed[name]) > 1:
                data = joint.observed[name]
                centre[name] = (data.mean(0, keepdim=True), 1.5 * data.std(0, keepdim=True) + 1e-6)
        return real_log_z(one, params, nets, generator, particles, temperatures, centre)
    base = {}
    for name in names:
        if name in joint.observed and plate is not None and joint.model.by_name[name].type.kind in ("bit", "spin"):
            mean = joint.observed[name].to(joint.dtype).mean(0, keepdim=True).clamp(0.02, 0.98)
            base[name] = torch.logit(mean)
    return discrete_log_z(fields_of(one, names), params, nets, generator, particles, temperatures, base)


def doubts(log_z: LogZ) -> tuple[Diagnostic, ...]:
    """What speaks against an estimate."""
    if log_z.ess >= FEW:
        return ()
    message = f"log Z stands on {log_z.ess:.1f} effective particles"
    return (Diagnostic("PGM0801", message, help="more `--temperatures` and `--particles`"),)


def build(problem: Problem, options: AisOptions) -> Algorithm:
    import torch

    from pgmlang.density.joint import joint_of

    joint = joint_of(problem)

    def init(rng: np.random.Generator) -> tuple[int, LogZ | None]:
        return int(rng.integers(2**62)), None

    def step(state: tuple[int, LogZ | None]) -> tuple[tuple[int, LogZ | None], StepReport]:
        generator = torch.Generator(joint.device).manual_seed(state[0])
        log_z = log_z_of_row(joint, {}, None, generator, options.particles, options.temperatures)
        return (state[0], log_z), StepReport(log_z.value, log_z.value, measure=Measure("log Z"))

    def conclude(state: tuple[int, LogZ | None]) -> Outcome:
        log_z = state[1]
        assert log_z is not None
        notes = {"log_z": log_z.value, "log_z_error": log_z.error, "ais_ess": log_z.ess}
        return Outcome(dict(problem.fixed), (), log_z.ess >= FEW, doubts(log_z), notes)

    return Algorithm(init, step, lambda state: state[1] is not None, conclude)


METHOD = Method(
    "ais", "annealed importance sampling: log Z of fields with known params", AisOptions, supports, reasons, build
)

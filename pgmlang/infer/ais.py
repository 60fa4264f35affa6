"""Annealed importance sampling (Neal 2001): log Z of fields whose params are known, with its error.

Discrete fields go from an independent base to the model by block Gibbs sweeps (Salakhutdinov and Murray 2008), real
fields from a normal base by Hamiltonian Monte Carlo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.reasons import drawing_reasons, field_names, inputs_in_fields
from pgmlang.infer.base import Algorithm, Facts, Measure, Method, Options, Outcome, Problem, StepReport, Verdict
from pgmlang.model import Model
from pgmlang.plan.reasons import lowering_reasons, missing_inputs
from pgmlang.plan.record import Assignment
from pgmlang.plan.table_reasons import missing_parameters

if TYPE_CHECKING:
    from pgmlang.fields.annealing import LogZ

FEW = 10
"""An effective number of particles below this says nothing."""


@dataclass(frozen=True, kw_only=True)
class AisOptions(Options):
    """``particles`` run side by side through ``temperatures``."""

    particles: int = 500
    temperatures: int = 1000


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


def doubts(log_z: LogZ) -> tuple[Diagnostic, ...]:
    """What speaks against an estimate."""
    if log_z.ess >= FEW:
        return ()
    message = f"log Z stands on {log_z.ess:.1f} effective particles"
    return (Diagnostic("PGM0801", message, help="more `--temperatures` and `--particles`"),)


def build(problem: Problem, options: AisOptions) -> Algorithm:
    import torch

    from pgmlang.density.bind import bound_density
    from pgmlang.fields.annealing import log_z_of_row

    joint = bound_density(problem)

    def init(rng: np.random.Generator) -> tuple[int, LogZ | None]:
        return int(rng.integers(2**62)), None

    def in_time() -> None:
        problem.deadline.check("the annealing", "there is no log Z yet")

    def step(state: tuple[int, LogZ | None]) -> tuple[tuple[int, LogZ | None], StepReport]:
        generator = torch.Generator(joint.device).manual_seed(state[0])
        log_z = log_z_of_row(joint, {}, None, generator, options.particles, options.temperatures, in_time)
        return (state[0], log_z), StepReport(log_z.value, log_z.value, measure=Measure("log Z"))

    def conclude(state: tuple[int, LogZ | None]) -> Outcome:
        log_z = state[1]
        assert log_z is not None
        notes = {"log_z": log_z.value, "log_z_error": log_z.error, "ais_ess": log_z.ess}
        return Outcome(dict(problem.fixed), (), log_z.ess >= FEW, doubts(log_z), notes)

    return Algorithm(init, step, lambda state: state[1] is not None, conclude)


METHOD = Method(
    "ais",
    "annealed importance sampling: log Z of fields with known params",
    AisOptions,
    supports,
    reasons,
    build,
    assign=lambda model, facts, options: (Assignment(field_names(model), "annealing"),),
)

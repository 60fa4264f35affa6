"""Mean-field variational inference: coordinate ascent where the model is conjugate, else by stochastic gradients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import fields as fields_of
from typing import Any

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer import elbo
from pgmlang.infer.base import Algorithm, Facts, Method, Problem, Verdict
from pgmlang.infer.conjugate import conjugate_family
from pgmlang.infer.train_options import TRAINING, TrainOptions, check_options, idle_training
from pgmlang.model import Model
from pgmlang.plan.guided import guided_names
from pgmlang.plan.latents import (
    counts_over_latents,
    density_reasons,
    latent_variables,
    summed_names,
    summed_out_exactly,
)
from pgmlang.plan.method import once_per_problem
from pgmlang.plan.record import Assignment

COORDINATE = "coordinate ascent"


@dataclass(frozen=True, kw_only=True)
class MeanfieldOptions(TrainOptions):
    """``tolerance``: coordinate ascent ends when the bound gains less, relative to its size; ``restarts``: random
    beginnings with discrete latents, of which the best goes on. ``particles`` and the training options are for models
    that are not conjugate."""

    tolerance: float = 1e-8
    max_iterations: int = 1000
    restarts: int = 4
    particles: int | None = None


@once_per_problem
def strangers(model: Model, facts: Facts) -> tuple[str, ...]:
    """Continuous latents whose complete conditional is in no family of the table."""
    latents = latent_variables(model, facts)
    return tuple(v.name for v in latents if v.role == "field" or conjugate_family(model, v.name) is None)


@once_per_problem
def is_conjugate(model: Model, facts: Facts) -> bool:
    """Whether coordinate ascent applies: all complete conditionals in the table, discrete latents summable, nothing
    else to learn."""
    return not density_reasons(model, facts) and not model.potentials and not strangers(model, facts)


def supports(model: Model, facts: Facts) -> Verdict:
    """Conjugate models, and others that an automatic normal guide is for."""
    if guided_names(model):
        reason = Diagnostic("PGM0602", "the model has a written guide", help="`--method elbo` takes it")
        return Verdict.of((reason,))
    if is_conjugate(model, facts):
        return Verdict.of(())
    return elbo.supports(model, facts)


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    if not is_conjugate(model, facts):
        names = ", ".join(f"`{n}`" for n in strangers(model, facts)[:8])
        first = f"{names}: not conjugate, so all by a normal guide over free numbers" if names else "not conjugate"
        return (first, *elbo.reasons(model, facts))
    known = [(v.name, conjugate_family(model, v.name)) for v in latent_variables(model, facts)]
    out = ["coordinate ascent: " + ", ".join(f"q(`{n}`) {f}" for n, f in known[:8])]
    summed = summed_names(model, facts)
    if summed:
        out.append("given the expected log-factors exactly: " + ", ".join(f"`{n}`" for n in summed))
    return tuple(out)


def build(problem: Problem, options: MeanfieldOptions) -> Algorithm:
    check_options(options)
    if problem.has_kernel(COORDINATE):
        if options.batch or options.validation:
            raise PgmError(Diagnostic("PGM0612", "coordinate ascent takes all rows at each step",
                                      help="leave `--batch` and `--validation` out, or `--method elbo`"))  # fmt: skip
        from pgmlang.infer.coordinate import build as build_coordinate

        if options.dtype not in (None, "float64"):
            raise PgmError(
                Diagnostic("PGM0612", "coordinate ascent computes in float64", help="leave `--dtype` out")
            )
        return build_coordinate(problem, options.tolerance, options.max_iterations, options.restarts)
    return elbo.build(problem, _bound_options(options))


def _bound_options(options: MeanfieldOptions) -> elbo.ElboOptions:
    """The options of the bound by stochastic gradients."""
    shared: dict[str, Any] = {f.name: getattr(options, f.name) for f in fields_of(TrainOptions)}
    return elbo.ElboOptions(**shared, particles=options.particles, guide="meanfield")


def resolve(model: Model, facts: Facts, options: MeanfieldOptions) -> MeanfieldOptions:
    if is_conjugate(model, facts):
        return replace(options, dtype=options.dtype or "float64")
    bound = elbo.resolve(model, facts, _bound_options(options))
    shared: dict[str, Any] = {f.name: getattr(bound, f.name) for f in fields_of(TrainOptions)}
    return replace(options, **shared, particles=bound.particles)


def assign(model: Model, facts: Facts, options: MeanfieldOptions) -> tuple[Assignment, ...]:
    if not is_conjugate(model, facts):
        return elbo.assign(model, facts, _bound_options(options))
    numbers = tuple(v.name for v in latent_variables(model, facts))
    return (Assignment(numbers, COORDINATE), *summed_out_exactly(summed_names(model, facts)))


def idle(model: Model, facts: Facts, options: MeanfieldOptions) -> dict[str, str]:
    """Coordinate ascent has no use for a training's options, nor a training for its."""
    if is_conjugate(model, facts):
        return dict.fromkeys(
            (*TRAINING, "particles"), "the model is conjugate, coordinate ascent takes all rows at each step"
        )
    ascent = dict.fromkeys(
        ("tolerance", "max_iterations", "restarts"), "the model is not conjugate: it is trained by Adam"
    )
    return {**ascent, **idle_training(model, facts, options)}


METHOD = Method(
    "meanfield", "mean-field variational inference, by coordinate ascent where conjugate", MeanfieldOptions,
    supports, reasons, build, resolve=resolve, assign=assign, idle=idle, writes_rows_out=counts_over_latents,
)  # fmt: skip

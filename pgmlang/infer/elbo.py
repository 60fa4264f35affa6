"""Variational inference: the evidence lower bound by stochastic gradients.

The written guide where there is one; for other continuous latents an automatic normal one over the free numbers
(`pgmlang/guides`); the bound and its gradients are `objectives/elbo.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.components import summing_steps
from pgmlang.infer.backend import UNRECORDED, BackendOptions, idle_backend, with_backend
from pgmlang.infer.base import Algorithm, Facts, Method, Problem, Verdict
from pgmlang.infer.train_options import TrainOptions, check_options, idle_training, resolve_training
from pgmlang.infer.training import build as build_training
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate
from pgmlang.plan.guided import LINKS, automatic_names, guided_names, summed_out
from pgmlang.plan.latents import (
    KINDS,
    counts_over_latents,
    latents_of_rows,
    moving_partition,
    open_reasons,
    summed_out_exactly,
    support_reasons,
    weight_reasons,
)
from pgmlang.plan.reasons import lowering_reasons, missing_inputs
from pgmlang.plan.record import Assignment
from pgmlang.tables.learned import learned_tables

PARTICLES = 8
AUTOMATIC: Mapping[str, Any] = {"epochs": 4000, "rate": 0.02}


@dataclass(frozen=True, kw_only=True)
class ElboOptions(BackendOptions, TrainOptions):
    """``particles``: draws of the guide a step (None: 1, or 8 with discrete latents or an automatic guide); ``guide``:
    ``meanfield`` or ``fullrank`` for latents that no written guide names."""

    particles: int | None = None
    guide: str = "meanfield"


def supports(model: Model, facts: Facts) -> Verdict:
    """Latent variables with a guide, written or automatic; discrete ones in the written guide or summed out."""
    return Verdict.of(tuple(_reasons(model, facts)))


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    yield from moving_partition(model, facts)
    yield from support_reasons(model, facts, summed_out(model, facts))
    yield from summing_steps(model, summed_out(model, facts))[1]
    if summed_out(model, facts) and guided_names(model):
        names = ", ".join(f"`{n}`" for n in summed_out(model, facts))
        yield Diagnostic(
            "PGM0602", f"{names}: discrete, latent and not in the guide", help="name them in the guide"
        )
    if not (guided_names(model) or automatic_names(model, facts)):
        yield Diagnostic(
            "PGM0602", "no latent variable has a guide, and no real one is latent for an automatic one"
        )
    for variable in model.guide.variables if model.guide else ():
        if variable.role == "param" and variable.type.kind not in ("real", *LINKS):
            message = f"the guide's `{variable.name}` is {variable.type}: real, positive and unit ones are learned"
            yield Diagnostic("PGM0602", message, variable.span)
    for name in guided_names(model):
        variable = model.by_name[name]
        if variable.type.is_discrete and unit_plate(model) not in variable.plates:
            message = (
                f"the guide's `{name}` is discrete and outside of the rows: the score function has no signal there"
            )
            yield Diagnostic("PGM0602", message, variable.span, help="`--method gibbs`, or a continuous guide")
        if name in facts.missing or name in facts.observed:
            yield Diagnostic("PGM0602", f"the guide is for `{name}`, which the data has", model.by_name[name].span)
    for variable in model.of_role("random", "field"):
        if variable.name not in facts.latent or variable.name in (*facts.fixed, *guided_names(model)):
            continue
        if variable.role == "field":
            yield Diagnostic(
                "PGM0602", f"the field `{variable.name}` is latent, and no guide is for it", variable.span
            )
        elif variable.type.kind not in KINDS and not variable.type.is_discrete:
            yield Diagnostic("PGM0602", f"`{variable.name}` is {variable.type} and latent", variable.span)
    if automatic_names(model, facts):
        yield from weight_reasons(facts)
    yield from open_reasons(model, facts)
    yield from missing_inputs(model, facts)
    yield from lowering_reasons(model)


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    out = []
    written, automatic = guided_names(model), automatic_names(model, facts)
    if written:
        out.append(", ".join(f"`{n}`" for n in written) + ": by the written guide")
        if any(model.by_name[n].type.is_discrete for n in written):
            out.append("discrete latents: score function, the other particles of a row as its baseline")
    if automatic:
        out.append(", ".join(f"`{n}`" for n in automatic[:8]) + ": a normal guide over the free numbers")
    if model.nets:
        out.append("networks trained on the bound: " + ", ".join(f"`{n.name}`" for n in model.nets))
    return tuple(out)


def build(problem: Problem, options: ElboOptions) -> Algorithm:
    from pgmlang.objectives.elbo import elbo_objective

    check_options(options)
    model, facts = problem.model, problem.facts
    automatic = automatic_names(model, facts)
    particles = options.particles
    assert particles is not None, "the plan resolves it"
    if _has_discrete_guide(model) and particles < 2:
        raise PgmError(
            Diagnostic("PGM0612", "discrete latents need two particles or more: each is the others' baseline")
        )
    rows = {p.name for p in model.plates if p.is_rows}
    guided = [model.by_name[n] for n in automatic]
    guided += [v for v in (model.guide.variables if model.guide else ()) if v.role == "param"]
    if (options.batch or options.validation) and any(rows & set(v.plates) for v in guided):
        raise PgmError(Diagnostic("PGM0612", "rows with a guide of their own cannot be minibatched",
                                  help="write an amortised guide, or leave `--batch` and `--validation` out"))  # fmt: skip
    objective = elbo_objective(problem, particles, options.guide, options.backend)
    return build_training(problem, options, objective)


def _has_discrete_guide(model: Model) -> bool:
    return any(model.by_name[n].type.is_discrete for n in guided_names(model))


def resolve(model: Model, facts: Facts, options: ElboOptions) -> ElboOptions:
    """Many small steps for an automatic guide, several draws where they are each other's baseline or cost little."""
    automatic = automatic_names(model, facts)
    particles = options.particles or (PARTICLES if _has_discrete_guide(model) or automatic else 1)
    long = AUTOMATIC if automatic and not model.nets else {}
    resolved = replace(resolve_training(options, model, **long), particles=particles)
    if resolved.backend == "auto" and (model.nets or model.guide is not None):
        return replace(resolved, backend="torch")
    gradients = UNRECORDED * (resolved.epochs or 0)
    return with_backend(resolved, model, facts, gradients, particles, resolved.dtype)


def assign(model: Model, facts: Facts, options: ElboOptions) -> tuple[Assignment, ...]:
    """The written guide's latents, the automatic one's, labels, and what the bound is climbed in beside them."""
    written, automatic = guided_names(model), automatic_names(model, facts)
    learned = [v.name for v in model.of_role("param") if v.name not in facts.fixed]
    learned += [t.name for t in learned_tables(model)] + [n.name for n in model.nets]
    blocks = ((written, "written guide"), (automatic, f"{options.guide} guide"), (tuple(learned), "adam"))
    taken = tuple(Assignment(names, kernel) for names, kernel in blocks if names)
    return (*taken, *summed_out_exactly(summed_out(model, facts)))


def idle(model: Model, facts: Facts, options: ElboOptions) -> dict[str, str]:
    """A written guide leaves nothing to an automatic one."""
    no_family = {} if automatic_names(model, facts) else {"guide": "the model has a guide for every latent"}
    written = {"backend": "torch draws of the written guide"} if model.guide is not None else {}
    return {**no_family, **written, **idle_backend(model), **idle_training(model, facts, options)}


def _writes_rows_out(model: Model, facts: Facts) -> bool:
    """An automatic guide has a factor for every latent number; a written one is multiplied by the counts."""
    automatic = set(automatic_names(model, facts))
    return counts_over_latents(model, facts) and any(v.name in automatic for v in latents_of_rows(model, facts))


METHOD = Method("elbo", "variational inference: the evidence lower bound", ElboOptions, supports, reasons, build,
                resolve=resolve, assign=assign, idle=idle, writes_rows_out=_writes_rows_out, reads_guide=True)  # fmt: skip

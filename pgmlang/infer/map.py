"""Maximum a posteriori, and maximum likelihood of params: L-BFGS (Liu and Nocedal 1989) or Adam.

The mode is that of the density of the values as they are, not of the free numbers behind them: no Jacobian.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.components import summing_steps
from pgmlang.infer.backend import UNRECORDED, BackendOptions, idle_backend, with_backend
from pgmlang.infer.base import Algorithm, Facts, Method, Problem, Verdict, numbers_of
from pgmlang.infer.train_options import (
    TRAINING,
    TrainOptions,
    check_options,
    idle_training,
    resolve_numbers,
    resolve_training,
)
from pgmlang.infer.training import build as build_training
from pgmlang.model import Model
from pgmlang.plan.latents import (
    KINDS,
    latents_of_rows,
    moving_partition,
    open_reasons,
    sampled_variables,
    summed_names,
    summed_out_exactly,
    support_reasons,
)
from pgmlang.plan.reasons import lowering_reasons, missing_inputs
from pgmlang.plan.record import Assignment
from pgmlang.tables.learned import learned_tables

ITERATIONS, DIFFERENCES = 100, 4
"""Gradients that a climb is taken for, and those of each number for its curvature, when a backend is chosen."""
RESTARTS = 8
"""Places that L-BFGS begins from with discrete latents summed out."""


@dataclass(frozen=True, kw_only=True)
class MapOptions(BackendOptions, TrainOptions):
    """``optimizer``: ``lbfgs`` or ``adam``; None: L-BFGS without networks and minibatches. ``tolerance``: L-BFGS has
    converged when a step gains less, relative to the objective. ``restarts``: places it begins from, of which the best
    goes on (None: 8 with discrete latents summed out, else 1); every other one first climbs with the labels held at clusters
    of the data beside them."""

    optimizer: str | None = None
    restarts: int | None = None
    max_iterations: int = 1000
    tolerance: float = 1e-9


def supports(model: Model, facts: Facts) -> Verdict:
    """Something to estimate, discrete latents that can be summed out, no log Z that moves."""
    return Verdict.of(tuple(_reasons(model, facts)))


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    yield from moving_partition(model, facts)
    yield from support_reasons(model, facts, summed_names(model, facts))
    yield from summing_steps(model, summed_names(model, facts))[1]
    if facts.binding is None and not (
        model.nets or any(model.of_role("param")) or sampled_variables(model, facts)
    ):
        yield Diagnostic("PGM0602", "no number is to be estimated")
    if facts.binding is not None and not subjects(model, facts):
        yield Diagnostic("PGM0602", "no number is to be estimated")
    for variable in model.of_role("random"):
        if variable.name in facts.latent and variable.type.kind not in KINDS and not variable.type.is_discrete:
            yield Diagnostic("PGM0602", f"`{variable.name}` is {variable.type} and latent", variable.span)
    yield from open_reasons(model, facts)
    yield from missing_inputs(model, facts)
    yield from lowering_reasons(model)


def subjects(model: Model, facts: Facts) -> tuple[str, ...]:
    """What is estimated: params without a value, learned tables, networks, latent numbers."""
    names = [v.name for v in model.of_role("param") if v.name not in facts.fixed]
    names += [t.name for t in learned_tables(model)] + [n.name for n in model.nets]
    return (*names, *(v.name for v in sampled_variables(model, facts)))


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    out = [", ".join(f"`{n}`" for n in subjects(model, facts)[:8]) + ": the most probable values"]
    summed = summed_names(model, facts)
    if summed and facts.binding is not None:
        out.append("summed out exactly: " + ", ".join(f"`{n}`" for n in summed))
    return tuple(out)


def build(problem: Problem, options: MapOptions) -> Algorithm:
    from pgmlang.infer.climb import climb
    from pgmlang.objectives.log_density import log_density_objective

    check_options(options)
    latent = sampled_variables(problem.model, problem.facts)
    rows = {p.name for p in problem.model.plates if p.is_rows}
    if (options.batch or options.validation) and any(rows & set(v.plates) for v in latent):
        raise PgmError(Diagnostic("PGM0612", "rows with latent numbers of their own cannot be minibatched here",
                                  help="leave `--batch` and `--validation` out, or `--method elbo`"))  # fmt: skip
    if options.optimizer == "adam":
        return build_training(problem, options, log_density_objective(problem, options.backend))
    objective = log_density_objective(problem, options.backend)
    labels = summed_names(problem.model, problem.facts)
    assert options.restarts is not None, "the plan resolves it"
    dtype = numbers_of(options.dtype)
    return climb(problem, objective, dtype, options.restarts, options.max_iterations, options.tolerance, labels)


def _by_adam(model: Model, options: MapOptions) -> bool:
    if options.optimizer is not None:
        return options.optimizer == "adam"
    return bool(model.nets or options.batch or options.validation)


def resolve(model: Model, facts: Facts, options: MapOptions) -> MapOptions:
    """The optimiser, and its options."""
    if _by_adam(model, options):
        trained = replace(resolve_training(options, model), optimizer="adam")
        return _with_backend(trained, model, facts, trained.epochs or 0)
    restarts = options.restarts or (RESTARTS if summed_names(model, facts) else 1)
    resolved = replace(resolve_numbers(options, model), optimizer="lbfgs", restarts=restarts)
    gradients = ITERATIONS * restarts + DIFFERENCES * _free_numbers(model, facts)
    return _with_backend(resolved, model, facts, gradients)


def _with_backend(options: MapOptions, model: Model, facts: Facts, gradients: int) -> MapOptions:
    if options.backend == "auto" and (model.nets or learned_tables(model)):
        return replace(options, backend="torch")
    return with_backend(options, model, facts, UNRECORDED * gradients, 1, options.dtype)


def _free_numbers(model: Model, facts: Facts) -> int:
    """How many numbers are sought, about."""
    if facts.binding is None:
        return 0
    layout, names = facts.binding.layout, subjects(model, facts)
    axes = [model.array_axes(v) for v in model.variables if v.name in names]
    return sum(math.prod(layout.shape(a)) for a in axes if all(map(layout.has_size, a)))


def assign(model: Model, facts: Facts, options: MapOptions) -> tuple[Assignment, ...]:
    return (
        Assignment(subjects(model, facts), options.optimizer or ""),
        *summed_out_exactly(summed_names(model, facts)),
    )


def idle(model: Model, facts: Facts, options: MapOptions) -> dict[str, str]:
    """L-BFGS has no use for a training's options, nor Adam for its."""
    if _by_adam(model, options):
        return {
            **idle_backend(model),
            **dict.fromkeys(("restarts", "max_iterations", "tolerance"), "Adam climbs"),
            **idle_training(model, facts, options),
        }
    return {**idle_backend(model), **dict.fromkeys(TRAINING, "L-BFGS climbs (`--optimizer adam` has it)")}


def only_by_name(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why `auto` does not take the joint mode over latents of rows: as many numbers as rows are set to their most probable
    values where p(data) integrates them (Neyman and Scott 1948), and the rest is estimated as if they were known."""
    of_rows = {v.name for v in latents_of_rows(model, facts)}
    beside = [n for n in subjects(model, facts) if n not in of_rows]
    if not of_rows or not beside:
        return ()
    names, others = (", ".join(f"`{n}`" for n in sorted(some)[:6]) for some in (of_rows, beside))
    share = "some rows" if of_rows <= facts.missing.keys() else "every row"
    message = (
        f"{names}: latent in {share}, and set to the most probable value: as a rule {others} are biased by it"
    )
    cure = "a method that integrates latents of rows, as `auto` takes one: `--method hmc`, `--method elbo`"
    return (Diagnostic("PGM0810", message, help=cure),)


METHOD = Method(
    "map",
    "the most probable values, or maximum likelihood of params",
    MapOptions,
    supports,
    reasons,
    build,
    resolve=resolve,
    assign=assign,
    only_by_name=only_by_name,
    idle=idle,
    takes_start=True,
)

"""Fitting: choose a method, run it, keep what it leaves behind."""

from __future__ import annotations

import dataclasses
import platform
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.binding.bound_fingerprint import bound_fingerprint
from pgmlang.binding.bounded_counts import with_plain_counts
from pgmlang.binding.fixed import fixed_values, refuse_too_many
from pgmlang.binding.process_rows import process_rows
from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.density.device import check_device
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Problem, facts_of
from pgmlang.infer.checkpoint import Checkpoint, claim, read_key
from pgmlang.infer.deterministic import with_deterministic
from pgmlang.infer.exact import log_likelihood_of
from pgmlang.infer.given_starts import Start, record_of_start, starting_values
from pgmlang.infer.repeated_rows import expanded
from pgmlang.infer.run import Progress, Run, run
from pgmlang.model import Model
from pgmlang.plan.deadline import Deadline
from pgmlang.plan.method import Method
from pgmlang.plan.plan import Planned, planned, replanned
from pgmlang.plan.record import Plan, plan_json
from pgmlang.plan.registry import METHODS, method_named
from pgmlang.plan.undetermined import undetermined_reason
from pgmlang.results.fit import Fit
from pgmlang.results.trust import problems_of_status
from pgmlang.results.zero_probabilities import zero_probabilities
from pgmlang.tables.learned import learned_tables
from pgmlang.versions import LANGUAGE_VERSION, __version__


def fit_model(
    model: Model,
    binding: Binding,
    method: str = "auto",
    options: Mapping[str, Any] | None = None,
    seed: int | None = None,
    fixed: Mapping[str, Any] | None = None,
    source: str = "",
    modules: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    device: str = "cpu",
    checkpoint: Path | None = None,
    resume: bool = False,
    every: float = 30.0,
    plan: Plan | None = None,
    announce: Callable[[Plan], None] | None = None,
    start: Start | None = None,
) -> Fit:
    """Fits a bound model by a plan: the one given, or the one that `plan.make_plan` makes of ``method`` and ``options``.

    ``checkpoint``: a folder where the state is kept every so many seconds; ``resume``: go on from there.

    ``start``: where it begins, for methods that take one.

    ``fixed``: values of params (or of real variables at the top) held. ``progress`` (`run.Progress`) is called after each step, and ``announce`` with the plan before the first. Raises PgmError: PGM0601, 0602, 0604, 0610, 0612 and what the method finds.
    """
    check_device(device)
    problem = _problem(model=binding.model, binding=binding, fixed=fixed or {}, device=device)
    planned = _planned(problem, plan, method, options or {}, has_start=start is not None)
    chosen, settings = planned.method, planned.options
    if announce is not None:
        announce(planned.plan)
    if checkpoint is None and resume:
        raise PgmError(
            Diagnostic("PGM0612", "nothing says where the run to resume was kept", help="give `checkpoint`")
        )
    before = read_key(checkpoint) if checkpoint is not None and resume else None
    asked = int(before["key"]["seed"]) if seed is None and before is not None else seed
    drawn = secrets.randbits(32) if asked is None else asked
    keeper, resumed = None, None
    key = _key(problem, planned, source, drawn)
    if chosen.has_rows_written_out(planned.model, planned.facts):
        problem = expanded(problem)
    begins = {} if start is None else _begins(start, problem, chosen)
    begun = None if start is None else record_of_start(start, begins)
    if checkpoint is not None:
        claim(checkpoint, is_known=True)
        keeper = Checkpoint(checkpoint, {**key, "start": begun}, every)
        resumed = keeper.load(device) if resume else None
    blocks = planned.plan.blocks
    problem = dataclasses.replace(problem, deadline=Deadline(settings.max_time), blocks=blocks, start=begins)
    algorithm = chosen.build(problem, settings)
    done = run(algorithm, np.random.default_rng(drawn), problem.deadline, progress, keeper, resumed)
    return _fit(
        problem, planned, done, source, modules or {}, {"seed": drawn, "seed_drawn": asked is None, "start": begun}
    )


def _begins(start: Start, problem: Problem, method: Method) -> dict[str, np.ndarray]:
    """Raises PgmError PGM0612 where the method does not begin where it is told to, and as `starting_values`."""
    if not method.takes_start:
        names = ", ".join(f"`{n}`" for n in METHODS if method_named(n).takes_start)
        message = f"`{method.name}` does not begin at given values"
        raise PgmError(Diagnostic("PGM0612", message, help=f"leave `--start` out; it is of {names}"))
    return starting_values(start, problem.binding)


def _problem(model: Model, binding: Binding, fixed: Mapping[str, Any], device: str) -> Problem:
    """The problem of a bound model. Raises PgmError PGM0708 where there is nothing to learn from, and what `fixed_values`
    finds."""
    if not binding.observed and learned_tables(model):
        message = "no variable of the model has a value in any row: there is nothing to learn from"
        raise PgmError(
            Diagnostic("PGM0708", message, place=binding.source, help="is it the right table? see its columns")
        )
    refuse_too_many(bound_evaluator(binding))
    held = fixed_values(bound_evaluator(binding), fixed)
    return Problem(model, binding, held, facts_of(model, binding, held), device)


def _planned(
    problem: Problem, plan: Plan | None, method: str, options: Mapping[str, Any], *, has_start: bool
) -> Planned:
    """The plan given, or made. Raises PgmError PGM0612 for options or a method beside a plan, which has them."""
    if plan is None:
        return planned(
            problem.model, problem.binding, method, options, problem.fixed, problem.device, has_start=has_start
        )
    beside = [*options, *(["method"] if method != "auto" else [])]
    if beside:
        shown = ", ".join(f"`{n}`" for n in beside)
        cure = "make it with them: `model.plan(data, method=..., options=...)`"
        raise PgmError(Diagnostic("PGM0612", f"{shown} beside a plan, which says it itself", help=cure))
    return replanned(plan, problem.binding, problem.fixed)


def _key(problem: Problem, planned: Planned, source: str, seed: int) -> dict[str, Any]:
    """What two runs must have in common for one to go on from the other's state; options as they were resolved."""
    given = {k: v for k, v in dataclasses.asdict(planned.options).items() if k != "max_time"}
    kernels = [[b.kernel, list(b.variables)] for b in planned.plan.blocks]
    fixed = {k: v.tolist() for k, v in sorted(problem.fixed.items())}
    return {"model": source, "data": problem.binding.fingerprint, "method": planned.method.name, "options": given,
            "kernels": kernels, "seed": seed, "fixed": fixed}  # fmt: skip


def _fit(
    problem: Problem,
    planned: Planned,
    done: Run,
    source: str,
    modules: Mapping[str, str],
    begun: Mapping[str, Any],
) -> Fit:
    """What is kept of a run. ``begun``: what is to be said of how it began."""
    binding, outcome, method = problem.binding, done.outcome, planned.method
    reasons = tuple(r for b in planned.plan.blocks for r in b.reasons)
    # what is held is known of the fit too: answers about other rows go by it
    outcome = outcome._replace(parameters={**outcome.parameters, **problem.fixed})
    log_likelihood = outcome.log_likelihood
    if log_likelihood is None and not outcome.draws and not outcome.sizes and not problem.model.nets:
        log_likelihood = log_likelihood_of(problem, outcome.parameters)
    outcome = with_deterministic(problem, outcome)
    status, doubts = _status(problem, done)
    fit = Fit(
        model=with_plain_counts(problem.model),
        source=source,
        method=method.name,
        parameters=outcome.parameters,
        options=dataclasses.asdict(planned.options),
        plan=plan_json(planned.plan),
        modules=dict(modules),
        labels=dict(binding.labels),
        sizes={**binding.sizes, **outcome.sizes},
        row_names=dict(binding.row_names),
        log_likelihood=log_likelihood,
        trace=outcome.trace,
        only_rises=method.only_rises,
        moves=method.moves,
        status=status,
        warnings=(
            *binding.warnings,
            *method.only_by_name(planned.model, planned.facts),
            *method.unread_guide(problem.model),
            *done.warnings,
            *doubts,
        ),
        draws=dict(outcome.draws),
        draw_axes=dict(outcome.draw_axes),
        deterministic=dict(outcome.deterministic),
        standard_errors={k: np.asarray(v, dtype=float) for k, v in outcome.standard_errors.items()},
        sample_stats=dict(outcome.sample_stats),
        normal=outcome.normal,
        process_rows=process_rows(binding),
        provenance=_provenance(binding, done, outcome.notes, begun, reasons, problem.device, problem.fixed),
    )
    fit = dataclasses.replace(fit, warnings=(*fit.warnings, *zero_probabilities(fit)))
    return _judged(fit)


def _judged(fit: Fit) -> Fit:
    """The fit, not converged where a check of `results.trust` that decides says so."""
    problems = problems_of_status(fit) if fit.status == "converged" else ()
    if not problems:
        return fit
    doubts = tuple(
        Diagnostic("PGM0801", f"{p.check}: {p.figure:.3g}, limit {p.threshold:g}", help=p.cure) for p in problems
    )
    return dataclasses.replace(fit, status="not converged", warnings=(*fit.warnings, *doubts))


def _status(problem: Problem, done: Run) -> tuple[str, tuple[Diagnostic, ...]]:
    """How a run ended, and what the graph says against that."""
    doubts = undetermined_reason(problem.model, problem.facts)
    return ("not converged" if doubts and done.status == "converged" else done.status), doubts


def _provenance(
    binding: Binding,
    done: Run,
    notes: Mapping[str, Any],
    begun: Mapping[str, Any],
    reasons: tuple[str, ...],
    device: str,
    held: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    return {
        **begun,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pgmlang": __version__,
            "language": LANGUAGE_VERSION,
        },
        "device": device,
        "data": binding.source,
        "fingerprint": binding.fingerprint,
        "bound_fingerprint": bound_fingerprint(binding),
        "observed": list(binding.observed),
        "latent": list(binding.latent),
        "missing": dict(binding.missing),
        "unused": list(binding.unused),
        "dropped_rows": binding.dropped_rows,
        "reading": binding.reading.to_json(),
        "weighed_by": None if binding.weighed_by is None else binding.weighed_by.to_json(),
        "mapping": dict(binding.mapping),
        "source_kinds": {name: kind.to_json() for name, kind in binding.kinds.items()},
        "fixed": sorted(held),
        "reasons": list(reasons),
        "steps": done.steps,
        "seconds": done.seconds,
        "stopped_by": done.stopped_by,
        **notes,
    }

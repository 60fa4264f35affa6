"""Nothing to learn: everything is given. One pass computes the log-evidence of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pgmlang.binding.row_groups import RowGroup, row_groups
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact import ExactEngine
from pgmlang.infer.base import Algorithm, Facts, Method, Options, Outcome, Problem, StepReport, Verdict
from pgmlang.infer.exact_gaussian import gaussian_reasons, has_labels, is_chain, keeps_nothing
from pgmlang.infer.exact_gaussian import step as gaussian_step
from pgmlang.infer.joint_gaussian import (
    CHAINS,
    DRAWS,
    MOST_KEPT,
    joint_gaussian_reasons,
    may_fill,
    num_open,
)
from pgmlang.infer.joint_mixture import joint_algorithm, label_reasons, num_configurations
from pgmlang.model import Model
from pgmlang.model.processes import processes
from pgmlang.plan.latents import counts_over_latents
from pgmlang.plan.method import facts_of, once_per_problem
from pgmlang.plan.table_reasons import table_reasons, width_reasons, width_words
from pgmlang.tables.evaluate import unknown_parameter
from pgmlang.tables.from_model import iid_plate
from pgmlang.tables.learned import learned_tables

MOST_ROWS_LISTED = 1_000_000
"""Most rows of all configurations of labels together for which `auto` lists them."""
MAX_CELLS = 1 << 20
"""Most cells a row for the log-likelihood of a fit that was found without it."""


@dataclass(frozen=True, kw_only=True)
class ExactOptions(Options):
    """``chains`` of ``draws`` each that are kept of numbers that rows share: independent draws, so that a chain is a name for some of them."""

    chains: int | None = None
    draws: int | None = None


def supports(model: Model, facts: Facts) -> Verdict:
    """All tables and params known: discrete variables and a narrow enough graph, or numbers that are normal and linear in each
    other given labels."""
    if is_joint(model, facts):
        return Verdict(True)
    against_numbers = gaussian_reasons(model, facts)
    if not against_numbers or any(not v.type.is_discrete for v in model.of_role("random")):
        switches = is_chain(model, facts) and has_labels(model, facts)
        hangs_together = facts.binding is not None and not switches and not iid_plate(model, facts.fixed)[0]
        against = joint_reasons(model, facts) if against_numbers and hangs_together else against_numbers
        return Verdict.of((*_to_be_estimated(model, facts), *against))
    reasons = list(table_reasons(model, facts))
    for table in learned_tables(model):
        if table.name not in facts.fixed:
            message = f"the table of `{table.target}` is to be learned"
            reasons.append(Diagnostic("PGM0602", message, table.distribution.span))
    return Verdict.of(reasons or width_reasons(model, facts))


@once_per_problem
def is_joint(model: Model, facts: Facts) -> bool:
    """Whether all data are one linear Gaussian model: their rows are none each, or further rows of a process go on from what is latent beside it."""
    hangs_together = bool(gaussian_reasons(model, facts)) or bool(processes(model))
    return hangs_together and not joint_reasons(model, facts)


def joint_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why all data are no linear Gaussian model in each of a few configurations of the labels that are not seen."""
    against = joint_gaussian_reasons(model, facts)
    return against or label_reasons(model, facts)


def _to_be_estimated(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Of data params are learned, rather than told of: more than a value that is lacking."""
    params = [v for v in model.of_role("param") if v.name not in facts.fixed]
    if facts.binding is None or not params:
        return ()
    first = params[0]
    return (
        Diagnostic(
            "PGM0602", f"`{first.name}` is to be estimated", first.span, help=unknown_parameter(first).help
        ),
    )


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    if is_joint(model, facts):
        return ("all that is latent is jointly normal given the data, in closed form: draws are independent",)
    if not gaussian_reasons(model, facts):
        return ("everything is given: nothing to learn, the numbers are jointly normal given the labels",)
    return ("every table is given: nothing to learn, answers are exact", *width_words(model, facts))


def log_partition(group: RowGroup, engine: ExactEngine) -> float:
    """log Z of the undirected part of a group's network; the directed one sums to one."""
    undirected = any(f.child is None for f in group.unrolled.network.factors)
    return float(engine.log_z()[0]) if undirected else 0.0


def impossible_row(group: RowGroup, log_evidence: np.ndarray, source: str) -> PgmError:
    """PGM0609 for the first row of probability zero, with its values."""
    distinct = int(np.flatnonzero(np.isneginf(log_evidence))[0])
    row = int(group.members[np.flatnonzero(group.inverse == distinct)[0]])
    variables = group.unrolled.network.variables
    seen = [
        f"{variables[v].name} = {variables[v].labels[int(codes[distinct])]}"
        for v, codes in group.evidence.items()
        if codes[distinct] >= 0
    ]
    shown = ", ".join(seen[:6]) + (", ..." if len(seen) > 6 else "")
    return PgmError(
        Diagnostic(
            "PGM0609",
            f"row {row + 1} has probability zero: {shown}",
            place=source,
            help="a given table excludes it: correct the row, or the table",
        )
    )


def _log_evidence(group: RowGroup, engine: ExactEngine) -> np.ndarray:
    """Of the distinct rows of a group."""
    log_z: np.ndarray = engine.log_z(group.evidence, num_rows=len(group.weights))
    return log_z - log_partition(group, engine)


def _step(problem: Problem, state: float | None) -> tuple[float, StepReport]:
    if not gaussian_reasons(problem.model, problem.facts):
        return gaussian_step(problem)
    total = 0.0
    for group in row_groups(problem.binding, problem.fixed, problem.fixed):
        log_evidence = _log_evidence(group, ExactEngine(group.unrolled.network))
        if np.isneginf(log_evidence[group.weights > 0]).any():
            raise impossible_row(group, log_evidence, problem.binding.source)
        total += float(group.weights @ log_evidence)
    return total, StepReport(total, total)


def log_likelihood_of(problem: Problem, parameters: Mapping[str, np.ndarray]) -> float | None:
    """ln p(data) at point estimates of params and tables, where the model is then a discrete network of at most
    `MAX_CELLS` cells a row; None elsewhere."""
    model, known = problem.model, {**problem.fixed, **parameters}
    facts = facts_of(model, problem.binding, known)
    if any(n in model.by_name and model.by_name[n].role != "param" for n in parameters):
        return None
    if table_reasons(model, facts) or _has_wide_conditional(problem, facts):
        return None
    total = 0.0
    for group in row_groups(problem.binding, known, known):
        engine = ExactEngine(group.unrolled.network)
        complete = [v for v, codes in group.evidence.items() if (codes >= 0).all()]
        if engine.width_report(complete).total_cells > MAX_CELLS:
            return None
        total += float(group.weights @ _log_evidence(group, engine))
    return total


def _has_wide_conditional(problem: Problem, facts: Facts) -> bool:
    """Whether a table of a factor alone is too wide: what is hidden of one element's parents, two states each at least."""
    model, layout = problem.model, problem.binding.layout
    for factor in model.factors:
        hidden = [model.by_name[r] for r in model.random_parents(factor) if r in facts.latent]
        if sum(math.prod(layout.size(a) for a in v.axes) for v in hidden) > math.log2(MAX_CELLS):
            return True
    return False


def resolve(model: Model, facts: Facts, options: ExactOptions) -> ExactOptions:
    if not is_joint(model, facts):
        return options
    chains = CHAINS if options.chains is None else options.chains
    draws = max(1, min(DRAWS, MOST_KEPT // (chains * num_open(model, facts))))
    return replace(options, chains=chains, draws=draws if options.draws is None else options.draws)


def idle(model: Model, facts: Facts, options: ExactOptions) -> dict[str, str]:
    out = {"device": "tables are contracted on the CPU"}
    if not is_joint(model, facts):
        out |= dict.fromkeys(("chains", "draws"), "draws are kept of numbers that rows share alone")
    return out


def against_auto(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    if not is_joint(model, facts):
        return keeps_nothing(model, facts)
    count, size = (
        num_configurations(model, facts),
        facts.binding.layout.size(facts.binding.plate) if facts.binding and facts.binding.plate else 1,
    )
    if count * size > MOST_ROWS_LISTED:
        return (
            Diagnostic(
                "PGM0602",
                f"{count:,} configurations of labels, of {size:,} rows each: `--method exact` lists them",
            ),
        )
    return may_fill(model, facts)


def written_out(model: Model, facts: Facts) -> bool:
    return is_joint(model, facts) and counts_over_latents(model, facts)


def build(problem: Problem, options: ExactOptions) -> Algorithm:
    if is_joint(problem.model, problem.facts):
        assert options.chains is not None, "options are resolved"
        assert options.draws is not None, "options are resolved"
        return joint_algorithm(problem, options.chains, options.draws)

    def conclude(state: float) -> Outcome:
        return Outcome(dict(problem.fixed), (state,), True, log_likelihood=state)

    return Algorithm(lambda rng: None, partial(_step, problem), lambda s: s is not None, conclude)


METHOD = Method("exact", "exact answers where everything is known", ExactOptions, supports, reasons, build, against_auto, resolve=resolve,
                writes_rows_out=written_out, idle=idle, when=lambda model: None if learned_tables(model) else "")  # fmt: skip

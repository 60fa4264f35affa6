"""Expectation-maximisation with an exact E-step (Dempster, Laird and Rubin 1977): tables from incomplete data.

A prior's counts are added in the M-step, so the log-likelihood plus the sum of prior counts times log table never
falls.
"""

from __future__ import annotations

from dataclasses import replace

from pgmlang.diagnostics import Diagnostic
from pgmlang.infer.base import Algorithm, Facts, Method, Problem, Verdict
from pgmlang.infer.em_options import DEFAULT_RESTARTS, EmOptions
from pgmlang.infer.em_reasons import estimated, open_tables, reasons_against
from pgmlang.infer.gaussian_reasons import (
    estimated_params,
    has_missing_labels,
    has_missing_numbers,
    latent_in_rows,
    learnable,
    prefers_draws,
)
from pgmlang.model import Model
from pgmlang.plan.latents import summed_names, summed_out_exactly
from pgmlang.plan.method import once_per_problem
from pgmlang.plan.record import Assignment
from pgmlang.plan.table_reasons import table_reasons, width_reasons, width_words
from pgmlang.tables.learned import learned_tables

M_STEP, CLIMBED, COUNTS, SQUARES = "m-step", "m-step by lbfgs", "expected counts", "expected least squares"
"""Kernels of what is learned: where the E-step sums a density, in closed form or not, and where it is one of tables."""
LONG = 1_000
"""Rows of chains beyond which they are no network of nodes."""


def supports(model: Model, facts: Facts) -> Verdict:
    """An exact E-step: learned tables whose network fits into memory, or densities with summed-out latents."""
    if by_expected_squares(model, facts):
        return Verdict.of(())
    against = _table_reasons(model, facts)
    if against and not reasons_against(model, facts):
        return Verdict.of(())
    if against and (facts.binding is not None and not learned_tables(model)):
        return Verdict.of(reasons_against(model, facts))
    return Verdict.of(against)


def by_expected_squares(model: Model, facts: Facts) -> bool:
    """Whether numbers that others hang on are missing or latent in the rows, and the E-step gives their expected squares and products in
    closed form."""
    if facts.binding is None or not has_missing_numbers(model, facts):
        return False
    return bool(_table_reasons(model, facts) and reasons_against(model, facts)) and not learnable(model, facts)


@once_per_problem
def _table_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    reasons = list(table_reasons(model, facts))
    if not learned_tables(model):
        reasons.append(Diagnostic("PGM0602", "no table is learned: all are given"))
    return tuple(reasons or width_reasons(model, facts))


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    if by_expected_squares(model, facts):
        cells = sum(facts.missing.values())
        hidden = [f"{cells:,} missing cells in {len(facts.missing)} variables"] if cells else []
        latent = ", ".join(f"`{n}`" for n in sorted(latent_in_rows(model, facts)))
        hidden += [f"latent: {latent}"] if latent else []
        return (
            *hidden,
            "numbers are jointly normal given the labels: the E-step is exact, the M-step least squares",
        )
    if _table_reasons(model, facts):
        summed = ", ".join(f"`{n}`" for n in summed_names(model, facts))
        names = ", ".join(f"`{n}`" for n in estimated(model, facts))
        return (
            f"{summed} summed out exactly in the E-step"
            if summed
            else "every row says its labels: the E-step is only counting",
            f"{names}: point estimates (posterior mode)",
        )
    out = []
    if facts.binding is None:
        out.append("when cells are missing or variables latent: expected counts in their place")
    if facts.latent and facts.binding is not None:
        out.append("latent: " + ", ".join(f"`{n}`" for n in sorted(facts.latent)))
    if facts.missing:
        cells = sum(facts.missing.values())
        out.append(f"{cells:,} missing cell{'s' if cells > 1 else ''} in {len(facts.missing)} variables")
    if facts.binding is not None and facts.is_complete:
        out.append("every cell is observed: the E-step is only counting")
    return (*out, "the E-step is exact", *width_words(model, facts))


def _has_long_chains(model: Model, facts: Facts) -> bool:
    """Whether rows follow each other in sequences so long that they are better summed out as matrices than as a network
    of nodes."""
    sizes = {} if facts.binding is None else facts.binding.sizes
    is_long = any(model.is_chain(p.name) and sizes.get(p.name, 0) > LONG for p in model.plates)
    return is_long and not reasons_against(model, facts)


def _by_density(model: Model, facts: Facts) -> bool:
    """Whether the E-step sums the density itself, not a network of tables."""
    return bool(_table_reasons(model, facts)) or _has_long_chains(model, facts)


def resolve(model: Model, facts: Facts, options: EmOptions) -> EmOptions:
    if facts.binding is None:
        return options  # the data say what is latent
    if by_expected_squares(model, facts):
        restarts = options.restarts or (DEFAULT_RESTARTS if has_missing_labels(model, facts) else 1)
        return replace(options, restarts=restarts)
    has_starts = _by_density(model, facts) or open_tables(model, facts)
    return replace(options, restarts=options.restarts or (DEFAULT_RESTARTS if has_starts else 1))


def assign(model: Model, facts: Facts, options: EmOptions) -> tuple[Assignment, ...]:
    """What the E-step sums out, or completes, and what the M-step sets."""
    if by_expected_squares(model, facts):
        is_hidden = {*latent_in_rows(model, facts), *facts.missing}
        hidden = tuple(v.name for v in model.of_role("random") if v.name in is_hidden)
        learned = (*estimated_params(model, facts), *(t.name for t in learned_tables(model)))
        return (Assignment(learned, SQUARES), Assignment(hidden, "normal given the labels"))
    names = (*estimated(model, facts), *(t.name for t in learned_tables(model)))
    if _by_density(model, facts):
        return (*_m_steps(model, names), *summed_out_exactly(summed_names(model, facts)))
    hidden = tuple(
        v.name for v in model.of_role("random", "field") if v.name in facts.latent or v.name in facts.missing
    )
    return (Assignment(names, COUNTS), *((Assignment(hidden, "junction tree"),) if hidden else ()))


def _m_steps(model: Model, names: tuple[str, ...]) -> tuple[Assignment, ...]:
    """How the M-step sets each name: those at a maximum in closed form, those that climb."""
    from pgmlang.infer.m_steps import blocks_of, simplices_of

    blocks = blocks_of(model, names, simplices_of(model, names))
    closed = {name for some in blocks for block in some for name in block.names}
    kinds = (
        (M_STEP, "from expected statistics, in closed form", tuple(n for n in names if n in closed)),
        (CLIMBED, "no closed form: the expected log-joint is climbed", tuple(n for n in names if n not in closed)),
    )
    return tuple(Assignment(some, kernel, (reason,)) for kernel, reason, some in kinds if some)


def build(problem: Problem, options: EmOptions) -> Algorithm:
    assert options.restarts is not None, "the plan resolves it"
    if problem.has_kernel(SQUARES):
        from pgmlang.infer.em_gaussian import GaussianEm

        return GaussianEm(problem, options).algorithm()
    if problem.blocks[0].kernel in (M_STEP, CLIMBED):
        from pgmlang.infer.em_setup import build as build_densities

        return build_densities(problem, options)
    from pgmlang.infer.em_tables import TableEm

    em = TableEm(problem, options)
    return Algorithm(em.init, em.step, lambda state: state.is_done, em.conclude)


def idle(model: Model, facts: Facts, options: EmOptions) -> dict[str, str]:
    if by_expected_squares(model, facts):
        said = "the E-step is in closed form, on the CPU"
        return {"device": said, "backend": said, "hard": "numbers are completed in expectation"}
    if _by_density(model, facts):
        return {"backend": "hard EM seeks the most probable labels by torch"} if options.hard else {}
    return {
        "device": "the E-step of tables runs on the CPU",
        "backend": "labels are summed out of tables by the exact engine, neither by torch nor by loops",
    }


def reasons_against_auto(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    return prefers_draws(model, facts) if by_expected_squares(model, facts) else ()


def when(model: Model) -> str | None:
    return "with missing cells or latent variables" if learned_tables(model) else None


METHOD = Method("em", "tables from incomplete data, exact E-step", EmOptions, supports, reasons, build, resolve=resolve,
                assign=assign, idle=idle, only_rises=True, when=when, reasons_against_auto=reasons_against_auto)  # fmt: skip

"""Whether EM fits a model of densities: what it sums out, what it estimates, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.diagnostics import Diagnostic
from pgmlang.graph.childless import is_childless_missing
from pgmlang.graph.components import summing_steps
from pgmlang.model import Model
from pgmlang.model.dependence import names_behind
from pgmlang.plan.latents import KINDS, latent_variables, moving_partition, summed_names, support_reasons
from pgmlang.plan.method import Facts, once_per_problem
from pgmlang.tables.learned import Table, learned_tables


@once_per_problem
def reasons_against(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why this form of EM does not fit: nothing to sum out or to estimate, latent numbers in rows, a moving log Z."""
    return tuple(_reasons(model, facts))


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    summed = summed_names(model, facts)
    if not summed and facts.binding is not None and not learned_tables(model):
        yield Diagnostic("PGM0602", "no discrete variable is latent: there is no expectation to take")
    yield from summing_steps(model, summed)[1]
    yield from moving_partition(model, facts)
    yield from support_reasons(model, facts, summed)
    rows = {p.name for p in model.plates if p.is_rows}
    for variable in latent_variables(model, facts):
        if rows & set(variable.plates):
            message = f"`{variable.name}` is a latent number of every row: the E-step has no closed form"
            yield Diagnostic("PGM0602", message, variable.span)
    for name, number in facts.missing.items():
        if number and not model.by_name[name].type.is_discrete and not is_childless_missing(model, name):
            yield Diagnostic("PGM0602", f"`{name}` has {number:,} missing cells", model.by_name[name].span,
                             help="leave such rows out: `--missing drop`")  # fmt: skip
    for net in model.nets:
        yield Diagnostic("PGM0602", f"the network `{net.name}` is trained by `map` or `elbo`", net.span)
    hidden = {v.name for v in model.of_role("random") if v.name in facts.latent}
    for name in sorted(hidden):
        variable = model.by_name[name]
        if variable.type.kind not in KINDS and not variable.type.is_discrete:
            yield Diagnostic("PGM0602", f"`{name}` is {variable.type} and latent", variable.span)
    if not (estimated(model, facts) or learned_tables(model)):
        yield Diagnostic("PGM0602", "no parameter is to be estimated")


def estimated(model: Model, facts: Facts) -> tuple[str, ...]:
    """Latent numbers outside of rows and params without a value: what the M-step sets."""
    names = [v.name for v in latent_variables(model, facts)]
    return (*names, *(v.name for v in model.of_role("param") if v.name not in facts.fixed))


def open_tables(model: Model, facts: Facts) -> tuple[Table, ...]:
    """Learned tables that mention a latent variable: the data say nothing about them by themselves."""
    tables = learned_tables(model)
    return tuple(t for t in tables if {t.target, *names_behind(model, *t.distribution.parents)} & facts.latent)

"""Whether a model's latent variables are a real vector with a log-density, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.needs import missing_parameters
from pgmlang.model import Dist, Model, Variable
from pgmlang.plan.method import Facts
from pgmlang.tables.learned import learned_tables

KINDS = frozenset({"real", "positive", "unit", "simplex"})
"""Types whose values a smooth map reaches from free real numbers."""
BOUNDED = frozenset({"Uniform", "Truncated", "Censored"})
"""Families whose bounds are their arguments, which no type's map keeps to."""


def latent_variables(model: Model, facts: Facts) -> tuple[Variable, ...]:
    """The continuous random variables that are to be inferred, in the order of the model. Without data those are
    the ones outside of every plate of rows and those that a guide names."""
    return tuple(
        v for v in model.of_role("random") if v.name in hidden_names(model, facts) and v.type.kind in KINDS
    )


def hidden_names(model: Model, facts: Facts) -> frozenset[str]:
    """Random variables that are latent, or, without data, that no column can ever bind (those at the top)."""
    at_top = {v.name for v in model.of_role("random") if v.name in facts.unknown and not v.plates}
    return facts.latent | at_top


def density_reasons(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why there is no log-density over free real values: latent discrete variables, fields with their log Z, missing
    cells, params and networks to be learned, or a construct that no program says yet."""
    return tuple(_reasons(model, facts))


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    hidden = hidden_names(model, facts)
    for variable in model.of_role("random", "field"):
        if variable.role == "field":
            message = f"`{variable.name}` is a field, whose log Z the density would need"
            yield Diagnostic("PGM0602", message, variable.span)
        elif variable.name in hidden and variable.type.kind not in KINDS:
            message = (
                f"`{variable.name}` is {variable.type} and latent: a density has a gradient in real values only"
            )
            yield Diagnostic("PGM0602", message, variable.span)
    for name, number in facts.missing.items():
        if number:
            message = f"`{name}` has {number:,} missing cells"
            yield Diagnostic(
                "PGM0602", message, model.by_name[name].span, help="leave such rows out: `--missing drop`"
            )
    for conditional in model.conditionals:
        family = conditional.distribution.family if isinstance(conditional.distribution, Dist) else ""
        if conditional.target in hidden and family in BOUNDED:
            message = (
                f"`{conditional.target}` is latent within the bounds of `{family}`, which are not lowered yet"
            )
            yield Diagnostic(
                "PGM0602", message, conditional.span, help="take a distribution of its support's type"
            )
    for plate in model.plates:
        if plate.structure is not None:
            message = f"plate `{plate.name}` is a {plate.structure.kind}, whose density is not lowered yet"
            yield Diagnostic("PGM0602", message, plate.span)
    if facts.binding is not None and facts.binding.weights is not None:
        message = "rows have weights or counts, which this method does not take"
        yield Diagnostic("PGM0602", message, help="leave `--weights` or `--counts` out, one row an observation")
    for table in learned_tables(model):
        message = f"the table of `{table.target}` is a parameter to be learned"
        yield Diagnostic("PGM0602", message, table.distribution.span)
    for net in model.nets:
        yield Diagnostic("PGM0602", f"the network `{net.name}` is to be learned", net.span)
    yield from missing_parameters(model, facts)
    if not latent_variables(model, facts):
        yield Diagnostic("PGM0602", "no real variable is latent")
    yield from _lowering(model)


def _lowering(model: Model) -> Iterator[Diagnostic]:
    from pgmlang.lower import lower

    try:
        lower(model)
    except PgmError as error:
        yield from error.diagnostics

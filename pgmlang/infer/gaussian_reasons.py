"""Whether coefficients and sds of conditional Gaussian networks are learned in closed form, and of which rows."""

from __future__ import annotations

import math

from pgmlang.diagnostics import Diagnostic
from pgmlang.gaussian.design import learning_reasons
from pgmlang.gaussian.flat_priors import flat_names, with_params
from pgmlang.infer.base import Facts
from pgmlang.infer.gaussian_rows import labels_told_apart
from pgmlang.model import Model
from pgmlang.plan.method import once_per_problem
from pgmlang.tables.from_model import iid_plate, iid_verdict

MOST_COEFFICIENTS = 2_000


@once_per_problem
def coefficients_with_flat_priors(model: Model, facts: Facts) -> frozenset[str]:
    """Latent numbers outside of the rows that are estimated as params are."""
    return frozenset() if facts.binding is None else flat_names(model, facts.latent, facts.binding.plate)


@once_per_problem
def estimated_model(model: Model, facts: Facts) -> Model:
    """The model whose params are all that is estimated."""
    return with_params(model, coefficients_with_flat_priors(model, facts))


def estimated_params(model: Model, facts: Facts) -> tuple[str, ...]:
    """The names of coefficients and sds, in the order of the text."""
    return tuple(v.name for v in estimated_model(model, facts).of_role("param") if v.name not in facts.fixed)


def latent_in_rows(model: Model, facts: Facts) -> frozenset[str]:
    """What is latent but coefficients."""
    return facts.latent - coefficients_with_flat_priors(model, facts)


def prefers_draws(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why `auto` should rather draw: a prior asks for a posterior."""
    flat = sorted(coefficients_with_flat_priors(model, facts))
    if not flat:
        return ()
    message = f"`{flat[0]}` has a flat prior: its posterior tells more than its densest place"
    return (Diagnostic("PGM0602", message, model.by_name[flat[0]].span),)


@once_per_problem
def learnable(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why the params are no coefficients and sds of a conditional Gaussian network of each row."""
    known = dict.fromkeys(facts.fixed)
    if facts.binding is None:
        return (Diagnostic("PGM0602", "the data say what is latent"),)
    written, model = model, estimated_model(model, facts)
    opened = {**known, **{v.name: None for v in model.of_role("param")}}
    if not iid_plate(model, opened)[0]:
        return iid_verdict(model).reasons
    apart = labels_told_apart(model, opened)
    told = (Diagnostic("PGM0602", f"the table of `{apart}` hangs on what tells rows apart"),) if apart else ()
    lacking = tuple(
        Diagnostic("PGM0718", f"the input `{v.name}` has no values", v.span)
        for v in model.of_role("input")
        if v.name not in facts.binding.values and v.name not in known
    )
    is_weighed = (
        facts.binding.weights is not None and not facts.binding.is_counts and has_missing_numbers(written, facts)
    )
    weighed = (
        (Diagnostic("PGM0602", "weights of rows with numbers of their own that are not seen are no counts"),)
        if is_weighed
        else ()
    )
    many = sum(math.prod(facts.binding.layout.shape(model.array_axes(v))) for v in model.of_role("param"))
    wide = (Diagnostic("PGM0611", f"{many:,} params at once"),) if many > MOST_COEFFICIENTS else ()
    return (*told, *lacking, *wide, *weighed, *learning_reasons(model, known))


def has_missing_numbers(model: Model, facts: Facts) -> bool:
    """Whether numbers of the rows are latent, or have missing cells."""
    return any(not model.by_name[n].type.is_discrete for n in (*latent_in_rows(model, facts), *facts.missing))


def has_missing_labels(model: Model, facts: Facts) -> bool:
    return any(model.by_name[n].type.is_discrete for n in (*facts.latent, *facts.missing))

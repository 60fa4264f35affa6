"""Whether coefficients and sds of conditional Gaussian networks are learned in closed form, and of which rows."""

from __future__ import annotations

import math

from pgmlang.diagnostics import Diagnostic
from pgmlang.gaussian.design import learning_reasons
from pgmlang.infer.base import Facts
from pgmlang.infer.gaussian_rows import labels_told_apart
from pgmlang.model import Model
from pgmlang.plan.method import once_per_problem
from pgmlang.tables.from_model import iid_plate, iid_verdict

MOST_COEFFICIENTS = 2_000


@once_per_problem
def learnable(model: Model, facts: Facts) -> tuple[Diagnostic, ...]:
    """Why the params are no coefficients and sds of a conditional Gaussian network of each row."""
    known = dict.fromkeys(facts.fixed)
    if facts.binding is None:
        return (Diagnostic("PGM0602", "the data say what is latent"),)
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
        facts.binding.weights is not None and not facts.binding.is_counts and has_missing_numbers(model, facts)
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
    """Whether numbers are latent, or have missing cells."""
    return any(not model.by_name[n].type.is_discrete for n in (*facts.latent, *facts.missing))


def has_missing_labels(model: Model, facts: Facts) -> bool:
    return any(model.by_name[n].type.is_discrete for n in (*facts.latent, *facts.missing))

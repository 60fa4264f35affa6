"""Which latents the written guide names, which an automatic one takes, and which are summed out."""

from __future__ import annotations

from pgmlang.graph.childless import is_childless_missing
from pgmlang.model import Model
from pgmlang.plan.latents import KINDS, open_variables
from pgmlang.plan.method import Facts, once_per_problem

LINKS = {"positive": "exp", "unit": "sigmoid"}
"""Type of a guide's own param to the tensor method that gives it from a free number; a real is free."""


def guided_names(model: Model) -> tuple[str, ...]:
    """Latents that the written guide names."""
    return tuple(c.target for c in model.guide.conditionals) if model.guide else ()


@once_per_problem
def automatic_names(model: Model, facts: Facts) -> tuple[str, ...]:
    """Continuous latents that get an automatic guide, and the missing cells of others."""
    written = guided_names(model)
    latent = facts.latent | ({v.name for v in model.of_role("random") if v.name in facts.unknown and not v.plates})
    latent |= {v.name for v in open_variables(model, facts)}
    candidates = (v for v in model.of_role("random") if v.name in latent and v.type.kind in KINDS)
    return tuple(v.name for v in candidates if v.name not in written and v.name not in facts.fixed)


@once_per_problem
def summed_out(model: Model, facts: Facts) -> tuple[str, ...]:
    """Discrete variables that are latent, or have missing cells that others hang on, outside of the written guide."""
    written = guided_names(model)
    hidden = facts.latent | {n for n in facts.missing if not is_childless_missing(model, n)}
    candidates = (v for v in model.of_role("random") if v.name in hidden and v.type.is_discrete)
    return tuple(v.name for v in candidates if v.name not in written)

"""Whether a value of a variable may have a probability of its own."""

from __future__ import annotations

from pgmlang.families import FAMILIES, is_mixed
from pgmlang.model.branches import branches
from pgmlang.model.dependence import names_behind
from pgmlang.model.model import Dist, Model


def is_mixed_variable(model: Model, name: str) -> bool:
    """Whether a number has both a density and points with a chance of their own (`families.is_mixed`), or is computed from
    one that has."""
    definition = model.definition_of.get(name)
    names = {name} if definition is None else names_behind(model, definition)
    return not names.isdisjoint(mixed_draws(model))


def mixed_draws(model: Model) -> frozenset[str]:
    """The numbers that are drawn of a distribution with both a density and points with a chance of their own, in one
    branch at least: no integral over their density is all of them."""
    return model.once(_mixed_draws)


def _mixed_draws(model: Model) -> frozenset[str]:
    return frozenset(
        c.target
        for c in model.conditionals
        for d in branches(c.distribution)
        if isinstance(d, Dist) and is_mixed(d.path, FAMILIES)
    )


def has_atoms(model: Model, name: str) -> bool:
    """Whether asking that a variable equals a value makes sense: it is countable, or mixed."""
    return model.by_name[name].type.is_countable or is_mixed_variable(model, name)

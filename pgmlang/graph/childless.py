"""Variables that nothing hangs on: a cell of one that is missing drops out of the likelihood by itself."""

from __future__ import annotations

from pgmlang.model import Dist, Model
from pgmlang.model.branches import branches


def is_childless_missing(model: Model, name: str) -> bool:
    """Whether a missing cell of a variable integrates to one: no other factor mentions the variable, no later row
    looks back at it, and its cells are drawn one by one (not as a vector)."""
    conditional = model.conditional_of.get(name)
    if conditional is None or event_axes(model, name):
        return False
    if name in model.random_parents(conditional) or any(ref.name == name for ref in model.mentions(conditional)):
        return False
    return all(f is conditional for f in model.factors_by_parent.get(name, ()))


def event_axes(model: Model, name: str) -> frozenset[str]:
    """The axes of a variable that one draw of it spans: cells along them that are seen tell of those that are not."""
    conditional = model.conditional_of.get(name)
    if conditional is None:
        return frozenset()
    drawn = (d for d in branches(conditional.distribution) if isinstance(d, Dist))
    return frozenset(axis for d in drawn for axis in d.event)

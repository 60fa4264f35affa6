"""Deterministic names that look back at themselves, alone or at one another: the recursions of a model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pgmlang.model.expr import Expr, Ref, references
from pgmlang.model.model import Definition, Model


@dataclass(frozen=True)
class Recursion:
    """Definitions whose values need those of earlier rows of ``chain``, in the order in which those of a row are worked
    out; ``past``: what they look back at of each other, as (name, lag)."""

    definitions: tuple[Definition, ...]
    chain: str
    past: tuple[tuple[str, int], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(d.target for d in self.definitions)

    def is_in(self, expr: Expr) -> bool:
        """Whether an expression names one of them."""
        return any(r.name in self.names for r in references(expr))


def recursions(model: Model) -> dict[str, Recursion]:
    """The recursion that each name is of: names that are of none are left out."""
    return model.once(_recursions)


def _recursions(model: Model) -> dict[str, Recursion]:
    named = {d.target: {r.name for r in model.mentions(d)} & model.definition_of.keys() for d in model.definitions}
    reached = {name: names_reached(named, name) for name in named}
    out: dict[str, Recursion] = {}
    for name in named:
        if name in reached[name] and name not in out:
            group = {name} | {n for n in reached[name] if name in reached[n]}
            recursion = _recursion(model, group)
            out |= dict.fromkeys(recursion.names, recursion)
    return out


def names_reached(named: Mapping[str, Collection[str]], name: str) -> set[str]:
    """The names that a name's value needs, directly or through one another, of its own row or earlier ones."""
    out: set[str] = set()
    pending = list(named[name])
    while pending:
        other = pending.pop()
        if other not in out:
            out.add(other)
            pending += named[other]
    return out


def _recursion(model: Model, group: set[str]) -> Recursion:
    ordered: dict[str, None] = {}

    def place(name: str) -> None:
        if name not in ordered:
            for ref in model.mentions(model.definition_of[name]):
                if ref.name in group and not ref.lag and ref.name != name:
                    place(ref.name)
            ordered[name] = None

    for definition in model.definitions:
        if definition.target in group:
            place(definition.target)
    definitions = tuple(model.definition_of[n] for n in ordered)
    past = sorted({(r.name, r.lag) for d in definitions for r in model.mentions(d) if r.name in group and r.lag})
    axes = [model.batch_axes(model.by_name[n].plates) for n, _ in past]
    chain = next(a for some in axes for a in reversed(some) if model.is_chain(a))
    return Recursion(definitions, chain, tuple(past))


def own_references(recursion: Recursion) -> tuple[Ref, ...]:
    """The references of a recursion's expressions to its own names."""
    return tuple(r for d in recursion.definitions for r in references(d.value) if r.name in recursion.names)


__all__ = ["Recursion", "names_reached", "own_references", "recursions"]

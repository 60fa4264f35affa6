"""Ancestral order of a model's conditionals and definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgmlang.model import Conditional, Definition, Model
from pgmlang.model.dependence import names_behind


def ancestral_order(model: Model, items: Iterable[Conditional | Definition]) -> list[Conditional | Definition]:
    """Parents before children; ties in the order written. References to an earlier row (``prev``) do not count."""
    pending = {item.target: item for item in items}
    out: list[Conditional | Definition] = []
    done: set[str] = set()

    def visit(item: Conditional | Definition) -> None:
        if item.target in done:
            return
        done.add(item.target)
        for ref in model.mentions(item):
            if not ref.lag and ref.name in pending:
                visit(pending[ref.name])
        out.append(item)

    for item in list(pending.values()):
        visit(item)
    return out


def own_pasts(model: Model) -> Iterator[Definition]:
    """Deterministic names whose value needs their own value of an earlier row."""
    for start in model.definitions:
        if start.target in names_behind(model, start):
            yield start


def looped_items(model: Model, order: list[Conditional | Definition]) -> list[Conditional | Definition]:
    """What must be drawn row after row: everything in a chain that looks back, or lies between it and what it looks
    back at."""
    back = {r.name for item in order for r in model.mentions(item) if r.lag}
    back &= {item.target for item in order}
    if not back:
        return []
    chains = {model.by_name[n].plates[-1] for n in back if model.by_name[n].plates}
    return [i for i in order if model.by_name[i.target].plates and model.by_name[i.target].plates[-1] in chains]

"""Ancestral order of a model's conditionals and definitions."""

from __future__ import annotations

from collections.abc import Iterable

from pgmlang.model import Conditional, Definition, Model
from pgmlang.model.recursions import recursions


def ancestral_order(
    model: Model, items: Iterable[Conditional | Definition], *, is_by_row: bool = False
) -> list[Conditional | Definition]:
    """Parents before children; ties in the order written. Names of one recursion stand together. References to an earlier
    row (``prev``) of what is drawn do not count, those of deterministic names only where all rows are worked out at once:
    not ``is_by_row``."""
    pending = {item.target: item for item in items}
    together = {} if is_by_row else recursions(model)
    out: list[Conditional | Definition] = []
    done: set[str] = set()

    def visit(item: Conditional | Definition) -> None:
        if item.target in done:
            return
        recursion = together.get(item.target)
        some = [item] if recursion is None else [pending[n] for n in recursion.names if n in pending]
        done.update(i.target for i in some)
        for ref in (r for i in some for r in model.mentions(i)):
            counts = not ref.lag or (not is_by_row and ref.name in model.definition_of)
            if counts and ref.name in pending:
                visit(pending[ref.name])
        out.extend(some)

    for item in list(pending.values()):
        visit(item)
    return out


def looped_items(model: Model, order: list[Conditional | Definition]) -> list[Conditional | Definition]:
    """What must be drawn row after row: everything in a chain that looks back, or lies between it and what it looks
    back at."""
    back = {r.name for item in order for r in model.mentions(item) if r.lag}
    back &= {item.target for item in order}
    if not back:
        return []
    chains = {model.by_name[n].plates[-1] for n in back if model.by_name[n].plates}
    return [i for i in order if model.by_name[i.target].plates and model.by_name[i.target].plates[-1] in chains]

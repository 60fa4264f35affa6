"""Ancestral order of a model's conditionals and definitions."""

from __future__ import annotations

from collections.abc import Iterable

from pgmlang.model import Conditional, Definition, Model


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

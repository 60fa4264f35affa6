"""Which plate of rows is meant where a model has several."""

from __future__ import annotations

from pgmlang.model.model import Model


def row_plate(model: Model) -> str | None:
    """The plate that row weights belong to: the unsized one that no other unsized plate is inside of."""
    rows = [p.name for p in model.plates if p.is_rows]
    outer = {q for p in rows for q in model.enclosing(p)[:-1]}
    inner = [p for p in rows if p not in outer]
    return inner[0] if inner else None


def unit_plate(model: Model) -> str | None:
    """The row plate that minibatches take elements of: the outermost."""
    rows = [p for p in model.plates if p.size is None and p.structure is None]
    rows += [p for p in model.plates if p.is_rows and p not in rows]
    outermost = [p.name for p in rows if not any(q.name in model.enclosing(p.name)[:-1] for q in rows)]
    return outermost[0] if len(outermost) == 1 else None

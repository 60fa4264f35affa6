"""Which plate of rows is meant where a model has several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgmlang.model.expr import Const, Element, Reduce, walk
from pgmlang.model.model import Model


def row_plate(model: Model) -> str | None:
    """The plate that row weights belong to: the unsized one that no other unsized plate is inside of."""
    rows = [p.name for p in model.plates if p.is_rows]
    outer = {q for p in rows for q in model.enclosing(p)[:-1]}
    inner = [p for p in rows if p not in outer]
    return inner[0] if inner else None


def row_chain(model: Model) -> str | None:
    """That plate where its rows follow each other."""
    plate = row_plate(model)
    return plate if plate is not None and model.is_chain(plate) else None


def plates_as_values(model: Model) -> set[str]:
    """Row plates whose elements are the labels of a variable, or an axis of one."""
    axes = {a for v in model.variables for a in (*v.axes, v.type.axis) if a is not None} | model.once(
        elements_compared
    )
    return {
        root
        for a in axes
        if (root := model.root_axis(a)) in model.plate_by_name and model.plate_by_name[root].is_rows
    }


def elements_compared(model: Model) -> set[str]:
    """Axes and plates of which an expression says an element: the present one, or one by its label or position."""
    return {
        n.axis if isinstance(n, Element) else n.type.axis or ""
        for item in (*model.factors, *model.definitions)
        for expr in model.expressions(item)
        for n in walk(expr)
        if isinstance(n, Element) or (isinstance(n, Const) and n.type.kind == "labels")
    } - {""}


def plates_of_elements(model: Model) -> frozenset[str]:
    """Plates whose present element an expression in them names, by its label or position: what tells their elements apart."""
    return model.once(_plates_of_elements)


def _plates_of_elements(model: Model) -> frozenset[str]:
    return frozenset(
        n.axis
        for item in (*model.factors, *model.definitions)
        for expr in model.expressions(item)
        for n in walk(expr)
        if isinstance(n, Element) and not n.axes
    )


def groups_of_rows(model: Model, plate: str, around: Iterable[str]) -> tuple[str, ...]:
    """The plates by whose elements the rows of a plate are told apart at a place inside of the plates ``around``: those around
    the rows that the place is in too, but for those that others determine."""
    here = {q for p in around if p in model.plate_by_name for q in model.enclosing(p)}
    outer = [q for q in model.enclosing(plate)[:-1] if q in here]
    rows = [r for r in outer if model.plate_by_name[r].is_rows]
    return tuple(q for q in outer if not any(q in model.enclosing(r)[:-1] for r in rows))


def unit_plate(model: Model) -> str | None:
    """The row plate that minibatches take elements of: the outermost."""
    rows = [p for p in model.plates if p.size is None and p.structure is None]
    rows += [p for p in model.plates if p.is_rows and p not in rows]
    outermost = [p.name for p in rows if not any(q.name in model.enclosing(p.name)[:-1] for q in rows)]
    return outermost[0] if len(outermost) == 1 else None


def row_reductions(model: Model) -> Iterator[Reduce]:
    """Reductions over the rows of any plate."""
    for item in (*model.factors, *model.definitions):
        for expr in model.expressions(item):
            yield from (
                n
                for n in walk(expr)
                if isinstance(n, Reduce) and n.is_plate and model.plate_by_name[n.axis].is_rows
            )


def reductions_across(model: Model, plate: str) -> Iterator[Reduce]:
    """Reductions that bring together rows of different elements of a plate: those over the plate itself, and those over
    plates inside of it that stand outside of it."""
    for item in (*model.factors, *model.definitions):
        target = model.by_name.get(getattr(item, "target", ""))
        plates = target.plates if target is not None else getattr(item, "plates", ())
        if plate not in {q for p in plates for q in model.enclosing(p)}:
            for expr in model.expressions(item):
                yield from (
                    node for node in walk(expr)
                    if isinstance(node, Reduce) and node.is_plate and plate in model.enclosing(node.axis)
                )  # fmt: skip

"""Elements of axes and plates as whole numbers: the present one, an outer one, one that a text names."""

from __future__ import annotations

from pgmlang.model.expr import Const, Element
from pgmlang.native.formulas import NotScalar
from pgmlang.native.placed import PlacedExpressions, Places
from pgmlang.native.scalars import Array, Scalar


def code_of(terms: PlacedExpressions, expr: Const) -> int:
    """The number of an element that is said by its label."""
    labels = terms.model.labels_of(expr.type)
    if labels is None or str(expr.value) not in labels:
        raise NotScalar("a label of an open set")
    return labels.index(str(expr.value))


def place_of(terms: PlacedExpressions, axis: str, places: Places) -> Scalar:
    """The element of an axis: this place's, or the outer one that it belongs to."""
    if axis in places:
        return places[axis]
    for inner, place in places.items():
        if inner in terms.model.plate_by_name and axis in terms.model.enclosing(inner):
            return terms.graph.load(Array("parent", (axis, inner), (inner,)), (place,))
    raise NotScalar(f"an element of `{axis}` outside of it")


def present_element(terms: PlacedExpressions, expr: Element, places: Places) -> Scalar:
    """The code of the element of an axis, or of a plate around this place; the position in its sequence of a chain's row."""
    axis = expr.axis
    place, plate = place_of(terms, axis, places), terms.model.plate_by_name.get(axis)
    is_counted = plate is not None and plate.is_rows
    return terms.graph.load(Array("position", (axis,), (axis,)), (place,)) if is_counted else place

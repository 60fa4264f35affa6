"""Vectors and matrices that are written out, at some of their elements."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pgmlang.model.constants import numbers_of
from pgmlang.model.expr import Stack
from pgmlang.native.placed import PlacedExpressions, Places
from pgmlang.native.scalars import Array, Scalar


def written_out(terms: PlacedExpressions, expr: Stack, places: Places) -> Scalar:
    """An entry: of constants an element of an array of numbers, else chosen by halves of the axis."""
    graph, place = terms.graph, places[expr.axis]
    if place.op == "code":
        return terms.number(expr.entries[place.payload], places)
    numbers = numbers_of(expr)
    if numbers is not None:
        array = Array("numbers", (json.dumps(numbers),), expr.axes)
        return graph.load(array, [places[axis] for axis in expr.axes])
    return _chosen(terms, place, [terms.number(e, places) for e in expr.entries], 0)


def _chosen(terms: PlacedExpressions, place: Scalar, entries: Sequence[Scalar], first: int) -> Scalar:
    """Of entries from number ``first`` on the one at a place."""
    if len(entries) == 1:
        return entries[0]
    graph, middle = terms.graph, len(entries) // 2
    test = graph.make("lt", place, graph.number(first + middle))
    below = _chosen(terms, place, entries[:middle], first)
    above = _chosen(terms, place, entries[middle:], first + middle)
    return graph.make("where", test, graph.guard(below), graph.guard(above))

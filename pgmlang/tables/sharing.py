"""What is evaluated once: the values of one call of an evaluator, by expression and place.

A definition that is used k times by one that is used k times, n deep, is k^n references and n values (memoisation by the
node and where it stands, as for hash-consed terms: Filliatre and Conchon 2006).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

import numpy as np

from pgmlang.model.expr import Expr, children, inside_out
from pgmlang.model.named import NamedArray
from pgmlang.tables.context import ElementContext

Place = tuple[str, bytes]
"""A deterministic name, and a digest of the elements it is asked for."""


class Sharing:
    """Values of the call that is running: of nodes that stand more than once in an expression by node and place, of
    definitions by name and coordinates. They go with the outermost call, so that no array outlives it."""

    def __init__(self) -> None:
        self._nodes: dict[int, Expr] = {}
        self._repeated: set[int] = set()
        self._depth = 0
        self._values: dict[tuple[int, int], tuple[NamedArray, ElementContext]] = {}
        self._definitions: dict[Place, NamedArray] = {}

    def enter(self, expr: Expr) -> None:
        """Begins the evaluation of an expression, which may stand inside of another's."""
        if id(expr) not in self._nodes:
            self._note(expr)
        self._depth += 1

    def leave(self) -> None:
        """Ends it; the outermost forgets."""
        self._depth -= 1
        if not self._depth:
            self._values.clear()
            self._definitions.clear()

    def _note(self, root: Expr) -> None:
        """Finds the nodes that an expression holds more than once: the values of others need not be kept."""
        uses: Counter[int] = Counter()
        for node in inside_out(root):
            self._nodes[id(node)] = node
            uses.update(id(child) for child in children(node))
        self._repeated |= {node for node, count in uses.items() if count > 1}

    def value_of(self, expr: Expr, context: ElementContext) -> NamedArray | None:
        """The value of a node at a place, None where it is not known."""
        known = self._values.get((id(expr), id(context)))
        return None if known is None else known[0]

    def kept(self, expr: Expr, context: ElementContext, value: NamedArray) -> NamedArray:
        """The value, kept where the node stands more than once."""
        if id(expr) in self._repeated:
            # the context is kept too: an id means one object only as long as that object lives
            self._values[id(expr), id(context)] = value, context
        return value

    def definition_at(self, place: Place) -> NamedArray | None:
        """The value of a deterministic name at some elements, None where it is not known."""
        return self._definitions.get(place)

    def keep_definition(self, place: Place, value: NamedArray) -> None:
        self._definitions[place] = value


def digest_of(coordinates: Mapping[str, NamedArray]) -> bytes:
    """A digest of the elements that a name is asked for."""
    digest = hashlib.blake2b(digest_size=16)
    for axis, index in sorted(coordinates.items()):
        values = np.ascontiguousarray(index.values)
        digest.update(repr((axis, index.axes, values.shape, values.dtype.str)).encode())
        digest.update(values.data)
    return digest.digest()

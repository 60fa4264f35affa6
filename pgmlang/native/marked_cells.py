"""Scalars of cells that are marked: that were seen, that are data, that an intervention set."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Literal

from pgmlang.model.expr import Ref
from pgmlang.native.placed import Marks
from pgmlang.native.scalars import Array, Scalar, ScalarGraph


def is_surely_possible(target: Ref, latent: Container[str], summed: Container[str], marks: Marks) -> bool:
    """Whether all values of a variable's cells are some of its distribution's, as those of free numbers and the labels summed out are: cells that
    are data may lie beyond a bound that moves, and a state of a count beyond what other values let it be."""
    if target.name in marks.partly_given:
        return False
    return target.name in latent or (target.name in summed and target.type.kind != "count")


def by_mark(
    graph: ScalarGraph, mark: Literal["seen", "given", "set"], name: str, places: Sequence[tuple[str, Scalar]], marked: Scalar, other: Scalar
) -> Scalar:  # fmt: skip
    """One value where a cell of a variable is marked, another where it is not; neither is worked out where it is not taken. ``places``: of the
    cell, along its axes."""
    is_marked = graph.load(Array(mark, (name,), tuple(a for a, _ in places)), [p for _, p in places])
    return graph.make("where", is_marked, graph.guard(marked), graph.guard(other))

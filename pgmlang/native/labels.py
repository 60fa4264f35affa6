"""Labels that are summed out, as loops over their states."""

from __future__ import annotations

from collections.abc import Iterable

from pgmlang.native.scalars import Loop, Scalar

_BEFORE = " before"
"""No name ends so."""


def states(name: str) -> Loop:
    """The loop over the states of a variable."""
    return Loop(name)


def states_before(name: str) -> Loop:
    """The loop over its states at the row before."""
    return Loop(name + _BEFORE)


def labelled_by(axis: str) -> str:
    """The variable that a loop over states is of."""
    return axis.removesuffix(_BEFORE)


def in_order(loops: Iterable[Loop]) -> tuple[Loop, ...]:
    """Loops, always in the same order."""
    return tuple(sorted(loops, key=lambda loop: (loop.depth, loop.axis)))


def labels_in(scalar: Scalar, names: Iterable[str]) -> tuple[Loop, ...]:
    """The loops over states of summed variables that a scalar varies along."""
    summed = frozenset(names)
    return in_order(loop for loop in scalar.loops if labelled_by(loop.axis) in summed)

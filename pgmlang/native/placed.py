"""What expressions are looked at through: the scalar of an expression at some elements of its axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pgmlang.model import Distribution, Model
from pgmlang.model.expr import Expr
from pgmlang.native.scalars import Array, Loop, Scalar, ScalarGraph
from pgmlang.native.stages import AnyStage

Places = Mapping[str, Scalar]
"""The element of each axis that an expression is looked at."""


class PlacedExpressions(Protocol):
    """Scalars of a model's expressions, and the arrays they read: ``summed``: labels that are loops over their states; ``stages`` by name, those that rows are ``gathered`` into by what they are of."""

    model: Model
    graph: ScalarGraph
    partly_seen: frozenset[str]
    summed: frozenset[str]
    stages: dict[str, AnyStage]
    gathered: dict[tuple[str, int, tuple[str, ...]], Array]

    def number(self, expr: Expr, places: Places) -> Scalar:
        """An expression as a number."""

    def truth(self, expr: Expr, places: Places) -> Scalar:
        """A condition."""

    def event(self, distribution: Distribution) -> tuple[str, ...]:
        """The axes that one draw spans."""

    def loop(self, axis: str, places: Places) -> Loop:
        """A loop over an axis that is no other's around it."""

    def inside(self, axis: str, places: Places) -> Places:
        """The places within a loop over an axis."""

    def places_along(self, axes: tuple[str, ...]) -> dict[str, Scalar]:
        """The places within loops over axes."""


def fresh_name(terms: PlacedExpressions, name: str) -> str:
    """A name that no array and no variable has."""
    number, fresh = 1, name
    while fresh in terms.stages or fresh in terms.model.by_name:
        number += 1
        fresh = f"{name}_{number}"
    return fresh

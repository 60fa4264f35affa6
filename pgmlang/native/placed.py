"""What expressions are looked at through: the scalar of an expression at some elements of its axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pgmlang.model import Distribution, Model
from pgmlang.model.expr import Expr
from pgmlang.native.scalars import Array, Loop, Scalar, ScalarGraph
from pgmlang.native.stages import AnyStage
from pgmlang.native.supports import AnySupport

Places = Mapping[str, Scalar]
"""The element of each axis that an expression is looked at."""


@dataclass(frozen=True)
class Marks:
    """What is said of some rows and cells beside the model. ``partly_seen``: variables some of whose missing cells drop out;
    ``partly_given``: latent ones some of whose cells are data; ``set_cells``: those that interventions set, whose values have no density;
    ``weighted``: plates whose rows have weights; ``scaled``: plates some of whose rows stand for all."""

    partly_seen: frozenset[str] = frozenset()
    partly_given: frozenset[str] = frozenset()
    set_cells: frozenset[str] = frozenset()
    weighted: frozenset[str] = frozenset()
    scaled: frozenset[str] = frozenset()


UNMARKED = Marks()


class PlacedExpressions(Protocol):
    """Scalars of a model's expressions, and the arrays they read: ``summed``: labels that are loops over their states; ``stages`` by name, those that rows are ``gathered`` into by what they are of."""

    model: Model
    graph: ScalarGraph
    marks: Marks
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


class RecursiveExpressions(PlacedExpressions, Protocol):
    """Those that recursions are said in: ``latent``: variables of the free vector; ``slopes``: whether derivatives are wanted;
    ``recursive``: arrays of names that look back; ``inlined``: values of names at the elements that were looked at."""

    latent: Mapping[str, AnySupport]
    slopes: bool
    recursive: dict[str, Array]
    inlined: dict[tuple[str, tuple[int, ...]], Scalar]


def fresh_name(terms: PlacedExpressions, name: str) -> str:
    """A name that no array and no variable has."""
    number, fresh = 1, name
    while fresh in terms.stages or fresh in terms.model.by_name:
        number += 1
        fresh = f"{name}_{number}"
    return fresh

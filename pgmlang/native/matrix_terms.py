"""Matrices as scalars and stages: the elements of latent ones, Cholesky factors, triangular solves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pgmlang.model.expr import Expr, Ref
from pgmlang.native.formulas import NotScalar, scalar_of
from pgmlang.native.labels import labels_in
from pgmlang.native.placed import PlacedExpressions, Places, fresh_name
from pgmlang.native.scalars import Array, Loop, Scalar
from pgmlang.native.stages import AnyStage, Slice, SliceStage, Stage, VectorStage
from pgmlang.native.supports import AnySupport, MatrixSupport


class MatrixExpressions(PlacedExpressions, Protocol):
    """What says matrices: expressions at places, ``latent`` variables, whose maps' derivatives are not in the density where they are ``plain``, and
    the Cholesky ``factors`` by what they are of."""

    latent: Mapping[str, AnySupport]
    plain: frozenset[str]
    slopes: bool
    cholesky_factors: dict[object, Array]

    def indices(self, expr: Ref, axes: tuple[str, ...], places: Places) -> list[Scalar]:
        """The element of each axis of a variable that a reference looks at."""


@dataclass(frozen=True)
class CholeskyFactor:
    """Lower triangular matrices: an element of ``array [..., K, K]``, its last two axes ``rows`` and ``columns``, at the places ``index``."""

    terms: PlacedExpressions
    array: Array
    index: tuple[Scalar, ...]

    @property
    def axis(self) -> str:
        """The axis of rows."""
        return self.array.axes[-2]

    def at(self, row: Scalar, column: Scalar) -> Scalar:
        """An element."""
        return self.terms.graph.load(self.array, [*self.index, row, column])

    @property
    def slice(self) -> Slice:
        """All of one matrix."""
        return Slice(self.array, self.index, 2)

    def along_diagonal(self, op: str, text: str) -> Scalar:
        """A reduction over the elements ``x`` of the diagonal, in a loop of its own."""
        loop = Loop(self.axis, APART)
        here = self.terms.graph.make("loop", payload=loop)
        value = scalar_of(self.terms.graph, text, {"x": self.at(here, here)})
        return self.terms.graph.make(op, value, payload=loop)

    @property
    def is_proper(self) -> Scalar:
        """Whether there is such a factor."""
        graph = self.terms.graph
        return graph.make("gt", self.along_diagonal("min_over", "x"), graph.number(0.0))

    @property
    def half_log_det(self) -> Scalar:
        """Half the log determinant of the matrix; some number where there is no factor."""
        return self.along_diagonal("sum", "log(where(x > 0.0, x, 1.0))")


APART = 7
"""The depth of loops that stand in no other over their axis: over diagonals and columns."""


# ---- latent matrices


def latent_root(terms: MatrixExpressions, name: str, support: MatrixSupport) -> Array:
    """The array ``[..., K, K]`` of the Cholesky factors of a latent variable's matrices."""
    if name not in terms.cholesky_factors:
        variable = terms.model.by_name[name]
        axes = terms.model.array_axes(variable)
        array = Array("computed", (fresh_name(terms, f"root_of_{name}"),), axes, terms.slopes, True)
        loops = tuple(map(Loop, axes[:-2]))
        terms.stages[array.name] = VectorStage(array, loops, support, variable.span, name not in terms.plain, name)
        terms.cholesky_factors[name] = array
    return terms.cholesky_factors[name]


def latent_matrix(terms: MatrixExpressions, name: str, support: MatrixSupport) -> Array:
    """The array of a latent variable's matrices: products of Cholesky factors with themselves, turned."""
    if name not in terms.stages:
        graph, root = terms.graph, latent_root(terms, name, support)
        loops = tuple(map(Loop, root.axes))
        inner = Loop(root.axes[-2], APART)
        *outer, row, column, m = (graph.make("loop", payload=loop) for loop in (*loops, inner))
        product = graph.make("mul", graph.load(root, [*outer, row, m]), graph.load(root, [*outer, column, m]))
        array = Array("computed", (name,), root.axes, terms.slopes, True)
        terms.stages[name] = Stage(array, loops, graph.make("sum", product, payload=inner), None)
    return terms.stages[name].array


# ---- Cholesky factors


def cholesky_factor(terms: MatrixExpressions, matrix: Expr, places: Places, what: str) -> CholeskyFactor:
    """The Cholesky factor of a matrix at places; that of a latent variable itself is what its free values are mapped to."""
    if isinstance(matrix, Ref) and isinstance(support := terms.latent.get(matrix.name), MatrixSupport):
        array = latent_root(terms, matrix.name, support)
        at = terms.indices(matrix, array.axes, {**places, **_whole(terms, matrix, places)})
        if all(place.op == "loop" for place in at[-2:]):
            return CholeskyFactor(terms, array, tuple(at[:-2]))
    held, index = _as_array(terms, matrix, places, what)
    if held not in terms.cholesky_factors:
        loops = tuple(map(Loop, held.axes[:-2]))
        name = fresh_name(terms, f"root_of_{held.name}")
        array = Array("computed", (name,), held.axes, held.is_active, held.varies)
        here = tuple(terms.graph.make("loop", payload=loop) for loop in loops)
        work = (held.axes[-2],) * 3
        terms.stages[name] = SliceStage(array, loops, "cholesky", (Slice(held, here, 2),), work, None)
        terms.cholesky_factors[held] = array
    return CholeskyFactor(terms, terms.cholesky_factors[held], index)


def given_factor(terms: MatrixExpressions, matrix: Expr, places: Places, what: str) -> CholeskyFactor:
    """A matrix that is itself a Cholesky factor."""
    return CholeskyFactor(terms, *_as_array(terms, matrix, places, what))


def _whole(terms: PlacedExpressions, matrix: Expr, places: Places) -> dict[str, Scalar]:
    """Loops along the two axes of a matrix that are not those of its place."""
    rows, columns = _own_axes(matrix, places)
    return {a: terms.graph.make("loop", payload=Loop(a)) for a in (rows, columns)}


def _own_axes(matrix: Expr, places: Places) -> tuple[str, str]:
    own = [a for a in matrix.axes if a not in places]
    if len(own) != 2:
        raise NotScalar("a matrix without two axes of its own")
    return own[0], own[1]


def _as_array(
    terms: MatrixExpressions, matrix: Expr, places: Places, what: str
) -> tuple[Array, tuple[Scalar, ...]]:
    """A matrix as elements of an array whose last two axes are its own, at an index: the array that it is read from, or one that is filled."""
    axes = _own_axes(matrix, places)
    whole = _whole(terms, matrix, places)
    value = terms.number(matrix, {**places, **whole})
    ends = tuple(whole.values())
    if value.op == "load" and value.payload.kind != "free" and value.args[-2:] == ends:
        index = value.args[:-2]
        if not any(end.loops & place.loops for end in ends for place in index):
            return value.payload, index
    return filled_array(terms, f"{what}_matrix", value, places, axes)


def filled_array(
    terms: PlacedExpressions, name: str, value: Scalar, places: Places, own: tuple[str, ...]
) -> tuple[Array, tuple[Scalar, ...]]:
    """An array of a value, along the loops of its place that it varies along and its ``own`` axes; and where its place is in it."""
    outer = [p.payload for a, p in places.items() if p.op == "loop" and p.loops <= value.loops and a not in own]
    loops = (*dict.fromkeys(outer), *labels_in(value, terms.summed), *map(Loop, own))
    if value.loops - set(loops):
        raise NotScalar("matrices of other elements")
    array = Array(
        "computed", (fresh_name(terms, name),), tuple(loop.axis for loop in loops), value.is_active, value.varies
    )
    terms.stages[array.name] = Stage(array, loops, value, None)
    return array, tuple(terms.graph.make("loop", payload=loop) for loop in loops[: len(loops) - len(own)])


# ---- solves


def solved(
    terms: PlacedExpressions, root: CholeskyFactor, right: Slice, what: str, name: str = "solve_lower"
) -> Slice:
    """The vector or matrix with which a Cholesky factor gives another."""
    index = (*root.index, *right.index)
    loops = tuple(dict.fromkeys(loop for place in index for loop in sorted(place.loops, key=_order)))
    own = right.array.axes[len(right.array.axes) - right.rank :]
    axes = (*(loop.axis for loop in loops), *own)
    is_active, varies = (
        any(getattr(a, flag) for a in (root.array, right.array)) for flag in ("is_active", "varies")
    )
    array = Array("computed", (fresh_name(terms, what),), axes, is_active, varies)
    work = (own[0],) * (right.rank + 1)
    stage: AnyStage = SliceStage(array, loops, name, (root.slice, right), work, None)
    terms.stages[array.name] = stage
    here = tuple(terms.graph.make("loop", payload=loop) for loop in loops)
    return Slice(array, here, right.rank)


def _order(loop: Loop) -> tuple[int, str]:
    return loop.depth, loop.axis

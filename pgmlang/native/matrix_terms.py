"""Matrices as scalars and stages: the elements of latent ones, Cholesky factors, triangular solves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pgmlang.model.expr import Expr, MatrixApply, Ref
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
    """The array of a latent variable's matrices: products of Cholesky factors with themselves, turned; or these, where they are its values."""
    if support.is_factor:
        return latent_root(terms, name, support)
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

BY_BLOCKS = {"cholesky": "large_cholesky", "cholesky_factor": "large_cholesky_factor"}
"""The functions of ``runtime/cholesky_blocks.py`` that do the same for matrices with many rows."""
FEW = 24
"""Rows up to which they are not worth compiling."""
Pair = tuple[str, str]
"""The axes of rows and columns."""


def cholesky_factor(
    terms: MatrixExpressions,
    matrix: Expr,
    places: Places,
    what: str,
    own: Pair | None = None,
    name: str = "cholesky",
) -> CholeskyFactor:
    """The Cholesky factor of a matrix at places; that of a latent variable itself is what its free values are mapped to. ``own``: the matrix's rows
    and columns, where they are not the two axes beside its places; ``name``: of the function that makes it."""
    own = _own_axes(matrix, places) if own is None else own
    if (latent := _latent_root_of(terms, matrix, places, own)) is not None:
        return latent
    held, index = _as_array(terms, matrix, places, what, own)
    return CholeskyFactor(terms, made_of(terms, held, name, "root"), index)


def _latent_root_of(terms: MatrixExpressions, matrix: Expr, places: Places, own: Pair) -> CholeskyFactor | None:
    """The factor of a latent variable's whole matrices; None of anything else."""
    support = terms.latent.get(matrix.name) if isinstance(matrix, Ref) else None
    if not isinstance(matrix, Ref) or not isinstance(support, MatrixSupport) or support.is_factor:
        return None
    array = latent_root(terms, matrix.name, support)
    at = terms.indices(matrix, array.axes, {**places, **_whole(terms, own)})
    return CholeskyFactor(terms, array, tuple(at[:-2])) if all(place.op == "loop" for place in at[-2:]) else None


def made_of(terms: MatrixExpressions, held: Array, name: str, what: str) -> Array:
    """The array of what a function of ``runtime/matrices.py`` makes of each matrix of an array."""
    key = held if name == "cholesky" else (name, held)
    if not _are_small(terms, held):
        name = BY_BLOCKS.get(name, name)
    if key not in terms.cholesky_factors:
        loops = tuple(map(Loop, held.axes[:-2]))
        fresh = fresh_name(terms, f"{what}_of_{held.name}")
        array = Array("computed", (fresh,), held.axes, held.is_active, held.varies)
        here = tuple(terms.graph.make("loop", payload=loop) for loop in loops)
        work = (held.axes[-2],) * 3
        terms.stages[fresh] = SliceStage(array, loops, name, (Slice(held, here, 2),), work, None)
        terms.cholesky_factors[key] = array
    return terms.cholesky_factors[key]


def _are_small(terms: MatrixExpressions, held: Array) -> bool:
    """Whether a model's text says of matrices that they have fewer than `FEW` rows."""
    size = terms.model.axis_size(terms.model.root_axis(held.axes[-1]))
    return size is not None and size < FEW


def given_factor(terms: MatrixExpressions, matrix: Expr, places: Places, what: str, rows: str) -> CholeskyFactor:
    """A matrix that is itself a Cholesky factor, its ``rows`` along an axis."""
    one, other = _own_axes(matrix, places)
    return CholeskyFactor(
        terms, *_as_array(terms, matrix, places, what, (one, other) if other != rows else (other, one))
    )


def matrix_function(terms: MatrixExpressions, expr: MatrixApply, places: Places) -> Scalar:
    """An element of the Cholesky factor or the inverse of a matrix, or its determinant, at places."""
    own, graph = (expr.rows, expr.columns), terms.graph
    outer = {axis: place for axis, place in places.items() if axis not in own}
    what = expr.function
    if what == "cholesky":
        factor = cholesky_factor(terms, expr.body, outer, what, own, "cholesky_factor")
        return factor.at(places[expr.rows], places[expr.columns])
    if what == "inverse":
        held, index = _as_array(terms, expr.body, outer, what, own)
        return graph.load(made_of(terms, held, what, what), [*index, *(places[a] for a in own)])
    if (root := _latent_root_of(terms, expr.body, outer, own)) is not None:
        log_det, sign = graph.make("mul", graph.number(2.0), root.half_log_det), None
    else:
        held, index = _as_array(terms, expr.body, outer, what, own)
        triangle = CholeskyFactor(terms, made_of(terms, held, "eliminated", "triangle"), index)
        log_det = triangle.along_diagonal("sum", "log(abs(x))")
        sign = triangle.along_diagonal("prod_over", "where(x > 0.0, 1.0, -1.0)")
    if what == "logdet":
        return log_det
    size = graph.make("exp", log_det)
    return size if sign is None else graph.make("mul", sign, size)


def _whole(terms: PlacedExpressions, own: Pair) -> dict[str, Scalar]:
    """Loops along rows and columns."""
    return {a: terms.graph.make("loop", payload=Loop(a)) for a in own}


def _own_axes(matrix: Expr, places: Places) -> Pair:
    own = [a for a in matrix.axes if a not in places]
    if len(own) != 2:
        raise NotScalar("a matrix without two axes of its own")
    return own[0], own[1]


def _as_array(
    terms: MatrixExpressions, matrix: Expr, places: Places, what: str, own: Pair
) -> tuple[Array, tuple[Scalar, ...]]:
    """A matrix as elements of an array whose last two axes are its own, at an index: the array that it is read from, or one that is filled."""
    whole = _whole(terms, own)
    value = terms.number(matrix, {**places, **whole})
    ends = tuple(whole.values())
    if value.op == "load" and value.payload.kind != "free" and value.args[-2:] == ends:
        index = value.args[:-2]
        if not any(end.loops & place.loops for end in ends for place in index):
            return value.payload, index
    return filled_array(terms, f"{what}_matrix", value, places, own)


def filled_array(
    terms: PlacedExpressions, name: str, value: Scalar, places: Places, own: tuple[str, ...]
) -> tuple[Array, tuple[Scalar, ...]]:
    """An array of a value, along the loops of its place that it varies along and its ``own`` axes; and where its place is in it."""
    outer = [p.payload for a, p in places.items() if p.op == "loop" and p.loops <= value.loops and a not in own]
    if {loop for place in places.values() for loop in place.loops} & set(map(Loop, own)):
        raise NotScalar("matrices in loops over their own axes")
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

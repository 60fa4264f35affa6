"""Covariances that are worked out of factors: ``diag(tau) @ R @ diag(tau)`` and ``L @ transpose(L)``, in any spelling, have the Cholesky
factor ``diag(tau) @ cholesky(R)`` and L, and the inverse of a precision is said by the precision: no second factor is made."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.families import FAMILIES
from pgmlang.model import Conditional, Dist, Distribution, Factor, Model
from pgmlang.model.expr import Expr, MatrixApply, Reduce, Ref, Rename
from pgmlang.model.model import Choice
from pgmlang.model.types import REAL
from pgmlang.normal import canonical_factors
from pgmlang.normal.algebra import Algebra
from pgmlang.normal.nodes import is_nonnegative

COVARIANCE, FACTOR, PRECISION = "cov", "scale_tril", "precision"
"""The arguments by which a vector's covariance is said."""


def with_factored_covariances(model: Model) -> Model:
    """The model with the arguments of normal vectors that say their covariance without another factorisation."""
    if not any(_is_said(f) for f in model.factors):
        return model
    algebra, canonical = Algebra(model), canonical_factors(model)
    factors = tuple(
        _factored(algebra, f, c) if _is_said(f) else f
        for f, c in zip(model.factors, canonical.factors, strict=True)
    )
    return replace(model, factors=factors)


def _is_said(factor: Factor) -> bool:
    return isinstance(factor, Conditional) and any(_arguments(d) for d in _parts(factor.distribution))


def _parts(distribution: Distribution) -> list[Distribution]:
    """A distribution, and those that it chooses from."""
    if isinstance(distribution, Choice):
        return [*_parts(distribution.then), *_parts(distribution.otherwise)]
    return [distribution]


def _arguments(distribution: Distribution) -> dict[str, int]:
    """The arguments that say a covariance, by the variants of the family; none of other families."""
    if not isinstance(distribution, Dist):
        return {}
    variants = FAMILIES[distribution.family].variants
    found = {p.name: i for i, v in enumerate(variants) for p in v if p.name in (COVARIANCE, FACTOR, PRECISION)}
    return found if len(found) == 3 else {}


def _factored(algebra: Algebra, factor: Factor, canonical: Factor) -> Factor:
    assert isinstance(factor, Conditional)
    assert isinstance(canonical, Conditional)
    return replace(factor, distribution=_of(algebra, factor.distribution, canonical.distribution))


def _of(algebra: Algebra, written: Distribution, canonical: Distribution) -> Distribution:
    if isinstance(written, Choice) and isinstance(canonical, Choice):
        then = _of(algebra, written.then, canonical.then)
        return replace(written, then=then, otherwise=_of(algebra, written.otherwise, canonical.otherwise))
    variants = _arguments(written)
    if not isinstance(written, Dist) or not isinstance(canonical, Dist) or not variants:
        return written
    given = dict(written.arguments)
    name = next((n for n in (COVARIANCE, PRECISION) if n in given), None)
    matrix = dict(canonical.arguments).get(name or "")
    if name is None or matrix is None or isinstance(matrix, Dist):
        return written
    value = algebra(matrix)
    own = [a for a in value.axes if algebra.model.root_axis(a) == algebra.model.root_axis(written.event[0])]
    if len(own) != 2 or written.event[0] not in own:
        return written
    said = _said_by(algebra, name, value, written.event[0], next(a for a in own if a != written.event[0]))
    if said is None:
        return written
    by, root = said
    arguments = tuple((by, root) if n == name else (n, a) for n, a in written.arguments)
    return replace(written, arguments=arguments, variant=variants[by])


def _said_by(algebra: Algebra, name: str, value: Expr, rows: str, columns: str) -> tuple[str, Expr] | None:
    """The argument that says a matrix shorter, and its value; None where there is none."""
    if isinstance(value, MatrixApply) and value.function == "inverse":
        return (PRECISION if name == COVARIANCE else COVARIANCE), value.body
    root = _root(algebra, value, rows, columns) if name == COVARIANCE else None
    return None if root is None else (FACTOR, root)


def _root(algebra: Algebra, value: Expr, rows: str, columns: str) -> Expr | None:
    """The Cholesky factor of a product of one matrix and scales of its rows and columns; None for any other matrix, and for one
    without scales that has a variable's own factor anyway."""
    scales: list[Expr] = []
    matrix: Expr | None = None
    left = _factors(algebra, value)
    while left:
        factor = left.pop()
        if rows in factor.axes and columns in factor.axes:
            if matrix is not None:
                return None
            matrix = factor
        elif rows in factor.axes or columns in factor.axes:
            here, there = (rows, columns) if rows in factor.axes else (columns, rows)
            twin = algebra.renamed(factor, here, there, factor.span)
            if not any(f is twin for f in left) or not is_nonnegative(factor):
                return None
            left.remove(twin)
            scales.append(factor if here == rows else twin)
        elif is_nonnegative(factor):
            scales.append(algebra.power(factor, 0.5, factor.span))
        else:
            return None
    if matrix is None:
        return None
    root = _factor_of(algebra, matrix, rows, columns)
    if root is None and scales:
        root = _of_variable(algebra, matrix, rows, columns)
    if root is None:
        return None
    return algebra.product([*scales, algebra(root)], value.span)


def _of_variable(algebra: Algebra, matrix: Expr, rows: str, columns: str) -> Expr | None:
    """The factor of a variable's own matrices, which are symmetric: whichever axis is the rows."""
    while isinstance(matrix, Rename):
        matrix = matrix.body
    if not isinstance(matrix, Ref) or not algebra.model.by_name[matrix.name].type.fits("cov"):
        return None
    first, second = algebra.model.by_name[matrix.name].axes[-2:]
    if second == rows or first == columns:
        first, second = second, first
    root: Expr = algebra(MatrixApply(REAL, matrix.axes, matrix.span, "cholesky", matrix, first, second))
    return algebra.renamed(algebra.renamed(root, second, columns, root.span), first, rows, root.span)


def _factors(algebra: Algebra, value: Expr) -> list[Expr]:
    """The factors of a product; of a sum over an axis those before it that do not vary along it."""
    out: list[Expr] = []
    for factor in algebra.factors(value):
        if not isinstance(factor, Reduce) or factor.function != "sum" or factor.is_plate:
            out.append(factor)
            continue
        inside = algebra.factors(factor.body)
        summed = [f for f in inside if factor.axis in f.axes]
        out += [f for f in inside if factor.axis not in f.axes]
        out.append(algebra.reduce("sum", algebra.product(summed, factor.span), factor.axis, False, factor.span))
    return out


def _factor_of(algebra: Algebra, matrix: Expr, rows: str, columns: str) -> Expr | None:
    """L of ``sum over k of L[rows, k] L[columns, k]``, where L is known to be a Cholesky factor."""
    if not isinstance(matrix, Reduce) or matrix.function != "sum" or matrix.is_plate:
        return None
    parts = algebra.factors(matrix.body)
    for one, other in (parts, parts[::-1]) if len(parts) == 2 else ():
        if columns in one.axes or rows not in one.axes or not _is_factor(algebra.model, one, rows):
            continue
        if algebra.renamed(one, rows, columns, one.span) is other:
            return algebra.renamed(one, matrix.axis, columns, one.span)
    return None


def _is_factor(model: Model, expr: Expr, rows: str) -> bool:
    """Whether a value is lower triangular with a positive diagonal, its rows along an axis."""
    while isinstance(expr, Rename):
        rows = expr.old if expr.new == rows else rows
        expr = expr.body
    if isinstance(expr, MatrixApply):
        return expr.function == "cholesky" and expr.rows == rows
    if not isinstance(expr, Ref) or expr.index or expr.lag:
        return False
    variable = model.by_name[expr.name]
    return variable.type.kind == "cholesky_corr" and variable.axes[-2:-1] == (rows,)


__all__ = ["with_factored_covariances"]

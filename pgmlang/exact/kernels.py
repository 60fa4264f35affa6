"""Contractions of two tables to one: stacked matrix products for one row or many, chosen when compiled.

A table of many evidence rows has the row axis last, so that every rearrangement moves whole runs of rows, and a
product with a table without rows is one matrix product over all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

Operation = Callable[[np.ndarray, np.ndarray], np.ndarray]
Scope = tuple[int, ...]
Shape = tuple[int, ...]
Order = tuple[int, ...] | None


class Contraction(NamedTuple):
    """``run(a, b)`` sums the product of two tables over the variables not kept; ``scope``: its result's axes."""

    scope: Scope
    run: Operation


def _order(scope: Scope, wanted: Scope, rows: bool) -> Order:
    """The permutation that brings axes ``scope`` (and a last axis of rows) to ``wanted``; None when in place."""
    if scope == wanted:
        return None
    order = tuple(map(scope.index, wanted))
    return (*order, len(order)) if rows else order


# What kernels run: both operands brought to their groups of axes, one call of numpy, the result's own shape.


def _multiply(
    order_a: Order, shape_a: Shape, order_b: Order, shape_b: Shape, shape: Shape, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    if order_a is not None:
        x = x.transpose(order_a)
    if order_b is not None:
        y = y.transpose(order_b)
    return (x.reshape(shape_a) * y.reshape(shape_b)).reshape(shape)


def _matmul(
    order_a: Order, shape_a: Shape, order_b: Order, shape_b: Shape, shape: Shape, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    if order_a is not None:
        x = x.transpose(order_a)
    if order_b is not None:
        y = y.transpose(order_b)
    return np.matmul(x.reshape(shape_a), y.reshape(shape_b)).reshape(shape)


def _dot(
    order_a: Order, shape_a: Shape, order_b: Order, shape_b: Shape, shape: Shape, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    if order_a is not None:
        x = x.transpose(order_a)
    if order_b is not None:
        y = y.transpose(order_b)
    return x.reshape(shape_a).dot(y.reshape(shape_b)).reshape(shape)


def _einsum(
    terms: str, order_a: Order, shape_a: Shape, order_b: Order, shape_b: Shape, shape: Shape,
    x: np.ndarray, y: np.ndarray,
) -> np.ndarray:  # fmt: skip
    if order_a is not None:
        x = x.transpose(order_a)
    if order_b is not None:
        y = y.transpose(order_b)
    return np.einsum(terms, x.reshape(shape_a), y.reshape(shape_b)).reshape(shape)


class _Groups(NamedTuple):
    """Variables of both operands that are kept (``stack``) or summed, those of one alone, and their cells."""

    stack: Scope
    left: Scope
    summed: Scope
    right: Scope
    nb: int
    nx: int
    ny: int
    nz: int


def _groups(sizes: Sequence[int], a: Scope, b: Scope, scope_out: Collection[int]) -> _Groups:
    stack: list[int] = []
    left: list[int] = []
    summed: list[int] = []
    right: list[int] = []
    nb = nx = ny = nz = 1
    # Shared variables in the order of the operand with more axes: it is likelier to stay in place.
    a_leads = len(a) >= len(b)
    for v in a:
        if v not in b:
            left.append(v)
            nx *= sizes[v]
        elif v in scope_out:
            nb *= sizes[v]
            if a_leads:
                stack.append(v)
        else:
            ny *= sizes[v]
            if a_leads:
                summed.append(v)
    for v in b:
        if v not in a:
            right.append(v)
            nz *= sizes[v]
        elif not a_leads:
            (stack if v in scope_out else summed).append(v)
    return _Groups(tuple(stack), tuple(left), tuple(summed), tuple(right), nb, nx, ny, nz)


def contraction(
    sizes: Sequence[int],
    a: Scope,
    b: Scope,
    scope_out: Collection[int],
    a_rows: bool = False,
    b_rows: bool = False,
) -> Contraction:
    """The kernel for sum over (a and b and not kept) of A * B.

    ``a``, ``b``: the operands' axes; ``a_rows``, ``b_rows``: whether a last axis of evidence rows follows (the
    same rows in both). A variable of one operand alone must be kept.
    """
    if a == b == scope_out and a_rows == b_rows:
        return Contraction(a, np.multiply)
    if a_rows and not b_rows:
        kernel = _one_rows(b, a, _groups(sizes, b, a, scope_out), sizes)
        return Contraction(kernel.scope, partial(_swapped, kernel.run))
    groups = _groups(sizes, a, b, scope_out)
    if a_rows:
        return _both_rows(a, b, groups, sizes)
    return _one_rows(a, b, groups, sizes) if b_rows else _plain(a, b, groups, sizes)


def _swapped(run: Operation, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return run(y, x)


def _plain(a: Scope, b: Scope, groups: _Groups, sizes: Sequence[int]) -> Contraction:
    stack, left, summed, right, nb, nx, ny, nz = groups
    if not summed:
        return _plain_outer(a, b, groups, sizes)
    scope = stack + left + right
    shape = tuple([sizes[v] for v in scope])
    order_a, order_b = _order(a, stack + left + summed, False), _order(b, stack + summed + right, False)
    if nx == 1 and nz == 1 and nb > 1 and ny < 4 * nb:
        # A matrix product per cell of the stack would be all overhead.
        return Contraction(scope, partial(_einsum, "by,by->b", order_a, (nb, ny), order_b, (nb, ny), shape))
    if nb > 1:
        return Contraction(scope, partial(_matmul, order_a, (nb, nx, ny), order_b, (nb, ny, nz), shape))
    return Contraction(scope, partial(_dot, order_a, (nx, ny), order_b, (ny, nz), shape))


def _plain_outer(a: Scope, b: Scope, groups: _Groups, sizes: Sequence[int]) -> Contraction:
    stack, left, _, right, nb, nx, _, nz = groups
    if nb >= nx and nb >= nz:
        # The longest run innermost.
        scope = left + right + stack
        order_a, shape_a = _order(a, left + stack, False), (nx, 1, nb)
        order_b, shape_b = _order(b, right + stack, False), (1, nz, nb)
    elif nx > nz:
        scope = stack + right + left
        order_a, shape_a = _order(a, stack + left, False), (nb, 1, nx)
        order_b, shape_b = _order(b, stack + right, False), (nb, nz, 1)
    else:
        scope = stack + left + right
        order_a, shape_a = _order(a, stack + left, False), (nb, nx, 1)
        order_b, shape_b = _order(b, stack + right, False), (nb, 1, nz)
    shape = tuple([sizes[v] for v in scope])
    return Contraction(scope, partial(_multiply, order_a, shape_a, order_b, shape_b, shape))


def _one_rows(a: Scope, b: Scope, groups: _Groups, sizes: Sequence[int]) -> Contraction:
    """Table without rows times a table with rows: one matrix product, the rows as columns."""
    stack, left, summed, right, nb, nx, ny, _ = groups
    scope = stack + left + right
    shape = (*[sizes[v] for v in scope], -1)
    order_a, order_b = _order(a, stack + left + summed, False), _order(b, stack + summed + right, True)
    if not summed:
        return Contraction(scope, partial(_multiply, order_a, (nb, nx, 1), order_b, (nb, 1, -1), shape))
    shapes: tuple[Shape, Shape] = ((nb, nx, ny), (nb, ny, -1)) if nb > 1 else ((nx, ny), (ny, -1))
    return Contraction(scope, partial(_matmul, order_a, shapes[0], order_b, shapes[1], shape))


def _both_rows(a: Scope, b: Scope, groups: _Groups, sizes: Sequence[int]) -> Contraction:
    """Two tables with the same rows: elementwise along the rows, summed in one pass without a temporary."""
    stack, left, summed, right, nb, nx, ny, nz = groups
    scope = stack + left + right
    shape = (*[sizes[v] for v in scope], -1)
    order_a, order_b = _order(a, stack + left + summed, True), _order(b, stack + summed + right, True)
    if not summed:
        return Contraction(scope, partial(_multiply, order_a, (nb, nx, 1, -1), order_b, (nb, 1, nz, -1), shape))
    if nx == 1 and nz == 1:
        return Contraction(
            scope, partial(_einsum, "byr,byr->br", order_a, (nb, ny, -1), order_b, (nb, ny, -1), shape)
        )
    terms = "bxyr,byzr->bxzr"
    return Contraction(scope, partial(_einsum, terms, order_a, (nb, nx, ny, -1), order_b, (nb, ny, nz, -1), shape))


def reduction(scope: Scope, scope_out: Collection[int]) -> tuple[tuple[int, ...], Scope]:
    """Axes to sum and the scope left, for summing one table down to ``kept``."""
    axes = tuple([i for i, v in enumerate(scope) if v not in scope_out])
    return (axes, tuple([v for v in scope if v in scope_out])) if axes else ((), scope)

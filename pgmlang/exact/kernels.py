"""Contractions of two tables to one: stacked matrix products for one row or many, chosen when compiled.

A table of many evidence rows has the row axis last, so that every rearrangement moves whole runs of rows, and a
product with a table without rows is one matrix product over all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

Operation = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Kernel(NamedTuple):
    """``run(a, b)`` sums the product of two tables over the variables not kept; ``scope``: its result's axes."""

    scope: tuple[int, ...]
    run: Operation


class _Operand(NamedTuple):
    """How to bring an operand to its groups: a permutation (None when in place) and a shape."""

    order: tuple[int, ...] | None
    shape: tuple[int, ...]

    def __call__(self, table: np.ndarray) -> np.ndarray:
        if self.order is not None:
            table = table.transpose(self.order)
        return table.reshape(self.shape)


def _operand(scope: tuple[int, ...], wanted: tuple[int, ...], shape: tuple[int, ...], rows: bool) -> _Operand:
    if scope == wanted:
        return _Operand(None, shape)
    order = tuple(map(scope.index, wanted))
    return _Operand((*order, len(order)) if rows else order, shape)


def contraction(
    sizes: Sequence[int],
    a: tuple[int, ...],
    b: tuple[int, ...],
    kept: frozenset[int] | set[int],
    a_rows: bool = False,
    b_rows: bool = False,
) -> Kernel:
    """The kernel for sum over (a and b and not kept) of A * B.

    ``a``, ``b``: the operands' axes; ``a_rows``, ``b_rows``: whether a last axis of evidence rows follows (the
    same rows in both). A variable of one operand alone must be kept.
    """
    # Networks repeat a few shapes many times: axes are renumbered by position, and the kernel remembered.
    axes = (*a, *[v for v in b if v not in a])
    shape = tuple([sizes[v] for v in axes])
    flags = tuple([v in kept for v in axes])
    found = _kernel(shape, len(a), tuple(map(axes.index, b)), flags, a_rows, b_rows)
    return Kernel(tuple([axes[i] for i in found.scope]), found.run)


@lru_cache(maxsize=1 << 13)
def _kernel(
    sizes: tuple[int, ...], len_a: int, b: tuple[int, ...], flags: tuple[bool, ...], a_rows: bool, b_rows: bool
) -> Kernel:
    """``contraction`` of axes 0.. ``len_a`` - 1 with axes ``b``; ``flags``: which axes are kept."""
    kept = frozenset([i for i, flag in enumerate(flags) if flag])
    return _compile(sizes, tuple(range(len_a)), b, kept, a_rows, b_rows)


def _compile(
    sizes: Sequence[int],
    a: tuple[int, ...],
    b: tuple[int, ...],
    kept: frozenset[int],
    a_rows: bool,
    b_rows: bool,
) -> Kernel:
    if a_rows and not b_rows:
        swapped = _compile(sizes, b, a, kept, False, True)
        inner = swapped.run
        return Kernel(swapped.scope, lambda x, y: inner(y, x))
    stack: list[int] = []
    summed: list[int] = []
    nb = nx = ny = nz = 1
    # Shared variables in the order of the operand with more axes: it is likelier to stay in place.
    lead, other = (a, b) if len(a) >= len(b) else (b, a)
    for v in lead:
        if v in other:
            if v in kept:
                stack.append(v)
                nb *= sizes[v]
            else:
                summed.append(v)
                ny *= sizes[v]
    left = [v for v in a if v not in b]
    right = [v for v in b if v not in a]
    for v in left:
        nx *= sizes[v]
    for v in right:
        nz *= sizes[v]
    dims = (nb, nx, ny, nz)
    if a_rows:
        return _both_rows(sizes, a, b, (stack, left, summed, right), dims)
    if b_rows:
        return _one_rows(sizes, a, b, (stack, left, summed, right), dims)
    return _plain(sizes, a, b, (stack, left, summed, right), dims)


Groups = tuple[list[int], list[int], list[int], list[int]]
Dims = tuple[int, ...]


def _plain(sizes: Sequence[int], a: tuple[int, ...], b: tuple[int, ...], groups: Groups, dims: Dims) -> Kernel:
    stack, left, summed, right = groups
    nb, nx, ny, nz = dims
    if ny == 1 and not summed:
        return _plain_outer(sizes, a, b, groups, dims)
    bring_a = _operand(a, (*stack, *left, *summed), (nb, nx, ny) if nb > 1 else (nx, ny), False)
    bring_b = _operand(b, (*stack, *summed, *right), (nb, ny, nz) if nb > 1 else (ny, nz), False)
    scope = (*stack, *left, *right)
    shape = tuple([sizes[v] for v in scope])
    if nx == 1 and nz == 1 and ny < 4 * nb:
        # A matrix product per cell of the stack would be all overhead.
        bring_a, bring_b = bring_a._replace(shape=(nb, ny)), bring_b._replace(shape=(nb, ny))

        def dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            return np.einsum("by,by->b", bring_a(x), bring_b(y)).reshape(shape)

        return Kernel(scope, dot)
    return Kernel(scope, lambda x, y: np.matmul(bring_a(x), bring_b(y)).reshape(shape))


def _plain_outer(
    sizes: Sequence[int], a: tuple[int, ...], b: tuple[int, ...], groups: Groups, dims: Dims
) -> Kernel:
    stack, left, _, right = groups
    nb, nx, _, nz = dims
    if nb >= nx and nb >= nz:
        # The longest run innermost.
        bring_a = _operand(a, (*left, *stack), (nx, 1, nb), False)
        bring_b = _operand(b, (*right, *stack), (1, nz, nb), False)
        scope = (*left, *right, *stack)
    elif nx > nz:
        bring_a = _operand(a, (*stack, *left), (nb, 1, nx), False)
        bring_b = _operand(b, (*stack, *right), (nb, nz, 1), False)
        scope = (*stack, *right, *left)
    else:
        bring_a = _operand(a, (*stack, *left), (nb, nx, 1), False)
        bring_b = _operand(b, (*stack, *right), (nb, 1, nz), False)
        scope = (*stack, *left, *right)
    shape = tuple([sizes[v] for v in scope])
    return Kernel(scope, lambda x, y: (bring_a(x) * bring_b(y)).reshape(shape))


def _one_rows(sizes: Sequence[int], a: tuple[int, ...], b: tuple[int, ...], groups: Groups, dims: Dims) -> Kernel:
    """Table without rows times a table with rows: one matrix product, the rows as columns."""
    stack, left, summed, right = groups
    nb, nx, ny, _ = dims
    scope = (*stack, *left, *right)
    shape = (*[sizes[v] for v in scope], -1)
    if not summed:
        bring_a = _operand(a, (*stack, *left), (nb, nx, 1), False)
        bring_b = _operand(b, (*stack, *right), (nb, 1, -1), True)
        return Kernel(scope, lambda x, y: (bring_a(x) * bring_b(y)).reshape(shape))
    bring_a = _operand(a, (*stack, *left, *summed), (nb, nx, ny) if nb > 1 else (nx, ny), False)
    bring_b = _operand(b, (*stack, *summed, *right), (nb, ny, -1) if nb > 1 else (ny, -1), True)
    return Kernel(scope, lambda x, y: np.matmul(bring_a(x), bring_b(y)).reshape(shape))


def _both_rows(sizes: Sequence[int], a: tuple[int, ...], b: tuple[int, ...], groups: Groups, dims: Dims) -> Kernel:
    """Two tables with the same rows: elementwise along the rows, summed in one pass without a temporary."""
    stack, left, summed, right = groups
    nb, nx, ny, nz = dims
    scope = (*stack, *left, *right)
    shape = (*[sizes[v] for v in scope], -1)
    if not summed:
        bring_a = _operand(a, (*stack, *left), (nb, nx, 1, -1), True)
        bring_b = _operand(b, (*stack, *right), (nb, 1, nz, -1), True)
        return Kernel(scope, lambda x, y: (bring_a(x) * bring_b(y)).reshape(shape))
    bring_a = _operand(a, (*stack, *left, *summed), (nb, nx, ny, -1), True)
    bring_b = _operand(b, (*stack, *summed, *right), (nb, ny, nz, -1), True)
    if nx == 1 and nz == 1:
        bring_a, bring_b = bring_a._replace(shape=(nb, ny, -1)), bring_b._replace(shape=(nb, ny, -1))
        return Kernel(scope, lambda x, y: np.einsum("byr,byr->br", bring_a(x), bring_b(y)).reshape(shape))
    return Kernel(scope, lambda x, y: np.einsum("bxyr,byzr->bxzr", bring_a(x), bring_b(y)).reshape(shape))


def reduction(scope: Sequence[int], kept: frozenset[int] | set[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Axes to sum and the scope left, for summing one table down to ``kept``."""
    axes = tuple([i for i, v in enumerate(scope) if v not in kept])
    return axes, (tuple([v for v in scope if v in kept]) if axes else tuple(scope))

"""The contractions of ``kernels`` on logarithms: log-sum-exp (exact at any range) and maximum (Dawid 1992)."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import partial

import numpy as np

from pgmlang.exact.kernels import Contraction


def log_sum(values: np.ndarray, axes: tuple[int, ...] | None = None) -> np.ndarray:
    """log of the sum of exp over ``axes`` (all when None); -inf for a sum of nothing but zeros."""
    if axes is not None and not axes:
        return values
    top = np.max(values, axis=axes, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(values - top), axis=axes, keepdims=True)) + top
    return total.reshape([n for i, n in enumerate(values.shape) if axes is not None and i not in axes])


def maximum(values: np.ndarray, axes: tuple[int, ...] | None = None) -> np.ndarray:
    return values if axes is not None and not axes else np.asarray(values.max(axis=axes))


def _spread(table: np.ndarray, order: tuple[int, ...], shape: tuple[int, ...], rows: bool) -> np.ndarray:
    table = table.transpose((*order, len(order)) if rows else order)
    return table.reshape(shape if rows else (*shape[:-1], 1))


def _run(
    spread_a: partial[np.ndarray], spread_b: partial[np.ndarray], shape: tuple[int, ...], rows: bool, summed: bool,
    a: np.ndarray, b: np.ndarray,
) -> np.ndarray:  # fmt: skip
    x, y = spread_a(a), spread_b(b)
    terms = x.shape[0]
    if terms == 1:
        return (x[0] + y[0]).reshape(shape)
    cells = x[0].size * y[0].size
    if terms > 32 and cells <= 4 * max(x[0].size, y[0].size):
        # Few cells, many terms: all terms at once.
        both = x + y
        return (log_sum if summed else maximum)(both, (0,)).reshape(shape)
    top = x[0] + y[0]
    for i in range(1, terms):
        np.maximum(top, x[i] + y[i], out=top)
    if not summed:
        return top.reshape(shape)
    finite = np.where(np.isfinite(top), top, 0.0)
    total = np.zeros_like(top)
    for i in range(terms):
        total += np.exp(x[i] + y[i] - finite)
    with np.errstate(divide="ignore"):
        return (np.log(total) + finite).reshape(shape)


def log_contraction(
    sizes: Sequence[int],
    a: Sequence[int],
    b: Sequence[int],
    scope_out: Collection[int],
    a_rows: bool = False,
    b_rows: bool = False,
    *,
    summed: bool = True,
) -> Contraction:
    """As ``kernels.contraction`` on logarithms: log-sum-exp of A + B, or its maximum when not ``summed``."""
    gone = [v for v in a if v in set(b) and v not in scope_out]
    stack = [v for v in a if v in set(b) and v in scope_out]
    left = [v for v in a if v not in set(b)]
    right = [v for v in b if v not in set(a)]
    ny, nb, nx, nz = (math.prod(sizes[v] for v in group) for group in (gone, stack, left, right))
    scope = (*stack, *left, *right)
    rows = a_rows or b_rows
    shape = (*(sizes[v] for v in scope), -1) if rows else tuple(sizes[v] for v in scope)
    place_a = tuple(list(a).index(v) for v in (*gone, *stack, *left))
    place_b = tuple(list(b).index(v) for v in (*gone, *stack, *right))
    spread_a = partial(_spread, order=place_a, shape=(ny, nb, nx, 1, -1), rows=a_rows)
    spread_b = partial(_spread, order=place_b, shape=(ny, nb, 1, nz, -1), rows=b_rows)
    return Contraction(scope, partial(_run, spread_a, spread_b, shape, rows, summed))

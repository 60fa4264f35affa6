"""Sparse linear least squares: rows of few unknowns each, ``values`` at ``columns``, cut by ``cuts``, whose residuals are standard normal numbers.

``R.T @ R`` is the matrix of the normal equations, in an order of the unknowns in which few entries fill in; ``begins [n + 1]`` cuts the ``later`` unknowns that the
row of R of each one has an entry with, in order. R comes from the normal equations by elimination, or, where these lose digits, from the rows by Givens's rotations into the same
places (George and Heath 1980). Either is followed by steps of refinement (the corrected seminormal equations: Bjorck 1987). Variances: Takahashi, Fagan and Chen (1973).
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from pgmlang.native.compiled import compiled, part


@compiled
def filled(cuts, columns, most):
    """``begins`` and ``later`` of symmetric entries ``columns`` cut by ``cuts`` in the order of elimination (Liu 1990); none of more than ``most`` entries, or
    of more products than 512 times that."""
    n = len(cuts) - 1
    begins = np.zeros(n + 1, dtype=np.int64)
    later = np.empty(len(columns) + 1, dtype=np.int64)
    mark = np.full(n, -1)
    # the unknowns whose first later one is this: a list for each
    first_child, next_child = np.full(n, -1), np.full(n, -1)
    size, products = 0, 0
    for k in range(n):
        begin = size
        mark[k] = k
        source = -1
        while True:
            if source < 0:
                low, high = cuts[k], cuts[k + 1]
            else:
                low, high = begins[source], begins[source + 1]
            if size + high - low > len(later):
                wider = np.empty(2 * len(later) + high - low, dtype=np.int64)
                wider[:size] = later[:size]
                later = wider
            for e in range(low, high):
                j = columns[e] if source < 0 else later[e]
                if j > k and mark[j] != k:
                    mark[j] = k
                    later[size] = j
                    size += 1
            source = first_child[k] if source < 0 else next_child[source]
            if source < 0:
                break
        later[begin:size].sort()
        begins[k + 1] = size
        products += (size - begin) * (size - begin)
        if size > most or products > 512 * most:
            begins[n] = -1
            return begins, later[:0]
        if size > begin:
            above = later[begin]
            next_child[k] = first_child[above]
            first_child[above] = k
    return begins, later[:size]


@part
def entry_of(begins, later, i, j):
    """The place of the entry of an unknown with a later one."""
    low, high = begins[i], begins[i + 1]
    while low < high:
        middle = (low + high) // 2
        if later[middle] < j:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def eliminated(cuts, columns, values, begins, later, root, ratio):
    """R by the normal equations: its diagonal ``root``, and ``ratio``, its other entries divided by that. Returns the least share of the square of its column that is left at
    an unknown once others are eliminated."""
    n = len(root)
    root[:] = 0.0
    ratio[:] = 0.0
    for row in range(len(cuts) - 1):
        for e in range(cuts[row], cuts[row + 1]):
            i = columns[e]
            root[i] += values[e] * values[e]
            for f in range(e + 1, cuts[row + 1]):
                j = columns[f]
                if i == j:
                    root[i] += 2.0 * values[e] * values[f]
                else:
                    ratio[entry_of(begins, later, min(i, j), max(i, j))] += values[e] * values[f]
    squares = root.copy()
    worst = 1.0
    for k in range(n):
        begin, end = begins[k], begins[k + 1]
        pivot = root[k]
        worst = min(worst, pivot / squares[k])
        if not worst > 0.0:
            return worst
        for e in range(begin, end):
            i = later[e]
            of_e = ratio[e] / pivot
            root[i] -= of_e * ratio[e]
            at = begins[i]
            for f in range(e + 1, end):
                # later ones of an unknown that goes are joined, in one order
                while later[at] < later[f]:
                    at += 1
                ratio[at] -= of_e * ratio[f]
        for e in range(begin, end):
            ratio[e] /= pivot
        root[k] = math.sqrt(pivot)
    return worst


@compiled
def rotated(order, cuts, columns, values, begins, later, root, ratio):
    """The same by rotations of the rows, one after the other in an ``order``. Returns the least share of its column's norm that is left at an unknown."""
    n = len(root)
    root[:] = 0.0
    ratio[:] = 0.0
    norms = np.zeros(n)
    work = np.zeros(n)
    for row in order:
        k = n
        for e in range(cuts[row], cuts[row + 1]):
            work[columns[e]] += values[e]
            k = min(k, columns[e])
        while k < n:
            begin, end = begins[k], begins[k + 1]
            value = work[k]
            work[k] = 0.0
            if value != 0.0 and root[k] == 0.0:
                root[k] = value
                for e in range(begin, end):
                    ratio[e] = work[later[e]]
                    work[later[e]] = 0.0
                break
            if value != 0.0:
                length = math.hypot(root[k], value)
                cosine, sine = root[k] / length, value / length
                root[k] = length
                for e in range(begin, end):
                    upper, lower = ratio[e], work[later[e]]
                    ratio[e] = cosine * upper + sine * lower
                    work[later[e]] = cosine * lower - sine * upper
            k = later[begin] if end > begin else n
    worst = 1.0
    for k in range(n):
        for e in range(begins[k], begins[k + 1]):
            norms[later[e]] = math.hypot(norms[later[e]], ratio[e])
    for k in range(n):
        worst = min(worst, abs(root[k]) / math.hypot(norms[k], root[k]))
        if not worst > 0.0:
            return worst
        for e in range(begins[k], begins[k + 1]):
            ratio[e] /= root[k]
        root[k] = abs(root[k])
    return worst


@compiled
def refined(cuts, columns, values, right, begins, later, root, ratio, solution, residual, steps):
    """Improves the ``solution`` by some steps of the seminormal equations; leaves the ``residual`` of each row."""
    n = len(root)
    side = np.empty(n)
    for step in range(steps + 1):
        for row in range(len(right)):
            total = right[row]
            for e in range(cuts[row], cuts[row + 1]):
                total -= values[e] * solution[columns[e]]
            residual[row] = total
        if step == steps:
            break
        side[:] = 0.0
        for row in range(len(right)):
            for e in range(cuts[row], cuts[row + 1]):
                side[columns[e]] += values[e] * residual[row]
        for k in range(n):
            for e in range(begins[k], begins[k + 1]):
                side[later[e]] -= ratio[e] * side[k]
        for k in range(n - 1, -1, -1):
            side[k] /= root[k] * root[k]
            for e in range(begins[k], begins[k + 1]):
                side[k] -= ratio[e] * side[later[e]]
            solution[k] += side[k]


@compiled
def covariances(begins, later, root, ratio, variance, inverse):
    """The ``variance`` of each unknown, and the covariances ``inverse`` of those that R has an entry of."""
    n = len(root)
    for k in range(n - 1, -1, -1):
        begin, end = begins[k], begins[k + 1]
        for e in range(begin, end):
            inverse[e] = -ratio[e] * variance[later[e]]
        for e in range(begin, end):
            i = later[e]
            at = begins[i]
            total = 0.0
            for f in range(e + 1, end):
                while later[at] < later[f]:
                    at += 1
                total += ratio[f] * inverse[at]
                inverse[f] -= ratio[e] * inverse[at]
            inverse[e] -= total
        variance[k] = 1.0 / (root[k] * root[k])
        for e in range(begin, end):
            variance[k] -= ratio[e] * inverse[e]


@compiled
def scattered(begins, later, root, ratio, noise):
    """Standard normal numbers ``[n, draws]`` become draws around zero."""
    for k in range(len(root) - 1, -1, -1):
        noise[k] /= root[k]
        for e in range(begins[k], begins[k + 1]):
            noise[k] -= ratio[e] * noise[later[e]]


@compiled
def standardised(begins, later, root, ratio, sides):
    """Columns of ``sides [n, m]`` by the inverse of R transposed: the squares of each sum to the variance of that combination of unknowns."""
    for k in range(len(root)):
        sides[k] /= root[k]
        for e in range(begins[k], begins[k + 1]):
            sides[later[e]] -= ratio[e] * root[k] * sides[k]

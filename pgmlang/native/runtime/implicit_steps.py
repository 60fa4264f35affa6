"""Implicit steps of order 4(3) through systems whose rates differ by many orders of size (SDIRK4: Hairer and Wanner 1996, IV.6), and the adjoints of those
that were taken: slopes go through the equations that the stages solve.

The text of `stepped` and `step_adjoint` is copied into programs, as that of ``runtime/equations.py`` is, whose functions call them. ``state_slope`` gives
what the slopes of the rates are ``worth`` to the state alone.
"""

# ruff: noqa: F821

from __future__ import annotations

import math

import numpy as np

from pgmlang.native.compiled import part
from pgmlang.native.runtime.arrays import zeros

IMPLICIT_WEIGHTS = np.array([
    1 / 4, 0.0, 0.0, 0.0, 0.0,
    1 / 2, 1 / 4, 0.0, 0.0, 0.0,
    17 / 50, -1 / 25, 1 / 4, 0.0, 0.0,
    371 / 1360, -137 / 2720, 15 / 544, 1 / 4, 0.0,
    25 / 24, -49 / 48, 125 / 16, -85 / 12, 1 / 4,
])  # fmt: skip
"""Of the slopes in each stage, five a row; the last stage is the end of the step."""
IMPLICIT_TIMES = np.array([1 / 4, 3 / 4, 11 / 20, 1 / 2, 1.0])
IMPLICIT_ERRORS = np.array([-3 / 16, -27 / 32, 25 / 32, 0.0, 1 / 4])
"""Of the slopes in the difference between the solutions of order 4 and 3."""


@part
def factorised(m, pivots, n):
    """The matrix ``m [n n]`` as triangular factors in its place, by rows exchanged (Golub and Van Loan, 3.4)."""
    for c in range(n):
        best = c
        for r in range(c + 1, n):
            if abs(m[r * n + c]) > abs(m[best * n + c]):
                best = r
        pivots[c] = best
        for j in range(n):
            m[c * n + j], m[best * n + j] = m[best * n + j], m[c * n + j]
        for r in range(c + 1, n):
            m[r * n + c] /= m[c * n + c]
            for j in range(c + 1, n):
                m[r * n + j] -= m[r * n + c] * m[c * n + j]


@part
def solve_factorised(m, pivots, n, v):
    """What the matrix makes v of, in its place."""
    for c in range(n):
        best = int(pivots[c])
        v[c], v[best] = v[best], v[c]
    for r in range(n):
        for j in range(r):
            v[r] -= m[r * n + j] * v[j]
    for r in range(n - 1, -1, -1):
        for j in range(r + 1, n):
            v[r] -= m[r * n + j] * v[j]
        v[r] /= m[r * n + r]


@part
def solve_factorised_transposed(m, pivots, n, v):
    """The same of the matrix transposed."""
    for r in range(n):
        for j in range(r):
            v[r] -= m[j * n + r] * v[j]
        v[r] /= m[r * n + r]
    for r in range(n - 1, -1, -1):
        for j in range(r + 1, n):
            v[r] -= m[j * n + r] * v[j]
    for c in range(n - 1, -1, -1):
        best = int(pivots[c])
        v[c], v[best] = v[best], v[c]


@part
def root_mean_square(v, n, y, rtol, atol):
    """The size of numbers beside what is tolerated of those of y."""
    total = 0.0
    for j in range(n):
        total += (v[j] / (atol + rtol * abs(y[j]))) ** 2
    return math.sqrt(total / n)


def stage_matrix(h, n, x, at, m, pivots, worth, slope, system, drivers):
    """I - h / 4 times the slopes of the rates by the state at ``x[at:]``, factorised."""
    for i in range(n):
        for j in range(n):
            worth[j] = 1.0 if i == j else 0.0
        for j in range(n + 1):
            slope[at + j] = 0.0
        state_slope(x, slope, at, worth, system, *drivers)
        for j in range(n):
            m[i * n + j] = (1.0 if i == j else 0.0) - 0.25 * h * slope[at + j]
    factorised(m, pivots, n)


def stepped(t, h, n, y, x, k, rtol, atol, system, drivers):
    """The stages of a step of length h from y at t, and their slopes, which solve equations (by Newton's method, with the slopes at the
    start); the slope at the start is there. Gives the size of the error, infinite where the equations are not solved."""
    m, pivots, v = zeros(n * n), zeros(n), zeros(n)
    slope = zeros(n + 1)
    for j in range(n):
        x[j] = y[j]
    x[n] = t
    stage_matrix(h, n, x, 0, m, pivots, v, slope, system, *drivers)
    for i in range(1, 6):
        for j in range(n):
            k[i * n + j] = k[(i - 1) * n + j]
        size, rounds = math.inf, 0
        x[i * (n + 1) + n] = t + IMPLICIT_TIMES[i - 1] * h
        while size >= 1e-3 and rounds < 10:
            for j in range(n):
                total = 0.0
                for before in range(i):
                    total += IMPLICIT_WEIGHTS[5 * (i - 1) + before] * k[(before + 1) * n + j]
                x[i * (n + 1) + j] = y[j] + h * total
            rates(x, i * (n + 1), k, 6 * n, system, *drivers)
            for j in range(n):
                v[j] = k[6 * n + j] - k[i * n + j]
            solve_factorised(m, pivots, n, v)
            for j in range(n):
                k[i * n + j] += v[j]
                v[j] *= h
            size = root_mean_square(v, n, y, rtol, atol)
            rounds += 1
            if not size < math.inf:
                rounds = 10
        if not size < 1e-3:
            return math.inf
        for j in range(n):
            total = 0.0
            for before in range(i):
                total += IMPLICIT_WEIGHTS[5 * (i - 1) + before] * k[(before + 1) * n + j]
            x[i * (n + 1) + j] = y[j] + h * total
    for j in range(n):
        total = 0.0
        for i in range(5):
            total += IMPLICIT_ERRORS[i] * k[(i + 1) * n + j]
        v[j] = h * total
        x[6 * (n + 1) + j] = x[5 * (n + 1) + j]
    solve_factorised(m, pivots, n, v)
    x[6 * (n + 1) + n] = t + h
    rates(x, 6 * (n + 1), k, 6 * n, system, *drivers)
    return root_mean_square(v, n, y, rtol, atol)


def step_adjoint(t, h, n, y, x, k, worth, each, slope, rtol, atol, system, d_drivers):
    """What a change of the state at the end of a step is ``worth`` handed on to its start, and to what rates take in. ``each``: of a stage's
    slope, ``slope [7 (n + 1)]``: of its state."""
    m, pivots = zeros(n * n), zeros(n)
    for j in range(n):
        x[j] = y[j]
    x[n] = t
    rates(x, 0, k, 0, system, *drivers)
    stepped(t, h, n, y, x, k, rtol, atol, system, *drivers)
    for i in range(5, 0, -1):
        stage_matrix(h, n, x, i * (n + 1), m, pivots, each, slope, system, *drivers)
        for j in range(n):
            total = IMPLICIT_WEIGHTS[19 + i] * worth[j]
            for later in range(i + 1, 6):
                total += IMPLICIT_WEIGHTS[5 * (later - 1) + i - 1] * slope[later * (n + 1) + j]
            each[j] = h * total
        solve_factorised_transposed(m, pivots, n, each)
        for j in range(n + 1):
            slope[i * (n + 1) + j] = 0.0
        rates_adjoint(x, slope, i * (n + 1), each, system, *d_drivers)
    for i in range(1, 6):
        for j in range(n):
            worth[j] += slope[i * (n + 1) + j]


STEP = (stage_matrix, stepped)
STEP_ADJOINT = (step_adjoint,)

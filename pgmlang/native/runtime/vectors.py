"""Maps from free values to vectors in their supports, torch's own (``biject_to``), and their adjoints."""

from __future__ import annotations

import math

from pgmlang.native.compiled import part

SMALLEST = 2.2250738585072014e-308
"""The smallest normal number, which shares are held above as torch does."""


@part
def share_taken(x, left):
    """The share that an element takes of what is not yet taken, even at x = 0 where ``left`` elements come after it; and the rest, which
    does not cancel."""
    e = math.exp(-abs(x))
    own = 1.0 if x >= 0.0 else e
    other = left * e if x >= 0.0 else left
    taken, rest = own / (own + other), other / (own + other)
    return (taken if taken > SMALLEST else SMALLEST), (rest if rest > SMALLEST else SMALLEST)


@part
def simplex(x, values):
    """Shares ``values [K]`` of free values ``x``, of which it reads K - 1, by breaking a stick (Stan reference manual, 10.7); gives the log
    determinant."""
    last = values.shape[0] - 1
    stick, log_det = 1.0, 0.0
    for i in range(last):
        left = last - i
        taken, rest = share_taken(x[i], left)
        values[i] = stick * taken
        stick *= rest
        log_det += math.log(taken) + left * math.log(rest)
    values[last] = stick
    return log_det


@part
def simplex_adjoint(x, values, d_values, gradient, d_log_det):
    """Adds to `gradient` what the adjoints of `simplex`'s values, and of its log determinant, are worth to x."""
    last = values.shape[0] - 1
    after = d_values[last] * values[last]
    for i in range(last - 1, -1, -1):
        left = last - i
        taken, rest = share_taken(x[i], left)
        own = d_values[i] * values[i]
        gradient[i] += rest * (own + d_log_det) - taken * (after + left * d_log_det)
        after += own


@part
def ordered(x, values):
    """Increasing ``values [K]`` of free values ``x``: the first, then sums of exponentials (Stan reference manual, 10.6); gives the log
    determinant."""
    values[0] = x[0]
    log_det = 0.0
    for i in range(1, values.shape[0]):
        values[i] = values[i - 1] + math.exp(x[i])
        log_det += x[i]
    return log_det


@part
def ordered_adjoint(x, values, d_values, gradient, d_log_det):
    """Adds to `gradient` what the adjoints of `ordered`'s values, and of its log determinant, are worth to x."""
    after = 0.0
    for i in range(values.shape[0] - 1, 0, -1):
        after += d_values[i]
        gradient[i] += after * math.exp(x[i]) + d_log_det
    gradient[0] += after + d_values[0]


@part
def positive_ordered(x, values):
    """Increasing positive ``values [K]`` of free values ``x``, sums of exponentials (Stan reference manual, 10.6); gives the log
    determinant."""
    values[0] = math.exp(x[0])
    log_det = 0.0 + x[0]
    for i in range(1, values.shape[0]):
        values[i] = values[i - 1] + math.exp(x[i])
        log_det += x[i]
    return log_det


@part
def positive_ordered_adjoint(x, values, d_values, gradient, d_log_det):
    """Adds to `gradient` what the adjoints of `positive_ordered`'s values, and of its log determinant, are worth to x."""
    after = 0.0
    for i in range(values.shape[0] - 1, -1, -1):
        after += d_values[i]
        gradient[i] += after * math.exp(x[i]) + d_log_det


@part
def zero_sum(x, values):
    """Values ``[K]`` that sum to zero of K - 1 free ones, by Helmert's orthonormal basis (Stan reference manual, 10.8); gives the log
    determinant, zero."""
    later = 0.0 * x[0]
    for i in range(values.shape[0] - 1, 0, -1):
        each = x[i - 1] / math.sqrt(i * (i + 1.0))
        values[i] = later - i * each
        later += each
    values[0] = later
    return 0.0 * x[0]


@part
def zero_sum_adjoint(x, values, d_values, gradient, d_log_det):
    """Adds to `gradient` what the adjoints of `zero_sum`'s values are worth to x."""
    before = 0.0
    for i in range(1, values.shape[0]):
        before += d_values[i - 1]
        gradient[i - 1] += (before - i * d_values[i]) / math.sqrt(i * (i + 1.0))


@part
def unit_vector(x, values):
    """The direction ``values [K]`` of a free vector, whose length has the density that it has of normal numbers (Stan reference manual,
    10.9); gives the log determinant."""
    square = 0.0
    for i in range(values.shape[0]):
        square += x[i] * x[i]
    length = math.sqrt(square)
    for i in range(values.shape[0]):
        values[i] = x[i] / length
    half = 0.5 * values.shape[0]
    return -0.5 * square - (half - 1.0) * 0.6931471805599453 - math.lgamma(half)


@part
def unit_vector_adjoint(x, values, d_values, gradient, d_log_det):
    """Adds to `gradient` what the adjoints of `unit_vector`'s values, and of its log determinant, are worth to x."""
    square = 0.0
    along = 0.0
    for i in range(values.shape[0]):
        square += x[i] * x[i]
        along += d_values[i] * values[i]
    length = math.sqrt(square)
    for i in range(values.shape[0]):
        gradient[i] += (d_values[i] - along * values[i]) / length - d_log_det * x[i]

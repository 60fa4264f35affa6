"""Small matrices: maps from free values to Cholesky factors, torch's own (``Covariance``, ``Correlation``), Cholesky factors, triangular solves, inverses and
determinants; with the adjoint of each (Giles 2008, "An extended collection of matrix derivative results", 2.3; Murray 2016 for Cholesky).

Matrices lie row by row in flat arrays, from where each begins: views of parts of arrays would be counted at every step. What has no Cholesky
factor has minus the identity in its stead: nothing is possible where a diagonal is not positive.
"""

from __future__ import annotations

import math

from pgmlang.native.compiled import part, part_of_sums
from pgmlang.native.runtime.arrays import empty

LOG_2 = 0.6931471805599453


@part
def covariance_root(x, root):
    """The Cholesky factor ``root [K, K]`` of a covariance, row by row from free values ``x`` (K (K + 1) / 2), on the diagonal their exponentials;
    gives the log determinant of the map to the covariance."""
    size = root.shape[0]
    log_det, place = size * LOG_2, 0
    for i in range(size):
        for j in range(i):
            root[i, j] = x[place]
            root[j, i] = 0.0
            place += 1
        root[i, i] = math.exp(x[place])
        log_det += (size + 1 - i) * x[place]
        place += 1
    return log_det


@part
def covariance_root_adjoint(x, root, d_root, gradient, d_log_det):
    """Adds to `gradient` what the adjoints of `covariance_root`'s values, and of its log determinant, are worth to x."""
    size, place = root.shape[0], 0
    for i in range(size):
        for j in range(i):
            gradient[place] += d_root[i, j]
            place += 1
        gradient[place] += d_root[i, i] * root[i, i] + (size + 1 - i) * d_log_det
        place += 1


@part
def cosines_left(x):
    """tanh(x), 1 / cosh(x) and the logarithm of that."""
    e = math.exp(-2.0 * abs(x))
    sine = (1.0 - e) / (1.0 + e)
    return (sine if x >= 0.0 else -sine), 2.0 * math.exp(-abs(x)) / (1.0 + e), LOG_2 - abs(x) - math.log1p(e)


@part
def sphere_rows(x, root, is_of_matrix):
    """The Cholesky factor ``root [K, K]`` of a correlation matrix of free values ``x`` (K (K - 1) / 2), row by row on the sphere (Stan reference
    manual, 10.9; Lewandowski, Kurowicka and Joe 2009); gives the log determinant of the map to the factor's entries below the diagonal, or to the
    matrix's."""
    size = root.shape[0]
    log_det, place = 0.0, 0
    for i in range(size):
        left = 1.0
        for j in range(i):
            sine, cosine, log_cosine = cosines_left(x[place])
            root[i, j] = sine * left
            root[j, i] = 0.0
            left *= cosine
            log_det += (size - j if is_of_matrix else i + 1 - j) * log_cosine
            place += 1
        root[i, i] = left
    return log_det


@part
def sphere_rows_adjoint(x, root, d_root, gradient, d_log_det, is_of_matrix):
    """Adds to `gradient` what the adjoints of `sphere_rows`'s values, and of its log determinant, are worth to x."""
    size = root.shape[0]
    for i in range(1, size):
        begin = i * (i - 1) // 2
        left, d_left = root[i, i], d_root[i, i]
        for j in range(i - 1, -1, -1):
            sine, cosine, _ = cosines_left(x[begin + j])
            left /= cosine
            d_cosine = d_left * left
            power = size - j if is_of_matrix else i + 1 - j
            gradient[begin + j] += (
                d_root[i, j] * left * cosine * cosine - d_cosine * cosine * sine - power * sine * d_log_det
            )
            d_left = d_left * cosine + d_root[i, j] * sine


@part
def correlation_root(x, root):
    """`sphere_rows` of a variable that is the matrix."""
    return sphere_rows(x, root, True)


@part
def correlation_root_adjoint(x, root, d_root, gradient, d_log_det):
    """The adjoint of `correlation_root`."""
    sphere_rows_adjoint(x, root, d_root, gradient, d_log_det, True)


@part
def correlation_factor(x, root):
    """`sphere_rows` of a variable that is the factor."""
    return sphere_rows(x, root, False)


@part
def correlation_factor_adjoint(x, root, d_root, gradient, d_log_det):
    """The adjoint of `correlation_factor`."""
    sphere_rows_adjoint(x, root, d_root, gradient, d_log_det, False)


@part_of_sums
def cholesky(matrix, begin, root, at, size):
    """The lower Cholesky factor of the ``size`` x ``size`` matrix that begins at ``begin``, into ``root`` from ``at``; minus the identity where there
    is none. The lower half of the matrix is read."""
    is_proper = True
    for i in range(size):
        row = at + i * size
        for j in range(i + 1):
            other = at + j * size
            total = matrix[begin + i * size + j]
            for m in range(j):
                total -= root[row + m] * root[other + m]
            if j < i:
                root[row + j] = total / root[other + j]
            else:
                is_positive = total > 0.0 and total < math.inf
                root[row + i] = math.sqrt(total if is_positive else 1.0)
                is_proper = is_proper and is_positive
        for j in range(i + 1, size):
            root[row + j] = 0.0
    for i in range(size):
        for j in range(i + 1):
            root[at + i * size + j] = root[at + i * size + j] if is_proper else -1.0 if i == j else 0.0


@part_of_sums
def no_factor(root, at, size):
    """Minus the identity, in the stead of a factor."""
    for i in range(size):
        for j in range(size):
            root[at + i * size + j] = -1.0 if i == j else 0.0


@part_of_sums
def cholesky_adjoint(matrix, begin, root, at, d_root, d_matrix, size):
    """Adds to ``d_matrix`` what the adjoint of `cholesky`'s factor is worth to each entry of the lower half; ``d_root`` is used up. Nothing where there
    is no factor."""
    if size == 0:
        return
    # choices of numbers, which lanes make each for itself
    is_proper = root[at] > 0.0
    for i in range(size - 1, -1, -1):
        row = at + i * size
        for j in range(i, -1, -1):
            other = at + j * size
            d = d_root[row + j] / root[other + j] if is_proper else 0.0
            if j == i:
                d = 0.5 * d
            else:
                d_root[other + j] -= d * root[row + j]
            for m in range(j):
                d_root[row + m] -= d * root[other + m]
                d_root[other + m] -= d * root[row + m]
            d_matrix[begin + i * size + j] += d


@part_of_sums
def cholesky_factor(matrix, begin, root, at, size):
    """As `cholesky`, with no numbers where there is no factor."""
    cholesky(matrix, begin, root, at, size)
    if size == 0:
        return
    is_proper = root[at] > 0.0
    for i in range(size * size):
        root[at + i] = root[at + i] if is_proper else math.nan


@part_of_sums
def cholesky_factor_adjoint(matrix, begin, root, at, d_root, d_matrix, size):
    """The adjoint of `cholesky_factor`."""
    cholesky_adjoint(matrix, begin, root, at, d_root, d_matrix, size)


@part_of_sums
def largest_first(rows, k, size, columns, sign):
    """Exchanges row ``k`` of ``size`` rows with each one after it that is larger in column ``k``, so that the largest comes to stand there; what goes
    down is multiplied by ``sign``: -1 keeps the determinant. Choices of numbers, which lanes make each for itself."""
    for i in range(k + 1, size):
        is_larger = abs(rows[i, k]) > abs(rows[k, k])
        for j in range(columns):
            upper, lower = rows[k, j], rows[i, j]
            rows[k, j] = lower if is_larger else upper
            rows[i, j] = sign * upper if is_larger else lower


@part_of_sums
def inverse(matrix, begin, out, at, size):
    """The inverse of a matrix, by the Gauss-Jordan method with partial pivoting; no numbers where there is none."""
    work = empty((size, 2 * size))
    for i in range(size):
        for j in range(size):
            work[i, j] = matrix[begin + i * size + j]
            work[i, size + j] = 1.0 if i == j else 0.0
    is_proper = True
    for k in range(size):
        largest_first(work, k, size, 2 * size, 1.0)
        is_good = abs(work[k, k]) > 0.0 and abs(work[k, k]) < math.inf
        is_proper = is_proper and is_good
        pivot = work[k, k] if is_good else 1.0
        for j in range(2 * size):
            work[k, j] /= pivot
        for i in range(size):
            if i != k:
                share = work[i, k]
                for j in range(k, 2 * size):
                    work[i, j] -= share * work[k, j]
    for i in range(size):
        for j in range(size):
            out[at + i * size + j] = work[i, size + j] if is_proper else math.nan


@part_of_sums
def inverse_adjoint(matrix, begin, out, at, d_out, d_matrix, size):
    """Adds to ``d_matrix`` what the adjoint of `inverse`'s matrix is worth: -X' D X', X the inverse."""
    for p in range(size):
        for j in range(size):
            total = 0.0
            for q in range(size):
                total += d_out[at + p * size + q] * out[at + j * size + q]
            for i in range(size):
                d_matrix[begin + i * size + j] -= out[at + p * size + i] * total


@part_of_sums
def eliminated(matrix, begin, out, at, size):
    """A matrix made upper triangular by Gauss's method with partial pivoting, its determinant the same: the product of the diagonal."""
    work = empty((size, size))
    for i in range(size):
        for j in range(size):
            work[i, j] = matrix[begin + i * size + j]
    for k in range(size):
        largest_first(work, k, size, size, -1.0)
        pivot = work[k, k] if work[k, k] != 0.0 else 1.0
        for i in range(k + 1, size):
            share = work[i, k] / pivot
            for j in range(k, size):
                work[i, j] -= share * work[k, j]
    for i in range(size):
        for j in range(size):
            out[at + i * size + j] = work[i, j]


@part_of_sums
def eliminated_adjoint(matrix, begin, out, at, d_out, d_matrix, size):
    """Adds to ``d_matrix`` what the log determinant, the sum of the logarithms of the diagonal, is worth: its own adjoint times the inverse,
    turned. Nothing else is asked of the triangle."""
    if size == 0:
        return
    share = d_out[at] * out[at]
    found = empty((size * size,))
    inverse(matrix, begin, found, 0, size)
    for i in range(size):
        for j in range(size):
            d_matrix[begin + i * size + j] += share * found[j * size + i] if share != 0.0 else 0.0


@part_of_sums
def solve_lower(root, begin, vector, start, out, at, size):
    """``out`` from ``at``: the vector with which the lower triangular ``root`` gives ``vector``."""
    for i in range(size):
        row = begin + i * size
        total = vector[start + i]
        for m in range(i):
            total -= root[row + m] * out[at + m]
        out[at + i] = total / root[row + i]


@part_of_sums
def solve_lower_adjoint(root, begin, vector, start, out, at, d_out, d_root, d_vector, size):
    """Adds to ``d_root`` and ``d_vector`` (None: not wanted) what the adjoint of `solve_lower`'s vector is worth to them; ``d_out`` is used up."""
    for i in range(size - 1, -1, -1):
        row = begin + i * size
        d = d_out[at + i] / root[row + i]
        if d_vector is not None:
            d_vector[start + i] += d
        if d_root is not None:
            d_root[row + i] -= d * out[at + i]
            for m in range(i):
                d_root[row + m] -= d * out[at + m]
        for m in range(i):
            d_out[at + m] -= d * root[row + m]


@part_of_sums
def solve_lower_columns(root, begin, matrix, start, out, at, size):
    """``out`` from ``at``: the matrix with which the lower triangular ``root`` gives the lower triangular ``matrix``."""
    for i in range(size):
        for j in range(size):
            total = matrix[start + i * size + j] if j <= i else 0.0
            for m in range(j, i):
                total -= root[begin + i * size + m] * out[at + m * size + j]
            out[at + i * size + j] = total / root[begin + i * size + i] if j <= i else 0.0


@part_of_sums
def solve_lower_columns_adjoint(root, begin, matrix, start, out, at, d_out, d_root, d_matrix, size):
    """Adds to ``d_root`` and ``d_matrix`` (None: not wanted) what the adjoint of `solve_lower_columns`'s matrix is worth to them; ``d_out`` is used
    up."""
    for i in range(size - 1, -1, -1):
        for j in range(i + 1):
            d = d_out[at + i * size + j] / root[begin + i * size + i]
            if d_matrix is not None:
                d_matrix[start + i * size + j] += d
            if d_root is not None:
                d_root[begin + i * size + i] -= d * out[at + i * size + j]
                for m in range(j, i):
                    d_root[begin + i * size + m] -= d * out[at + m * size + j]
            for m in range(j, i):
                d_out[at + m * size + j] -= d * root[begin + i * size + m]

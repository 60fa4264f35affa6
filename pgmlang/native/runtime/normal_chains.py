"""Chains of normal numbers by orthogonal transformations of their square-root information (Paige and Saunders 1977; Bierman 1977): every
conditional is a row of a least-squares problem divided by its sd, rows of the chain are eliminated as they leave the window of lags, and a
pass backwards gives means and variances. Linear in the length; nothing is subtracted that could cancel.

Arrays are of rows in the order of their sequences. A window is the ``lags`` rows before one and that row, ``n`` numbers each.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from pgmlang.native.compiled import compiled, part


@part
def triangular(matrix, is_open, rows):
    """Brings ``matrix [rows, columns + 1]`` (the last the right side) to upper triangular form over its open columns, the greatest entry of each
    column first (Cox and Higham 1998); returns how many rows that takes. What is left of the right side below is the residual."""
    columns = matrix.shape[1] - 1
    r = 0
    for c in range(columns):
        if not is_open[c]:
            continue
        best = r
        for i in range(r, rows):
            if abs(matrix[i, c]) > abs(matrix[best, c]):
                best = i
        if best != r:
            for k in range(c, columns + 1):
                matrix[r, k], matrix[best, k] = matrix[best, k], matrix[r, k]
        top = matrix[r, c]
        total = 0.0
        for i in range(r + 1, rows):
            if matrix[i, c] != 0.0:
                ratio = matrix[i, c] / top
                total += ratio * ratio
        if total > 0.0:
            # the reflection that leaves the pivot alone in its column, its vector divided by the pivot
            length = math.sqrt(1.0 + total)
            lead = 1.0 + length
            scale = 1.0 / (lead * length)
            for k in range(c + 1, columns + 1):
                product = lead * matrix[r, k]
                for i in range(r + 1, rows):
                    if matrix[i, c] != 0.0:
                        product += matrix[i, c] / top * matrix[i, k]
                product *= scale
                matrix[r, k] -= lead * product
                for i in range(r + 1, rows):
                    if matrix[i, c] != 0.0:
                        matrix[i, k] -= matrix[i, c] / top * product
            for i in range(r + 1, rows):
                matrix[i, c] = 0.0
            matrix[r, c] = -top * length
        r += 1
    return r


@part
def add_row(matrix, first, kind, slopes, sd, intercept, values, t, lags):
    """Writes the conditionals of row ``t`` into ``matrix`` from its row ``first`` on; what is seen of the window is moved to the right side."""
    n = sd.shape[1]
    last = lags * n
    for i in range(n):
        side = intercept[t, i]
        for column in range(last + n):
            matrix[first + i, column] = 0.0
        for lag in range(lags + 1):
            for j in range(n):
                slope = slopes[kind, i, lag * n + j]
                if lag == 0 and i == j:
                    slope -= 1.0
                if slope == 0.0:
                    continue
                value = values[t - lag, j]
                if math.isnan(value):
                    matrix[first + i, (lags - lag) * n + j] = -slope / sd[kind, i]
                else:
                    side += slope * value
        matrix[first + i, last + n] = side / sd[kind, i]


@part
def back_solved(triangle, is_open, first, offset, out, spread):
    """The mean of the last open columns from ``first`` on and their variances, by their triangle whose first row is ``offset``; ``out`` and
    ``spread`` are of the columns from ``first`` on."""
    columns = triangle.shape[1] - 1
    width = columns - first
    places = np.empty(width, np.int64)
    count = 0
    for c in range(width):
        if is_open[first + c]:
            places[count] = c
            count += 1
    inverse = np.zeros((count, count))
    for k in range(count):
        inverse[k, k] = 1.0 / triangle[offset + k, first + places[k]]
        for i in range(k - 1, -1, -1):
            total = 0.0
            for j in range(i + 1, k + 1):
                total += triangle[offset + i, first + places[j]] * inverse[j, k]
            inverse[i, k] = -total / triangle[offset + i, first + places[i]]
    for k in range(count):
        mean = 0.0
        variance = 0.0
        for j in range(k, count):
            mean += inverse[k, j] * triangle[offset + j, columns]
            variance += inverse[k, j] * inverse[k, j]
        out[places[k]] = mean
        spread[places[k]] = variance


@compiled
def forward(begins, kind, slopes, sd, intercept, values, lags, saved, saved_open, filtered, spread, log_density):
    """Through each sequence ``begins[s] .. begins[s + 1]``: the rows of the triangle that belong to each row of the chain (``saved [rows, n, window + 1]``, whose
    open columns ``saved_open [rows, window]`` are), filtered means and variances ``[rows, n]`` (empty: not wanted), and the log-density of what is
    seen of each sequence."""
    n = sd.shape[1]
    width = (lags + 1) * n
    front = lags * n
    matrix = np.zeros((front + n, width + 1))
    is_open = np.zeros(width, np.bool_)
    for s in range(len(begins) - 1):
        begin, end = begins[s], begins[s + 1]
        total, num_seen = 0.0, 0
        kept = 0
        matrix[:] = 0.0
        for t in range(begin, end + lags):
            for lag in range(lags + 1):
                row = t - lag
                for j in range(n):
                    there = begin <= row < end and math.isnan(values[row, j])
                    is_open[(lags - lag) * n + j] = there
            rows = kept
            if t < end:
                add_row(matrix, kept, kind[t], slopes, sd, intercept, values, t, lags)
                rows += n
                for i in range(n):
                    total -= math.log(sd[kind[t], i])
                    if not math.isnan(values[t, i]):
                        num_seen += 1
            rank = triangular(matrix, is_open, rows)
            for i in range(rank, rows):
                total -= 0.5 * matrix[i, width] * matrix[i, width]
            if t < end and len(filtered):
                newest = 0
                for j in range(n):
                    newest += is_open[front + j]
                back_solved(matrix, is_open, front, rank - newest, filtered[t], spread[t])
            # the oldest row of the window leaves it
            oldest = t - lags
            left = 0
            for j in range(n):
                if is_open[j]:
                    total -= math.log(abs(matrix[left, j]))
                    if len(saved):
                        for k in range(width + 1):
                            saved[oldest, j, k] = matrix[left, k]
                    left += 1
            if oldest >= begin and len(saved_open):
                saved_open[oldest] = is_open
            kept = rank - left
            for i in range(kept):
                for k in range(front):
                    matrix[i, k] = matrix[left + i, n + k]
                for k in range(front, width):
                    matrix[i, k] = 0.0
                matrix[i, width] = matrix[left + i, width]
            for i in range(kept, front + n):
                for k in range(width + 1):
                    matrix[i, k] = 0.0
        log_density[s] = total - 0.5 * num_seen * math.log(2.0 * math.pi)


@compiled
def backward(begins, saved, saved_open, lags, noise, mean, spread):
    """From the triangle of `forward` the smoothed means and variances ``[rows, n]`` of what is not seen; with ``noise [rows, n]`` (else empty) a joint draw in
    the place of the means."""
    n = mean.shape[1]
    front = lags * n
    rest = np.zeros((front, front))
    cross = np.zeros((n, front))
    own = np.zeros((n, n))
    inverse = np.zeros((n, n))
    reach = np.zeros((n, front))
    for s in range(len(begins) - 1):
        rest[:] = 0.0
        begin, end = begins[s], begins[s + 1]
        for t in range(end - 1, begin - 1, -1):
            triangle, is_open = saved[t], saved_open[t]
            inverse[:] = 0.0
            reach[:] = 0.0
            for k in range(n):
                if not is_open[k]:
                    continue
                inverse[k, k] = 1.0 / triangle[k, k]
                for i in range(k - 1, -1, -1):
                    if is_open[i]:
                        total = 0.0
                        for j in range(i + 1, k + 1):
                            if is_open[j]:
                                total += triangle[i, j] * inverse[j, k]
                        inverse[i, k] = -total / triangle[i, i]
            for i in range(n):
                if not is_open[i]:
                    continue
                value = 0.0
                for j in range(i, n):
                    if not is_open[j]:
                        continue
                    side = triangle[j, front + n]
                    if len(noise):
                        side += noise[t, j]
                    for k in range(front):
                        if is_open[n + k]:
                            side -= triangle[j, n + k] * mean[t + 1 + k // n, k % n]
                            reach[i, k] -= inverse[i, j] * triangle[j, n + k]
                    value += inverse[i, j] * side
                mean[t, i] = value
            if len(noise):
                continue
            for i in range(n):
                for k in range(front):
                    total = 0.0
                    for j in range(front):
                        total += reach[i, j] * rest[j, k]
                    cross[i, k] = total
            for i in range(n):
                for k in range(n):
                    total = 0.0
                    for j in range(max(i, k), n):
                        total += inverse[i, j] * inverse[k, j]
                    for j in range(front):
                        total += cross[i, j] * reach[k, j]
                    own[i, k] = total
                if is_open[i]:
                    spread[t, i] = own[i, i]
            for i in range(front - 1, n - 1, -1):
                for k in range(front - 1, n - 1, -1):
                    rest[i, k] = rest[i - n, k - n]
            for i in range(n):
                for k in range(front):
                    value = own[i, k] if k < n else cross[i, k - n]
                    rest[i, k] = value
                    rest[k, i] = value

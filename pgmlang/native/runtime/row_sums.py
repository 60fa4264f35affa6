"""Sums over the labels of rows whose log-values are coefficients times statistics of the rows, and the expected statistics: one pass, a
few rows at a time, nothing of the rows kept that is not asked for (Dempster, Laird and Rubin 1977, section 2).

Arrays: `columns [i, rows]` and `codes [j, rows]` are what the rows show, `seen [m, rows]` which cells are there. `made [width, 4]`: how
each statistic is made of them (kind, two places, mask or -1): 0 one; 1 a column; 2 the product of two; 3 whether a code is this one.
Coefficients `[start, state, width]` and log-values are logarithms to base two within."""

from __future__ import annotations

import math

from pgmlang.native.compiled import compiled_sums, inlined
from pgmlang.native.runtime.powers import LN_2, LOG2_E, exp2

TILE = 128
"""Rows whose statistics and log-values lie in the processor's nearest cache."""
SMALL = 900.0
"""Powers of two between the states of a row that chains go on with."""
TOGETHER = 16
"""Factors of a product that is not too large, of which one logarithm is taken."""


@inlined
def fill_statistics(statistics, begin, count, columns, codes, seen, made):
    """`statistics [width, TILE]` of rows from `begin`."""
    for w in range(made.shape[0]):
        kind, a, b, mask = made[w, 0], made[w, 1], made[w, 2], made[w, 3]
        if kind == 0:
            for r in range(count):
                statistics[w, r] = 1.0
        elif kind == 1:
            for r in range(count):
                statistics[w, r] = columns[a, begin + r]
        elif kind == 2:
            for r in range(count):
                statistics[w, r] = columns[a, begin + r] * columns[b, begin + r]
        else:
            for r in range(count):
                statistics[w, r] = 1.0 if codes[a, begin + r] == b else 0.0
        if mask >= 0:
            for r in range(count):
                statistics[w, r] = statistics[w, r] if seen[mask, begin + r] else 0.0


@inlined
def fill_log_values(values, statistics, coefficients):
    """`values [state, TILE]`: the products, two states and four statistics at a time."""
    states, width = coefficients.shape
    for k in range(0, states, 2):
        j = min(k + 1, states - 1)
        for r in range(TILE):
            values[k, r] = 0.0
            values[j, r] = 0.0
        whole = width - width % 4
        for w in range(0, whole, 4):
            a0, a1, a2, a3 = (
                coefficients[k, w],
                coefficients[k, w + 1],
                coefficients[k, w + 2],
                coefficients[k, w + 3],
            )
            b0, b1, b2, b3 = (
                coefficients[j, w],
                coefficients[j, w + 1],
                coefficients[j, w + 2],
                coefficients[j, w + 3],
            )
            for r in range(TILE):
                t0, t1, t2, t3 = statistics[w, r], statistics[w + 1, r], statistics[w + 2, r], statistics[w + 3, r]
                first = values[k, r] + (a0 * t0 + a1 * t1 + a2 * t2 + a3 * t3)
                values[j, r] = values[j, r] + (b0 * t0 + b1 * t1 + b2 * t2 + b3 * t3)
                values[k, r] = first
        for w in range(whole, width):
            a0, b0 = coefficients[k, w], coefficients[j, w]
            for r in range(TILE):
                first = values[k, r] + a0 * statistics[w, r]
                values[j, r] = values[j, r] + b0 * statistics[w, r]
                values[k, r] = first


@inlined
def add_moments(moments, values, statistics):
    """Adds the sums over rows of `values [state, TILE]` times statistics to `moments [state, width]`."""
    states, width = moments.shape
    for k in range(0, states, 2):
        j = min(k + 1, states - 1)
        is_pair = 1.0 if j > k else 0.0
        whole = width - width % 4
        for w in range(0, whole, 4):
            a0, a1, a2, a3, b0, b1, b2, b3 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for r in range(TILE):
                p, q = values[k, r], values[j, r]
                t0, t1, t2, t3 = statistics[w, r], statistics[w + 1, r], statistics[w + 2, r], statistics[w + 3, r]
                a0 += p * t0
                a1 += p * t1
                a2 += p * t2
                a3 += p * t3
                b0 += q * t0
                b1 += q * t1
                b2 += q * t2
                b3 += q * t3
            moments[k, w] += a0
            moments[k, w + 1] += a1
            moments[k, w + 2] += a2
            moments[k, w + 3] += a3
            moments[j, w] += is_pair * b0
            moments[j, w + 1] += is_pair * b1
            moments[j, w + 2] += is_pair * b2
            moments[j, w + 3] += is_pair * b3
        for w in range(whole, width):
            a0, b0 = 0.0, 0.0
            for r in range(TILE):
                a0 += values[k, r] * statistics[w, r]
                b0 += values[j, r] * statistics[w, r]
            moments[k, w] += a0
            moments[j, w] += is_pair * b0


@inlined
def add_tables(values, begin, count, impossible, dense, start, held, held_start, states_of):
    """Adds to log-values what is said of each row by itself: `dense [start, state, rows]`, and at rows with a `held [name, start, rows]`
    label `NEVER` to the states with another. What is below `impossible` is minus infinity."""
    for k in range(values.shape[0]):
        for r in range(count):
            values[k, r] = values[k, r] if values[k, r] > impossible else -math.inf
        if dense.shape[2]:
            for r in range(count):
                values[k, r] += LOG2_E * dense[start, k, begin + r]
        for name in range(held.shape[0]):
            state = states_of[name, k]
            for r in range(count):
                code = held[name, held_start, begin + r]
                values[k, r] += -1e30 if code >= 0 and code != state else 0.0


@inlined
def to_shares(values, top, total):
    """Log-values `[state, TILE]` to powers relative to the row's greatest, `top`, and their sum."""
    for r in range(TILE):
        top[r] = values[0, r]
        total[r] = 0.0
    for k in range(1, values.shape[0]):
        for r in range(TILE):
            top[r] = max(top[r], values[k, r])
    for r in range(TILE):
        top[r] = top[r] if top[r] > -math.inf else 0.0
    for k in range(values.shape[0]):
        for r in range(TILE):
            power = exp2(values[k, r] - top[r])
            values[k, r] = power
            total[r] += power


@inlined
def log_of_sums(begin, count, top, total, weights):
    """The sum over rows of log(total * 2**top), rows by their weights where there are some."""
    height, logs = 0.0, 0.0
    if weights.shape[0]:
        for r in range(count):
            height += weights[begin + r] * top[r]
            logs += weights[begin + r] * math.log(total[r])
    else:
        for r in range(count):
            height += top[r]
        for first in range(0, count, TOGETHER):
            product = 1.0
            for r in range(first, min(first + TOGETHER, count)):
                product *= total[r]
            logs += math.log(product)
    return LN_2 * height + logs


@compiled_sums
def sum_labels(
    first, last, origin, coefficients, columns, codes, seen, made, weights, impossible, dense, held, states_of, totals, moments,
    posterior, with_moments, statistics, values, top, total,
):  # fmt: skip
    """Rows `first` to `last`: adds the log of the sum over states to `totals [start]`, the expected statistics to `moments [start, state,
    width]`; `posterior [start, state, rows]`: the states' probabilities times the row's weight, where they are wanted. `dense`, `held` and
    `posterior` begin at row `origin`. Room, zero at first: `statistics [width, TILE]`, `values [state, TILE]`, `top [TILE]`, `total [TILE]`."""
    starts, states = coefficients.shape[:2]
    for begin in range(first, last, TILE):
        count = min(TILE, last - begin)
        fill_statistics(statistics, begin, count, columns, codes, seen, made)
        for start in range(starts):
            fill_log_values(values, statistics, coefficients[start])
            if impossible > -math.inf or dense.shape[2] or held.shape[0]:
                add_tables(values, begin - origin, count, impossible, dense, min(start, dense.shape[0] - 1), held,
                           min(start, held.shape[1] - 1), states_of)  # fmt: skip
            to_shares(values, top, total)
            totals[start] += log_of_sums(begin, count, top, total, weights)
            if with_moments:
                for r in range(count):
                    total[r] = (weights[begin + r] if weights.shape[0] else 1.0) / total[r]
                for r in range(count, TILE):
                    total[r] = 0.0
                for k in range(states):
                    for r in range(TILE):
                        values[k, r] *= total[r]
                if posterior.shape[2]:
                    for k in range(states):
                        for r in range(count):
                            posterior[start, k, begin - origin + r] = values[k, r]
                add_moments(moments[start], values, statistics)


@compiled_sums
def add_covariances(
    first, last, posterior, columns, codes, seen, made, weights, second, statistics, values, top, over, share
):
    """Adds over rows `first` to `last` the covariances of what a row shows of its label (Louis 1982), times its weight, to `second [pair of
    states, width, width]`, pairs (0, 0), (0, 1), (1, 1), (0, 2), ..., their upper triangles: by `posterior [state, rows]` from the first of them on, times
    their weights. Room: as in `sum_labels`, `over [TILE]`, `share [width, TILE]`."""
    states, width = posterior.shape[0], statistics.shape[0]
    for begin in range(first, last, TILE):
        count = min(TILE, last - begin)
        fill_statistics(statistics, begin, count, columns, codes, seen, made)
        for r in range(TILE):
            over[r] = 1.0
        if weights.shape[0]:
            for r in range(count):
                over[r] = 1.0 / weights[begin + r] if weights[begin + r] > 0.0 else 0.0
        for k in range(states):
            for r in range(TILE):
                values[k, r] = posterior[k, begin - first + r] if r < count else 0.0
        for j in range(states):
            for k in range(j + 1):
                for r in range(TILE):
                    top[r] = values[k, r] * ((1.0 if j == k else 0.0) - values[j, r] * over[r])
                for w in range(width):
                    for r in range(TILE):
                        share[w, r] = top[r] * statistics[w, r]
                pair = j * (j + 1) // 2 + k
                for w in range(0, width, 8):
                    some = min(w + 8, width)
                    add_moments(second[pair, w:some, w:], share[w:some], statistics[w:])


@compiled_sums
def row_likelihoods(
    first, last, coefficients, columns, codes, seen, made, impossible, dense, start, held, held_start, states_of, likelihoods, tops,
    as_logs, statistics, values, top, total,
):  # fmt: skip
    """Of rows `first` to `last` by one start's `coefficients [state, width]`: `likelihoods [rows, state]` relative to the greatest, its
    logarithm in `tops [rows]`; or log-values. Says whether a likelihood that is not zero is too small to go on with."""
    states = coefficients.shape[0]
    is_lost = False
    for begin in range(first, last, TILE):
        count = min(TILE, last - begin)
        fill_statistics(statistics, begin, count, columns, codes, seen, made)
        fill_log_values(values, statistics, coefficients)
        if impossible > -math.inf or dense.shape[2] or held.shape[0]:
            add_tables(values, begin, count, impossible, dense, start, held, held_start, states_of)
        if as_logs:
            for r in range(count):
                for k in range(states):
                    likelihoods[begin + r, k] = values[k, r]
            continue
        for r in range(count):
            top[r] = -math.inf
            total[r] = math.inf
        for k in range(states):
            for r in range(count):
                top[r] = max(top[r], values[k, r])
                total[r] = min(total[r], values[k, r] if values[k, r] > -math.inf else math.inf)
        least = math.inf
        for r in range(count):
            least = min(least, total[r] - top[r])
        is_lost = is_lost or least < -SMALL
        to_shares(values, top, total)
        for r in range(count):
            tops[begin + r] = top[r]
        for k in range(states):
            for r in range(count):
                likelihoods[begin + r, k] = values[k, r]
    return is_lost


@compiled_sums
def add_row_moments(first, last, shares, columns, codes, seen, made, moments, statistics, values):
    """Adds the statistics of rows `first` to `last`, each state's times `shares [rows, state]`, to `moments [state, width]`."""
    states = moments.shape[0]
    for begin in range(first, last, TILE):
        count = min(TILE, last - begin)
        fill_statistics(statistics, begin, count, columns, codes, seen, made)
        for k in range(states):
            for r in range(count):
                values[k, r] = shares[begin + r, k]
            for r in range(count, TILE):
                values[k, r] = 0.0
        add_moments(moments, values, statistics)

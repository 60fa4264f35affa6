"""Jointly normal numbers given those of them that a row shows, many rows of any patterns: sparse elimination of the precision (George and Liu 1981)
and the entries of its inverse that the factor has (Takahashi, Fagan and Chen 1973), LANES rows at once.

Numbers are in the order of elimination, as deviations from their means. ``begins [n + 1]`` cuts the entries of each number with later ones, which ``columns`` are;
``pairs`` is the place of each entry of two neighbours of a number, number after number, in the order of their pairs.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from pgmlang.native.compiled import compiled

LANES = 16


@compiled
def condition(begins, columns, pairs, diagonal, entries, constant, rows, means, sds, log_density, is_lost):
    """Of ``rows [R, n]`` (NaN: not seen) the means and sds ``[R, n]`` of what is not seen, and the log-density of what is; ``is_lost``: of which
    rows digits were lost, since a number is all but fixed by others."""
    n = len(diagonal)
    size = len(entries)
    open_ = np.empty((n, LANES))
    known = np.empty((n, LANES))
    pivot = np.empty((n, LANES))
    side = np.empty((n, LANES))
    factor = np.empty((size, LANES))
    ratio = np.empty((size, LANES))
    inverse = np.empty((size, LANES))
    variance = np.empty((n, LANES))
    total = np.empty(LANES)
    worst = np.empty(LANES)
    for first in range(0, len(rows), LANES):
        count = min(LANES, len(rows) - first)
        for k in range(n):
            for a in range(LANES):
                value = rows[first + min(a, count - 1), k]
                hidden = math.isnan(value)
                open_[k, a] = 1.0 if hidden else 0.0
                known[k, a] = 0.0 if hidden else value
                # a number that is seen stands alone
                pivot[k, a] = diagonal[k] if hidden else 1.0
                side[k, a] = 0.0
        for a in range(LANES):
            total[a] = constant
            worst[a] = 1.0
        for k in range(n):
            for a in range(LANES):
                total[a] -= 0.5 * diagonal[k] * known[k, a] * known[k, a]
            for e in range(begins[k], begins[k + 1]):
                j = columns[e]
                weight = entries[e]
                for a in range(LANES):
                    factor[e, a] = weight * open_[k, a] * open_[j, a]
                    total[a] -= weight * known[k, a] * known[j, a]
                    side[k, a] -= weight * open_[k, a] * known[j, a]
                    side[j, a] -= weight * open_[j, a] * known[k, a]
        place = 0
        for k in range(n):
            begin, end = begins[k], begins[k + 1]
            for a in range(LANES):
                # what is left of a number's own precision once those before it are gone
                share = pivot[k, a] / (diagonal[k] * open_[k, a] + (1.0 - open_[k, a]))
                worst[a] = min(worst[a], share)
                total[a] += 0.5 * side[k, a] * side[k, a] / pivot[k, a] - 0.5 * math.log(pivot[k, a])
                total[a] += 0.5 * math.log(2.0 * math.pi) * open_[k, a]
            for e in range(begin, end):
                j = columns[e]
                for a in range(LANES):
                    ratio[e, a] = factor[e, a] / pivot[k, a]
                    side[j, a] -= ratio[e, a] * side[k, a]
                    pivot[j, a] -= ratio[e, a] * factor[e, a]
            for e in range(begin, end):
                for f in range(e + 1, end):
                    target = pairs[place]
                    place += 1
                    for a in range(LANES):
                        factor[target, a] -= ratio[e, a] * factor[f, a]
        for k in range(n - 1, -1, -1):
            begin, end = begins[k], begins[k + 1]
            place -= (end - begin) * (end - begin - 1) // 2
            for a in range(LANES):
                side[k, a] /= pivot[k, a]
                variance[k, a] = 1.0 / pivot[k, a]
            for e in range(begin, end):
                j = columns[e]
                for a in range(LANES):
                    side[k, a] -= ratio[e, a] * side[j, a]
                    inverse[e, a] = -ratio[e, a] * variance[j, a]
            at = place
            for e in range(begin, end):
                for f in range(e + 1, end):
                    target = pairs[at]
                    at += 1
                    for a in range(LANES):
                        inverse[e, a] -= ratio[f, a] * inverse[target, a]
                        inverse[f, a] -= ratio[e, a] * inverse[target, a]
            for e in range(begin, end):
                for a in range(LANES):
                    variance[k, a] -= ratio[e, a] * inverse[e, a]
        for k in range(n):
            for a in range(count):
                if open_[k, a] > 0.0:
                    means[first + a, k] = side[k, a]
                    sds[first + a, k] = math.sqrt(variance[k, a]) if variance[k, a] > 0.0 else math.nan
                else:
                    means[first + a, k] = known[k, a]
                    sds[first + a, k] = 0.0
        for a in range(count):
            log_density[first + a] = total[a]
            is_lost[first + a] = not worst[a] > 1e-6

"""Jointly normal numbers given those of them that a row shows, many rows of any patterns: sparse elimination of the precision (George and Liu 1981)
and the entries of its inverse that the factor has (Takahashi, Fagan and Chen 1973), LANES rows at once; rows that show the same numbers share the
factor.

Numbers are in the order of elimination, as deviations from their means. ``begins [n + 1]`` cuts the entries of each number with later ones, which ``columns`` are;
``pairs`` is the place of each entry of two neighbours of a number, number after number, in the order of their pairs. A conditional says that
``weights[i]`` times its number (``heads``) and the sum of ``slopes`` times its parents (``parents``, cut by ``cuts``) are a standard normal number.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from pgmlang.native.compiled import compiled, compiled_groups, part
from pgmlang.native.lane_forms import LANES
from pgmlang.native.runtime.lane_mathematics import log
from pgmlang.native.runtime.lanes import (
    eight_lanes,
    lanes_from_first,
    larger_lanes,
    set_lanes,
    smaller_lanes,
    square_root,
)

TOGETHER = 8
"""Pivots whose logarithm is taken at once: the product of so many is a number, each being above ``LOST``."""
MOST_PAIRS = 1 << 20
"""Most pairs: those of 180 numbers that all hang together, whose dense factorisation takes no longer."""
LOST = 1e-6
"""Share of its own precision that a number must keep once others are eliminated, for its digits to be there."""


@part
def count_bits(word):
    """The bits of a word (Warren 2013, section 5-1)."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@part
def neighbours(cuts, parents):
    """Bits ``[n, words]`` of what shares a conditional with each number."""
    n = len(cuts) - 1
    around = np.zeros((n, (n + 63) // 64), dtype=np.uint64)
    for i in range(n):
        for e in range(cuts[i], cuts[i + 1] + 1):
            a = i if e == cuts[i + 1] else parents[e]
            for f in range(cuts[i], cuts[i + 1] + 1):
                b = i if f == cuts[i + 1] else parents[f]
                if a != b:
                    around[a, b >> 6] |= np.uint64(1) << np.uint64(b & 63)
    return around


@part
def elimination(around):
    """Numbers by least degree, those first that have the least place: ``order [n]``, and which are joined to each when it goes, ``joined`` cut by ``begins``."""
    n, words = around.shape
    degree = np.empty(n, dtype=np.int64)
    for i in range(n):
        degree[i] = 0
        for w in range(words):
            degree[i] += count_bits(around[i, w])
    order = np.empty(n, dtype=np.int64)
    begins = np.zeros(n + 1, dtype=np.int64)
    joined = np.empty(4 * n + 4, dtype=np.int64)
    size = 0
    for step in range(n):
        k = -1
        for i in range(n):
            if degree[i] >= 0 and (k < 0 or degree[i] < degree[k]):
                k = i
        order[step] = k
        if size + degree[k] > len(joined):
            wider = np.empty(2 * len(joined) + degree[k], dtype=np.int64)
            wider[:size] = joined[:size]
            joined = wider
        for w in range(words):
            word = around[k, w]
            while word:
                lowest = word & (~word + np.uint64(1))
                joined[size] = 64 * w + count_bits(lowest - np.uint64(1))
                size += 1
                word ^= lowest
        begins[step + 1] = size
        degree[k] = -1
        for e in range(begins[step], size):
            i = joined[e]
            degree[i] = 0
            for w in range(words):
                around[i, w] |= around[k, w]
            around[i, i >> 6] &= ~(np.uint64(1) << np.uint64(i & 63))
            around[i, k >> 6] &= ~(np.uint64(1) << np.uint64(k & 63))
            for w in range(words):
                degree[i] += count_bits(around[i, w])
    return order, begins, joined[:size]


@part
def entry_of(begins, columns, i, j):
    """The place of the entry of a number with a later one."""
    low, high = begins[i], begins[i + 1]
    while low < high:
        middle = (low + high) // 2
        if columns[middle] < j:
            low = middle + 1
        else:
            high = middle
    return low


@part
def entry_pairs(begins, columns):
    """As of the module; none where there are more than MOST_PAIRS."""
    n = len(begins) - 1
    count = 0
    for k in range(n):
        count += (begins[k + 1] - begins[k]) * (begins[k + 1] - begins[k] - 1) // 2
    if count > MOST_PAIRS:
        return np.empty(0, dtype=np.int64)
    pairs = np.empty(count, dtype=np.int64)
    place = 0
    for k in range(n):
        for e in range(begins[k], begins[k + 1]):
            at = begins[columns[e]]
            for f in range(e + 1, begins[k + 1]):
                # the neighbours of a number that goes are neighbours of each other, in one order
                while columns[at] < columns[f]:
                    at += 1
                pairs[place] = at
                place += 1
    return pairs


@part
def mean_of(cuts, parents, coefficients, intercept):
    """The mean of each number, parents first."""
    n = len(intercept)
    mean = np.zeros(n)
    waiting = np.zeros(n, dtype=np.int64)
    first = np.zeros(n + 1, dtype=np.int64)
    for i in range(n):
        waiting[i] = cuts[i + 1] - cuts[i]
        for e in range(cuts[i], cuts[i + 1]):
            first[parents[e] + 1] += 1
    for i in range(n):
        first[i + 1] += first[i]
    filled = first.copy()
    children = np.empty(len(parents), dtype=np.int64)
    for i in range(n):
        for e in range(cuts[i], cuts[i + 1]):
            children[filled[parents[e]]] = i
            filled[parents[e]] += 1
    ready = np.empty(n, dtype=np.int64)
    count = 0
    for i in range(n):
        if waiting[i] == 0:
            ready[count] = i
            count += 1
    done = 0
    while done < count:
        i = ready[done]
        done += 1
        mean[i] = intercept[i]
        for e in range(cuts[i], cuts[i + 1]):
            mean[i] += coefficients[e] * mean[parents[e]]
        for e in range(first[i], first[i + 1]):
            child = children[e]
            waiting[child] -= 1
            if waiting[child] == 0:
                ready[count] = child
                count += 1
    return mean


@compiled
def prepare(cuts, parents, coefficients, intercept, sd):
    """Of numbers ``i`` that are normal around ``intercept[i]`` plus ``coefficients`` times ``parents`` (both cut by ``cuts``) with ``sd[i]``: the ``order`` of elimination, and
    in it ``mean``, ``begins``, ``columns``, ``pairs``, the precision's ``diagonal`` and ``entries``, the conditionals' ``heads``, ``weights``, ``parents`` and
    ``slopes``, and the logarithm of the density at the mean."""
    n = len(sd)
    order, begins, joined = elimination(neighbours(cuts, parents))
    rank = np.empty(n, dtype=np.int64)
    for k in range(n):
        rank[order[k]] = k
    columns = np.empty(len(joined), dtype=np.int64)
    for k in range(n):
        for e in range(begins[k], begins[k + 1]):
            later = rank[joined[e]]
            at = e
            while at > begins[k] and columns[at - 1] > later:
                columns[at] = columns[at - 1]
                at -= 1
            columns[at] = later
    by_number = mean_of(cuts, parents, coefficients, intercept)
    mean = np.empty(n)
    diagonal = np.zeros(n)
    entries = np.zeros(len(columns))
    weights = np.empty(n)
    above = np.empty(len(parents), dtype=np.int64)
    slopes = np.empty(len(parents))
    constant = -0.5 * n * math.log(2.0 * math.pi)
    for i in range(n):
        mean[rank[i]] = by_number[i]
        weights[i] = 1.0 / sd[i]
        constant -= math.log(sd[i])
        for e in range(cuts[i], cuts[i + 1]):
            above[e] = rank[parents[e]]
            slopes[e] = -coefficients[e] / sd[i]
        for e in range(cuts[i], cuts[i + 1] + 1):
            a, of_a = (rank[i], weights[i]) if e == cuts[i + 1] else (above[e], slopes[e])
            diagonal[a] += of_a * of_a
            for f in range(e + 1, cuts[i + 1] + 1):
                b, of_b = (rank[i], weights[i]) if f == cuts[i + 1] else (above[f], slopes[f])
                entries[entry_of(begins, columns, min(a, b), max(a, b))] += of_a * of_b
    return (
        order,
        mean,
        begins,
        columns,
        entry_pairs(begins, columns),
        diagonal,
        entries,
        rank,
        weights,
        above,
        slopes,
        constant,
    )


@part
def factorise(begins, columns, pairs, diagonal, entries, open_, pivot, ratio, inverse, sd, log_root, worst):
    """The factor of the open numbers' precision for eight patterns: reciprocals of its ``pivot``, the ``ratio`` of each entry to its pivot, each number's ``sd``, half
    the logarithm of the determinant by 2 pi, and the least share of its own precision that a number keeps."""
    n = len(diagonal)
    least, product, log_sum = eight_lanes(1.0), eight_lanes(1.0), eight_lanes(0.0)
    for k in range(n):
        is_open = lanes_from_first(open_, k)
        # a number that is seen stands alone
        set_lanes(pivot, k, diagonal[k] * is_open + (1.0 - is_open))
        for e in range(begins[k], begins[k + 1]):
            set_lanes(ratio, e, entries[e] * is_open * lanes_from_first(open_, columns[e]))
    place = 0
    for k in range(n):
        begin, end = begins[k], begins[k + 1]
        is_open, left = lanes_from_first(open_, k), lanes_from_first(pivot, k)
        # what is left of a number's own precision once those before it are gone
        share = left * (1.0 / diagonal[k] * is_open + (1.0 - is_open))
        least = smaller_lanes(least, share)
        product = product * share
        log_sum = log_sum + 0.5 * math.log(diagonal[k] / (2.0 * math.pi)) * is_open
        if k % TOGETHER == TOGETHER - 1 or k == n - 1:
            log_sum = log_sum + 0.5 * log(larger_lanes(product, eight_lanes(1e-300)))
            product = eight_lanes(1.0)
        reciprocal = 1.0 / left
        set_lanes(pivot, k, reciprocal)
        for e in range(begin, end):
            j = columns[e]
            factor = lanes_from_first(ratio, e)
            set_lanes(inverse, e, factor)
            set_lanes(ratio, e, factor * reciprocal)
            set_lanes(pivot, j, lanes_from_first(pivot, j) - factor * reciprocal * factor)
        for e in range(begin, end):
            of_e = lanes_from_first(ratio, e)
            for f in range(e + 1, end):
                target = pairs[place]
                place += 1
                set_lanes(ratio, target, lanes_from_first(ratio, target) - of_e * lanes_from_first(inverse, f))
    for k in range(n - 1, -1, -1):
        begin, end = begins[k], begins[k + 1]
        place -= (end - begin) * (end - begin - 1) // 2
        for e in range(begin, end):
            set_lanes(inverse, e, -lanes_from_first(ratio, e) * lanes_from_first(sd, columns[e]))
        at = place
        for e in range(begin, end):
            of_e, total = lanes_from_first(ratio, e), lanes_from_first(inverse, e)
            for f in range(e + 1, end):
                target = lanes_from_first(inverse, pairs[at])
                at += 1
                total = total - lanes_from_first(ratio, f) * target
                set_lanes(inverse, f, lanes_from_first(inverse, f) - of_e * target)
            set_lanes(inverse, e, total)
        variance = lanes_from_first(pivot, k)
        for e in range(begin, end):
            variance = variance - lanes_from_first(ratio, e) * lanes_from_first(inverse, e)
        set_lanes(sd, k, variance)
    for k in range(n):
        set_lanes(sd, k, square_root(lanes_from_first(sd, k)) * lanes_from_first(open_, k))
    set_lanes(log_root, 0, log_sum)
    set_lanes(worst, 0, least)


@part
def residual_of(weight, begin, end, parents, slopes, value, values):
    """By how many sds a number is away from what its parents say."""
    out = weight * value
    for e in range(begin, end):
        out = out + slopes[e] * lanes_from_first(values, parents[e])
    return out


@part
def solve(begins, columns, heads, weights, cuts, parents, slopes, open_, known, pivot, ratio, side, total):
    """The means of the open numbers in ``known``, and half the squares that are left there in ``total``."""
    n = len(weights)
    for k in range(n):
        set_lanes(side, k, eight_lanes(0.0))
    for i in range(n):
        head = heads[i]
        residual = residual_of(
            weights[i], cuts[i], cuts[i + 1], parents, slopes, lanes_from_first(known, head), known
        )
        set_lanes(side, head, lanes_from_first(side, head) - weights[i] * residual)
        for e in range(cuts[i], cuts[i + 1]):
            set_lanes(side, parents[e], lanes_from_first(side, parents[e]) - slopes[e] * residual)
    for k in range(n):
        own = lanes_from_first(side, k) * lanes_from_first(open_, k)
        set_lanes(side, k, own)
        for e in range(begins[k], begins[k + 1]):
            set_lanes(side, columns[e], lanes_from_first(side, columns[e]) - lanes_from_first(ratio, e) * own)
    for k in range(n - 1, -1, -1):
        own = lanes_from_first(side, k) * lanes_from_first(pivot, k)
        for e in range(begins[k], begins[k + 1]):
            own = own - lanes_from_first(ratio, e) * lanes_from_first(side, columns[e])
        set_lanes(side, k, own)
        set_lanes(known, k, lanes_from_first(known, k) + own)
    squares = eight_lanes(0.0)
    for i in range(n):
        residual = residual_of(
            weights[i], cuts[i], cuts[i + 1], parents, slopes, lanes_from_first(known, heads[i]), known
        )
        squares = squares + 0.5 * residual * residual
    set_lanes(total, 0, squares)


@compiled_groups
def condition(
    order,
    mean,
    begins,
    columns,
    pairs,
    diagonal,
    entries,
    heads,
    weights,
    cuts,
    parents,
    slopes,
    constant,
    rows,
    means,
    sds,
    log_density,
    is_lost,
):
    """Of ``rows [R, n]`` (NaN: not seen; numbers by their places) the means and sds ``[R, n]`` of what is not seen, and the log-density of what is;
    ``is_lost``: of which rows digits were lost, since a number is all but fixed by others."""
    n, size = len(diagonal), len(entries)
    open_, known, side = np.empty((n, LANES)), np.empty((n, LANES)), np.empty((n, LANES))
    pivot, sd = np.empty((n, LANES)), np.empty((n, LANES))
    ratio, inverse = np.empty((size, LANES)), np.empty((size, LANES))
    log_root, worst, total = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    # the numbers that all rows of the last factor leave open
    shared = np.full(n, -1.0)
    for first in range(0, len(rows), LANES):
        count = min(LANES, len(rows) - first)
        is_new = False
        for a in range(LANES):
            row = first + min(a, count - 1)
            for k in range(n):
                value = rows[row, order[k]]
                hidden = math.isnan(value)
                open_[k, a] = 1.0 if hidden else 0.0
                known[k, a] = 0.0 if hidden else value - mean[k]
                is_new |= open_[k, a] != shared[k]
        if is_new:
            factorise(begins, columns, pairs, diagonal, entries, open_, pivot, ratio, inverse, sd, log_root, worst)
            for k in range(n):
                shared[k] = open_[k, 0]
                for a in range(1, LANES):
                    shared[k] = shared[k] if open_[k, a] == shared[k] else -1.0
        solve(begins, columns, heads, weights, cuts, parents, slopes, open_, known, pivot, ratio, side, total)
        for a in range(count):
            row = first + a
            for k in range(n):
                value = rows[row, order[k]]
                means[row, order[k]] = mean[k] + known[k, a] if math.isnan(value) else value
                sds[row, order[k]] = sd[k, a]
            log_density[row] = constant - log_root[a] - total[a]
            is_lost[row] = not worst[a] > LOST

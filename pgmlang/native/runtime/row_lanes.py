"""What rows say of their states, and the expected statistics, eight rows at a time: of rows that were laid out in tiles of 128, whatever their
order, without a remainder. The arrays are those of `row_sums`.

Log-values are logarithms to base two; `likelihoods [tiles * states, TILE]`."""

from __future__ import annotations

import math

from pgmlang.native.compiled import compiled_groups, inlined
from pgmlang.native.runtime.lane_mathematics import times_power_of_two, whole_near
from pgmlang.native.runtime.lanes import (
    choose_lanes,
    eight_lanes,
    lanes_from_first,
    larger_lanes,
    number_in,
    set_lanes,
)
from pgmlang.native.runtime.powers import LOG2_E, power_series

TILE, GROUPS = 128, 16
"""Rows of a tile, and groups of eight in it."""
LOWEST_POWER = -1000.0
"""Powers of two below are zero."""


@inlined
def fill_tile(statistics, tile, groups, columns, codes, seen, made):
    """`statistics [width, TILE]` of a tile's rows, in all so many `groups` of eight."""
    for w in range(made.shape[0]):
        kind, a, b, mask = made[w, 0], made[w, 1], made[w, 2], made[w, 3]
        for g in range(GROUPS):
            place = tile * GROUPS + g
            value = eight_lanes(1.0)
            if kind == 3:
                value = choose_lanes(lanes_from_first(codes, a * groups + place) == b, 1.0, 0.0)
            elif kind > 0:
                value = lanes_from_first(columns, a * groups + place)
                if kind == 2:
                    value = value * lanes_from_first(columns, b * groups + place)
            if mask >= 0:
                value = choose_lanes(lanes_from_first(seen, mask * groups + place) > 0.0, value, 0.0)
            set_lanes(statistics, w * GROUPS + g, value)


@compiled_groups
def lane_likelihoods(
    first,
    last,
    coefficients,
    columns,
    codes,
    seen,
    made,
    weights,
    impossible,
    dense,
    held,
    states_of,
    likelihoods,
    statistics,
):
    """Likelihoods of tiles `first` to `last` relative to the greatest of each row, by one start's `coefficients [state, width]`, and the sum of
    the logarithms of these times the rows' `weights`. `dense [state, rows]` and `held [name, rows]` say more of each row (`add_tables`); log-values below
    `impossible` are minus infinity. `statistics [width, TILE]` is room."""
    states, width = coefficients.shape
    groups = likelihoods.shape[0] // states * GROUPS
    height = eight_lanes(0.0)
    for tile in range(first, last):
        fill_tile(statistics, tile, groups, columns, codes, seen, made)
        for k in range(states):
            for g in range(GROUPS):
                value = eight_lanes(0.0)
                for w in range(width):
                    value = value + coefficients[k, w] * lanes_from_first(statistics, w * GROUPS + g)
                value = choose_lanes(value > impossible, value, -math.inf)
                if dense.shape[1]:
                    value = value + LOG2_E * lanes_from_first(dense, k * groups + tile * GROUPS + g)
                for name in range(held.shape[0]):
                    code = lanes_from_first(held, name * groups + tile * GROUPS + g)
                    value = value + choose_lanes((code >= 0.0) & (code != states_of[name, k]), -1e30, 0.0)
                set_lanes(likelihoods, (tile * states + k) * GROUPS + g, value)
        for g in range(GROUPS):
            top = eight_lanes(-math.inf)
            for k in range(states):
                top = larger_lanes(top, lanes_from_first(likelihoods, (tile * states + k) * GROUPS + g))
            top = choose_lanes(top > -math.inf, top, 0.0)
            height = height + top * lanes_from_first(weights, tile * GROUPS + g)
            for k in range(states):
                place = (tile * states + k) * GROUPS + g
                below = lanes_from_first(likelihoods, place) - top
                inside = larger_lanes(below, LOWEST_POWER)
                # as `powers.exp2`
                nearest = whole_near(inside)
                f = inside - nearest
                series = power_series(f)
                power = choose_lanes(below >= LOWEST_POWER, times_power_of_two(series, nearest), 0.0)
                set_lanes(likelihoods, place, power)
    total = 0.0
    for lane in range(8):
        total += number_in(height, lane)
    return total


@compiled_groups
def add_lane_moments(first, last, shares, columns, codes, seen, made, moments, statistics, sums):
    """Adds the statistics of tiles `first` to `last`, each state's times `shares [tiles * states, TILE]`, to `moments [state, width]`.
    `statistics [width, TILE]` and `sums [state * width, 8]` are room."""
    states, width = moments.shape
    groups = shares.shape[0] // states * GROUPS
    for i in range(states * width):
        set_lanes(sums, i, eight_lanes(0.0))
    for tile in range(first, last):
        fill_tile(statistics, tile, groups, columns, codes, seen, made)
        for k in range(states):
            for w in range(width):
                value = lanes_from_first(sums, k * width + w)
                for g in range(GROUPS):
                    share = lanes_from_first(shares, (tile * states + k) * GROUPS + g)
                    value = value + share * lanes_from_first(statistics, w * GROUPS + g)
                set_lanes(sums, k * width + w, value)
    for k in range(states):
        for w in range(width):
            for lane in range(8):
                moments[k, w] += sums[k * width + w, lane]

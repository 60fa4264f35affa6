"""Sums over the paths of chains, eight stretches of time side by side: a stretch's steps make a matrix, the matrices say in which states a
stretch begins and what follows it, and then every stretch is gone through forward and backward by itself (the products are associative:
Blelloch 1990; Särkkä and García-Fernández 2021).

Stretches follow each other in parts of whole tiles: row `16 * tile + g` of a part holds a step of each of its eight. `kind [rows, 8]`: which
of `pairs [kind, state before, state]` a step is of; `~kind` at a first step, of which `pairs[kind, 0]` holds whatever was before: so chains follow each
other without an end. `is_new [rows]`: whether any kind is not that of the row before.

Numbers are scaled by powers of two now and then. What falls below the smallest number is less than `1e-30` of all paths together, as long
as a sum never falls below `LEAST` between two scalings and no backward number rises above `MOST` of the sum of all: else the sum is lost."""

from __future__ import annotations

import math

from pgmlang.native.compiled import compiled_groups, inlined
from pgmlang.native.runtime.lane_mathematics import exponent_of, times_power_of_two
from pgmlang.native.runtime.lanes import eight_lanes, lanes_from_first, number_in, set_lanes

GROUPS = 16
"""Steps of a stretch in a tile."""
OFTEN = 4
"""Steps from one scaling to the next."""
LEAST, MOST = 1e-100, 1e170


@inlined
def fill_pairs(room, row, kind, pairs):
    """The pairs of the steps of a row, `[state before * state, 8]`, in the first places of `room`."""
    count = pairs.shape[1]
    for lane in range(kind.shape[1]):
        m = kind[row, lane]
        for i in range(count):
            for j in range(count):
                room[i * count + j, lane] = pairs[m, i, j] if m >= 0 else pairs[~m, 0, j]


@inlined
def add_pairs(pair_sums, row, kind, pairs, room):
    """Adds the counts `[state before * state, 8]` in the next places of `room` to the kinds of a row, times the pairs' probabilities, and forgets
    them."""
    count = pairs.shape[1]
    for lane in range(kind.shape[1]):
        m = kind[row, lane]
        for i in range(count):
            for j in range(count):
                place = (count + i) * count + j
                if m >= 0:
                    pair_sums[m, i, j] += pairs[m, i, j] * room[place, lane]
                else:
                    pair_sums[~m, 0, j] += pairs[~m, 0, j] * room[place, lane]
                room[place, lane] = 0.0


@compiled_groups
def chain_transfers(first, last, likelihoods, kind, is_new, pairs, transfer, exponent, room):
    """The matrices of the stretches of tiles `first` to `last`: `transfer [before * state, 8]`, each of its rows before times two to the
    `exponent [before, 8]`. `room [., 8]`: for what is needed on the way."""
    states = pairs.shape[1]
    fresh = states * states
    for i in range(states):
        set_lanes(exponent, i, eight_lanes(0.0))
        for j in range(states):
            set_lanes(transfer, i * states + j, eight_lanes(1.0 if i == j else 0.0))
    for tile in range(first, last):
        for g in range(GROUPS):
            row = tile * GROUPS + g
            if is_new[row] or row == first * GROUPS:
                fill_pairs(room, row, kind, pairs)
            for i in range(states):
                for j in range(states):
                    value = lanes_from_first(transfer, i * states) * lanes_from_first(room, j)
                    for k in range(1, states):
                        value = value + lanes_from_first(transfer, i * states + k) * lanes_from_first(
                            room, k * states + j
                        )
                    set_lanes(
                        room, fresh + j, value * lanes_from_first(likelihoods, (tile * states + j) * GROUPS + g)
                    )
                for j in range(states):
                    set_lanes(transfer, i * states + j, lanes_from_first(room, fresh + j))
            if g % OFTEN == OFTEN - 1:
                for i in range(states):
                    total = lanes_from_first(transfer, i * states)
                    for j in range(1, states):
                        total = total + lanes_from_first(transfer, i * states + j)
                    power = exponent_of(total)
                    set_lanes(exponent, i, lanes_from_first(exponent, i) + power)
                    for j in range(states):
                        set_lanes(
                            transfer,
                            i * states + j,
                            times_power_of_two(lanes_from_first(transfer, i * states + j), -power),
                        )


@compiled_groups
def chain_boundaries(transfer, exponent, begins, ends, value, fresh):
    """`begins [part, state, 8]`: the states' shares before each stretch; `ends [part, state, 8]`: what the stretches that follow say of
    the states after it, up to a factor; by `transfer [part, before * state, 8]` and its `exponent [part, before, 8]`. `value [state]` and `fresh [state]` are room."""
    parts, count = begins.shape[:2]
    for i in range(count):
        value[i] = 1.0 if i == 0 else 0.0
    for stretch in range(8 * parts):
        part, lane = stretch // 8, stretch % 8
        top, total = -math.inf, 0.0
        for i in range(count):
            begins[part, i, lane] = value[i]
            top = max(top, exponent[part, i, lane] if value[i] > 0.0 else -math.inf)
            fresh[i] = 0.0
        for i in range(count):
            if value[i] > 0.0:
                share = value[i] * 2.0 ** (exponent[part, i, lane] - top)
                for j in range(count):
                    fresh[j] += share * transfer[part, i * count + j, lane]
        for j in range(count):
            total += fresh[j]
        for j in range(count):
            value[j] = fresh[j] / total
    for i in range(count):
        value[i] = 1.0
    for stretch in range(8 * parts - 1, -1, -1):
        part, lane = stretch // 8, stretch % 8
        top, total = -math.inf, 0.0
        for i in range(count):
            ends[part, i, lane] = value[i]
            fresh[i] = 0.0
            for j in range(count):
                fresh[i] += transfer[part, i * count + j, lane] * value[j]
            top = max(top, exponent[part, i, lane] if fresh[i] > 0.0 else -math.inf)
        for i in range(count):
            fresh[i] = fresh[i] * 2.0 ** (exponent[part, i, lane] - top) if fresh[i] > 0.0 else 0.0
            total += fresh[i]
        for i in range(count):
            value[i] = fresh[i] / total


@compiled_groups
def chain_posteriors(first, last, likelihoods, kind, is_new, pairs, weights, begins, ends, alpha, pair_sums, room):
    """The log to base two of the sum over the paths of the stretches of tiles `first` to `last`, each chain's times its weight, from
    `begins [state, 8]`, up to what their likelihoods are relative to; NaN where it was lost. `likelihoods` become the states'
    probabilities times the row's weight, and expected counts are added to `pair_sums [kind, before, state]`. `alpha [(steps + 1) *
    state, 8]` and `room [., 8]` are room."""
    states = pairs.shape[1]
    begin, end = first * GROUPS, last * GROUPS
    counts, behind, shown = states * states, 2 * states * states, (2 * states + 1) * states
    height, is_kept, logs = eight_lanes(0.0), eight_lanes(1.0) > 0.0, 0.0
    for i in range(states * states):
        set_lanes(room, counts + i, eight_lanes(0.0))
    for i in range(states):
        set_lanes(alpha, i, lanes_from_first(begins, i))
        set_lanes(room, behind + i, lanes_from_first(ends, i))
    now = 0
    for tile in range(first, last):
        for g in range(GROUPS):
            row = tile * GROUPS + g
            if is_new[row] or row == begin:
                fill_pairs(room, row, kind, pairs)
                for lane in range(kind.shape[1]):
                    if kind[row, lane] < 0 and row > begin:
                        # a chain ends, and its weight with it
                        sum_of_chain = 0.0
                        for i in range(states):
                            sum_of_chain += alpha[now + i, lane]
                        logs += weights[row - 1, lane] * math.log2(sum_of_chain)
                        for i in range(states):
                            alpha[now + i, lane] /= sum_of_chain
            for j in range(states):
                value = lanes_from_first(alpha, now) * lanes_from_first(room, j)
                for i in range(1, states):
                    value = value + lanes_from_first(alpha, now + i) * lanes_from_first(room, i * states + j)
                set_lanes(
                    alpha,
                    now + states + j,
                    value * lanes_from_first(likelihoods, (tile * states + j) * GROUPS + g),
                )
            now += states
            if g % OFTEN == OFTEN - 1:
                total = lanes_from_first(alpha, now)
                for j in range(1, states):
                    total = total + lanes_from_first(alpha, now + j)
                is_kept = is_kept & (total >= LEAST)
                power = exponent_of(total)
                height = height + power * lanes_from_first(weights, row)
                for j in range(states):
                    set_lanes(alpha, now + j, times_power_of_two(lanes_from_first(alpha, now + j), -power))
    total, joint = eight_lanes(0.0), eight_lanes(0.0)
    for j in range(states):
        total = total + lanes_from_first(alpha, now + j)
        joint = joint + lanes_from_first(alpha, now + j) * lanes_from_first(room, behind + j)
    normal = 1.0 / joint
    for tile in range(last - 1, first - 1, -1):
        for g in range(GROUPS - 1, -1, -1):
            row = tile * GROUPS + g
            if row + 1 == end or is_new[row + 1]:
                fill_pairs(room, row, kind, pairs)
            weight = lanes_from_first(weights, row)
            for j in range(states):
                place, value = (tile * states + j) * GROUPS + g, lanes_from_first(room, behind + j)
                set_lanes(room, shown + j, lanes_from_first(likelihoods, place) * value)
                set_lanes(likelihoods, place, lanes_from_first(alpha, now + j) * value * normal * weight)
            now -= states
            joint, whole = eight_lanes(0.0), eight_lanes(0.0)
            for i in range(states):
                value = lanes_from_first(room, i * states) * lanes_from_first(room, shown)
                for j in range(1, states):
                    value = value + lanes_from_first(room, i * states + j) * lanes_from_first(room, shown + j)
                set_lanes(room, behind + i, value)
                whole = whole + value
                joint = joint + value * lanes_from_first(alpha, now + i)
            normal = 1.0 / joint
            is_kept = is_kept & (whole * normal <= MOST)
            for i in range(states):
                share = lanes_from_first(alpha, now + i) * (normal * weight)
                for j in range(states):
                    place = counts + i * states + j
                    set_lanes(
                        room, place, lanes_from_first(room, place) + share * lanes_from_first(room, shown + j)
                    )
            if row == begin or is_new[row]:
                add_pairs(pair_sums, row, kind, pairs, room)
            if g % OFTEN == 0:
                power = exponent_of(whole)
                normal = times_power_of_two(normal, power)
                for i in range(states):
                    set_lanes(room, behind + i, times_power_of_two(lanes_from_first(room, behind + i), -power))
    for lane in range(kind.shape[1]):
        logs += number_in(height, lane) + weights[end - 1, lane] * math.log2(number_in(total, lane))
        if not number_in(is_kept, lane):
            logs = math.nan
    return logs

"""Sums over the paths of hidden chains: the forward algorithm in linear time, and its adjoint (Rabiner 1989, section III A; its adjoint is the
backward algorithm: Eisner 2016).

Weights of states are numbers of which the largest is one, so that a step is products and sums; what would leave the range of numbers there is
worked out of logarithms, so that no state is lost to rounding.
"""

from __future__ import annotations

import math

import numpy as np

from pgmlang.native.compiled import compiled

LEAST_WEIGHT = 1e-100
"""A state whose weight is less beside the largest keeps the weight's logarithm."""
LEAST_SUM = 1e-150
"""A sum of weights times chances that is less has lost some of them."""


@compiled
def transition_chances(transition):
    """Of logarithms ``transition [R, M, K, K]`` the numbers beside the largest of each matrix, and the logarithms of those ``[R, M]``."""
    tops = np.empty(transition.shape[:2])
    chances = np.empty(transition.shape)
    for r in range(transition.shape[0]):
        for m in range(transition.shape[1]):
            top = transition[r, m].max()
            if not abs(top) < math.inf:
                top = 0.0
            tops[r, m] = top
            for y in range(transition.shape[2]):
                for z in range(transition.shape[3]):
                    chances[r, m, y, z] = math.exp(transition[r, m, y, z] - top)
    return chances, tops


@compiled
def log_weight_at(weight, log_weight, is_kept, z):
    """The logarithm of the weight of a state."""
    if is_kept:
        return log_weight[z]
    return math.log(weight[z]) if weight[z] > 0.0 else -math.inf


@compiled
def log_arrived(weight, log_weight, is_kept, matrix, z):
    """The logarithm of the sum of weights times chances into a state, by logarithms alone."""
    largest = -math.inf
    for y in range(matrix.shape[0]):
        largest = max(largest, log_weight_at(weight, log_weight, is_kept, y) + matrix[y, z])
    if largest == -math.inf:
        return largest
    rest = 0.0
    for y in range(matrix.shape[0]):
        rest += math.exp(log_weight_at(weight, log_weight, is_kept, y) + matrix[y, z] - largest)
    return largest + math.log(rest)


@compiled
def arrive(weight, chances, come):
    """Sums ``come [K]`` of weights times chances into every state, four states at a time."""
    states, z = come.shape[0], 0
    while z + 4 <= states:
        a, b, c, e = 0.0, 0.0, 0.0, 0.0
        for y in range(states):
            w = weight[y]
            a += w * chances[y, z]
            b += w * chances[y, z + 1]
            c += w * chances[y, z + 2]
            e += w * chances[y, z + 3]
        come[z], come[z + 1], come[z + 2], come[z + 3] = a, b, c, e
        z += 4
    while z < states:
        a = 0.0
        for y in range(states):
            a += weight[y] * chances[y, z]
        come[z] = a
        z += 1


@compiled
def forward_pass(
    order, position, which, emission, transition, chances, tops, log_total, weight, arrived, log_weight, is_kept
):
    """The log of the sum over the paths of every sequence, ``log_total [R, T]``: at its first row, others stay.

    ``order [T]``: rows, sequence after sequence, ``position [T]`` in them; ``emission [R, T, K]``: what a state is worth at a row, as a
    logarithm; ``transition [R or 1, M, K, K]``: what it is worth after each state before, M: all rows alike, ``which [T]`` says which, or one
    for each row. ``weight``, ``arrived`` and ``log_weight [R, T, K]``, ``is_kept [R, T]`` hold what `forward_pass_adjoint` reads."""
    states, count = emission.shape[2], transition.shape[1]
    for r in range(emission.shape[0]):
        of = r if transition.shape[0] > 1 else 0
        total, first, before, is_dead = 0.0, -1, -1, False
        for i in range(order.shape[0]):
            t = order[i]
            now, come = weight[r, t], arrived[r, t]
            if position[t] == 0:
                total, first, is_dead = 0.0, t, False
                for z in range(states):
                    come[z] = 1.0
            if not is_dead:
                m = 0
                if position[t] > 0:
                    if count > 1:
                        m = which[t] if which is not None else t
                    total += tops[of, m]
                    arrive(weight[r, before], chances[of, m], come)
                peak = -math.inf
                for z in range(states):
                    peak = max(peak, emission[r, t, z])
                largest, least = 0.0, math.inf
                for z in range(states):
                    now[z] = come[z] * math.exp(emission[r, t, z] - peak)
                    largest, least = max(largest, now[z]), min(least, min(now[z], come[z]))
                is_kept[r, t] = not least > LEAST_WEIGHT * largest or not largest > LEAST_WEIGHT
                if not is_kept[r, t]:
                    for z in range(states):
                        now[z] /= largest
                    total += peak + math.log(largest)
                else:
                    largest = -math.inf
                    for z in range(states):
                        if come[z] < LEAST_SUM:
                            come[z] = 0.0
                            log_come = log_arrived(
                                weight[r, before], log_weight[r, before], is_kept[r, before], transition[of, m], z
                            ) - tops[of, m]  # fmt: skip
                        else:
                            log_come = math.log(come[z])
                        log_weight[r, t, z] = log_come + emission[r, t, z]
                        largest = max(largest, log_weight[r, t, z])
                    is_dead = not largest > -math.inf
                    for z in range(states):
                        log_weight[r, t, z] -= largest
                        now[z] = math.exp(log_weight[r, t, z])
                    total += largest
            before = t
            if i + 1 == order.shape[0] or position[order[i + 1]] == 0:
                rest = 0.0
                for z in range(states):
                    rest += now[z]
                log_total[r, first] = -math.inf if is_dead else total + math.log(rest)


@compiled
def forward_pass_adjoint(
    order, position, which, emission, transition, chances, tops, log_total, weight, arrived, log_weight, is_kept,
    d_log_total, d_emission, d_transition,
):  # fmt: skip
    """Adds to ``d_emission`` and ``d_transition``, of the shapes of what they are of (None: not wanted), what ``d_log_total`` is worth to
    them."""
    states, count = emission.shape[2], transition.shape[1]
    worth, earlier, share = np.empty(states), np.empty(states), np.empty(states)
    for r in range(emission.shape[0]):
        of = r if transition.shape[0] > 1 else 0
        end = order.shape[0]
        while end > 0:
            start = end - 1
            while position[order[start]] > 0:
                start -= 1
            first, last = order[start], order[end - 1]
            d = d_log_total[r, first]
            if d != 0.0 and abs(log_total[r, first]) < math.inf:
                rest = 0.0
                for z in range(states):
                    rest += weight[r, last, z]
                for z in range(states):
                    worth[z] = d * weight[r, last, z] / rest
                for i in range(end - 1, start - 1, -1):
                    t = order[i]
                    if d_emission is not None:
                        for z in range(states):
                            d_emission[r, t, z] += worth[z]
                    if i > start:
                        before, come = order[i - 1], arrived[r, t]
                        m = 0
                        if count > 1:
                            m = which[t] if which is not None else t
                        has_lost = False
                        for z in range(states):
                            if come[z] > 0.0:
                                share[z] = worth[z] / come[z]
                            else:
                                share[z], has_lost = 0.0, has_lost or worth[z] != 0.0
                        for y in range(states):
                            given = 0.0
                            for z in range(states):
                                given += chances[of, m, y, z] * share[z]
                            earlier[y] = weight[r, before, y] * given
                        if d_transition is not None:
                            for y in range(states):
                                w = weight[r, before, y]
                                for z in range(states):
                                    d_transition[of, m, y, z] += w * chances[of, m, y, z] * share[z]
                        for z in range(states if has_lost else 0):
                            if come[z] == 0.0 and worth[z] != 0.0:
                                matrix, kept = transition[of, m], is_kept[r, before]
                                log_come = log_arrived(weight[r, before], log_weight[r, before], kept, matrix, z)
                                for y in range(states):
                                    log_w = log_weight_at(weight[r, before], log_weight[r, before], kept, y)
                                    one = worth[z] * math.exp(log_w + matrix[y, z] - log_come)
                                    earlier[y] += one
                                    if d_transition is not None:
                                        d_transition[of, m, y, z] += one
                        worth, earlier = earlier, worth
            end = start

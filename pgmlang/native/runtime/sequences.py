"""Sums over the paths of hidden chains: the forward algorithm in linear time, and its adjoint (Rabiner 1989, section III A; its adjoint is the
backward algorithm: Eisner 2016).

Weights of states are numbers near one, so that a step is products and sums; what would leave the range of numbers there is
worked out of logarithms, so that no state is lost to rounding. Arrays are read flat, by where a row or a matrix begins: views of parts of them
would be counted at every step.
"""

from __future__ import annotations

import math

from pgmlang.native.compiled import part
from pgmlang.native.runtime.arrays import empty, flat

LEAST_WEIGHT = 1e-100
"""A state whose weight is less beside the largest keeps the weight's logarithm."""
LEAST_LARGEST = 1e-20
"""Weights whose largest is less, or more than one over it, are taken beside that."""
LEAST_SUM = 1e-150
"""A sum of weights times chances that is less has lost some of them."""


@part
def transition_chances(transition):
    """Of logarithms ``transition [R, M, K, K]`` the numbers beside the largest of each matrix, and the logarithms of those ``[R, M]``."""
    tops = empty(transition.shape[:2])
    chances = empty(transition.shape)
    given, out, top_of = flat(transition), flat(chances), flat(tops)
    cells = transition.shape[2] * transition.shape[3]
    for m in range(top_of.shape[0]):
        top = -math.inf
        for i in range(m * cells, (m + 1) * cells):
            top = given[i] if given[i] > top else top
        if not abs(top) < math.inf:
            top = 0.0
        top_of[m] = top
        for i in range(m * cells, (m + 1) * cells):
            out[i] = math.exp(given[i] - top)
    return chances, tops


@part
def log_weight_at(weight, log_weight, is_kept, z):
    """The logarithm of the weight of a state, at its place."""
    if is_kept:
        return log_weight[z]
    return math.log(weight[z]) if weight[z] > 0.0 else -math.inf


@part
def log_arrived(weight, log_weight, is_kept, row, transition, into, states):
    """The logarithm of the sum of the weights of a row, which begin at ``row``, times chances into a state, whose column begins at ``into``, by
    logarithms alone."""
    largest = -math.inf
    for y in range(states):
        one = log_weight_at(weight, log_weight, is_kept, row + y) + transition[into + y * states]
        largest = one if one > largest else largest
    if largest == -math.inf:
        return largest
    rest = 0.0
    for y in range(states):
        one = log_weight_at(weight, log_weight, is_kept, row + y) + transition[into + y * states]
        rest += math.exp(one - largest)
    return largest + math.log(rest)


@part
def arrive(weight, row, chances, matrix, come, here, states):
    """Sums of the weights at ``row`` times chances into every state, into ``come`` from ``here``; four states at a time."""
    z = 0
    while z + 4 <= states:
        a, b, c, e = 0.0, 0.0, 0.0, 0.0
        for y in range(states):
            w, at = weight[row + y], matrix + y * states + z
            a += w * chances[at]
            b += w * chances[at + 1]
            c += w * chances[at + 2]
            e += w * chances[at + 3]
        at = here + z
        come[at], come[at + 1], come[at + 2], come[at + 3] = a, b, c, e
        z += 4
    while z < states:
        a = 0.0
        for y in range(states):
            a += weight[row + y] * chances[matrix + y * states + z]
        come[here + z] = a
        z += 1


@part
def forward_pass(
    order, position, which, emission, transition, chances, tops, log_total, weight, arrived, log_weight, is_kept
):
    """The log of the sum over the paths of every sequence, ``log_total [R, T]``: at its first row, others stay.

    ``order [T]``: rows, sequence after sequence, ``position [T]`` in them; ``emission [R, T, K]``: what a state is worth at a row, as a
    logarithm; ``transition [R or 1, M, K, K]``: what it is worth after each state before, M: all rows alike, ``which [T]`` says which, or one
    for each row. ``weight``, ``arrived`` and ``log_weight [R, T, K]``, ``is_kept [R, T]`` hold what `forward_pass_adjoint` reads."""
    rows, states, count = emission.shape[1], emission.shape[2], transition.shape[1]
    of_rest = count if transition.shape[0] > 1 else 0
    log_given, log_moved, moved, top_of = (
        flat(emission), flat(transition), flat(chances), flat(tops),
    )  # fmt: skip
    now, come, log_now = flat(weight), flat(arrived), flat(log_weight)
    for r in range(emission.shape[0]):
        total, first, before, is_dead, before_kept = 0.0, 0, 0, False, False
        for i in range(rows):
            t = order[i]
            here = (r * rows + t) * states
            if position[t] == 0:
                total, first, is_dead = 0.0, t, False
            if not is_dead:
                m = r * of_rest
                if position[t] == 0:
                    for z in range(here, here + states):
                        come[z] = 1.0
                else:
                    if count > 1:
                        m += which[t] if which is not None else t
                    total += top_of[m]
                    arrive(now, before, moved, m * states * states, come, here, states)
                peak, largest, least = -math.inf, 0.0, math.inf
                for z in range(here, here + states):
                    peak = log_given[z] if log_given[z] > peak else peak
                for z in range(here, here + states):
                    one = come[z] * math.exp(log_given[z] - peak)
                    now[z] = one
                    largest = one if one > largest else largest
                    least = one if one < least else least
                    least = come[z] if come[z] < least else least
                kept = not least > LEAST_WEIGHT * largest or not largest > LEAST_WEIGHT
                if not kept:
                    total += peak
                    if not LEAST_LARGEST < largest < 1.0 / LEAST_LARGEST:
                        for z in range(here, here + states):
                            now[z] /= largest
                        total += math.log(largest)
                else:
                    largest = -math.inf
                    for z in range(states):
                        if come[here + z] < LEAST_SUM:
                            come[here + z] = 0.0
                            into = m * states * states + z
                            log_come = log_arrived(now, log_now, before_kept, before, log_moved, into, states)
                            log_come -= top_of[m]
                        else:
                            log_come = math.log(come[here + z])
                        log_now[here + z] = log_come + log_given[here + z]
                        largest = log_now[here + z] if log_now[here + z] > largest else largest
                    is_dead = not largest > -math.inf
                    for z in range(here, here + states):
                        log_now[z] -= largest
                        now[z] = math.exp(log_now[z])
                    total += largest
                is_kept[r, t] = kept
                before_kept = kept
            before = here
            if i + 1 == rows or position[order[i + 1]] == 0:
                rest = 0.0
                for z in range(here, here + states):
                    rest += now[z]
                log_total[r, first] = -math.inf if is_dead else total + math.log(rest)


@part
def add_lost(weight, log_weight, is_kept, row, transition, matrix, come, here, worth, extra, d_transition):
    """What states whose sums were too small for numbers are ``worth [K]`` to those before, as ``extra [K]``, and to transitions."""
    states = worth.shape[0]
    for y in range(states):
        extra[y] = 0.0
    for z in range(states):
        if come[here + z] == 0.0 and worth[z] != 0.0:
            log_come = log_arrived(weight, log_weight, is_kept, row, transition, matrix + z, states)
            for y in range(states):
                at = matrix + y * states + z
                one = math.exp(log_weight_at(weight, log_weight, is_kept, row + y) + transition[at] - log_come)
                extra[y] += worth[z] * one
                if d_transition is not None:
                    d_transition[at] += worth[z] * one


@part
def forward_pass_adjoint(
    order, position, which, emission, transition, chances, tops, log_total, weight, arrived, log_weight, is_kept,
    d_log_total, d_emission, d_transition,
):  # fmt: skip
    """Adds to ``d_emission`` and ``d_transition``, of the shapes of what they are of (None: not wanted), what ``d_log_total`` is worth to
    them."""
    rows, states, count = emission.shape[1], emission.shape[2], transition.shape[1]
    of_rest = count if transition.shape[0] > 1 else 0
    log_moved, moved = flat(transition), flat(chances)
    then, come, log_then = flat(weight), flat(arrived), flat(log_weight)
    d_moved = None
    if d_transition is not None:
        d_moved = flat(d_transition)
    worth, share, extra = empty(states), empty(states), empty(states)
    for r in range(emission.shape[0]):
        end = rows
        while end > 0:
            start = end - 1
            while position[order[start]] > 0:
                start -= 1
            d, here = d_log_total[r, order[start]], (r * rows + order[end - 1]) * states
            if d != 0.0 and abs(log_total[r, order[start]]) < math.inf:
                rest = 0.0
                for z in range(states):
                    rest += then[here + z]
                for z in range(states):
                    worth[z] = d * then[here + z] / rest
                for i in range(end - 1, start - 1, -1):
                    t = order[i]
                    here = (r * rows + t) * states
                    if d_emission is not None:
                        d_given = flat(d_emission)
                        for z in range(states):
                            d_given[here + z] += worth[z]
                    if i > start:
                        before = (r * rows + order[i - 1]) * states
                        m = r * of_rest
                        if count > 1:
                            m += which[t] if which is not None else t
                        matrix = m * states * states
                        has_lost = False
                        for z in range(states):
                            if come[here + z] > 0.0:
                                share[z] = worth[z] / come[here + z]
                            else:
                                has_lost = True
                                share[z] = 0.0
                        if has_lost:
                            add_lost(
                                then, log_then, is_kept[r, order[i - 1]], before, log_moved, matrix, come, here, worth, extra,
                                d_moved,
                            )  # fmt: skip
                        for y in range(states):
                            w, given, at = then[before + y], 0.0, matrix + y * states
                            if d_transition is not None:
                                for z in range(states):
                                    one = w * moved[at + z] * share[z]
                                    given += one
                                    d_moved[at + z] += one
                            else:
                                for z in range(states):
                                    given += w * moved[at + z] * share[z]
                            worth[y] = given + extra[y] if has_lost else given
            end = start

"""Steps of Dormand and Prince (1980), of order 5(4), through systems of differential equations, and their adjoints: those of the steps that were taken,
as they were taken (discrete adjoints; Hairer, Norsett and Wanner 1993, II.4 and II.6; Sandu 2006).

The text of the functions from `stepped` on is copied into programs, with the program's own ``rates``, ``rates_adjoint``, ``begin``, ``put``, ``take`` and
``give``, and the arrays that each of these takes in the place of its last argument (``drivers``, ``starts``, ``forward``). A state is n numbers, and the time behind them; the stages of
a step lie one after the other in ``x [7 (n + 1)]``, their slopes in ``k [7 n]``. A solution that is lost, whose steps become too many or too
short, is no number from there on.
"""

# ruff: noqa: F821

from __future__ import annotations

import math

import numpy as np

from pgmlang.native.compiled import part
from pgmlang.native.runtime.arrays import empty, zeros

STEP_WEIGHTS = np.array([
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    1 / 5, 0.0, 0.0, 0.0, 0.0, 0.0,
    3 / 40, 9 / 40, 0.0, 0.0, 0.0, 0.0,
    44 / 45, -56 / 15, 32 / 9, 0.0, 0.0, 0.0,
    19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0.0, 0.0,
    9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0.0,
    35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84,
])  # fmt: skip
"""Of the slopes before in each stage, six a row; the last stage is the end of the step."""
STEP_TIMES = np.array([0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0])
STEP_ERRORS = np.array([71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])
"""Of the slopes in the difference between the solutions of order 5 and 4."""


@part
def comes_before(a, b, times, start_time, system):
    """Whether row a is reached before row b, or as soon."""
    if system[a] != system[b]:
        return system[a] < system[b]
    since_a, since_b = times[a] - start_time[int(system[a])], times[b] - start_time[int(system[b])]
    if (since_a < 0.0) != (since_b < 0.0):
        return since_a >= 0.0
    return abs(since_a) <= abs(since_b)


@part
def rows_in_order(order, times, start_time, system):
    """Numbers of rows in the order in which they are reached (a merge sort: the order of equals stays)."""
    rows = order.shape[0]
    other = empty(rows)
    for place in range(rows):
        order[place] = place
    width = 1
    while width < rows:
        for low in range(0, rows, 2 * width):
            middle, high = min(low + width, rows), min(low + 2 * width, rows)
            left, right = low, middle
            for place in range(low, high):
                if left < middle and (
                    right >= high or comes_before(int(order[left]), int(order[right]), times, start_time, system)
                ):
                    other[place] = order[left]
                    left += 1
                else:
                    other[place] = order[right]
                    right += 1
        for place in range(rows):
            order[place] = other[place]
        width *= 2


@part
def size_of_error(h, n, y, x, k, rtol, atol):
    """How many times the error of a step from y is the tolerated one, in the root mean square of all numbers."""
    total = 0.0
    for j in range(n):
        error = 0.0
        for i in range(7):
            error += STEP_ERRORS[i] * k[i * n + j]
        error *= h / (atol + rtol * max(abs(y[j]), abs(x[6 * (n + 1) + j])))
        total += error * error
    return math.sqrt(total / n)


@part
def next_step(h, error, is_taken):
    """The length of the next step after one of length h, by its error."""
    if not error < math.inf:
        return 0.1 * h
    wanted = 5.0 if error == 0.0 else 0.9 * error**-0.2
    return h * max(min(wanted, 5.0 if is_taken else 1.0), 0.2)


@part
def longer(record):
    """A record with twice the room."""
    out = empty(2 * record.shape[0])
    for place in range(record.shape[0]):
        out[place] = record[place]
    return out


def stepped(t, h, n, y, x, k, rtol, atol, system, drivers):
    """The stages of a step of length h from y at t, and their slopes, of which the first is there; gives the size of its error."""
    for j in range(n):
        x[j] = y[j]
    x[n] = t
    for i in range(1, 7):
        for j in range(n):
            total = 0.0
            for m in range(i):
                total += STEP_WEIGHTS[6 * i + m] * k[m * n + j]
            x[i * (n + 1) + j] = y[j] + h * total
        x[i * (n + 1) + n] = t + STEP_TIMES[i] * h
        rates(x, i * (n + 1), k, i * n, system, *drivers)
    return size_of_error(h, n, y, x, k, rtol, atol)


def first_step(t, way, n, y, x, k, rtol, atol, system, drivers):
    """A length for the first step, by the slopes at the start and a little further on (Hairer, Norsett and Wanner, II.4)."""
    value, slope, change = 0.0, 0.0, 0.0
    for j in range(n):
        scale = atol + rtol * abs(y[j])
        value += (y[j] / scale) ** 2
        slope += (k[j] / scale) ** 2
    value, slope = math.sqrt(value / n), math.sqrt(slope / n)
    h = 1e-6 if value < 1e-5 or slope < 1e-5 else 0.01 * value / slope
    for j in range(n):
        x[n + 1 + j] = y[j] + way * h * k[j]
    x[n + 1 + n] = t + way * h
    rates(x, n + 1, k, n, system, *drivers)
    for j in range(n):
        change += ((k[n + j] - k[j]) / (atol + rtol * abs(y[j]))) ** 2
    largest = max(slope, math.sqrt(change / n) / h)
    return min(100.0 * h, max(1e-6, 1e-3 * h) if largest <= 1e-15 else (0.01 / largest) ** 0.2)


def solved(is_recorded, n, order, times, start_time, system_of_row, steps, rtol, atol, max_steps, forward):
    """Puts the states at all rows where they belong; gives a record of the steps, a step's time, length and state, of which ``steps`` are
    those to each row in ``order``."""
    y, x, k = zeros(n), zeros(7 * (n + 1)), zeros(7 * n)
    record, used = empty(64 * (n + 2)), 0
    t, h, way, last, is_lost = 0.0, -1.0, 1.0, -1, False
    for place in range(order.shape[0]):
        row = int(order[place])
        system = int(system_of_row[row])
        side = 1.0 if times[row] >= start_time[system] else -1.0
        if system != last or side != way:
            begin(y, system, *starts)
            t, h, way, last, is_lost = start_time[system], -1.0, side, system, False
        tried, taken = 0, 0
        while not is_lost and (times[row] - t) * way > 0.0:
            if h < 0.0:
                for j in range(n):
                    x[j] = y[j]
                x[n] = t
                rates(x, 0, k, 0, system, *drivers)
                h = first_step(t, way, n, y, x, k, rtol, atol, system, *drivers)
            left = (times[row] - t) * way
            # a last step that would be short is shared with the one before
            length = left if h >= left else min(h, 0.5 * left)
            error = stepped(t, way * length, n, y, x, k, rtol, atol, system, *drivers)
            tried += 1
            is_taken = error <= 1.0
            after = next_step(length, error, is_taken)
            if is_taken:
                if is_recorded:
                    if (used + 1) * (n + 2) > record.shape[0]:
                        record = longer(record)
                    record[used * (n + 2)], record[used * (n + 2) + 1] = t, way * length
                    for j in range(n):
                        record[used * (n + 2) + 2 + j] = y[j]
                    used += 1
                    taken += 1
                for j in range(n):
                    y[j], k[j] = x[6 * (n + 1) + j], k[6 * n + j]
                t = times[row] if length == left else t + way * length
                h = after if length == h else max(h, after)
            else:
                h = after
            is_lost = (times[row] - t) * way > 0.0 and (tried >= max_steps or t + way * h == t or not h > 0.0)
        if is_lost:
            for j in range(n):
                y[j] = math.nan
        steps[place] = taken
        put(y, row, *states)
    return record


def step_adjoint(t, h, n, y, x, k, worth, each, slope, rtol, atol, system, d_drivers):
    """What a change of the state at the end of a step is ``worth`` handed on to its start, and to what rates take in. ``each``: of a stage's
    slope, ``slope [7 (n + 1)]``: of its state."""
    for j in range(n):
        x[j] = y[j]
    x[n] = t
    rates(x, 0, k, 0, system, *drivers)
    stepped(t, h, n, y, x, k, rtol, atol, system, *drivers)
    for place in range(7 * (n + 1)):
        slope[place] = 0.0
    for i in range(5, -1, -1):
        for j in range(n):
            total = STEP_WEIGHTS[36 + i] * worth[j]
            for m in range(i + 1, 6):
                total += STEP_WEIGHTS[6 * m + i] * slope[m * (n + 1) + j]
            each[j] = h * total
        rates_adjoint(x, slope, i * (n + 1), each, system, *d_drivers)
    for i in range(6):
        for j in range(n):
            worth[j] += slope[i * (n + 1) + j]


def solved_adjoint(n, order, times, start_time, system_of_row, steps, record, rtol, atol, backward):
    """Hands on what changes of the states at all rows are worth, from the last step to the first."""
    y, x, k = zeros(n), zeros(7 * (n + 1)), zeros(7 * n)
    worth, each, slope = zeros(n), zeros(n), zeros(7 * (n + 1))
    used = 0
    for place in range(order.shape[0]):
        used += int(steps[place])
    for place in range(order.shape[0] - 1, -1, -1):
        row = int(order[place])
        system = int(system_of_row[row])
        take(worth, row, *d_states)
        for _ in range(int(steps[place])):
            used -= 1
            for j in range(n):
                y[j] = record[used * (n + 2) + 2 + j]
            t, h = record[used * (n + 2)], record[used * (n + 2) + 1]
            step_adjoint(t, h, n, y, x, k, worth, each, slope, rtol, atol, system, *d_drivers)
        is_first = place == 0
        if not is_first:
            before = int(order[place - 1])
            is_ahead, was_ahead = times[row] >= start_time[system], times[before] >= start_time[system]
            is_first = int(system_of_row[before]) != system or is_ahead != was_ahead
        if is_first:
            give(worth, system, *d_starts)
            for j in range(n):
                worth[j] = 0.0


STEP = (stepped,)
STEP_ADJOINT = (step_adjoint,)
SOLVER = (first_step, solved)
SOLVER_ADJOINT = (solved_adjoint,)

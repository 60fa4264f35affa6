"""Sweeps over labels whose factors are tables: each node drawn in turn given those that it meets.

States are ``[chain, node + 1]`` of 8 bits, the last of which stays 0: what nodes with few neighbours meet beside them. Every chain is drawn by
itself from its own seed, so that results are the same for any number of threads.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from pgmlang.native.compiled import compiled
from pgmlang.native.runtime.streams import STEP, bits_31, uniform


@cache
def sweep_of_width(width: int) -> Callable[..., Any]:
    """The sweep over nodes of one number of states that meet at most ``width`` others."""

    def sweep(states, order, near, first, thresholds, num_states, seeds):
        """Draws the nodes `order [n]` of every chain: the states of `near [n, width]` are the digits of the cell, from `first [n]` on, whose
        `num_states - 1` thresholds say at which 31 bits the next state begins."""
        for chain in range(states.shape[0]):
            state, stream = states[chain], seeds[chain]
            for place in range(order.shape[0]):
                cell = np.uint32(0)
                for entry in range(width):
                    cell = np.uint32(cell * num_states + state[near[place, entry]])
                stream += STEP
                bits = bits_31(stream)
                if num_states == 2:
                    state[order[place]] = bits >= thresholds[first[place] + cell]
                else:
                    cell = first[place] + cell * (num_states - 1)
                    drawn = 0
                    for k in range(num_states - 1):
                        drawn += bits >= thresholds[cell + k]
                    state[order[place]] = drawn

    # code is kept by the name
    sweep.__name__ = sweep.__qualname__ = f"sweep_of_{width}"
    return compiled(sweep)


@compiled
def sweep_by_strides(states, order, near_starts, near, strides, first, thresholds, num_states, seeds):
    """As `sweep_of_width`, of nodes of any numbers of states `num_states [n]`: the states of `near`, from `near_starts [n + 1]` on, times
    their `strides` are the place of the thresholds."""
    for chain in range(states.shape[0]):
        state, stream = states[chain], seeds[chain]
        for place in range(order.shape[0]):
            cell = first[place]
            for entry in range(near_starts[place], near_starts[place + 1]):
                cell += state[near[entry]] * strides[entry]
            stream += STEP
            bits = bits_31(stream)
            drawn = 0
            for k in range(num_states[place] - 1):
                drawn += bits >= thresholds[cell + k]
            state[order[place]] = drawn


@cache
def many_of(sweep: Callable[..., Any]) -> Callable[..., Any]:
    """Many sweeps by one of these functions."""

    def sweeps(seeds, passed, states, *arguments):
        """As many as there are `seeds [sweep, chain]`; the states after each, `passed [sweep, chain, node + 1]`."""
        for turn in range(seeds.shape[0]):
            sweep(states, *arguments, seeds[turn])
            # numba's assignment of whole arrays takes a second and a half to compile, for its message of shapes that differ
            for chain in range(states.shape[0]):
                for node in range(states.shape[1]):
                    passed[turn, chain, node] = states[chain, node]

    # code is kept by the name
    sweeps.__name__ = sweeps.__qualname__ = f"many_of_{sweep.__name__}"
    return compiled(sweeps)


@compiled
def drawn_state(weights, number, chance):
    """The state at which the shares of exponentials of the first `number` log-weights pass a chance; those of no weight never."""
    largest = -math.inf
    for k in range(number):
        largest = max(largest, weights[k])
    total = 0.0
    for k in range(number):
        weights[k] = math.exp(weights[k] - largest) if weights[k] > -math.inf else 0.0
        total += weights[k]
    left, drawn = chance * total, 0
    for k in range(number):
        if weights[k] > 0.0:
            drawn = k
            if left < weights[k]:
                break
            left -= weights[k]
    return drawn


@compiled
def weights_by_factors(
    state, node, weights, number, factor_starts, base, step, other_starts, other, stride, cells
):
    """Log-weights of a node's states given all else: of each factor that holds it, from `factor_starts` on, the row of cells that its others
    pick."""
    for k in range(number):
        weights[k] = 0.0
    for factor in range(factor_starts[node], factor_starts[node + 1]):
        cell, along = base[factor], step[factor]
        for entry in range(other_starts[factor], other_starts[factor + 1]):
            cell += state[other[entry]] * stride[entry]
        for k in range(number):
            weights[k] += cells[cell + k * along]


@compiled
def sweep_by_factors(
    states,
    order,
    num_states,
    beta,
    base_weights,
    factor_starts,
    base,
    step,
    other_starts,
    other,
    stride,
    cells,
    seeds,
):
    """Draws the nodes `order` of every chain by their factors. The density is to the power of `beta`, times that of `base_weights [V, K]` to
    the power of `1 - beta`."""
    weights = np.empty(base_weights.shape[1])
    for chain in range(states.shape[0]):
        state, stream = states[chain], seeds[chain]
        for place in range(order.shape[0]):
            node = order[place]
            number = num_states[node]
            weights_by_factors(
                state, node, weights, number, factor_starts, base, step, other_starts, other, stride, cells
            )
            if beta < 1.0:
                for k in range(number):
                    here = beta * weights[k] if beta > 0.0 else 0.0
                    weights[k] = here + (1.0 - beta) * base_weights[node, k]
            stream += STEP
            state[node] = drawn_state(weights, number, uniform(stream))


@compiled
def fill_cells(
    nodes,
    starts,
    near_starts,
    near,
    num_states,
    factor_starts,
    base,
    step,
    other_starts,
    other,
    stride,
    cells,
    out,
):
    """Log-weights of `nodes` for all states of those that they meet: of the i-th from `starts [i]` on, the states of the last neighbour, then
    its own, fastest."""
    state = np.zeros(num_states.shape[0] + 1, dtype=np.uint8)
    for i in range(nodes.shape[0]):
        node = nodes[i]
        number = num_states[node]
        begin, end = near_starts[node], near_starts[node + 1]
        cell = starts[i]
        while True:
            weights_by_factors(
                state,
                node,
                out[cell : cell + number],
                number,
                factor_starts,
                base,
                step,
                other_starts,
                other,
                stride,
                cells,
            )
            cell += number
            entry = end - 1
            while entry >= begin:
                if state[near[entry]] + 1 < num_states[near[entry]]:
                    state[near[entry]] += 1
                    break
                state[near[entry]] = 0
                entry -= 1
            if entry < begin:
                break


@compiled
def fill_thresholds(starts, number, weights, beta, base_weights, out):
    """Where the states of each configuration begin among 31 bits: of the i-th class from `starts [i]` on, with `number [i]` states; `weights`
    to the power of `beta`, times `base_weights [class, K]` to the power of `1 - beta`."""
    chances = np.empty(base_weights.shape[1])
    place = 0
    for i in range(number.shape[0]):
        for cell in range(starts[i], starts[i + 1], number[i]):
            largest = -math.inf
            for k in range(number[i]):
                here = weights[cell + k]
                if beta < 1.0:
                    here = (beta * here if beta > 0.0 else 0.0) + (1.0 - beta) * base_weights[i, k]
                chances[k] = here
                largest = max(largest, here)
            total = 0.0
            for k in range(number[i]):
                chances[k] = math.exp(chances[k] - largest) if chances[k] > -math.inf else 0.0
                total += chances[k]
            below = 0.0
            for k in range(number[i] - 1):
                below += chances[k]
                out[place] = round(below / total * 2147483648.0) if total > 0.0 else 0
                place += 1


@compiled
def add_energies(states, nodes, base, strides, cells, out):
    """Adds to each chain's log-density that of factors' elements, which hold `nodes [element, m]`."""
    for chain in range(states.shape[0]):
        state, total = states[chain], 0.0
        for element in range(nodes.shape[0]):
            cell = base[element]
            for slot in range(nodes.shape[1]):
                cell += state[nodes[element, slot]] * strides[element, slot]
            total += cells[cell]
        out[chain] += total


@compiled
def fill_colours(near_starts, near, out):
    """The first colour of none of the neighbours before, for each node in turn."""
    taken = np.full(out.shape[0] + 1, -1)
    for node in range(out.shape[0]):
        for entry in range(near_starts[node], near_starts[node + 1]):
            if near[entry] < node:
                taken[out[near[entry]]] = node
        colour = 0
        while taken[colour] == node:
            colour += 1
        out[node] = colour

"""Sums over the paths of chains, forward and backward, in a time linear in their length: scaled at each step (Rabiner 1989, section V), or
in logarithms where a scaled number would be lost.

A chain's steps are `rows[begins[i]:begins[i + 1]]`. `likelihoods [row, state]`: of what a row shows; `pairs [kind,
state before, state]`: of a step whose row is of `kind[row]`. At a first step nothing depends on the state before, and the first one
stands for it."""

from __future__ import annotations

import math

from pgmlang.native.compiled import compiled_sums, inlined
from pgmlang.native.runtime.powers import LN_2, exp2

LEAST = 1e-280
"""Shares below are looked at: a number that is not zero may be lost."""
LEAST_PRODUCT = 1e-200
"""Products of scales below are taken the logarithm of."""


@inlined
def log2_of_sum(values, count):
    """The logarithm of the sum of powers of two."""
    top, total = -math.inf, 0.0
    for i in range(count):
        top = max(top, values[i])
    if top == -math.inf:
        return top
    for i in range(count):
        total += exp2(values[i] - top)
    return top + math.log2(total)


@compiled_sums
def chain_paths(
    first, last, begins, rows, likelihoods, tops, kind, pairs, weights, alpha, scales, beta, pair_sums, with_moments
):  # fmt: skip
    """The log of the sum over all paths of chains `first` to `last`, each times its weight; NaN where a number was lost. With moments
    `likelihoods` become the states' probabilities, times the chain's weight, and expected counts are added to `pair_sums [kind, state
    before, state]`. `alpha [steps, state]`, `scales [steps]` and `beta [3, state]` are room. A step is scaled by the sum of the one
    before, which is known when it begins."""
    states = pairs.shape[1]
    height = 0.0
    for chain in range(first, last):
        begin, steps = begins[chain], begins[chain + 1] - begins[chain]
        product, mine, total = 1.0, 0.0, 1.0
        for t in range(steps):
            row = rows[begin + t]
            m = kind[row]
            scale = 1.0 / total
            scales[t] = scale
            if t == 0:
                for j in range(states):
                    alpha[t, j] = pairs[m, 0, j] * likelihoods[row, j]
            else:
                for j in range(states):
                    value = 0.0
                    for i in range(states):
                        value += alpha[t - 1, i] * pairs[m, i, j]
                    alpha[t, j] = value * (likelihoods[row, j] * scale)
            total, least = 0.0, math.inf
            for j in range(states):
                total += alpha[t, j]
                least = min(least, alpha[t, j])
            if least < LEAST:
                for j in range(states):
                    if alpha[t, j] < LEAST and likelihoods[row, j] > 0.0:
                        for i in range(states if t > 0 else 1):
                            if pairs[m, i, j] > 0.0 and (t == 0 or alpha[t - 1, i] > 0.0):
                                return math.nan
            product *= total
            mine += tops[row]
            if product < LEAST_PRODUCT:
                height += weights[chain] * math.log(product)
                product = 1.0
        height += weights[chain] * (math.log(product) + LN_2 * mine)
        if with_moments:
            for j in range(states):
                beta[0, j] = weights[chain] / total
            for t in range(steps - 1, -1, -1):
                row = rows[begin + t]
                m = kind[row]
                for j in range(states):
                    beta[1, j] = (likelihoods[row, j] * scales[t]) * beta[0, j]
                    likelihoods[row, j] = alpha[t, j] * beta[0, j]
                if t == 0:
                    for j in range(states):
                        pair_sums[m, 0, j] += pairs[m, 0, j] * beta[1, j]
                    continue
                for i in range(states):
                    behind, share = 0.0, alpha[t - 1, i]
                    for j in range(states):
                        term = pairs[m, i, j] * beta[1, j]
                        pair_sums[m, i, j] += share * term
                        behind += term
                    beta[0, i] = behind
    return height


@compiled_sums
def chain_paths_by_logs(
    first, last, begins, rows, log_values, kind, log_pairs, weights, alpha, scales, beta, pair_sums, with_moments
):  # fmt: skip
    """As `chain_paths`, from logarithms to base two."""
    states = log_pairs.shape[1]
    height = 0.0
    for chain in range(first, last):
        begin, steps = begins[chain], begins[chain + 1] - begins[chain]
        whole = 0.0
        for t in range(steps):
            row = rows[begin + t]
            m = kind[row]
            before = states if t > 0 else 1
            for j in range(states):
                for i in range(before):
                    beta[1, i] = log_pairs[m, i, j] + (alpha[t - 1, i] if t > 0 else 0.0)
                alpha[t, j] = log_values[row, j] + log2_of_sum(beta[1], before)
            scales[t] = log2_of_sum(alpha[t], states)
            whole += scales[t]
            for j in range(states):
                alpha[t, j] -= scales[t]
        height += weights[chain] * LN_2 * whole
        if not with_moments:
            continue
        for j in range(states):
            beta[0, j] = 0.0
        for t in range(steps - 1, -1, -1):
            row = rows[begin + t]
            m = kind[row]
            for j in range(states):
                beta[1, j] = log_values[row, j] + beta[0, j] - scales[t]
                log_values[row, j] = weights[chain] * exp2(min(alpha[t, j] + beta[0, j], 0.0))
            for i in range(states if t > 0 else 1):
                before = alpha[t - 1, i] if t > 0 else 0.0
                for j in range(states):
                    beta[2, j] = log_pairs[m, i, j] + beta[1, j]
                    pair_sums[m, i, j] += weights[chain] * exp2(min(before + beta[2, j], 0.0))
                beta[0, i] = log2_of_sum(beta[2], states)
    return height

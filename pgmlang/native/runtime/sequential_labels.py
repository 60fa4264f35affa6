"""Likelihoods of labels' draws, label after label, with the shares of their owners integrated out (left to right: Wallach, Murray, Salakhutdinov and
Mimno 2009, section 3; Buntine 2009, section 4). The text is loaded as a native program."""

from __future__ import annotations

import math

import numpy as np

from pgmlang.native.compiled import compiled
from pgmlang.native.runtime.streams import STEP, uniform


@compiled
def left_to_right(chances, codes, listed, starts, prior, prior_total, moves, streams, out):
    """Adds to ``out [units]`` the logarithm of one unbiased estimate of each unit's likelihood.

    ``listed`` from ``starts [units + 1]`` on: the labels of a unit; ``chances [n, values]``: what a label's value gives its draws, up to a
    factor; ``codes [n]``: labels that are known, else -1; ``prior [units, values]``: concentrations of a unit's shares, and their
    ``prior_total``. Before a label comes in, up to ``moves`` of those before it are drawn anew, in turn, which leaves their
    distribution given their draws as it is."""
    size = chances.shape[1]
    weights = np.empty(size)
    counts = np.empty(size)
    for unit in range(out.shape[0]):
        own = listed[starts[unit] : starts[unit + 1]]
        label = np.empty(len(own), np.int64)
        count = streams[unit]
        for k in range(size):
            counts[k] = prior[unit, k]
        log, product, turn = 0.0, 1.0, 0
        for i in range(len(own)):
            for move in range(min(i, moves) + 1):
                # the last one is the label that comes in
                is_new = move == min(i, moves)
                if is_new:
                    j = i
                else:
                    turn = turn + 1 if turn + 1 < i else 0
                    j = turn
                code = codes[own[j]]
                if code >= 0 and not is_new:
                    continue
                if not is_new:
                    counts[label[j]] -= 1.0
                total = 0.0
                for k in range(size):
                    weights[k] = counts[k] * chances[own[j], k]
                    total += weights[k]
                if is_new:
                    share = total if code < 0 else weights[code]
                    product *= share / (prior_total[unit] + i)
                    if not 1e-200 < product < 1e200:
                        log += math.log(product) if product > 0.0 else -math.inf
                        product = 1.0
                new = 0
                if code >= 0:
                    new = code
                else:
                    count += STEP
                    left = uniform(count) * total
                    while new < size - 1 and left >= weights[new]:
                        left -= weights[new]
                        new += 1
                label[j] = new
                counts[new] += 1.0
        out[unit] += log + math.log(product)
        streams[unit] = count

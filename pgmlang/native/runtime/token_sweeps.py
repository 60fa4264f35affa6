"""Sweeps of collapsed Gibbs sampling over labels that are drawn among the counts of one row and give one draw of another: the topics of
words (Griffiths and Steyvers 2004, equation 5). The text is loaded as a native program.

A draw waits for the one before it, whose label moves the counts. Between neighbours that share a row hardly anything changes, though: the
weights of a draw are worked out while the label before it is still being drawn, as if that had none, and what it adds to its own weight,
the ``excess``, is put beside them. The law is that of one draw after the other.
"""

from __future__ import annotations

import numpy as np

from pgmlang.native.compiled import compiled_groups, inlined
from pgmlang.native.runtime.lane_blocks import (
    block_of_counts,
    block_of_reals,
    count_at,
    count_in_block,
    real_at,
    replace_in_block,
    set_block,
    set_real,
)
from pgmlang.native.runtime.lanes import eight_lanes, number_in
from pgmlang.native.runtime.streams import STEP, uniform

BELOW_ONE = 1.0 - 2.0**-53


@inlined
def take_out(counts, work, own, other, shares, width, rest):
    """A label of a draw is forgotten: one less of its cells ``own`` and ``other``, whose label's numbers are at ``shares``; ``rest``: what its
    total begins with."""
    count_in_block(counts, own, -1)
    count_in_block(counts, other, -1)
    total = real_at(work, shares + 2 * width) - 1.0
    share = real_at(work, shares)
    set_real(work, shares + 2 * width, total)
    set_real(work, shares + width, share)
    replace_in_block(work, shares, share, 1.0 / (total + rest))


@inlined
def put_in(counts, work, own, other, shares, width, rest):
    """A label of a draw is remembered."""
    count_in_block(counts, own, 1)
    count_in_block(counts, other, 1)
    total = real_at(work, shares + 2 * width) + 1.0
    replace_in_block(work, shares, real_at(work, shares), real_at(work, shares + width))
    set_real(work, shares + 2 * width, total)
    set_real(work, shares + width, 1.0 / (total + 1.0 + rest))


@compiled_groups
def sweep_tokens(
    labels, counts, totals, streams, work, first, last, start, size, owner, owner_row, value, group, first_row, groups, owner_prior,
    value_prior, row_prior,
):  # fmt: skip
    """Draws the labels ``first`` to ``last`` of a variable of ``size`` values, whose elements begin at ``start``: each is drawn among the
    counts from the cell ``owner [n]`` on (prior ``owner_prior``, their total that of ``owner_row [n]``) and gives one draw, counted from the
    cell ``value [n]`` on (prior ``value_prior [n]``, the same for each label), whose totals are those from row ``first_row + size * group [n]``
    on. A label's counts fill whole blocks, those of its prior too.

    ``work``: for each of the ``groups`` of rows one over the totals, one over the totals with a draw more, and the totals; behind these the
    prior, sums of weights by lanes, and those of whole lanes."""
    width = len(owner_prior)
    prior = 3 * width * groups
    running = prior + width
    lasts, before = running + width - 8, running + width
    for k in range(width):
        work[prior + k] = owner_prior[k]
    work[before] = 0.0
    for chain in range(labels.shape[0]):
        n, t, state = counts[chain], totals[chain], streams[chain]
        label = labels[chain, start:]
        for g in range(groups):
            for k in range(width):
                total = float(t[first_row + size * g + k]) if k < size else 0.0
                rest = row_prior[first_row + size * g + k] if k < size else 1.0
                work[3 * width * g + k] = 1.0 / (total + rest)
                work[3 * width * g + width + k] = 1.0 / (total + 1.0 + rest)
                work[3 * width * g + 2 * width + k] = total
        # the label that is not remembered yet, and the places of its draw
        waiting, mine, theirs, shares, rest = -1, 0, 0, 0, 1.0
        for i in range(first, last):
            own, other, old = np.int64(owner[i]), np.int64(value[i]), np.int64(label[i])
            its_group = np.int64(group[i])
            at, its_rest = 3 * width * its_group, row_prior[first_row + size * its_group]
            if old >= 0:
                take_out(n, work, own + old, other + old, at + old, width, its_rest)
            else:
                t[owner_row[i]] += 1
            is_near = waiting >= 0 and at == shares and (own == mine or other == theirs)
            if waiting >= 0 and not is_near:
                put_in(n, work, mine + waiting, theirs + waiting, shares + waiting, width, rest)
            b = value_prior[i]
            while True:
                total = eight_lanes(0.0)
                for j in range(0, width, 8):
                    a = block_of_counts(n, own + j) + block_of_reals(work, prior + j)
                    c = block_of_counts(n, other + j) + b
                    total = total + a * c * block_of_reals(work, at + j)
                    set_block(work, running + j, total)
                c1 = number_in(total, 0)
                c2 = c1 + number_in(total, 1)
                c3 = c2 + number_in(total, 2)
                c4 = c3 + number_in(total, 3)
                c5 = c4 + number_in(total, 4)
                c6 = c5 + number_in(total, 5)
                c7 = c6 + number_in(total, 6)
                whole = c7 + number_in(total, 7)
                if not is_near:
                    excess = 0.0
                    break
                of_own = count_at(n, own + waiting) + real_at(work, prior + waiting)
                of_other = count_at(n, other + waiting) + b
                more = (of_own + (1.0 if own == mine else 0.0)) * (of_other + (1.0 if other == theirs else 0.0))
                excess = more * real_at(work, at + width + waiting) - of_own * of_other * real_at(
                    work, at + waiting
                )
                if excess >= 0.0:
                    break
                # it has less by the label before: that comes first
                put_in(n, work, mine + waiting, theirs + waiting, shares + waiting, width, rest)
                is_near = False
            set_real(work, before + 1, c1)
            set_real(work, before + 2, c2)
            set_real(work, before + 3, c3)
            set_real(work, before + 4, c4)
            set_real(work, before + 5, c5)
            set_real(work, before + 6, c6)
            set_real(work, before + 7, c7)
            state += STEP
            x = uniform(state) * (whole + excess)
            # which lane, and then which of its blocks: without a branch that could be foretold wrongly
            lane = (
                np.int64(c1 <= x) + np.int64(c2 <= x) + np.int64(c3 <= x) + np.int64(c4 <= x)
                + np.int64(c5 <= x) + np.int64(c6 <= x) + np.int64(c7 <= x)
            )  # fmt: skip
            left = min(x - real_at(work, before + lane), real_at(work, lasts + lane) * BELOW_ONE)
            block = 0
            for j in range(running, lasts, 8):
                block += np.int64(real_at(work, j + lane) <= left)
            new = min(8 * block + lane, size - 1)
            if is_near:
                put_in(n, work, mine + waiting, theirs + waiting, shares + waiting, width, rest)
                new = waiting if x >= whole else new
            label[i] = new
            waiting, mine, theirs, shares, rest = new, own, other, at, its_rest
        if waiting >= 0:
            put_in(n, work, mine + waiting, theirs + waiting, shares + waiting, width, rest)
        for g in range(groups):
            for k in range(size):
                t[first_row + size * g + k] = np.int32(work[3 * width * g + 2 * width + k])
        streams[chain] = state

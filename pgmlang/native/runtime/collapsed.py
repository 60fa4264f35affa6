"""Sweeps of collapsed Gibbs sampling: labels drawn one by one with the variables around them integrated out (Griffiths and Steyvers 2004,
equation 5). The text is loaded as a native program.

``labels [C, elements]``: a chain's labels, -1 where one is still to be drawn. ``counts [C, cells]``, ``totals [C, rows]``: how many draws each
value of an integrated variable's element has, and all of its values; ``cell_prior``, ``row_prior``: their concentrations.
``precisions``, ``moments [C, rows]``: of normal variables, precision and precision-weighted sum, prior included. ``streams [C]``: a counter for
each chain, whose hash is its next random number (Steele, Lea and Flood 2014).

A draw is a factor's element: it has its ``cell`` and ``row`` where all labels are 0, and ``parts``: up to three labels (-1: none) each of which
moves it by a ``stride`` of cells and one of rows.
"""

from __future__ import annotations

import math

import numpy as np

from pgmlang.native.compiled import compiled
from pgmlang.native.runtime.streams import STEP, TWO_PI, normal, uniform

SMALLEST, LARGEST = 1e-200, 1e200
LOWEST = -700.0
NEVER_REFUSED = -40.0
FEW = 8


@compiled
def change(
    label,
    draw,
    sign,
    counts,
    totals,
    precisions,
    moments,
    cell,
    row,
    parts,
    stride,
    row_stride,
    observed,
    is_count,
    sd,
    sd_stride,
):
    """Adds a draw to what is remembered (``sign`` 1), or takes it out (-1); nothing while a label of it is still to be drawn."""
    c, r, s = cell[draw], row[draw], draw
    for j in range(parts.shape[1]):
        part = parts[draw, j]
        if part >= 0:
            if label[part] < 0:
                return
            c += stride[draw, j] * label[part]
            r += row_stride[draw, j] * label[part]
            s += sd_stride[draw] * label[part]
    if is_count[draw]:
        counts[c] += sign
        totals[r] += sign
    else:
        precision = 1.0 / (sd[s] * sd[s])
        precisions[r] += sign * precision
        moments[r] += sign * precision * observed[draw]


@compiled
def tally(
    labels,
    counts,
    totals,
    precisions,
    moments,
    cell,
    row,
    parts,
    stride,
    row_stride,
    observed,
    is_count,
    sd,
    sd_stride,
):
    """Adds all draws to what is remembered of each chain."""
    for chain in range(labels.shape[0]):
        for draw in range(cell.shape[0]):
            change(
                labels[chain], draw, 1, counts[chain], totals[chain], precisions[chain], moments[chain], cell, row, parts, stride, row_stride,
                observed, is_count, sd, sd_stride,
            )  # fmt: skip


@compiled
def sweep_any(
    labels, counts, totals, precisions, moments, streams, elements, start, size, known, starts, listed, has_repeats, cell_prior, row_prior,
    cell, row, parts, stride, row_stride, observed, is_count, sd, sd_stride,
):  # fmt: skip
    """Draws some ``elements`` of a variable of ``size`` values, whose elements begin at ``start``, in order. The draws of each are ``listed``
    from ``starts`` on; ``known [n, size]``: what other factors add to the logarithm of its probabilities (no rows: nothing). Where several
    draws of an element may be of one integrated variable (``has_repeats``) each is taken given those before it."""
    logs = np.empty(size)
    for chain in range(labels.shape[0]):
        label, n, t, p, m, count = (
            labels[chain],
            counts[chain],
            totals[chain],
            precisions[chain],
            moments[chain],
            streams[chain],
        )
        for e in elements:
            i = start + e
            own = listed[starts[e] : starts[e + 1]]
            for d in own:
                change(
                    label,
                    d,
                    -1,
                    n,
                    t,
                    p,
                    m,
                    cell,
                    row,
                    parts,
                    stride,
                    row_stride,
                    observed,
                    is_count,
                    sd,
                    sd_stride,
                )
            high = -math.inf
            for k in range(size):
                label[i] = k
                log, product = known[e, k] if known.shape[0] > 0 else 0.0, 1.0
                for d in own:
                    c, r, s, is_open = cell[d], row[d], d, False
                    for j in range(parts.shape[1]):
                        part = parts[d, j]
                        if part >= 0:
                            is_open = is_open or label[part] < 0
                            c += stride[d, j] * label[part]
                            r += row_stride[d, j] * label[part]
                            s += sd_stride[d] * label[part]
                    if is_open:
                        continue
                    if is_count[d]:
                        product *= (n[c] + cell_prior[c]) / (t[r] + row_prior[r])
                    else:
                        variance = sd[s] * sd[s] + 1.0 / p[r]
                        distance = observed[d] - m[r] / p[r]
                        log -= 0.5 * distance * distance / variance
                        product /= math.sqrt(TWO_PI * variance)
                    if not SMALLEST < product < LARGEST:
                        log += math.log(product) if product > 0.0 else -math.inf
                        product = 1.0
                    if has_repeats:
                        change(
                            label,
                            d,
                            1,
                            n,
                            t,
                            p,
                            m,
                            cell,
                            row,
                            parts,
                            stride,
                            row_stride,
                            observed,
                            is_count,
                            sd,
                            sd_stride,
                        )
                if has_repeats:
                    for d in own:
                        change(
                            label,
                            d,
                            -1,
                            n,
                            t,
                            p,
                            m,
                            cell,
                            row,
                            parts,
                            stride,
                            row_stride,
                            observed,
                            is_count,
                            sd,
                            sd_stride,
                        )
                logs[k] = log + (math.log(product) if product > 0.0 else -math.inf)
                high = max(high, logs[k])
            total = 0.0
            for k in range(size):
                logs[k] = math.exp(logs[k] - high) if high > -math.inf else 1.0
                total += logs[k]
            count += STEP
            left = uniform(count) * total
            new = 0
            while new < size - 1 and left >= logs[new]:
                left -= logs[new]
                new += 1
            label[i] = new
            for d in own:
                change(
                    label,
                    d,
                    1,
                    n,
                    t,
                    p,
                    m,
                    cell,
                    row,
                    parts,
                    stride,
                    row_stride,
                    observed,
                    is_count,
                    sd,
                    sd_stride,
                )
        streams[chain] = count


@compiled
def log_of_counts(counts, totals, cell_prior, row_prior, out):
    """Adds to ``out [C]`` the logarithm of the probability of counted draws, variables integrated out."""
    for chain in range(counts.shape[0]):
        total, product = 0.0, 1.0
        for c in range(counts.shape[1]):
            n, a = counts[chain, c], cell_prior[c]
            if n > FEW:
                total += math.lgamma(n + a) - math.lgamma(a)
            elif n > 0:
                # of few draws the product is quicker than the gamma functions
                for i in range(n):
                    product *= a + i
                if not SMALLEST < product < LARGEST:
                    total += math.log(product)
                    product = 1.0
        total += math.log(product)
        for r in range(totals.shape[1]):
            if totals[chain, r] > 0:
                total -= math.lgamma(totals[chain, r] + row_prior[r]) - math.lgamma(row_prior[r])
        out[chain] += total


@compiled
def log_of_normals(
    labels,
    precisions,
    moments,
    first_precisions,
    first_moments,
    parts,
    row_stride,
    observed,
    is_count,
    sd,
    sd_stride,
    out,
):
    """Adds to ``out [C]`` the log-density of normal draws, their means integrated out."""
    for chain in range(labels.shape[0]):
        total = 0.0
        for draw in range(is_count.shape[0]):
            if not is_count[draw]:
                s = draw
                for j in range(parts.shape[1]):
                    if parts[draw, j] >= 0:
                        s += sd_stride[draw] * labels[chain, parts[draw, j]]
                z = observed[draw] / sd[s]
                total -= 0.5 * (z * z + math.log(TWO_PI)) + math.log(sd[s])
        for r in range(precisions.shape[1]):
            a, b = precisions[chain, r], first_precisions[r]
            total += 0.5 * (math.log(b / a) + moments[chain, r] ** 2 / a - first_moments[r] ** 2 / b)
        out[chain] += total


@compiled
def draw_shares(concentration, streams, out):
    """Draws from Dirichlet distributions of ``concentration [C, rows, values]`` into ``out``, by logarithms of gamma numbers: those of small
    concentrations are far below the least number. From 1 on they are Marsaglia and Tsang's (2000), below it those of Ahrens and Dieter
    (1974), method GS."""
    for chain in range(concentration.shape[0]):
        count = streams[chain]
        for r in range(concentration.shape[1]):
            shares = out[chain, r]
            high = -math.inf
            for v in range(concentration.shape[2]):
                a = concentration[chain, r, v]
                if a < 1.0:
                    end = 1.0 + a / math.e
                    while True:
                        p = end * (1.0 - uniform(count + STEP))
                        count += STEP + STEP
                        if p <= 1.0:
                            log = math.log(p) / a
                            # a number that small is never refused
                            if log < NEVER_REFUSED or uniform(count) <= math.exp(-math.exp(log)):
                                break
                        else:
                            x = -math.log((end - p) / a)
                            log = math.log(x)
                            if uniform(count) <= math.exp((a - 1.0) * log):
                                break
                else:
                    d = a - 1.0 / 3.0
                    c = 1.0 / math.sqrt(9.0 * d)
                    while True:
                        x = normal(count)
                        count += STEP + STEP + STEP
                        w = 1.0 + c * x
                        if w > 0.0:
                            w = w * w * w
                            u = 1.0 - uniform(count)
                            if u < 1.0 - 0.0331 * (x * x) * (x * x) or math.log(u) < 0.5 * x * x + d * (
                                1.0 - w + math.log(w)
                            ):
                                break
                    log = math.log(d * w)
                shares[v] = log
                high = max(high, log)
            total = 0.0
            for v in range(shares.shape[0]):
                shares[v] = math.exp(max(shares[v] - high, LOWEST))
                total += shares[v]
            for v in range(shares.shape[0]):
                shares[v] /= total
        streams[chain] = count


@compiled
def draw_means(precisions, moments, streams, out):
    """Draws from normal distributions of these precisions and precision-weighted sums ``[C, rows]`` into ``out``."""
    for chain in range(precisions.shape[0]):
        count = streams[chain]
        for r in range(precisions.shape[1]):
            a = precisions[chain, r]
            out[chain, r] = moments[chain, r] / a + normal(count) / math.sqrt(a)
            count += STEP + STEP
        streams[chain] = count

"""Noncentral distributions: a Poisson mixture of chi squares, and Student's t as an average over the spread."""

from __future__ import annotations

import math

import torch

from pgmlang.lower.runtime.special import gamma_kernel, poisson_log_prob

REACH = 9.0
"""Standard deviations of the counts of a mixture that are looked at, to both sides."""
COUNTS = 128
"""How many of them there are."""
NODES = 96
"""Nodes to both sides of a peak."""
STEEPEST = 5.0
"""How far they go: to sinh(5) = 74 of its widths."""


def noncentral_chi_squared_log_prob(x, df, noncentrality):
    """Log-density of x > 0: over the count of a Poisson number of mean noncentrality / 2, chi squared with twice as many df more (Johnson, Kotz
    and Balakrishnan 1995, chapter 29)."""
    x, df, noncentrality = (v[..., None] for v in torch.broadcast_tensors(x, df, noncentrality))
    with torch.no_grad():
        # where (j + 1)(j + df / 2) is noncentrality * x / 4, terms neither rise nor fall
        root = ((0.5 * df - 1) ** 2 + noncentrality * x).sqrt()
        peak = ((noncentrality * x - 2 * df) / (2 * (0.5 * df + 1 + root))).clamp(min=0.0)
        reach = REACH * (1 + peak).sqrt() + 10
        low = (peak - reach).floor().clamp(min=0.0)
        # of many counts every second, third ...: they are a smooth function, whose sum by steps of a tenth of its width has no error
        step = ((peak + reach - low) / COUNTS).ceil().clamp(min=1.0)
        counts = low + step * torch.arange(COUNTS + 1, dtype=x.dtype, device=x.device)
    shape, t = 0.5 * df + counts, (0.5 * x).expand_as(counts)
    terms = poisson_log_prob(counts, 0.5 * noncentrality) + gamma_kernel(shape, t, torch.log(t))
    return terms.logsumexp(-1) + torch.log(step / x)[..., 0]


def noncentral_t_log_prob(x, df, noncentrality):
    """Log-density: normal numbers of mean ``noncentrality`` over a spread, averaged over its logarithm by the trapezoidal rule along a
    hyperbolic sine (Takahasi and Mori 1974), which slow tails and steep ones suit alike."""
    x, df, shift = (v[..., None] for v in torch.broadcast_tensors(x, df, noncentrality))
    with torch.no_grad():
        # the peak: (df + 1) = x s (x s - shift) + df s^2
        below = (shift * x).abs() + (shift * shift * x * x + 4 * (df + 1) * (x * x + df)).sqrt()
        spread = torch.where(shift * x > 0, 0.5 * below / (x * x + df), 2 * (df + 1) / below)
        curved = df + 1 + (x * x + df) * spread * spread
        steps = torch.linspace(-STEEPEST, STEEPEST, 2 * NODES + 1, dtype=x.dtype, device=x.device)
        away = torch.sinh(steps) / curved.sqrt()
        nodes = spread * torch.exp(away)
        log_weight = torch.log(spread) + away + torch.log(torch.cosh(steps) / curved.sqrt() * (STEEPEST / NODES))
    half = 0.5 * df
    of_spread = gamma_kernel(half, half * nodes * nodes, torch.log(half) + 2 * torch.log(nodes))
    height = -0.5 * (x * nodes - shift) ** 2 - 0.5 * math.log(2 * math.pi) + math.log(2) + of_spread
    return (height + log_weight).logsumexp(-1)

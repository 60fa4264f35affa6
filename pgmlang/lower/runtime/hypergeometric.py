"""Draws without putting back: probabilities by three binomial ones (Loader 2000), all else by sums over them."""

from __future__ import annotations

import math

import torch

from pgmlang.lower.runtime.special import binomial_log_prob, log1p_of, log_of


def hypergeometric_log_prob(k, n, good, bad):
    """Log-probability of k good ones among n drawn, for a k that can be."""
    total = good + bad
    p = torch.where(total > 0, n / total.clamp(min=1.0), 0.5)
    chances = (p, 1 - p, log_of(p), log1p_of(-p))
    drawn = binomial_log_prob(k, good, *chances) + binomial_log_prob(n - k, bad, *chances)
    return drawn - binomial_log_prob(n, total, *chances)


def hypergeometric_terms(n, good, bad, odds):
    """Each count along a new last axis, and the log of its probability times the odds to the count."""
    n, good, bad, odds = (v[..., None] for v in torch.broadcast_tensors(n, good, bad, odds))
    each = torch.arange(float(torch.minimum(n, good).max()) + 1, dtype=n.dtype, device=n.device)
    inside = (each <= n) & (each <= good) & (n - each <= bad)
    safe = torch.where(inside, each, torch.minimum(n, good))
    terms = hypergeometric_log_prob(safe, n, good, bad) + safe * torch.log(odds)
    return each, torch.where(inside, terms, -math.inf)


def hypergeometric_log_total(n, good, bad, odds):
    """The log of the mean of the odds to the number of good ones."""
    return hypergeometric_terms(n, good, bad, odds)[1].logsumexp(-1)


def hypergeometric_tails(k, n, good, bad, odds):
    """The logs of the chances of at most k and of more than k good ones."""
    each, terms = hypergeometric_terms(n, good, bad, odds)
    terms = terms - terms.logsumexp(-1, keepdim=True)
    is_below = each <= k[..., None]
    below = torch.where(is_below, terms, -math.inf).logsumexp(-1)
    return below, torch.where(is_below, -math.inf, terms).logsumexp(-1)


def hypergeometric_draws(n, good, bad, odds):
    """One for each element."""
    each, terms = hypergeometric_terms(n, good, bad, odds)
    noise = -torch.log(-torch.log(torch.rand_like(terms)))
    return each[(terms + noise).argmax(-1)]

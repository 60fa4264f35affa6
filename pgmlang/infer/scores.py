"""Scores of a discrete network on complete data: log-likelihood, BIC, BDeu."""

from __future__ import annotations

import math

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import bound_evaluator
from pgmlang.infer.counts import Statistics, estimate, log_likelihood, summarize
from pgmlang.model import Model
from pgmlang.tables.learned import learned_tables


def num_parameters(statistics: Statistics, model: Model) -> int:
    """Free parameters of the learned tables."""
    shapes = [statistics.counts[t.name].shape for t in learned_tables(model)]
    return sum(math.prod(s[:-1]) * (s[-1] - 1) for s in shapes)


def max_log_likelihood(binding: Binding, statistics: Statistics | None = None) -> float:
    """The log-likelihood at the maximum likelihood (or, with priors, posterior mean) tables."""
    summary = summarize(binding) if statistics is None else statistics
    return log_likelihood(bound_evaluator(binding), summary, estimate(binding.model, summary.counts))


def bic(binding: Binding, statistics: Statistics | None = None) -> float:
    """The log-likelihood less half the parameters times log n (Schwarz 1978); higher is better."""
    summary = summarize(binding) if statistics is None else statistics
    penalty = 0.5 * num_parameters(summary, binding.model) * math.log(summary.total)
    return max_log_likelihood(binding, summary) - penalty


def bdeu(binding: Binding, size: float, statistics: Statistics | None = None) -> float:
    """The log marginal likelihood under BDeu priors of equivalent sample size ``size`` (Heckerman, Geiger and
    Chickering 1995)."""
    summary = summarize(binding) if statistics is None else statistics
    return sum(
        log_marginal(
            summary.counts[t.name], size / math.prod(summary.counts[t.name].shape[len(t.distribution.by) :])
        )
        for t in learned_tables(binding.model)
    )


def log_marginal(counts: np.ndarray, prior: float) -> float:
    """log of the integral of the likelihood of counts over Dirichlet rows with ``prior`` in each cell."""
    width = counts.shape[-1]
    rows = counts.sum(axis=-1)
    cells = counts[counts > 0].tolist()
    totals = rows[rows > 0].tolist()
    return sum(math.lgamma(prior + c) - math.lgamma(prior) for c in cells) + sum(
        math.lgamma(prior * width) - math.lgamma(prior * width + t) for t in totals
    )

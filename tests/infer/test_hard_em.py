"""Hard EM against all labellings, listed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

import pgmlang

MIXTURE = """
param share[cluster] : simplex
plate cluster[2] { param mean : real }
plate row { z : cluster ~ Categorical(share) ; x ~ Normal(mean[z], 1) }
"""
CHAIN = """
dim state = {a, b}
param start[state] : simplex
param move[state, to] : simplex
dim to like state
param rate[state] : positive
plate t = chain { z : state ~ Categorical(if first then start else move[prev(z)]) ; n ~ Poisson(rate[z]) }
"""


def best_split(x):
    """The labelling of the highest completed log-likelihood, each with its own best params."""
    best = -np.inf, np.zeros(0)
    for labels in itertools.product((0, 1), repeat=len(x)):
        z = np.array(labels)
        if 0 < z.sum() < len(x):
            share = np.array([1 - z.mean(), z.mean()])
            means = np.array([x[z == 0].mean(), x[z == 1].mean()])
            value = float((np.log(share)[z] + stats.norm(means[z], 1).logpdf(x)).sum())
            if value > best[0]:
                best = value, np.sort(means)
    return best


def test_a_mixture_is_split_as_the_best_of_all_splits():
    x = np.array([-2.2, -1.7, -0.9, -2.6, 1.0, 1.9, 0.6, 2.4, 1.1, 0.2])
    fit = pgmlang.compile(MIXTURE).fit({"x": x}, method="em", seed=1, options={"hard": True, "restarts": 20})
    value, means = best_split(x)
    assert np.sort(fit.params["mean"]) == pytest.approx(means, abs=1e-4)
    assert fit.record.trace[-1] == pytest.approx(value, abs=1e-6)


@pytest.mark.slow
def test_paths_of_a_chain_are_the_most_probable_ones():
    """At its end the completion is the best path under the params, and these the best for it."""
    n = np.array([1, 0, 2, 1, 9, 8, 11, 1, 2, 0, 7, 10, 12, 9, 1], dtype=float)
    fit = pgmlang.compile(CHAIN).fit({"n": n}, method="em", seed=1, options={"hard": True, "restarts": 10})
    start, move, rate = fit.params["start"], fit.params["move"], fit.params["rate"]
    with np.errstate(divide="ignore"):
        heights = {
            path: np.log(start[path[0]]) + sum(np.log(move[a, b]) for a, b in itertools.pairwise(path))
            + stats.poisson(rate[list(path)]).logpmf(n).sum()
            for path in itertools.product((0, 1), repeat=len(n))
        }  # fmt: skip
    path = np.array(max(heights, key=lambda p: heights[p]))
    assert fit.record.trace[-1] == pytest.approx(max(heights.values()), abs=1e-6)
    assert rate == pytest.approx([n[path == k].mean() for k in (0, 1)], abs=1e-3)
    stays = [np.mean(path[1:][path[:-1] == k] == k) for k in (0, 1)]
    assert [move[0, 0], move[1, 1]] == pytest.approx(stays, abs=1e-6)

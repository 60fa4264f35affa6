"""Simulation-based calibration (Talts, Betancourt, Simpson, Vehtari and Gelman 2018): over data sets drawn from the
prior, the rank of the true value among posterior draws is uniform. All data sets are one plate, fitted in one run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

import pgmlang
from pgmlang.density import target

BINS = 10
DRAWS = 99

NORMAL = """
plate sim { m ~ Normal(1, 2) ; s ~ Gamma(3, 2) }
plate row in sim { y ~ Normal(m, s) }
"""
RATES = """
plate sim { p ~ Beta(2, 3) ; r ~ Gamma(2, 1) }
plate row in sim { k ~ Binomial(7, p) ; c ~ Poisson(r) }
"""
MIXED = """
plate sim { w ~ Beta(2, 2) ; m ~ Normal(0, 2) }
plate row in sim { z : bit ~ Bernoulli(w) ; y ~ Normal(m + 3 * z, 1) }
"""


def normal(rng: np.random.Generator, n: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    m, s = rng.normal(1, 2, n), rng.gamma(3, 1 / 2, n)
    sim = np.repeat(np.arange(n), 2)
    return {"sim": sim, "y": rng.normal(m[sim], s[sim])}, {"m": m, "s": s}


def rates(rng: np.random.Generator, n: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    p, r = rng.beta(2, 3, n), rng.gamma(2, 1, n)
    sim = np.repeat(np.arange(n), 3)
    return {"sim": sim, "k": rng.binomial(7, p[sim]), "c": rng.poisson(r[sim])}, {"p": p, "r": r}


def mixed(rng: np.random.Generator, n: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    w, m = rng.beta(2, 2, n), rng.normal(0, 2, n)
    sim = np.repeat(np.arange(n), 6)
    z = rng.random(len(sim)) < w[sim]
    return {"sim": sim, "y": rng.normal(m[sim] + 3 * z, 1)}, {"w": w, "m": m}


GROWN = """
plate sim {
  r ~ LogNormal(0, 0.5) ; s ~ LogNormal(-2, 0.5)
  plate row { input t : real ; x = ode(r * x * (1 - x), start = s, times = t, start_time = 0) ; y ~ Normal(x, 0.1) }
}
"""


def grown(rng: np.random.Generator, n: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    r, s = np.exp(rng.normal(0, 0.5, n)), np.exp(rng.normal(-2, 0.5, n))
    sim, t = np.repeat(np.arange(n), 4), np.tile([0.5, 1.0, 2.0, 4.0], n)
    x = 1 / (1 + (1 / s[sim] - 1) * np.exp(-r[sim] * t))
    return {"sim": sim, "t": t, "y": rng.normal(x, 0.1)}, {"r": r, "s": s}


MODELS: dict[str, tuple[str, Callable[..., Any]]] = {
    "normal": (NORMAL, normal),
    "rates": (RATES, rates),
    "mixed": (MIXED, mixed),
}


EQUATIONS = {"grown": (GROWN, grown)}
"""Differential equations, which samplers by gradients alone take."""


def p_values(method: str, model: str, sims: int, seed: int, **options: Any) -> dict[str, float]:
    """Of the chi-square test of uniform ranks, for each variable."""
    text, simulate = (MODELS | EQUATIONS)[model]
    rows, truth = simulate(np.random.default_rng(seed), sims)
    # labels in the order of the data sets
    rows["sim"] = np.array([f"{i:05d}" for i in rows["sim"]])
    fit = pgmlang.compile(text).fit(rows, method=method, seed=seed, options=options)
    out = {}
    for name, values in truth.items():
        draws = fit.draws[name].reshape(-1, sims)
        thinned = draws[np.random.default_rng(0).choice(len(draws), DRAWS, replace=False)]
        ranks = (thinned < values).sum(0)
        counts = np.bincount(ranks * BINS // (DRAWS + 1), minlength=BINS)
        out[name] = float(stats.chisquare(counts).pvalue)
    return out


SHORT = {
    "hmc": {"chains": 8, "warmup": 200, "draws": 100},
    "gibbs": {"chains": 8, "warmup": 40, "draws": 120},
    "langevin": {"chains": 16, "warmup": 400, "draws": 400},
}


@pytest.mark.parametrize(
    ("method", "model"), [("hmc", "normal"), ("gibbs", "rates"), ("gibbs", "mixed"), ("langevin", "rates")]
)
def test_ranks_are_uniform(method: str, model: str) -> None:
    for name, p in p_values(method, model, 200, 1, **SHORT[method]).items():
        assert p > 1e-4, name


@pytest.mark.slow
@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("method", ["hmc", "gibbs", "langevin"])
def test_ranks_of_many_data_sets(method: str, model: str) -> None:
    long = {k: 3 * v if k != "chains" else v for k, v in SHORT[method].items()}
    for name, p in p_values(method, model, 1000, 7, **long).items():
        assert p > 1e-4, name


@pytest.mark.slow
@pytest.mark.parametrize("method", ["hmc", "nuts"])
def test_ranks_of_what_equations_take_in(method: str) -> None:
    for name, p in p_values(method, "grown", 100, 3, chains=4, warmup=200, draws=150).items():
        assert p > 1e-4, name


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("method", ["mh", "tempering"])
def test_ranks_of_few_data_sets_at_a_time(method: str, model: str) -> None:
    """These two move all numbers together, so that only a few data sets fit into a run."""
    options: dict[str, Any] = {"chains": 16, "warmup": 800, "draws": 1500}
    if method == "tempering":
        options = {"chains": 8, "warmup": 200, "draws": 200, "temperatures": 4}
    text, simulate = MODELS[model]
    ranks: dict[str, list[int]] = {}
    for seed in range(60):
        rows, truth = simulate(np.random.default_rng(seed), 5)
        rows["sim"] = np.array([f"{i:05d}" for i in rows["sim"]])
        fit = pgmlang.compile(text).fit(rows, method=method, seed=seed, options=options)
        for name, values in truth.items():
            draws = fit.draws[name].reshape(-1, 5)
            thinned = draws[np.random.default_rng(0).choice(len(draws), DRAWS, replace=False)]
            ranks.setdefault(name, []).extend((thinned < values).sum(0).tolist())
    for name, found in ranks.items():
        counts = np.bincount(np.array(found) * BINS // (DRAWS + 1), minlength=BINS)
        assert stats.chisquare(counts).pvalue > 1e-4, name


@pytest.mark.slow
def test_a_missing_jacobian_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    constrain = target.constrain

    def without(joint: Any, free: Any, *others: Any) -> Any:
        values, log_det = constrain(joint, free, *others)
        return values, torch.zeros_like(log_det)

    monkeypatch.setattr(target, "constrain", without)
    assert p_values("hmc", "normal", 400, 1, **SHORT["hmc"])["s"] < 1e-4

"""Simulation-based calibration of `hmc` and `nuts` (Talts et al. 2018) on a model of each construct: data sets are drawn by numpy, not by the
language; all of them are one plate, fitted in one run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import pgmlang
from tests.calibration.test_calibration import BINS, DRAWS

SIMS = 200
Simulated = tuple[dict[str, Any], dict[str, np.ndarray]]
"""Rows, and the true values ``[sim, ...]`` of what is unknown."""


def _rows(sims: int, each: int) -> np.ndarray:
    return np.repeat(np.arange(sims), each)


def _recursion(rng: np.random.Generator, n: int) -> Simulated:
    mu, theta, each = rng.normal(0, 1, n), rng.uniform(-0.9, 0.9, n), 12
    y, before = np.zeros((n, each)), np.zeros(n)
    for t in range(each):
        error = rng.normal(0, 1, n)
        y[:, t] = mu + theta * before + error
        before = error
    return {"sim": _rows(n, each), "step": np.tile(np.arange(each), n), "y": y.ravel()}, {"mu": mu, "theta": theta}


def _lkj(rng: np.random.Generator, n: int) -> Simulated:
    """Two by two: the density of the correlation as det^(eta - 1) is 2 Beta(eta, eta) - 1."""
    r, tau, each = 2 * rng.beta(2, 2, n) - 1, np.abs(rng.normal(0, 1, (n, 2))), 6
    cov = tau[:, :, None] * tau[:, None, :] * np.array([[np.ones(n), r], [r, np.ones(n)]]).transpose(2, 0, 1)
    y = np.stack([rng.multivariate_normal([0, 0], c, each) for c in cov]).reshape(-1, 2)
    return {"sim": _rows(n, each), "y_a": y[:, 0], "y_b": y[:, 1]}, {"tau": tau, "R": r}


def _inverse_wishart(rng: np.random.Generator, n: int) -> Simulated:
    scale, each = np.array([[2.0, 0.6], [0.6, 1.0]]), 5
    covs = stats.invwishart(6, scale).rvs(n, random_state=rng)
    y = np.stack([rng.multivariate_normal([0, 0], c, each) for c in covs]).reshape(-1, 2)
    return {"sim": _rows(n, each), "y_a": y[:, 0], "y_b": y[:, 1]}, {"S": covs}


def _process(rng: np.random.Generator, n: int) -> Simulated:
    x = np.array([0.0, 0.5, 1.0, 2.0, 3.0])
    length, scale = rng.gamma(5, 1 / 4, n), np.abs(rng.normal(0, 1, n))
    gaps = (x[:, None] - x) ** 2
    cov = scale[:, None, None] ** 2 * np.exp(-gaps / (2 * length[:, None, None] ** 2)) + 0.3**2 * np.eye(5)
    y = np.stack([rng.multivariate_normal(np.zeros(5), c) for c in cov])
    return {"sim": np.arange(n), **{f"y_p{i}": y[:, i] for i in range(5)}}, {"length": length, "scale": scale}


def _missing(rng: np.random.Generator, n: int) -> Simulated:
    m, b, each = rng.normal(0, 1, n), rng.normal(0, 1, n), 8
    x = rng.normal(m[:, None], 1, (n, each))
    y = rng.normal(b[:, None] * x, 0.5)
    seen = np.where(rng.random(x.shape) < 0.3, np.nan, x)
    return {"sim": _rows(n, each), "x": seen.ravel(), "y": y.ravel()}, {"m": m, "b": b}


def _walk(rng: np.random.Generator, n: int) -> Simulated:
    sd, each = np.abs(rng.normal(0, 1, n)), 8
    h = np.cumsum(rng.normal(0, 1, (n, each)) * sd[:, None], 1)
    y = rng.normal(h, 1)
    return {"sim": _rows(n, each), "step": np.tile(np.arange(each), n), "y": y.ravel()}, {"sd": sd, "h": h}


def _ordered(rng: np.random.Generator, n: int) -> Simulated:
    c, each = np.sort(rng.exponential(1, (n, 3)), 1), 2
    y = rng.normal(c[:, None, :], 0.5, (n, each, 3)).reshape(-1, 3)
    return {"sim": _rows(n, each), **{f"y_k{i}": y[:, i] for i in range(3)}}, {"c": c}


def _zero_sum(rng: np.random.Generator, n: int) -> Simulated:
    sd, each = rng.gamma(3, 1 / 2, n), 3
    noise = rng.normal(0, 1, (n, 4)) * sd[:, None]
    e = noise - noise.mean(1, keepdims=True)
    y = rng.normal(e[:, None, :], 1, (n, each, 4)).reshape(-1, 4)
    return {"sim": _rows(n, each), **{f"y_k{i}": y[:, i] for i in range(4)}}, {"sd": sd, "e": e}


def _direction(rng: np.random.Generator, n: int) -> Simulated:
    u, each = rng.normal(0, 1, (n, 3)), 2
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    y = rng.normal(u[:, None, :], 0.7, (n, each, 3)).reshape(-1, 3)
    return {"sim": _rows(n, each), **{f"y_k{i}": y[:, i] for i in range(3)}}, {"u": u}


def _centred(rng: np.random.Generator, n: int) -> Simulated:
    a, b, each = rng.normal(0, 1, n), rng.normal(0, 1, n), 5
    x = rng.gamma(2, 3, (n, each))
    y = rng.normal(a[:, None] + b[:, None] * (x - x.mean(1, keepdims=True)), 1)
    return {"sim": _rows(n, each), "x": x.ravel(), "y": y.ravel()}, {"a": a, "b": b}


def _skewed(rng: np.random.Generator, n: int) -> Simulated:
    m, rate, each = rng.normal(0, 1, n), rng.gamma(3, 1 / 2, n), 6
    y = rng.normal(m[:, None], 1, (n, each)) + rng.exponential(1 / rate[:, None], (n, each))
    return {"sim": _rows(n, each), "y": y.ravel()}, {"m": m, "rate": rate}


def _probit(rng: np.random.Generator, n: int) -> Simulated:
    b, each = rng.normal(0, 1, n), 8
    x = rng.normal(0, 1, (n, each))
    z = rng.normal(b[:, None] * x, 1)
    grade = np.array(["low", "middle", "high"])[np.digitize(z, [-0.5, 0.8])]
    return {"sim": _rows(n, each), "x": x.ravel(), "grade": grade.ravel()}, {"b": b}


ROWS = "plate row in sim "
CONSTRUCTS: dict[str, tuple[str, Callable[[np.random.Generator, int], Simulated]]] = {
    "a recursion": (
        "plate sim { mu ~ Normal(0, 1) ; theta ~ Uniform(-0.9, 0.9) }\nplate step in sim = chain {\n"
        "  mean = if first then mu else mu + theta * prev(gap)\n  gap = y - mean\n  y ~ Normal(mean, 1)\n}", _recursion,
    ),
    "correlations": (
        "dim k = {a, b}\nplate sim { tau[k] ~ HalfNormal(1) ; R[k, k'] ~ LKJ(2) }\n"
        f"{ROWS}{{ y[k] ~ MultivariateNormal(0, diag(tau) @ R @ diag(tau)) }}", _lkj,
    ),
    "an inverse Wishart matrix": (
        "dim k = {a, b}\nplate sim { S[k, k'] ~ InverseWishart(6, [[2, 0.6], [0.6, 1]]) }\n"
        f"{ROWS}{{ y[k] ~ MultivariateNormal(0, S) }}", _inverse_wishart,
    ),
    "a Gaussian process": (
        "dim p = {p0, p1, p2, p3, p4}\nx[p] = [0, 0.5, 1, 2, 3]\nplate sim {\n  length ~ Gamma(5, 4) ; scale ~ HalfNormal(1)\n"
        "  y[p] ~ MultivariateNormal(0, exp_quad(x, scale, length, noise = 0.3))\n}", _process,
    ),
    "missing covariates": (
        f"plate sim {{ m ~ Normal(0, 1) ; b ~ Normal(0, 1) }}\n{ROWS}{{ x ~ Normal(m, 1) ; y ~ Normal(b * x, 0.5) }}", _missing,
    ),
    "a random walk": (
        "plate sim { sd ~ HalfNormal(1) }\nplate step in sim = chain { h ~ Normal(if first then 0 else prev(h), sd) ; y ~ Normal(h, 1) }", _walk,
    ),
    "increasing positive numbers": (
        f"dim k = {{k0, k1, k2}}\nplate sim {{ c[k] : ordered positive ~ Exponential(1) }}\n{ROWS}{{ y[k] ~ Normal(c, 0.5) }}", _ordered,
    ),
    "numbers that sum to zero": (
        f"dim k = {{k0, k1, k2, k3}}\nplate sim {{ sd ~ Gamma(3, 2) ; e[k] ~ ZeroSumNormal(sd) }}\n{ROWS}{{ y[k] ~ Normal(e, 1) }}", _zero_sum,
    ),
    "a direction": (
        f"dim k = {{k0, k1, k2}}\nplate sim {{ u[k] ~ UniformSphere() }}\n{ROWS}{{ y[k] ~ Normal(u, 0.7) }}", _direction,
    ),
    "rows centred in their group": (
        f"plate sim {{ a ~ Normal(0, 1) ; b ~ Normal(0, 1) }}\n{ROWS}{{ input x : real ; y ~ Normal(a + b * (x - mean(x, over = row)), 1) }}", _centred,
    ),
    "a sum of a normal and an exponential number": (
        f"plate sim {{ m ~ Normal(0, 1) ; rate ~ Gamma(3, 2) }}\n{ROWS}{{ y ~ ExponentiallyModifiedGaussian(m, 1, rate) }}", _skewed,
    ),
    "ordered probit": (
        f"dim cut = {{c0, c1}}\ncuts[cut] = [-0.5, 0.8]\nplate sim {{ b ~ Normal(0, 1) }}\n"
        f"{ROWS}{{ input x : real ; grade : {{low, middle, high}} ~ OrderedProbit(b * x, cuts) }}", _probit,
    ),
}  # fmt: skip


def ranks_of(construct: str, method: str, sims: int, seed: int, options: dict[str, Any]) -> dict[str, np.ndarray]:
    """Ranks ``[sim]`` of the true values among `DRAWS` of the posterior, by element."""
    text, simulate = CONSTRUCTS[construct]
    rows, truth = simulate(np.random.default_rng(seed), sims)
    # labels in the order of the data sets
    rows["sim"] = np.array([f"{i:05d}" for i in rows["sim"]])
    fit = pgmlang.compile(text).fit(rows, method=method, seed=seed, options=options)
    assert fit.record.labels.get("sim", tuple(rows["sim"])) == tuple(sorted(set(rows["sim"])))
    out = {}
    for name, values in truth.items():
        draws = fit.draws[name].reshape(-1, *fit.draws[name].shape[2:])
        if name == "R":
            draws = draws[:, :, 0, 1]
        if draws.shape[1:] != values.shape:  # rows of all data sets, one after the other
            draws = draws.reshape(len(draws), *values.shape)
        thinned = draws[np.random.default_rng(0).choice(len(draws), DRAWS, replace=False)]
        ranks = (thinned < values).sum(0).reshape(sims, -1)
        out |= {f"{name} {i}": ranks[:, i] for i in range(ranks.shape[1])}
    return out


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("method", ["hmc", "nuts"])
@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_ranks_are_uniform(construct: str, method: str) -> None:
    options = {"chains": 8, "warmup": 300, "draws": 300}
    found = ranks_of(construct, method, SIMS, 5, options)
    for name, ranks in found.items():
        counts = np.bincount(ranks * BINS // (DRAWS + 1), minlength=BINS)
        assert stats.chisquare(counts).pvalue > 1e-3 / len(found), (name, counts)

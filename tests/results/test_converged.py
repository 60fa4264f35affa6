"""Which fits are called converged: each kind that must not be, and good ones that must."""

from __future__ import annotations

import numpy as np
import pytest

import pgmlang

RNG = np.random.default_rng(11)
N = 60
X = RNG.normal(size=N)
APART = (X > 0).astype(int)
MIXED = (RNG.random(N) < 1 / (1 + np.exp(-X))).astype(int)
LINE = 1 + 2 * X + 0.5 * RNG.normal(size=N)
TWO = np.where(RNG.random(N) < 0.5, RNG.normal(-3, 1, N), RNG.normal(3, 1, N))
POINTS = np.concatenate([np.full(8, 2.0), RNG.normal(7, 1, N - 8)])
LOGISTIC = "param a : real\nparam b : real\nplate row { input x ; y : bit ~ Bernoulli(logit = a + b * x) }"
CLUSTERS = "param share[k] : simplex\nplate k[2] { param m : real\n param s : positive }\nplate row { z : k ~ Categorical(share) ; y ~ Normal(m[z], s[z]) }"
SCHOOLS = "m ~ Normal(0, 5)\nt ~ HalfNormal(3)\nplate row { e ~ Normal(m, t)\n y ~ Normal(e, 1) }"
CLASSES = "plate row { z : {p, q} ~ Table() ; u : bit ~ Table(z) ; v : bit ~ Table(z) ; w : bit ~ Table(z) }"
ISING = "plate row { field u : spin\n field v : spin\n factor h * u + j * u * v }\nparam h : real\nparam j : real"
SPINS = RNG.choice([-1, 1], size=(N, 2), p=[0.3, 0.7])

BAD = {
    "classes that a line separates": (LOGISTIC, {"x": X, "y": APART}, "map", {}),
    "classes apart, by em's kin": (LOGISTIC, {"x": X, "y": APART}, "map", {"max_iterations": 3}),
    "a sum of two params": ("param a : real\nparam b : real\nplate row { y ~ Normal(a + b, 1) }", {"y": LINE}, "map", {}),
    "a product of two params": (
        "param a : positive\nparam b : positive\nplate row { y ~ Poisson(a * b) }", {"y": np.arange(N) % 5}, "map", {}),
    "a param of nothing": ("param a : real\nparam b : real\nplate row { y ~ Normal(a, 1) }", {"y": LINE}, "map", {}),
    "a cluster of one value": (CLUSTERS, {"y": POINTS}, "em", {}),
    "a cluster of one value, by map": (CLUSTERS, {"y": POINTS}, "map", {}),
    "a spread that falls to zero": (
        "param m : real\nparam s : positive\nplate row { y ~ Normal(m, s) }", {"y": np.full(N, 2.0)}, "map", {}),
    "two iterations of em": (CLUSTERS, {"y": TWO}, "em", {"max_iterations": 2}),
    "two iterations of em on tables": (
        CLASSES, {n: (RNG.random(N) < 0.4).astype(int) for n in "uvw"}, "em", {"max_iterations": 2}),
    "three draws of one chain": (SCHOOLS, {"y": LINE}, "hmc", {"chains": 1, "warmup": 10, "draws": 3}),
    "a few draws of gibbs": ("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }", {"y": LINE}, "gibbs",
                             {"chains": 1, "warmup": 2, "draws": 5}),
    "chains that never move": ("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 0.00001) }", {"y": LINE}, "mh",
                               {"chains": 4, "warmup": 5, "draws": 30}),
    "a field that always agrees": (ISING, {"u": np.ones(N), "v": np.ones(N)}, "ml", {}),
    "adam, ten epochs": (LOGISTIC, {"x": X, "y": MIXED}, "map", {"optimizer": "adam", "epochs": 10}),
    "an elbo of ten steps": (SCHOOLS, {"y": LINE}, "elbo", {"epochs": 10}),
}  # fmt: skip
GOOD = {
    "a line": (
        "param a : real\nparam b : real\nparam s : positive\nplate row { input x ; y ~ Normal(a + b * x, s) }",
        {"x": X, "y": LINE}, "map", {}),
    "classes that overlap": (LOGISTIC, {"x": X, "y": MIXED}, "map", {}),
    "far units": (LOGISTIC, {"x": 1e4 + 1e3 * X, "y": MIXED}, "map", {}),
    "two clusters": (CLUSTERS, {"y": TWO}, "em", {}),
    "complete tables": ("plate row { u : bit ~ Table()\n v : bit ~ Table(u) }",
                        {n: (RNG.random(N) < 0.4).astype(int) for n in "uv"}, "ml", {}),
    "a mean by gibbs": ("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }", {"y": LINE}, "gibbs", {}),
    "a mean by hmc": ("m ~ Normal(0, 1)\nplate row { y ~ Normal(m, 1) }", {"y": LINE}, "hmc",
                      {"chains": 4, "warmup": 200, "draws": 250}),
    "an Ising pair": (ISING, {"u": SPINS[:, 0], "v": SPINS[:, 1]}, "ml", {}),
}  # fmt: skip


def fitted(case):
    text, data, method, options = case
    return pgmlang.compile(text).fit(data, method=method, options=options, seed=1)


@pytest.mark.parametrize("name", BAD)
def test_what_must_not_be_called_converged(name):
    fit = fitted(BAD[name])
    serious = [f for f in fit.diagnose() if f.severity != "ok"]
    assert fit.record.status != "converged"
    assert serious
    assert all(f.cure for f in serious)


@pytest.mark.parametrize("name", GOOD)
def test_what_must_be_called_converged(name):
    fit = fitted(GOOD[name])
    assert fit.record.status == "converged", [str(w.message) for w in fit.warnings]
    assert not [f for f in fit.diagnose() if f.severity == "problem"]

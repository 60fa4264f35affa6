"""A small model of every kind with data, and options by method under which it is fitted in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

RNG = np.random.default_rng(5)
N = 24
X = RNG.normal(size=N).round(2)
Y = (1 + 2 * X + RNG.normal(size=N)).round(2)
BITS = {name: RNG.integers(0, 2, N) for name in "uvw"}
GROUPS = [f"g{i % 4}" for i in range(N)]
MIXTURE = "share[k] ~ Dirichlet(2)\nplate k[2] { m ~ Normal(0, 5) }\nplate row { z ~ Categorical(share); y ~ Normal(m[z], 1) }"
LATENT = "plate row {{ z : {{p, q}} ~ Table({0}) ; u : bit ~ Table(z{1}) ; v : bit ~ Table(z{1}) ; w : bit ~ Table(z{1}) }}"
MACHINE = """dim v_unit = {u, v, w}
dim h_unit[2]
param W[v_unit, h_unit], b[v_unit] : real
plate row { field x[v_unit] : bit ; field h[h_unit] : bit ; factor x @ W @ h ; factor x @ b }"""
MODELS: dict[str, tuple[str, dict]] = {
    "tables": ("plate row { u : bit ~ Table() ; v : bit ~ Table(u) }", BITS),
    "params": ("param m : real\nplate row { y ~ Normal(m, 1) }", {"y": Y}),
    "chain of fields": (
        "param a, b : real\nplate row = chain { input x ; field u : bit ; factor a * x * u ; factor if first then 0 else b * u * prev(u) }",
        {"x": X, "u": BITS["u"]}),
    "given tables": ("plate row { u : bit ~ Bernoulli(0.3) ; v : bit ~ Bernoulli(if u == 1 then 0.8 else 0.1) }", {"v": BITS["v"]}),
    "given field": ("plate row { field u : spin ; field v : spin ; factor 0.3 * u * v }", {"u": 2 * BITS["u"] - 1, "v": 2 * BITS["v"] - 1}),
    "latent class": (LATENT.format("", ""), BITS),
    "quoted names": ('plate row { z : {"0-5 cm", "not so"} ~ Table() ; u : bit ~ Table(z) ; v : bit ~ Table(z) }', BITS),
    "latent class with priors": (LATENT.format("prior = 1", ", prior = 1"), BITS),
    "mixture": (MIXTURE, {"y": np.where(BITS["u"] > 0, -3, 3) + X}),
    "hidden chain": (
        "dim k[2]\ndim to like k\nstart[k] ~ Dirichlet(1)\nmove[k, to] ~ Dirichlet(1)\nm[k] ~ Normal(0, 3)\n"
        "plate row = chain { z : k ~ if first then Categorical(start) else Categorical(move[prev(z)]) ; y ~ Normal(m[z], 1) }", {"y": Y}),
    "latents outside": ("param p : unit\nplate g { t : bit ~ Bernoulli(p) ; plate row { y ~ Normal(3 * t, 1) } }", {"g": GROUPS, "y": Y}),
    "regression": ("a ~ Normal(0, 5)\nb ~ Normal(0, 5)\nplate row { input x ; y ~ Normal(a + b * x, 1) }", {"x": X, "y": Y}),
    "groups": ("t ~ HalfNormal(1)\nplate g { e ~ Normal(0, t) ; plate row { y ~ Normal(e, 1) } }", {"g": GROUPS, "y": Y}),
    "network": ("net f : real -> real = mlp(4)\nplate row { input x ; y ~ Normal(f(x), 1) }", {"x": X, "y": Y}),
    "network with a guide": (
        "dim d = {x, y}\nnet dec : real -> d = mlp(4)\nnet enc : d -> real, real = mlp(4)\n"
        "plate row { z ~ Normal(0, 1) ; o[d] ~ Normal(dec(z), 1) }\nguide row { l, s = enc(o) ; z ~ Normal(l, exp(s)) }", {"x": X, "y": Y}),
    "hidden field": ("plate row { field u : spin ; field v : spin ; factor 0.5 * u * v ; y ~ Normal(1.0 * u, 1) }", {"y": Y}),
    "machine": (MACHINE, BITS),
    "machine seen": ("param a, b : real\nplate row { field u : bit ; field v : bit ; factor a * u ; factor b * u * v }", BITS),
    "label fields": (
        'param a : real\nplate row { field s : {"on top", low} ; field t : {"on top", low} ; factor a * (if s == t then 1 else 0) }',
        {n: np.where(BITS[v] > 0, "on top", "low") for n, v in (("s", "u"), ("t", "v"))}),
    "real fields": ("param a : positive\nparam b : real\nplate row { field y : real ; factor -a * y ^ 2 + b * y }", {"y": Y}),
    "belief net": (
        "dim pixel = {u, v, w}\ndim low[3]\ndim high[2]\nparam W[low, high], A[pixel, low] : real\n"
        "plate row { field h2[high] : bit ; field h1[low] : bit ; factor h1 @ W @ h2 ; v[pixel] : bit ~ Bernoulli(logit = A @ h1) }", BITS),
}  # fmt: skip
SHORT = {
    **{
        m: {"chains": 2, "warmup": 5, "draws": 6}
        for m in ("hmc", "nuts", "gibbs", "langevin", "mh", "gibbs(z) * hmc")
    },
    "tempering": {"chains": 2, "warmup": 5, "draws": 6, "temperatures": 3},
    **{m: {"epochs": 3} for m in ("elbo", "cd", "pcd", "layerwise", "score")},
    **{m: {"max-iterations": 3} for m in ("em", "meanfield")},
    "ais": {"temperatures": 10, "particles": 10},
}


def written(kind: str, method: str) -> tuple[str, str, list[str]]:
    """Names of the model's and the data's file in the current folder, and the options of a short fit."""
    text, columns = MODELS[kind]
    Path("m.pgm").write_text(text + "\n")
    pd.DataFrame(columns).to_csv("d.csv", index=False)
    return (
        "m.pgm",
        "d.csv",
        [word for name, value in SHORT.get(method, {}).items() for word in (f"--{name}", str(value))],
    )

"""Full conditionals beside gradients: conjugate models, of the BUGS books and with labels, by `gibbs` and by `hmc`.

    python benchmarks/sweeps.py [MODEL ...]

Effective draws a CPU second of whole fits of 500 draws a chain, one thread: the fewest of any variable's sum of squares, chain by chain, which do
not hang on what a chain calls its labels. Data are drawn, in the books' shapes and sizes where a model is from there. `auto` takes `hmc` for all
of them but `topics`, whose labels have shares of their own in each document.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from typing import Any

import numpy as np

import pgmlang
from pgmlang.results.convergence import convergence

RNG = np.random.default_rng(0)
GAMMAS = "{} ~ Gamma(0.001, 0.001)\n"


def dyes() -> tuple[str, dict[str, Any]]:
    text = (
        "theta ~ Normal(0, precision = 1e-10)\n" + GAMMAS.format("within") + GAMMAS.format("between")
        + "plate batch { mu ~ Normal(theta, precision = between) }\nplate row in batch { y ~ Normal(mu, precision = within) }"
    )  # fmt: skip
    batch = np.repeat(np.arange(6), 5)
    return text, {"batch": [f"b{i}" for i in batch], "y": RNG.normal(RNG.normal(1527, 42, 6)[batch], 50)}


def growth() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rat, x = np.repeat(np.arange(30), 5), np.tile([8.0, 15, 22, 29, 36], 30)
    level, slope = RNG.multivariate_normal([106, 6.2], [[120, -0.8], [-0.8, 0.25]], 30)[rat].T
    return np.array([f"r{i:02d}" for i in rat]), x, RNG.normal(level + slope * x, 6)


def rats() -> tuple[str, dict[str, Any]]:
    text = (
        "a0 ~ Normal(0, precision = 1e-4)\nb0 ~ Normal(0, precision = 1e-4)\n"
        + "".join(map(GAMMAS.format, ("of_a", "of_b", "of_y")))
        + "plate rat { a ~ Normal(a0, precision = of_a)\n b ~ Normal(b0, precision = of_b) }\n"
        "plate row in rat { input x : real\n y ~ Normal(a + b * x, precision = of_y) }"
    )
    rat, x, y = growth()
    return text, {"rat": rat, "x": x, "y": y}


def birats() -> tuple[str, dict[str, Any]]:
    text = (
        "dim coef = {level, slope}\nmu[coef] ~ MultivariateNormal([0, 0], [[1e6, 0], [0, 1e6]])\n"
        "P[coef, coef'] ~ Wishart(2, [[0.005, 0], [0, 5]])\n" + GAMMAS.format("of_y") +
        "plate rat { b[coef] ~ MultivariateNormal(mu, precision = P) }\n"
        "plate row in rat { input x : real\n y ~ Normal(b[level] + b[slope] * x, precision = of_y) }"
    )  # fmt: skip
    rat, x, y = growth()
    return text, {"rat": rat, "x": x, "y": y}


def jaw() -> tuple[str, dict[str, Any]]:
    ages = ["a80", "a85", "a90", "a95"]
    text = (
        f"dim age = {{{', '.join(ages)}}}\nt[age] = [8, 8.5, 9, 9.5]\nb0 ~ Normal(0, precision = 1e-3)\n"
        "b1 ~ Normal(0, precision = 1e-3)\nP[age, age'] ~ Wishart(4, diag(1))\nmu[age] = b0 + b1 * t\n"
        "plate boy { y[age] ~ MultivariateNormal(mu, precision = P) }"
    )
    cov = [[6.3, 6.1, 5.6, 5.4], [6.1, 6.6, 6.3, 6.1], [5.6, 6.3, 7.4, 7.2], [5.4, 6.1, 7.2, 7.4]]
    y = RNG.multivariate_normal([49, 50, 51, 52], cov, 20)
    return text, {f"y_{a}": y[:, i] for i, a in enumerate(ages)}


def mixture() -> tuple[str, dict[str, Any]]:
    text = (
        "dim c[3]\np[c] ~ Dirichlet(2)\nmu[c] : ordered ~ Normal(0, 10)\ntau ~ Gamma(0.01, 0.01)\n"
        "plate row { z ~ Categorical(p)\n y ~ Normal(mu[z], precision = tau) }"
    )
    return text, {"y": RNG.normal(np.array([-3.0, 0.0, 4.0])[RNG.integers(0, 3, 500)], 1)}


def raters() -> tuple[str, dict[str, Any]]:
    text = (
        "dim c = {k1, k2, k3}\nshare[c] ~ Dirichlet(1)\n"
        "plate rater { theta[c, c'] ~ Dirichlet([[4, 1, 1], [1, 4, 1], [1, 1, 4]]) }\nplate item { z : c ~ Categorical(share) }\n"
        "plate rating in rater, item { y : c ~ Categorical(theta[z]) }"
    )
    item, rater = np.repeat(np.arange(100), 5), np.tile(np.arange(5), 100)
    said = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    y = [f"k{RNG.choice(3, p=said[z]) + 1}" for z in RNG.integers(0, 3, 100)[item]]
    return text, {"item": [f"i{i:03d}" for i in item], "rater": [f"r{i}" for i in rater], "y": y}


def classes() -> tuple[str, dict[str, Any]]:
    items = [f"i{i}" for i in range(8)]
    text = (
        f"dim c[4]\nshare[c] ~ Dirichlet(1)\ndim item = {{{', '.join(items)}}}\nq[c, item] ~ Beta(1, 1)\n"
        "plate row { z ~ Categorical(share)\n y[item] ~ Bernoulli(q[z]) }"
    )
    y = RNG.random((1000, 8)) < RNG.beta(1, 1, (4, 8))[RNG.integers(0, 4, 1000)]
    return text, {f"y_{item}": y[:, i].astype(int) for i, item in enumerate(items)}


def crossed() -> tuple[str, dict[str, Any]]:
    text = (
        "m ~ Normal(0, 100)\n" + "".join(map(GAMMAS.format, ("ta", "tb", "te"))) +
        "plate g { a ~ Normal(0, precision = ta) }\nplate h { b ~ Normal(0, precision = tb) }\n"
        "plate row in g, h { y ~ Normal(m + a + b, precision = te) }"
    )  # fmt: skip
    g, h = RNG.integers(0, 50, 1000), RNG.integers(0, 40, 1000)
    y = RNG.normal(3 + RNG.normal(0, 1, 50)[g] + RNG.normal(0, 0.5, 40)[h], 1)
    return text, {"g": [f"g{i}" for i in g], "h": [f"h{i}" for i in h], "y": y}


def topics() -> tuple[str, dict[str, Any]]:
    text = (
        "dim topic[3]\ndim word\nphi[topic, word] ~ Dirichlet(0.1)\n"
        "plate doc { theta[topic] ~ Dirichlet(0.5)\n plate token { z ~ Categorical(theta)\n w : word ~ Categorical(phi[z]) } }"
    )
    doc = np.repeat(np.arange(60), 25)
    words, shares = RNG.dirichlet(np.full(12, 0.1), 3), RNG.dirichlet(np.full(3, 0.5), 60)
    return text, {
        "doc": [f"d{i:02d}" for i in doc],
        "w": [f"w{RNG.choice(12, p=words[RNG.choice(3, p=shares[i])]):02d}" for i in doc],
    }


MODELS = (dyes, rats, birats, jaw, mixture, raters, classes, crossed, topics)


def effective_draws(fit: pgmlang.FittedModel) -> float:
    """The fewest of any variable's sum of squares, those of each chain added up."""
    fewest = np.inf
    for draws in fit.draws.values():
        if draws.dtype.kind == "f":
            squares = np.square(draws.reshape(*draws.shape[:2], -1)).sum(-1)
            fewest = min(fewest, sum(float(convergence(c[None, :, None]).ess_bulk[0]) for c in squares))
    return fewest


def main() -> None:
    """Prints a row a model."""
    print("| model | hmc, s | effective draws a second | gibbs, s | effective draws a second | ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    for make in MODELS:
        text, data = make()
        if sys.argv[1:] and make.__name__ not in sys.argv[1:]:
            continue
        model, rates, cells = pgmlang.compile(text), [], []
        for method in ("hmc", "gibbs"):
            begin = time.process_time()
            fit = model.fit(data, method=method, seed=1, options={"draws": 500, "max_draws": 500})
            seconds = time.process_time() - begin
            rates.append(effective_draws(fit) / seconds)
            cells.append(f"{seconds:.1f} | {rates[-1]:,.0f}")
        print(f"| {make.__name__} | {' | '.join(cells)} | {rates[0] / rates[1]:.2g}x |", flush=True)


if __name__ == "__main__":
    main()

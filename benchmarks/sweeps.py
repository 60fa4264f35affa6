"""Full conditionals beside gradients: conjugate models of the BUGS books by `gibbs` and by `hmc`, which `auto` takes.

    python benchmarks/sweeps.py

Effective draws a CPU second of whole fits with default options (the fewest of any variable), one thread. Data are drawn with the shapes and
sizes of the books'.
"""

from __future__ import annotations

import os

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


def main() -> None:
    """Prints a row a model."""
    print("| model | hmc, s | effective draws a second | gibbs, s | effective draws a second | ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    for make in (dyes, rats, birats, jaw):
        text, data = make()
        model, rates, cells = pgmlang.compile(text), [], []
        for method in ("hmc", "gibbs"):
            begin = time.process_time()
            fit = model.fit(data, method=method, seed=1)
            seconds = time.process_time() - begin
            ess = [np.nanmin(convergence(v.reshape(*v.shape[:2], -1)).ess_bulk) for v in fit.draws.values()]
            rates.append(min(ess) / seconds)
            is_converged = "" if fit.record.status == "converged" else f" ({fit.record.status})"
            cells.append(f"{seconds:.1f} | {rates[-1]:,.0f}{is_converged}")
        print(f"| {make.__name__} | {' | '.join(cells)} | {rates[0] / rates[1]:.0f}x |", flush=True)


if __name__ == "__main__":
    main()

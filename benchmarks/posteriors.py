"""The posteriors of `samplers.py`: each a model's text, its data, and the same model for JAGS where it can say it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@dataclass(frozen=True)
class Posterior:
    """``text``: the model's; ``data``: arrays by name, the peers'; ``table``: the same for pgmlang; ``names``: whose effective draws are
    counted (and the sampler's own standard variables are not); ``jags``: its text there, "" where it has no words for it."""

    text: str
    data: Callable[[], dict[str, Any]]
    table: Callable[[dict[str, Any]], Any]
    names: tuple[str, ...]
    jags: str = ""


def schools() -> dict[str, Any]:
    return {
        "y": np.array([28.0, 8, -3, 7, -1, 1, 18, 12]),
        "sd": np.array([15.0, 10, 16, 11, 9, 11, 10, 18]),
    }


def radon() -> dict[str, Any]:
    import arviz

    text = (Path(arviz.__file__).parent / "data/example_data/code/radon/radon.json").read_text()
    raw = json.loads(text)
    return {
        "y": np.array(raw["y"]), "floor": np.array(raw["x"], dtype=float), "county": np.array(raw["county"]),
    }  # fmt: skip


def tumours() -> dict[str, Any]:
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    return {"X": (found.data - found.data.mean(0)) / found.data.std(0), "y": found.target}


def made_up_bits(rows: int = 100_000, columns: int = 20) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(rows, columns))
    return {"X": x, "y": (rng.random(rows) < 1 / (1 + np.exp(-x @ rng.normal(size=columns) / 2))).astype(int)}


def sparse_line(rows: int = 100, columns: int = 50) -> dict[str, Any]:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(rows, columns))
    beta = np.zeros(columns)
    beta[:4] = 2.0, -1.5, 1.0, -0.7
    return {"X": x, "y": x @ beta + rng.normal(size=rows)}


def volatility(days: int = 1000) -> dict[str, Any]:
    rng = np.random.default_rng(2)
    h = np.full(days, -1.0)
    for t in range(1, days):
        h[t] = -1 + 0.95 * (h[t - 1] + 1) + 0.25 * rng.normal()
    return {"y": np.exp(h / 2) * rng.normal(size=days)}


def answers(persons: int = 300, items: int = 20) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    ability, slope, hardness = (
        rng.normal(size=persons),
        np.exp(0.5 * rng.normal(size=items)),
        rng.normal(size=items),
    )
    z = rng.random((persons, items)) < 1 / (1 + np.exp(-slope * (ability[:, None] - hardness)))
    return {"z": z.astype(int)}


def groups_of_lines(groups: int = 20, rows: int = 15) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    tau, half = np.array([0.8, 0.5]), np.linalg.cholesky(np.array([[1.0, 0.4], [0.4, 1.0]]))
    level, slope = (np.array([1.0, -0.5]) + (rng.normal(size=(groups, 2)) @ half.T) * tau).T
    group, x = np.repeat(np.arange(groups), rows), rng.normal(size=groups * rows)
    return {"group": group, "x": x, "y": level[group] + slope[group] * x + 0.5 * rng.normal(size=len(x))}


def columns_of(data: dict[str, Any], dim: str = "X") -> dict[str, Any]:
    """A table with a column for each of a matrix."""
    return {**{f"{dim}.f{i}": column for i, column in enumerate(data[dim].T)}, "y": data["y"]}


def labelled(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {**data, name: [f"{name}{i:02d}" for i in data[name]]}


def crossed(data: dict[str, Any]) -> dict[str, Any]:
    person, item = (i.reshape(-1) for i in np.indices(data["z"].shape))
    names = {"person": [f"p{i:03d}" for i in person], "item": [f"i{i:02d}" for i in item]}
    return {**names, "z": data["z"].reshape(-1)}


def logistic(columns: int) -> str:
    names = ", ".join(f"f{i}" for i in range(columns))
    return (
        f"dim f = {{{names}}}\nbase ~ Normal(0, 5)\nweight[f] ~ Normal(0, 2)\nplate row {{\n  input X[f] : real\n"
        "  y ~ Bernoulli(logit = base + X @ weight)\n}"
    )


LOGISTIC_IN_JAGS = """model {
  base ~ dnorm(0, 0.04)
  for (k in 1:30) { weight[k] ~ dnorm(0, 0.25) }
  for (i in 1:569) { logit(p[i]) <- base + inprod(X[i,], weight) ; y[i] ~ dbern(p[i]) } }"""

POSTERIORS: Mapping[str, Posterior] = {
    "schools": Posterior(
        (EXAMPLES / "schools/schools.pgm").read_text(),
        schools,
        lambda data: {"school": list("ABCDEFGH"), **data},
        ("mu", "tau", "effect"),
        """model {
  mu ~ dnorm(0, 0.04) ; tau ~ dt(0, 0.04, 1) T(0,)
  for (j in 1:8) { effect[j] ~ dnorm(0, 1) ; y[j] ~ dnorm(mu + tau * effect[j], pow(sd[j], -2)) } }""",
    ),
    "radon": Posterior(
        """
mu_a ~ Normal(0, 5)
mu_b ~ Normal(0, 5)
sd_a ~ HalfNormal(2)
sd_b ~ HalfNormal(2)
sigma ~ HalfNormal(2)
plate county {
  a ~ Normal(mu_a, sd_a)
  b ~ Normal(mu_b, sd_b)
  plate house {
    input floor : real
    y ~ Normal(a + b * floor, sigma)
  }
}
""",
        radon,
        lambda data: labelled(data, "county"),
        ("mu_a", "mu_b", "sd_a", "sd_b", "sigma", "a", "b"),
        """model {
  mu_a ~ dnorm(0, 0.04) ; mu_b ~ dnorm(0, 0.04)
  sd_a ~ dnorm(0, 0.25) T(0,) ; sd_b ~ dnorm(0, 0.25) T(0,) ; sigma ~ dnorm(0, 0.25) T(0,)
  for (c in 1:85) { a[c] ~ dnorm(mu_a, pow(sd_a, -2)) ; b[c] ~ dnorm(mu_b, pow(sd_b, -2)) }
  for (i in 1:919) { y[i] ~ dnorm(a[county[i] + 1] + b[county[i] + 1] * floor[i], pow(sigma, -2)) } }""",
    ),
    "logistic 569x30": Posterior(logistic(30), tumours, columns_of, ("base", "weight"), LOGISTIC_IN_JAGS),
    "logistic 100,000x20": Posterior(logistic(20), made_up_bits, columns_of, ("base", "weight")),
    "horseshoe 100x50": Posterior(
        """
dim f = {"""
        + ", ".join(f"f{i}" for i in range(50))
        + """}
tau ~ HalfCauchy(0.2)
width[f] ~ HalfCauchy(1)
beta[f] ~ Normal(0, width * tau)
sigma ~ HalfNormal(2)
plate row {
  input X[f] : real
  y ~ Normal(X @ beta, sigma)
}
""",
        sparse_line,
        columns_of,
        ("tau", "width", "beta", "sigma"),
        """model {
  tau ~ dt(0, 25, 1) T(0,) ; sigma ~ dnorm(0, 0.25) T(0,)
  for (k in 1:50) { width[k] ~ dt(0, 1, 1) T(0,) ; beta[k] ~ dnorm(0, pow(width[k] * tau, -2)) }
  for (i in 1:100) { y[i] ~ dnorm(inprod(X[i,], beta), pow(sigma, -2)) } }""",
    ),
    "volatility, 1,000 days": Posterior(
        """
mu ~ Normal(-1, 1)
phi ~ Uniform(-1, 1)
s ~ HalfNormal(0.5)
plate t = chain {
  h ~ if first then Normal(mu, s) else Normal(mu + phi * (prev(h) - mu), s)
  y ~ Normal(0, exp(h / 2))
}
""",
        volatility,
        lambda data: data,
        ("mu", "phi", "s", "h"),
        """model {
  mu ~ dnorm(-1, 1) ; phi ~ dunif(-1, 1) ; s ~ dnorm(0, 4) T(0,)
  h[1] ~ dnorm(mu, pow(s, -2))
  for (t in 2:1000) { h[t] ~ dnorm(mu + phi * (h[t - 1] - mu), pow(s, -2)) }
  for (t in 1:1000) { y[t] ~ dnorm(0, exp(-h[t])) } }""",
    ),
    "items, 300 x 20": Posterior(
        """
plate person { theta ~ Normal(0, 1) }
plate item {
  a ~ LogNormal(0, 0.5)
  b ~ Normal(0, 1)
}
plate answer in person, item { z ~ Bernoulli(logit = a * (theta - b)) }
""",
        answers,
        crossed,
        ("theta", "a", "b"),
        """model {
  for (j in 1:300) { theta[j] ~ dnorm(0, 1) }
  for (k in 1:20) { a[k] ~ dlnorm(0, 4) ; b[k] ~ dnorm(0, 1) }
  for (j in 1:300) { for (k in 1:20) { logit(p[j, k]) <- a[k] * (theta[j] - b[k]) ; z[j, k] ~ dbern(p[j, k]) } } }""",
    ),
    "slopes, 20 groups": Posterior(
        """
dim coef = {level, slope}
dim other like coef
mu[coef] ~ Normal(0, 2)
tau[coef] ~ HalfNormal(1)
R[coef, other] ~ LKJ(2)
s ~ HalfNormal(1)
plate group {
  z[coef] ~ MultivariateNormal(0, R)
  b[coef] = mu + tau * z
  plate row {
    input x : real
    y ~ Normal(b[level] + b[slope] * x, s)
  }
}
""",
        groups_of_lines,
        lambda data: labelled(data, "group"),
        ("mu", "tau", "s", "b"),
    ),
}


@cache
def data_of(name: str) -> dict[str, Any]:
    """The data of a posterior, arrays by name."""
    return POSTERIORS[name].data()

"""Sampled models beside NumPyro, nutpie and JAGS, one thread each: smallest bulk effective sample size a second.

Eight schools (non-centred), the radon model (varying intercepts and slopes, 919 houses of 85 counties) and a logistic
regression. *Whole* counts everything from a model's text to draws, *sampling* leaves compilation out (for JAGS and
pgmlang it is little). JAGS is run when its program is on the path (``apt install jags``); the radon data come with arviz.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402
from jags import run_jags  # noqa: E402

import pgmlang  # noqa: E402
from pgmlang.results.convergence import convergence  # noqa: E402

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
torch.set_num_threads(1)

RADON = """
model radon
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
"""
JAGS = {
    "schools": """model {
  mu ~ dnorm(0, 0.04) ; tau ~ dt(0, 0.04, 1) T(0,)
  for (j in 1:8) { effect[j] ~ dnorm(0, 1) ; y[j] ~ dnorm(mu + tau * effect[j], pow(sd[j], -2)) } }""",
    "radon": """model {
  mu_a ~ dnorm(0, 0.04) ; mu_b ~ dnorm(0, 0.04)
  sd_a ~ dnorm(0, 0.25) T(0,) ; sd_b ~ dnorm(0, 0.25) T(0,) ; sigma ~ dnorm(0, 0.25) T(0,)
  for (c in 1:85) { a[c] ~ dnorm(mu_a, pow(sd_a, -2)) ; b[c] ~ dnorm(mu_b, pow(sd_b, -2)) }
  for (i in 1:919) { y[i] ~ dnorm(a[county[i]] + b[county[i]] * floor[i], pow(sigma, -2)) } }""",
    "logistic": """model {
  base ~ dnorm(0, 1.0 / 9)
  for (k in 1:5) { weight[k] ~ dnorm(0, 0.25) }
  for (i in 1:569) { logit(p[i]) <- base + inprod(X[i,], weight) ; y[i] ~ dbern(p[i]) } }""",
}
MONITORED = {
    "schools": ("mu", "tau", "effect"),
    "radon": ("mu_a", "mu_b", "sd_a", "sd_b", "sigma", "a", "b"),
    "logistic": ("base", "weight"),
}


class Run(NamedTuple):
    """Draws [chain, draw, ...] by name, seconds in all, seconds of the sampling alone."""

    draws: dict[str, np.ndarray]
    whole: float
    sampling: float


def smallest_ess(draws: dict[str, np.ndarray]) -> float:
    """The smallest bulk effective sample size among all scalars."""
    found = [
        convergence(np.asarray(v, dtype=float).reshape(*v.shape[:2], -1)).ess_bulk.min() for v in draws.values()
    ]
    return float(min(found))


def data_of(name: str) -> dict[str, Any]:
    if name == "schools":
        table = pd.read_csv(EXAMPLES / "schools/schools.csv")
        return {"y": table["y"].to_numpy(float), "sd": table["sd"].to_numpy(float)}
    if name == "logistic":
        table = pd.read_csv(EXAMPLES / "logistic/tumours.csv")
        return {"X": table.iloc[:, :5].to_numpy(), "y": table["malignant"].to_numpy()}
    import json

    import arviz

    text = (Path(arviz.__file__).parent / "data/example_data/code/radon/radon.json").read_text()
    raw = json.loads(text)
    return {
        "y": np.array(raw["y"]), "floor": np.array(raw["x"], dtype=float), "county": np.array(raw["county"]),
    }  # fmt: skip


def ours(name: str, chains: int, warmup: int = 300, draws: int = 300) -> Run:
    data = data_of(name)
    start = time.perf_counter()
    if name == "radon":
        model, table = pgmlang.compile(RADON), {**data, "county": [f"c{i:02d}" for i in data["county"]]}
    else:
        model = pgmlang.compile(EXAMPLES / name / f"{name}.pgm")
        table = pd.read_csv(EXAMPLES / name / ("schools.csv" if name == "schools" else "tumours.csv"))
    fit = model.fit(table, method="hmc", seed=1, options={"chains": chains, "warmup": warmup, "draws": draws})
    seconds = time.perf_counter() - start
    return Run({k: fit.draws[k] for k in MONITORED[name]}, seconds, seconds)


def numpyro_run(name: str, warmup: int = 500, draws: int = 1000) -> Run:
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS

    def schools(y: Any, sd: Any) -> None:
        mu = numpyro.sample("mu", dist.Normal(0, 5))
        tau = numpyro.sample("tau", dist.HalfCauchy(5))
        with numpyro.plate("school", 8):
            effect = numpyro.sample("effect", dist.Normal(0, 1))
            numpyro.sample("y", dist.Normal(mu + tau * effect, sd), obs=y)

    def radon(y: Any, floor: Any, county: Any) -> None:
        mu_a, mu_b = (numpyro.sample(n, dist.Normal(0, 5)) for n in ("mu_a", "mu_b"))
        sd_a, sd_b, sigma = (numpyro.sample(n, dist.HalfNormal(2)) for n in ("sd_a", "sd_b", "sigma"))
        with numpyro.plate("county", 85):
            a = numpyro.deterministic("a", mu_a + sd_a * numpyro.sample("za", dist.Normal(0, 1)))
            b = numpyro.deterministic("b", mu_b + sd_b * numpyro.sample("zb", dist.Normal(0, 1)))
        numpyro.sample("y", dist.Normal(a[county] + b[county] * floor, sigma), obs=y)

    def logistic(X: Any, y: Any) -> None:
        base = numpyro.sample("base", dist.Normal(0, 3))
        weight = numpyro.sample("weight", dist.Normal(0, 2).expand([5]).to_event(1))
        numpyro.sample("y", dist.Bernoulli(logits=base + X @ weight), obs=y)

    model = {"schools": schools, "radon": radon, "logistic": logistic}[name]
    data = {k: jnp.array(v) for k, v in data_of(name).items()}

    def run(seed: int) -> tuple[Any, float]:
        start = time.perf_counter()
        mcmc.run(jax.random.PRNGKey(seed), **data)
        samples = mcmc.get_samples(group_by_chain=True)
        return {k: np.asarray(samples[k]) for k in MONITORED[name]}, time.perf_counter() - start

    mcmc = MCMC(NUTS(model), num_warmup=warmup, num_samples=draws, num_chains=4, chain_method="vectorized",
                progress_bar=False)  # fmt: skip
    _, first = run(1)
    draws_found, again = run(2)
    return Run(draws_found, first, again)


def nutpie_run(name: str, warmup: int = 400, draws: int = 1000) -> Run:
    import nutpie
    import pymc as pm

    data = data_of(name)
    start = time.perf_counter()
    with pm.Model() as model:
        if name == "schools":
            mu, tau = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5)
            effect = pm.Normal("effect", 0, 1, shape=8)
            pm.Normal("y", mu + tau * effect, data["sd"], observed=data["y"])
        elif name == "radon":
            mu_a, mu_b = pm.Normal("mu_a", 0, 5), pm.Normal("mu_b", 0, 5)
            sd_a, sd_b = pm.HalfNormal("sd_a", 2), pm.HalfNormal("sd_b", 2)
            sigma = pm.HalfNormal("sigma", 2)
            a = pm.Deterministic("a", mu_a + sd_a * pm.Normal("za", 0, 1, shape=85))
            b = pm.Deterministic("b", mu_b + sd_b * pm.Normal("zb", 0, 1, shape=85))
            pm.Normal("y", a[data["county"]] + b[data["county"]] * data["floor"], sigma, observed=data["y"])
        else:
            base, weight = pm.Normal("base", 0, 3), pm.Normal("weight", 0, 2, shape=5)
            pm.Bernoulli("y", logit_p=base + data["X"] @ weight, observed=data["y"])
    compiled = nutpie.compile_pymc_model(model)
    between = time.perf_counter()
    trace = nutpie.sample(compiled, draws=draws, tune=warmup, chains=4, cores=1, seed=1, progress_bar=False)
    done = time.perf_counter()
    return Run({k: trace.posterior[k].to_numpy() for k in MONITORED[name]}, done - start, done - between)


def jags_run(name: str, warmup: int = 1000, draws: int = 4000) -> Run:
    data = data_of(name)
    if "county" in data:
        data["county"] = data["county"] + 1
    modules = ("glm",) if name == "logistic" else ()
    drawn, seconds = run_jags(JAGS[name], data, MONITORED[name], warmup, draws, modules)
    return Run(drawn, seconds, seconds)


def main() -> None:
    print(
        "| model | sampler | whole | sampling | seconds | mean of the first |\n| --- | --- | --- | --- | --- | --- |"
    )
    ways: list[tuple[str, Callable[[str], Run]]] = [
        *((f"pgmlang, {n} chains", lambda model, n=n: ours(model, n)) for n in (16, 64, 256)),
        ("NumPyro NUTS, 4 chains", numpyro_run),
        ("nutpie, 4 chains", nutpie_run),
        ("JAGS, 4 chains", jags_run),
    ]
    for model in ("schools", "radon", "logistic"):
        for what, way in ways:
            try:
                run = way(model)
            except ImportError as error:
                print(f"| {model} | {what} | not run: {error} | | | |")
                continue
            ess = smallest_ess(run.draws)
            first = MONITORED[model][0]
            print(f"| {model} | {what} | {ess / run.whole:,.0f} | {ess / run.sampling:,.0f} | {run.whole:.1f} "
                  f"| {first} {run.draws[first].mean():.3f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

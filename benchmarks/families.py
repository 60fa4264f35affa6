"""Trained and sampled models beside their peers, in one run, one thread each: seconds, ratio, quality.

Rows: eight schools and a logistic regression (smallest bulk effective sample size a second, against NumPyro's NUTS on four
chains), an epoch of an RBM and of a VAE (against the same in plain PyTorch), sweeps of lattices (against numba loops by hand).
``python families.py [schools logistic rbm vae lattice]``.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "XLA_FLAGS"):
    os.environ.setdefault(
        name, "1" if "THREADS" in name else "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import torch  # noqa: E402

import pgmlang  # noqa: E402
from pgmlang.results.convergence import convergence  # noqa: E402

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
torch.set_num_threads(1)


def smallest_ess(draws: dict[str, np.ndarray]) -> float:
    """The smallest bulk effective sample size among all scalars of draws [chain, draw, ...]."""
    found = [
        convergence(np.asarray(v, dtype=float).reshape(*v.shape[:2], -1)).ess_bulk.min() for v in draws.values()
    ]
    return float(min(found))


def row(what: str, ours: float, theirs: float, unit: str, quality: str) -> None:
    print(f"| {what} | {ours:.4g} | {theirs:.4g} | {unit} | {quality} |", flush=True)


def sampled(name: str, data: str, chains: int, warmup: int, draws: int) -> tuple[float, dict[str, np.ndarray]]:
    """Smallest effective sample size a second, warm-up and compilation of the model included."""
    model = pgmlang.compile(EXAMPLES / name)
    start = time.perf_counter()
    fit = model.fit(
        EXAMPLES / data, method="hmc", seed=1, options={"chains": chains, "warmup": warmup, "draws": draws}
    )
    seconds = time.perf_counter() - start
    drawn = dict(fit.draws)
    return smallest_ess(drawn) / seconds, drawn


def numpyro_ess(model: Any, warmup: int, draws: int, **data: Any) -> tuple[float, dict[str, np.ndarray]]:
    import jax
    from numpyro.infer import MCMC, NUTS

    start = time.perf_counter()
    mcmc = MCMC(
        NUTS(model),
        num_warmup=warmup,
        num_samples=draws,
        num_chains=4,
        chain_method="vectorized",
        progress_bar=False,
    )
    mcmc.run(jax.random.PRNGKey(1), **data)
    found = {k: np.asarray(v) for k, v in mcmc.get_samples(group_by_chain=True).items()}
    return smallest_ess(found) / (time.perf_counter() - start), found


def schools() -> None:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    data = pd.read_csv(EXAMPLES / "schools/schools.csv")

    def model(y: Any, sd: Any) -> None:
        mu = numpyro.sample("mu", dist.Normal(0, 5))
        tau = numpyro.sample("tau", dist.HalfCauchy(5))
        with numpyro.plate("school", len(y)):
            effect = numpyro.sample("effect", dist.Normal(0, 1))
            numpyro.sample("y", dist.Normal(mu + tau * effect, sd), obs=y)

    theirs, peer = numpyro_ess(model, 500, 1000, y=jnp.array(data["y"]), sd=jnp.array(data["sd"]))
    for chains in (16, 256):
        ours, draws = sampled("schools/schools.pgm", "schools/schools.csv", chains, 300, 300)
        row(
            f"eight schools, {chains} chains",
            ours,
            theirs,
            "ESS a second",
            f"mu {draws['mu'].mean():.2f} and {peer['mu'].mean():.2f}",
        )


def logistic() -> None:
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    data = pd.read_csv(EXAMPLES / "logistic/tumours.csv")
    X, y = data.iloc[:, :5].to_numpy(), data["malignant"].to_numpy()

    def model(X: Any, y: Any) -> None:
        base = numpyro.sample("base", dist.Normal(0, 3))
        weight = numpyro.sample("weight", dist.Normal(0, 2).expand([5]).to_event(1))
        numpyro.sample("y", dist.Bernoulli(logits=base + X @ weight), obs=y)

    theirs, peer = numpyro_ess(model, 500, 1000, X=jnp.array(X), y=jnp.array(y))
    ours, draws = sampled("logistic/logistic.pgm", "logistic/tumours.csv", 16, 300, 300)
    row(
        "logistic regression, 569 x 5",
        ours,
        theirs,
        "ESS a second",
        f"weight {draws['weight'][..., 0].mean():.3f} and {peer['weight'][..., 0].mean():.3f}",
    )


def rbm() -> None:
    text = (EXAMPLES / "digits/rbm.pgm").read_text().replace("hidden = 64", "hidden = 500")
    rng = np.random.default_rng(0)
    v = (rng.random((10_000, 784)) < 0.2).astype(np.int64)
    model = pgmlang.compile(text)
    options = {"batch": 100, "epochs": 2, "k": 1, "dtype": "float32"}
    bound = model.bind({"v": v})
    model.fit(bound, method="cd", seed=1, options={**options, "epochs": 1})
    start = time.perf_counter()
    model.fit(bound, method="cd", seed=1, options=options)
    twice = time.perf_counter() - start
    start = time.perf_counter()
    model.fit(bound, method="cd", seed=1, options={**options, "epochs": 1})
    ours = twice - (time.perf_counter() - start)
    data = torch.as_tensor(v, dtype=torch.float32)
    W, b, c = 0.01 * torch.randn(784, 500), torch.zeros(784), torch.zeros(500)
    start = time.perf_counter()
    for at in range(0, 10_000, 100):
        x = data[at : at + 100]
        p = torch.sigmoid(x @ W + c)
        h = (torch.rand_like(p) < p).float()
        x2 = (torch.rand(100, 784) < torch.sigmoid(h @ W.T + b)).float()
        p2 = torch.sigmoid(x2 @ W + c)
        W += 0.05 * (x.T @ p - x2.T @ p2) / 100
        b += 0.05 * (x - x2).mean(0)
        c += 0.05 * (p - p2).mean(0)
    row(
        "RBM 784 x 500, CD-1, an epoch of 10,000",
        ours,
        time.perf_counter() - start,
        "seconds",
        "ours with Adam and the log pseudo-likelihood",
    )


def vae() -> None:
    text = (EXAMPLES / "digits/vae.pgm").read_text()
    data = pd.concat([pd.read_csv(EXAMPLES / "digits/train.csv")] * 6, ignore_index=True)
    model = pgmlang.compile(text)
    bound = model.bind(data)
    model.fit(bound, method="elbo", seed=1, options={"batch": 100, "epochs": 1})

    def seconds(epochs: int) -> float:
        start = time.perf_counter()
        model.fit(bound, method="elbo", seed=1, options={"batch": 100, "epochs": epochs})
        return time.perf_counter() - start

    ours = (seconds(6) - seconds(1)) / 5
    x = torch.as_tensor(data.to_numpy(), dtype=torch.float32)
    body = torch.nn.Sequential(torch.nn.Linear(64, 200), torch.nn.Tanh())
    loc, log_sd = torch.nn.Linear(200, 8), torch.nn.Linear(200, 8)
    decode = torch.nn.Sequential(torch.nn.Linear(8, 200), torch.nn.Tanh(), torch.nn.Linear(200, 64))
    weights = [p for m in (body, loc, log_sd, decode) for p in m.parameters()]
    optimiser = torch.optim.Adam(weights, lr=0.003)
    start = time.perf_counter()
    for _ in range(5):
        for batch in x[torch.randperm(len(x))].split(100):
            h = body(batch)
            m, s = loc(h), log_sd(h)
            z = m + s.exp() * torch.randn_like(m)
            kl = 0.5 * (m.square() + (2 * s).exp() - 1 - 2 * s).sum(-1)
            loss = (
                torch.nn.functional.binary_cross_entropy_with_logits(decode(z), batch, reduction="none").sum(-1)
                + kl
            ).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    row("VAE 64-200-8, an epoch of 9,000", ours, (time.perf_counter() - start) / 5, "seconds", "")


def lattice() -> None:
    """Sweeps of lattices: of compiled loops, of torch (sparse couplings; labels listed) and of a loop written by hand."""
    for side, chains, sweeps in ((64, 16, 100), (512, 4, 5)):
        text = (EXAMPLES / "ising/ising.pgm").read_text().replace("side = 8", f"side = {side}")
        rows = {"s": np.ones((1, side * side), dtype=np.int64)}
        _lattice(f"Ising {side} x {side}", text, rows, {"J": 0.4, "B": 0.0}, chains, sweeps, _ising_by_hand)
    text = (
        "param J : real\nplate image {\n  plate site = grid(64, 64) { field s : {a, b, c, d} }\n"
        "  plate bond(i, j) = edges(site) { factor if s[i] == s[j] then J else 0 }\n}"
    )
    _lattice(
        "Potts 64 x 64, 4 labels", text, {"s": np.full((1, 64 * 64), "a")}, {"J": 0.9}, 16, 20, _potts_by_hand
    )


def _lattice(
    what: str, text: str, rows: dict[str, Any], params: dict[str, float], chains: int, sweeps: int, by_hand: Any
) -> None:
    from pgmlang.density.bind import bound_density
    from pgmlang.fields.fields import fields_of
    from pgmlang.infer.base import facts_of
    from pgmlang.plan.problem import Problem

    bound = pgmlang.compile(text).bind(rows)
    joint = bound_density(Problem(bound.model, bound, {}, facts_of(bound.model, bound)), torch.float32)
    fields = fields_of(joint, ("s",))
    spins = chains * fields.joint.shapes["s"][1]
    held = {k: torch.tensor(v) for k, v in params.items()}

    def speed(backend: str, sweeps: int) -> tuple[float, float, float]:
        """Million spins a second, the seconds before the first sweep, energy a spin at the end."""
        generator = torch.Generator().manual_seed(1)
        values = fields.begin(generator, (chains,))
        start = time.process_time()
        frozen = fields.with_frozen_params(held, backend=backend)
        for _ in range(2):
            values = frozen.sweep(generator, values, held)
        setting = time.process_time() - start
        start = time.process_time()
        for _ in range(sweeps):
            values = frozen.sweep(generator, values, held)
        seconds = time.process_time() - start
        return (
            sweeps * spins / seconds / 1e6,
            setting,
            float(frozen.energy(values, held).mean()) / (spins / chains),
        )

    (ours, setting, energy), (today, before, level) = speed("native", sweeps), speed("torch", max(2, sweeps // 5))
    side = int(np.sqrt(spins / chains))
    theirs, reached = by_hand(side, chains, sweeps, params)
    quality = f"energy a spin {energy:.3f} and {reached:.3f}; {setting:.2f} s before; torch {today:.3g} ({level:.3f}; {before:.2f} s)"
    row(f"{what}, {chains} chains", ours, theirs, "million spins a second", quality)


def _ising_by_hand(side: int, chains: int, sweeps: int, params: dict[str, float]) -> tuple[float, float]:
    import numba

    @numba.njit
    def loop(s: Any, J: float, sweeps: int) -> None:
        n = s.shape[1]
        for _ in range(sweeps):
            for c in range(s.shape[0]):
                for i in range(n):
                    for j in range(n):
                        total = 0.0
                        if i > 0:
                            total += s[c, i - 1, j]
                        if i < n - 1:
                            total += s[c, i + 1, j]
                        if j > 0:
                            total += s[c, i, j - 1]
                        if j < n - 1:
                            total += s[c, i, j + 1]
                        s[c, i, j] = 1 if np.random.random() < 1 / (1 + np.exp(-2 * J * total)) else -1

    s = np.random.default_rng(0).choice(np.array([-1, 1], dtype=np.int8), (chains, side, side))
    loop(s, params["J"], 2)
    start = time.process_time()
    loop(s, params["J"], sweeps)
    seconds = time.process_time() - start
    wide = s.astype(float)
    energy = (wide[:, 1:] * wide[:, :-1]).sum() + (wide[:, :, 1:] * wide[:, :, :-1]).sum()
    return sweeps * s.size / seconds / 1e6, params["J"] * energy / s.size


def _potts_by_hand(side: int, chains: int, sweeps: int, params: dict[str, float]) -> tuple[float, float]:
    import numba

    labels = 4

    @numba.njit
    def loop(s: Any, J: float, sweeps: int) -> None:
        n, weights = s.shape[1], np.zeros(labels)
        for _ in range(sweeps):
            for c in range(s.shape[0]):
                for i in range(n):
                    for j in range(n):
                        weights[:] = 0.0
                        if i > 0:
                            weights[s[c, i - 1, j]] += J
                        if i < n - 1:
                            weights[s[c, i + 1, j]] += J
                        if j > 0:
                            weights[s[c, i, j - 1]] += J
                        if j < n - 1:
                            weights[s[c, i, j + 1]] += J
                        total = 0.0
                        for k in range(labels):
                            weights[k] = np.exp(weights[k])
                            total += weights[k]
                        left, k = total * np.random.random(), 0
                        while k < labels - 1 and left >= weights[k]:
                            left -= weights[k]
                            k += 1
                        s[c, i, j] = k

    s = np.random.default_rng(0).integers(0, labels, (chains, side, side)).astype(np.int8)
    loop(s, params["J"], 2)
    start = time.process_time()
    loop(s, params["J"], sweeps)
    seconds = time.process_time() - start
    energy = (s[:, 1:] == s[:, :-1]).sum() + (s[:, :, 1:] == s[:, :, :-1]).sum()
    return sweeps * s.size / seconds / 1e6, params["J"] * float(energy) / s.size


def main() -> None:
    print("| what | pgmlang | peer | unit | quality |\n| --- | --- | --- | --- | --- |")
    wanted = sys.argv[1:]
    for bench in (schools, logistic, rbm, vae, lattice):
        if wanted and bench.__name__ not in wanted:
            continue
        try:
            bench()
        except ImportError as error:
            print(f"| {bench.__name__} | | | | not run: {error} |")


if __name__ == "__main__":
    main()

"""Sampled models beside NumPyro, nutpie and JAGS: the smallest bulk effective sample size of all variables, a second.

    python benchmarks/samplers.py [MODELS ...] [--by TOOLS ...] [--threads N]

Every run is a process of its own, from its start to its end, imports and compilation included (*whole*), in processor seconds; *again*: the
same a second time, where compiled code is on disk by then; *sampling*: of the draws and the warm-up alone, where all is compiled. R-hat is
the largest. The models and their data: `posteriors.py`, as the peers say them: `peers_models.py`.
"""

from __future__ import annotations

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "1"
for variable in (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
):
    os.environ.setdefault(variable, THREADS)
if THREADS == "1":
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse  # noqa: E402
import resource  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Mapping  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
from posteriors import POSTERIORS, data_of  # noqa: E402

Draws = dict[str, np.ndarray]
MOST_JUDGED = 2_000
LONGEST = 300
"""Seconds after which a run is given up."""


def ours(name: str, chains: int, warmup: int, draws: int) -> tuple[Draws, float]:
    """Draws ``[chain, draw, ...]`` by name, and the seconds of a second fit in the process."""
    import torch

    import pgmlang

    torch.set_num_threads(int(THREADS))
    posterior = POSTERIORS[name]
    table, options = posterior.table(data_of(name)), {"chains": chains, "warmup": warmup, "draws": draws}

    def fit() -> Any:
        return pgmlang.compile(posterior.text).fit(table, method="hmc", seed=1, options=options)

    found = fit()
    return {n: found.draws[n] for n in posterior.names}, timed(fit)


def timed(run: Callable[[], Any]) -> float:
    """Processor seconds of a call, none of it where it is not wanted."""
    if "--again" not in sys.argv:
        return float("nan")
    begun = time.process_time()
    run()
    return time.process_time() - begun


def numpyro_run(name: str, warmup: int = 500, draws: int = 1000) -> tuple[Draws, float]:
    import jax
    import jax.numpy as jnp
    from numpyro.infer import MCMC, NUTS
    from peers_models import numpyro_models

    jax.config.update("jax_enable_x64", True)
    data = {k: jnp.array(v) for k, v in data_of(name).items()}
    mcmc = MCMC(NUTS(numpyro_models()[name]), num_warmup=warmup, num_samples=draws, num_chains=4,
                chain_method="vectorized", progress_bar=False)  # fmt: skip

    def run(seed: int) -> Draws:
        mcmc.run(jax.random.PRNGKey(seed), **data)
        return {k: np.asarray(v) for k, v in mcmc.get_samples(group_by_chain=True).items()}

    found = run(1)
    return found, timed(lambda: run(2))


def nutpie_run(name: str, warmup: int = 400, draws: int = 1000) -> tuple[Draws, float]:
    import nutpie
    from peers_models import pymc_model

    compiled = nutpie.compile_pymc_model(pymc_model(name, data_of(name)))

    def run() -> Any:
        return nutpie.sample(
            compiled, draws=draws, tune=warmup, chains=4, cores=int(THREADS), seed=1, progress_bar=False
        )

    trace = run()
    return {str(k): v.to_numpy() for k, v in trace.posterior.items()}, timed(run)


def jags_run(name: str, warmup: int = 1000, draws: int = 4000) -> tuple[Draws, float]:
    from jags import run_jags

    posterior = POSTERIORS[name]
    if not posterior.jags:
        raise ImportError("JAGS has no words for it")
    modules = ("glm",) if name.startswith(("logistic", "items")) else ()
    drawn, _ = run_jags(posterior.jags, data_of(name), posterior.names, warmup, draws, modules)
    return drawn, float("nan")


TOOLS: Mapping[str, Callable[[str], tuple[Draws, float]]] = {
    "pgmlang, 16 chains": lambda name: ours(name, 16, 500, 500),
    "pgmlang, 64 chains": lambda name: ours(name, 64, 300, 500),
    "pgmlang, 256 chains": lambda name: ours(name, 256, 300, 1000),
    "NumPyro": numpyro_run,
    "nutpie": nutpie_run,
    "JAGS": jags_run,
}
SMALL = ("schools", "radon")
"""Where 256 chains fit into a sitting; and 100,000 rows are not for those who would take an hour."""
LARGE = {"logistic 100,000x20": ("pgmlang, 16 chains", "NumPyro", "nutpie")}


def figures(draws: Draws) -> tuple[float, float]:
    """Smallest bulk ESS and largest R-hat of all numbers (of every so many, where there are thousands)."""
    from pgmlang.results.convergence import convergence

    all_figures = []
    for values in draws.values():
        flat = np.asarray(values, dtype=float).reshape(*values.shape[:2], -1)
        all_figures.append(convergence(flat[:, :, :: -(-flat.shape[2] // MOST_JUDGED)]))
    return min(f.ess_bulk.min() for f in all_figures), max(f.r_hat.max() for f in all_figures)


def one(name: str, tool: str, place: Path) -> None:
    """A run in this process: draws and seconds go to a file."""
    draws, sampling = TOOLS[tool](name)
    arrays: dict[str, Any] = {k: v for k, v in draws.items() if k in POSTERIORS[name].names}
    arrays[" sampling"] = np.array(sampling)
    np.savez(place, **arrays)


def in_a_process(name: str, tool: str, folder: Path, again: bool) -> tuple[float, Draws, float]:
    """Processor seconds of a run, its draws, and the seconds that a second one in the same process took."""
    place = folder / "draws.npz"
    command = [sys.executable, __file__, name, "--one", tool, "--threads", THREADS, "--into", str(place)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PGMLANG_CACHE": str(folder / "code")}
    try:
        done = subprocess.run(
            [*command, *(["--again"] if again else [])],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise ImportError(f"longer than {LONGEST} s") from late
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise ImportError((done.stderr.strip().splitlines() or ["it ended without a word"])[-1])
    with np.load(place) as found:
        draws = {k: found[k] for k in found.files}
    return (
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        draws,
        float(draws.pop(" sampling")),
    )


def measured(name: str, tool: str) -> str:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        try:
            whole, draws, _ = in_a_process(name, tool, folder, again=False)
            again, _, _ = (
                in_a_process(name, tool, folder, again=False) if tool.startswith("pgmlang") else (whole, 0, 0)
            )
            _, _, sampling = in_a_process(name, tool, folder, again=True)
        except ImportError as error:
            return f"| {name} | {tool} | not run: {error} | | | | | |"
        ess, r_hat = figures(draws)
    rates = " | ".join(f"{ess / s:,.0f}" if s == s else "" for s in (whole, again, sampling))
    first = POSTERIORS[name].names[0]
    return f"| {name} | {tool} | {rates} | {whole:.1f} | {ess:,.0f} | {r_hat:.3f} | {first} {draws[first].mean():.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(POSTERIORS), metavar="MODELS")
    parser.add_argument("--by", nargs="*", default=list(TOOLS))
    for option in ("--threads", "--one", "--into"):
        parser.add_argument(option, help=argparse.SUPPRESS if option != "--threads" else "of every tool (1)")
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.models[0], arguments.one, Path(arguments.into))
        return
    print(
        "| model | sampler | ESS/s whole | again | sampling | s whole | ESS | R-hat | mean of the first |\n"
        + "| --- " * 9
        + "|"
    )
    for name in arguments.models:
        for tool in arguments.by:
            if tool in LARGE.get(name, TOOLS) and (tool != "pgmlang, 256 chains" or name in SMALL):
                print(measured(name, tool), flush=True)


if __name__ == "__main__":
    main()

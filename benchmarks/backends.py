"""Compiled loops beside torch's recorded operations: what `auto` takes, and what it would have cost to take the other.

    python benchmarks/backends.py [NAMES ...] [--fits]

A process a model, its folder of compiled programs empty, one thread, CPU seconds. For each: seconds to import numba and to compile a gradient
(estimate beside it), a gradient of one of 16 chains by torch and by loops (estimates beside them), and what the plan takes for the default run.
``--fits``: whole fits by `hmc` with default options too, by torch, by loops compiled afresh, and by loops that are there already.
The figures of `pgmlang/native/costs.py` are read off this table.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from posteriors import POSTERIORS

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
RNG = np.random.default_rng(0)
GROUPS = """
mu ~ Normal(0, 5)
s ~ HalfNormal(2)
t ~ HalfNormal(2)
plate g {
  a ~ Normal(mu, t)
  plate r {
    input x : real
    y ~ Normal(a + x, s)
  }
}
"""
LINE = "a ~ Normal(0, 1)\nb ~ Normal(0, 1)\nplate r {\n  input x : real\n  %s\n}"


def column(kind: str, n: int) -> Any:
    """Values of a column of ``n`` rows."""
    codes = RNG.integers(0, max(2, n // 12), n)
    return {
        "real": RNG.normal(size=n), "bit": RNG.integers(0, 2, n), "count": RNG.poisson(2.0, n),
        "group": [f"g{i:05d}" for i in codes], "positive": RNG.gamma(2.0, 1.0, n),
    }[kind]  # fmt: skip


def table(n: int, **kinds: str) -> Callable[[], dict[str, Any]]:
    return lambda: {name: column(kind, n) for name, kind in kinds.items()}


def answers(persons: int, items: int) -> dict[str, Any]:
    person, item = np.divmod(np.arange(persons * items), items)
    names = {"person": [f"p{i}" for i in person], "item": [f"i{i}" for i in item]}
    return {**names, "z": RNG.integers(0, 2, persons * items)}


MODELS: dict[str, tuple[str | Path, Any]] = {
    "schools": (EXAMPLES / "schools/schools.pgm", EXAMPLES / "schools/schools.csv"),
    "logistic": (EXAMPLES / "logistic/logistic.pgm", EXAMPLES / "logistic/tumours.csv"),
    "kidiq": (EXAMPLES / "kidiq/kidiq.pgm", EXAMPLES / "kidiq/kidiq.csv"),
    "ordered": (EXAMPLES / "iris/ordered.pgm", EXAMPLES / "iris/iris.csv"),
    "nile": (EXAMPLES / "nile/level.pgm", EXAMPLES / "nile/nile.csv"),
    "groups 1e3": (GROUPS, table(1_000, x="real", y="real", g="group")),
    "groups 1e5": (GROUPS, table(100_000, x="real", y="real", g="group")),
    "line 1e2": (LINE % "y ~ Normal(a + b * x, 1)", table(100, x="real", y="real")),
    "line 1e4": (LINE % "y ~ Normal(a + b * x, 1)", table(10_000, x="real", y="real")),
    "bits 1e3": (LINE % "z ~ Bernoulli(logit = a + b * x)", table(1_000, x="real", z="bit")),
    "bits 1e5": (LINE % "z ~ Bernoulli(logit = a + b * x)", table(100_000, x="real", z="bit")),
    "counts 1e3": (LINE % "k ~ Poisson(exp(a + b * x))", table(1_000, x="real", k="count")),
    "items": (POSTERIORS["items, 300 x 20"].text, lambda: answers(300, 20)),
    "volatility": (POSTERIORS["volatility, 1,000 days"].text, table(500, y="real")),
    "hidden chain": (
        "dim s[3]\nmove[s, s'] ~ Dirichlet(1)\nmu[s] : ordered ~ Normal(0, 5)\nplate t = chain {\n"
        "  z ~ Categorical(if first then 1/3 else move[prev(z)])\n  y ~ Normal(mu[z], 1)\n}",
        table(400, y="real"),
    ),
    "censored": (
        LINE % "input c : real\n  w ~ Censored(Weibull(exp(a), exp(b * x)), upper = c)",
        lambda: {**(t := table(300, x="real", w="positive")()), "c": np.full(300, 3.0), "w": np.minimum(t["w"], 3.0)},
    ),
}  # fmt: skip
CHAINS = 16


def data_of(name: str) -> Any:
    data = MODELS[name][1]
    return str(data) if isinstance(data, Path) else data()


def best(run: Callable[[], Any]) -> float:
    """CPU seconds of a call, the least of several."""
    run()
    found = []
    for _ in range(5):
        begun, number = time.process_time(), 0
        while time.process_time() - begun < 0.03:
            run()
            number += 1
        found.append((time.process_time() - begun) / number)
    return min(found)


def states_or_elements(joint: Any, axis: str, summed: Any) -> int:
    from pgmlang.native.labels import labelled_by

    label = labelled_by(axis)
    return int(joint.num_states(label) if label in summed else joint.layout.size(joint.model.root_axis(axis)))


def measured(name: str) -> str:
    """A line of the table."""
    import torch

    import pgmlang
    from pgmlang.density.native import native_log_density, program_of
    from pgmlang.density.target import target_of
    from pgmlang.native.costs import estimated
    from pgmlang.plan.method import facts_of
    from pgmlang.plan.problem import Problem

    torch.set_num_threads(1)
    model = pgmlang.compile(MODELS[name][0])
    bound = model.bind(data_of(name))
    target = target_of(Problem(bound.model, bound, {}, facts_of(bound.model, bound)))
    joint, summed = target.joint, target.sums.names if target.sums is not None else ()
    counts = program_of(joint, target.names, summed).counts
    sizes = {a: states_or_elements(joint, a, summed) for a in counts.axes}
    cost = estimated(counts, sizes, CHAINS)
    x = np.random.default_rng(0).normal(size=(CHAINS, target.dimension)) * 0.3
    points = torch.from_numpy(x)
    begun = time.process_time()
    native = native_log_density(joint, target.names, summed)
    native.values_and_gradients(x)
    compiled = time.process_time() - begun
    loops, by_torch = best(lambda: native.values_and_gradients(x)), best(lambda: target.value_and_grad(points))
    reason = next(
        r
        for b in model.plan(data_of(name), method="hmc").blocks
        for r in b.reasons
        if r.startswith(("native:", "torch:"))
    )
    cells = [
        compiled,
        cost.compilation,
        *(1e6 * s for s in (by_torch / CHAINS, cost.torch, loops / CHAINS, cost.loops)),
    ]
    return f"{name:<12}" + "".join(f"{c:>9.2f}" for c in cells) + f"  {reason}"


def fitted(name: str, backend: str) -> str:
    """CPU seconds of a whole fit."""
    import torch

    import pgmlang

    torch.set_num_threads(1)
    data = data_of(name)
    begun = time.process_time()
    pgmlang.compile(MODELS[name][0]).fit(data, method="hmc", seed=1, options={"backend": backend})
    return f"{time.process_time() - begun:.2f}"


def alone(folder: str, *arguments: str) -> str:
    """What this script says in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, *arguments], capture_output=True, text=True, check=True,
        env=os.environ | {"PGMLANG_CACHE": folder},
    )  # fmt: skip
    return done.stdout.strip().splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *MODELS])
    parser.add_argument("--fits", action="store_true")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--fit", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(measured(options.measure))
        return
    if options.fit:
        print(fitted(*options.fit))
        return
    print(
        f"{'':<12}{'compile':>9}{'est.':>9}{'torch us':>9}{'est.':>9}{'loops us':>9}{'est.':>9}  the default run"
    )
    for name in options.names or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            print(alone(folder, "--measure", name), flush=True)
        if options.fits:
            with tempfile.TemporaryDirectory() as folder:
                seconds = [alone(folder, "--fit", name, b) for b in ("torch", "native", "native")]
            print(
                f"{'':<12} whole fits: torch {seconds[0]} s, loops {seconds[1]} s, loops again {seconds[2]} s",
                flush=True,
            )


if __name__ == "__main__":
    main()

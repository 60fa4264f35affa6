"""A gradient of one chain by compiled loops, alone and among 64 over lanes, and by torch's recorded operations among 64.

    python benchmarks/gradients.py [NAMES ...]

Processor microseconds, one thread, the least of several runs. *Products*: the share that the two matrix products of a logistic regression take when
numpy's BLAS does them for 64 chains at once, over the time of loops (over one: the loops are ahead of BLAS).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from backends import MODELS, data_of
from posteriors import POSTERIORS

import pgmlang
from pgmlang.density.native import native_log_density
from pgmlang.density.target import target_of
from pgmlang.plan.method import facts_of
from pgmlang.plan.problem import Problem

CHAINS, STEPS = 64, 4
RNG = np.random.default_rng(0)
RADON = POSTERIORS["radon"].text
"""The model of `samplers.py`, over made-up houses as many as there are."""


def logistic(rows: int, columns: int) -> tuple[str, Callable[[], dict[str, Any]]]:
    """A logistic regression and its table."""
    names = [f"f{i}" for i in range(columns)]
    text = (
        f"dim f = {{{', '.join(names)}}}\nbase ~ Normal(0, 5)\nweight[f] ~ Normal(0, 2)\nplate row {{\n  input x[f] : real\n"
        "  y ~ Bernoulli(logit = base + x @ weight)\n}"
    )
    return text, lambda: {
        **{f"x.{n}": RNG.normal(size=rows) for n in names},
        "y": RNG.integers(0, 2, rows),
    }


def houses() -> dict[str, Any]:
    """919 houses of 85 counties."""
    county = [f"c{i % 85:02d}" for i in range(919)]
    return {"county": county, "floor": RNG.integers(0, 2, 919).astype(float), "y": RNG.normal(size=919)}


LOGISTIC = {"logistic 569x30": (569, 30), "logistic 5,000x200": (5_000, 200), "logistic 100,000x20": (100_000, 20)}
ALL: Mapping[str, Any] = {
    "schools": MODELS["schools"], "radon": (RADON, houses), "items": MODELS["items"], "volatility": MODELS["volatility"],
    **{name: logistic(*size) for name, size in LOGISTIC.items()},
}  # fmt: skip


def best(run: Callable[[], Any]) -> float:
    """Processor seconds of a call."""
    run()
    found = []
    for _ in range(4):
        begun, number = time.process_time(), 0
        while time.process_time() - begun < 0.05:
            run()
            number += 1
        found.append((time.process_time() - begun) / number)
    return min(found)


def products(rows: int, columns: int) -> float:
    """Seconds of the products of a gradient of one of `CHAINS` chains by BLAS."""
    x, weights, slopes = (RNG.normal(size=s) for s in ((rows, columns), (columns, CHAINS), (rows, CHAINS)))
    return (best(lambda: x @ weights) + best(lambda: x.T @ slopes)) / CHAINS


def measured(name: str) -> str:
    """A line of the table."""
    text, data = ALL[name]
    model = pgmlang.compile(text)
    bound = model.bind(data_of(name) if name in MODELS else data())
    target = target_of(Problem(bound.model, bound, {}, facts_of(bound.model, bound)))
    native = native_log_density(target.joint, target.names, target.sums.names if target.sums is not None else ())
    x = np.random.default_rng(0).normal(size=(CHAINS, target.dimension)) * 0.1

    def loops(chains: int) -> float:
        position, momentum = x[:chains].copy(), np.zeros((chains, target.dimension))
        values, gradients = native.values_and_gradients(position)

        def run() -> None:
            unit = np.ones(target.dimension)
            native.trajectories(position, momentum, values, gradients, 0.0, unit, position[:0], values[:0], STEPS)

        return best(run) / (chains * STEPS)

    points = torch.from_numpy(x)
    one, many = loops(1), loops(CHAINS)
    by_torch = best(lambda: target.value_and_grad(points)) / CHAINS
    share = f"{products(*LOGISTIC[name]) / many:>10.2f}" if name in LOGISTIC else ""
    return f"{name:<22}" + "".join(f"{1e6 * s:>12.3f}" for s in (one, many, by_torch)) + share


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'us a gradient':<22}{'one chain':>12}{'64 chains':>12}{'torch':>12}{'products':>10}")
    for name in sys.argv[1:] or ALL:
        print(measured(name), flush=True)


if __name__ == "__main__":
    main()

"""Gradients of densities whose labels are summed out: compiled loops beside torch, a mixture and a hidden chain.

python benchmarks/label_sums.py [--rows 10000] [--chains 4]

Microseconds of processor time of a gradient, a chain, one thread, the best of several; how far apart the two are; seconds of compiling.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import pgmlang
from pgmlang.density.native import native_log_density
from pgmlang.density.target import target_of
from pgmlang.infer.base import Problem, facts_of

MIXTURE = """
dim k[5]
share[k] ~ Dirichlet(1)
mu[k] ~ Normal(0, 5)
s[k] ~ HalfNormal(2)
plate row { z ~ Categorical(share) ; y ~ Normal(mu[z], s[z]) }
"""
CHAIN = """
dim to like state
start[state] ~ Dirichlet(1)
plate state[4] { move[to] ~ Dirichlet(1)
  mu ~ Normal(0, 3)
  s ~ HalfNormal(1) }
plate t = chain { z ~ Categorical(if first then start else move[prev(z)]) ; y ~ Normal(mu[z], s[z]) }
"""
GROUPS = """
dim k[5]
share[k] ~ Dirichlet(1)
mu[k] ~ Normal(0, 5)
s ~ HalfNormal(2)
plate group { z ~ Categorical(share)
  plate row { y ~ Normal(mu[z], s) } }
"""


def best(run: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        begin = time.process_time()
        run()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def compare(name: str, text: str, data: dict[str, object], chains: int) -> None:
    bound = pgmlang.compile(text).bind(data)
    target = target_of(Problem(bound.model, bound, {}, facts_of(bound.model, bound), "cpu"))
    assert target.sums is not None
    native = native_log_density(target.joint, target.names, target.sums.names)
    x = np.random.default_rng(1).normal(size=(chains, target.dimension)) * 0.5
    of_torch = torch.from_numpy(x)
    begin = time.process_time()
    _, gradients = native.values_and_gradients(x)
    compiling = time.process_time() - begin
    _, slopes = target.value_and_grad(of_torch)
    apart = np.abs(gradients - slopes.numpy()).max() / np.abs(slopes.numpy()).max()
    loops = best(lambda: native.values_and_gradients(x), 9) / chains
    torchs = best(lambda: target.value_and_grad(of_torch), 5) / chains
    print(f"{name:22} native {loops * 1e6:9.1f} us   torch {torchs * 1e6:9.1f} us   ratio {torchs / loops:6.1f}   "
          f"apart {apart:.1e}   compiling {compiling:.1f} s")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--chains", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    rows = given.rows
    centres = np.array([-4.0, -1.0, 0.0, 2.0, 5.0])
    y = rng.normal(np.repeat(centres, -(-rows // 5))[:rows], 0.7)
    compare("mixture of 5", MIXTURE, {"y": y}, given.chains)
    compare("chain of 4 states", CHAIN, {"y": y}, given.chains)
    groups = {"group": [f"g{i // 10}" for i in range(rows)], "y": y}
    compare("labels of groups of 10", GROUPS, groups, given.chains)


if __name__ == "__main__":
    main()

"""Exact posteriors of all single variables: this engine beside pyAgrum's LazyPropagation, one thread each.

    python benchmarks/exact_networks.py [FOLDER] [--rows 1000] [--observed 0.1] [--networks alarm,munin]

FOLDER holds BIF files (``NAME.bif`` or ``NAME.bif.gz``; default ``../shared/data/bn/bif``). Evidence: a share of
the variables, chosen at random, observed in rows drawn from the network. For one row: the first query (pattern
compiled on the way) and a second one with other values, each the best of five, pyAgrum too. For many rows pyAgrum loops over at most ``--loop`` of
them. Needs the extra ``bench``.
"""

from __future__ import annotations

import os

# Before numpy loads its BLAS.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.exact import ExactEngine
from pgmlang.formats import open_text, read_bif, write_bif
from pgmlang.graph import topological_order
from pgmlang.graph.elimination import bits
from pgmlang.tables import DiscreteNetwork

NETWORKS = (
    "asia,cancer,earthquake,survey,sachs,child,insurance,"
    "alarm,hailfinder,hepar2,win95pts,andes,pigs,diabetes,munin,link,munin1,munin2,munin3,munin4,"
    "barley,mildew,water,pathfinder"
)
REPEATS = 5
HEADER = (
    f"{'network':<11}{'nodes':>6}{'rows':>6}{'first ms/row':>14}{'again ms/row':>14}"
    f"{'pyAgrum ms/row':>16}{'first x':>9}{'again x':>9}{'max diff':>10}"
)


def draw_rows(network: DiscreteNetwork, count: int, rng: np.random.Generator) -> np.ndarray:
    """Rows (count, variables) of codes from a directed network."""
    factors = {f.child: f for f in network.factors}
    order = topological_order([factors[v].scope[:-1] for v in range(len(network.variables))])
    codes = np.zeros((count, len(order)), dtype=np.int64)
    for v in order:
        factor = factors[v]
        chances = np.exp(factor.log_values())[tuple(codes[:, u] for u in factor.scope[:-1])]
        chances = np.broadcast_to(chances, (count, chances.shape[-1]))
        drawn = (chances.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
        codes[:, v] = np.minimum(drawn, chances.shape[1] - 1)
    return codes


def plain_labels(network: DiscreteNetwork) -> DiscreteNetwork:
    """The network with labels ``s0 s1 ...``: pyAgrum's reader takes no quoted ones, and codes are all that is compared."""
    variables = tuple(replace(v, labels=tuple(f"s{i}" for i in range(v.size))) for v in network.variables)
    return replace(network, variables=variables)


class PyAgrum:
    """LazyPropagation on one thread, asked row by row."""

    def __init__(self, network: DiscreteNetwork) -> None:
        import pyagrum

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.bif"
            path.write_text(write_bif(plain_labels(network)))
            self.net = pyagrum.loadBN(str(path))
        pyagrum.setNumberOfThreads(1)
        self.names = [v.name for v in network.variables]
        for factor in network.factors:
            # Its reader keeps single precision only.
            table = self.net.cpt(self.names[factor.scope[-1]])
            axes = [v.name() for v in reversed(table.variablesSequence())]
            order = [[self.names[u] for u in factor.scope].index(axis) for axis in axes]
            table[:] = np.ascontiguousarray(np.exp(factor.log_values()).transpose(order))
        self.fresh()

    def fresh(self) -> None:
        import pyagrum

        self.engine: Any = pyagrum.LazyPropagation(self.net)

    def posteriors(self, row: dict[int, int]) -> list[np.ndarray]:
        self.engine.setEvidence({self.names[v]: code for v, code in row.items()})
        self.engine.makeInference()
        return [self.engine.posterior(name).toarray() for name in self.names]


def difference(tables: dict[int, np.ndarray], row: int, others: list[np.ndarray]) -> float:
    return max(float(np.abs(tables[v][row] - other).max()) for v, other in enumerate(others))


def compare(network: DiscreteNetwork, name: str, rows: int, observed: float, loop: int) -> None:
    """Print one line for one row and one for many."""
    rng = np.random.default_rng(0)
    count = len(network.variables)
    codes = draw_rows(network, max(rows, 2), rng)
    chosen = sorted(random.Random(1).sample(range(count), max(1, round(observed * count))))
    other = PyAgrum(network)

    def row(r: int) -> dict[int, int]:
        return {v: int(codes[r, v]) for v in chosen}

    def line(number: int, first: float, again: float, theirs: float, worst: float) -> None:
        print(
            f"{name:<11}{count:>6}{number:>6}{first:>14.3f}{again:>14.3f}{theirs:>16.2f}"
            f"{theirs / first:>9.1f}{theirs / again:>9.1f}{worst:>10.1e}",
            flush=True,
        )

    first = again = theirs = float("inf")
    for _ in range(REPEATS):
        # Nothing compiled before helps the first query.
        bits.cache_clear()
        engine = ExactEngine(network)
        other.fresh()
        start = time.perf_counter()
        one = engine.marginals(row(0))
        first = min(first, (time.perf_counter() - start) * 1e3)
        start = time.perf_counter()
        engine.marginals(row(1))
        again = min(again, (time.perf_counter() - start) * 1e3)
        start = time.perf_counter()
        posteriors = other.posteriors(row(0))
        theirs = min(theirs, (time.perf_counter() - start) * 1e3)
    line(1, first, again, theirs, difference(one.tables, 0, posteriors))
    evidence = {v: codes[:rows, v] for v in chosen}
    start = time.perf_counter()
    many = engine.marginals(evidence)
    first = (time.perf_counter() - start) * 1e3 / rows
    start = time.perf_counter()
    engine.marginals(evidence)
    again = (time.perf_counter() - start) * 1e3 / rows
    worst, theirs, looped = 0.0, 0.0, min(rows, loop)
    for r in range(looped):
        start = time.perf_counter()
        posteriors = other.posteriors(row(r))
        theirs += (time.perf_counter() - start) * 1e3 / looped
        worst = max(worst, difference(many.tables, r, posteriors))
    line(rows, first, again, theirs, worst)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "bn" / "bif"
    parser.add_argument("folder", nargs="?", type=Path, default=default)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--observed", type=float, default=0.1)
    parser.add_argument("--loop", type=int, default=20)
    parser.add_argument("--networks", default=NETWORKS)
    options = parser.parse_args()
    print(HEADER)
    for name in options.networks.split(","):
        files = [p for p in (options.folder / f"{name}.bif.gz", options.folder / f"{name}.bif") if p.is_file()]
        if files:
            compare(read_bif(open_text(files[0])), name, options.rows, options.observed, options.loop)


if __name__ == "__main__":
    main()

"""A network of 400 labels, those of its last row seen, by Gibbs sweeps beside JAGS: processor seconds of whole runs, effective draws a second.

Binary labels of a grid, each below the one over it and the one beside it, by random tables: too wide to be summed out. ``python labels.py``.
"""

from __future__ import annotations

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from jags import CHAINS, run_jags

import pgmlang
from pgmlang.results.convergence import convergence

SIDE, WARMUP, DRAWS = 20, 500, 2000
torch.set_num_threads(1)


def network(rng: np.random.Generator) -> tuple[str, np.ndarray]:
    """The model's text, and P(yes) ``[row, column, above, beside]``."""
    chances = rng.uniform(0.1, 0.9, (SIDE, SIDE, 2, 2))
    lines = []
    for i in range(SIDE):
        for j in range(SIDE):
            parents = [f"x{a}_{b}" for a, b in ((i - 1, j), (i, j - 1)) if min(a, b) >= 0]
            rows = []
            for above in range(2) if i else (0,):
                for beside in range(2) if j else (0,):
                    p = chances[i, j, above, beside]
                    given = [("no", "yes")[v] for v, there in ((above, i), (beside, j)) if there]
                    rows.append(f"    {', '.join(given)}{' : ' if given else ''}{1 - p:.15f}, {p:.15f}")
            lines.append(
                f"  x{i}_{j} : {{no, yes}} ~ Table({', '.join(parents)}) {{\n" + "\n".join(rows) + "\n  }"
            )
    return "plate r {\n" + "\n".join(lines) + "\n}", chances


JAGS = f"""model {{
  for (i in 1:{SIDE}) {{ for (j in 1:{SIDE}) {{
    x[i, j] ~ dbern(p[i, j, 1 + above[i, j], 1 + beside[i, j]])
  }} }}
  for (j in 1:{SIDE}) {{ above[1, j] <- 0 ; for (i in 2:{SIDE}) {{ above[i, j] <- x[i - 1, j] }} }}
  for (i in 1:{SIDE}) {{ beside[i, 1] <- 0 ; for (j in 2:{SIDE}) {{ beside[i, j] <- x[i, j - 1] }} }}
}}"""


def ess(draws: np.ndarray) -> np.ndarray:
    """Bulk effective draws of each label ``[chain, draw, label]``."""
    return np.asarray(convergence(draws.astype(float)).ess_bulk)


def main() -> None:
    text, chances = network(np.random.default_rng(0))
    seen = np.arange(SIDE) % 2
    rows = {f"x{SIDE - 1}_{j}": [("no", "yes")[seen[j]]] for j in range(SIDE)}
    options = {"chains": CHAINS, "warmup": WARMUP, "draws": DRAWS, "backend": "native"}
    start, wall = time.process_time(), time.perf_counter()
    fit = pgmlang.compile(text).fit(rows, method="gibbs", seed=1, options=options)
    ours, ours_wall = time.process_time() - start, time.perf_counter() - wall
    mine = np.stack([fit.draws[f"x{i}_{j}"][:, :, 0] for i in range(SIDE - 1) for j in range(SIDE)], -1)
    x = np.full((SIDE, SIDE), np.nan)
    x[-1] = seen
    data = {"p": chances}
    before = os.times()
    theirs, theirs_wall = run_jags(JAGS, {**data, "x": x}, ("x",), WARMUP, DRAWS)
    after = os.times()
    seconds = after.children_user - before.children_user + after.children_system - before.children_system
    # elements as coda lists them, the first index fastest
    peer = (
        theirs["x"].reshape(CHAINS, DRAWS, SIDE, SIDE).swapaxes(2, 3)[:, :, : SIDE - 1].reshape(CHAINS, DRAWS, -1)
    )
    a, b = ess(mine), ess(peer)
    gap = np.abs(mine.mean((0, 1)) - peer.mean((0, 1))) / np.sqrt(mine.var((0, 1)) / a + peer.var((0, 1)) / b)
    print("| what | pgmlang | JAGS | ratio |\n| --- | --- | --- | --- |")
    print(f"| processor seconds, whole | {ours:.2f} | {seconds:.2f} | {seconds / ours:.1f} |")
    print(f"| wall seconds, whole | {ours_wall:.2f} | {theirs_wall:.2f} | {theirs_wall / ours_wall:.1f} |")
    print(f"| smallest ESS | {a.min():.0f} | {b.min():.0f} | {a.min() / b.min():.2f} |")
    print(
        f"| smallest ESS a processor second | {a.min() / ours:.0f} | {b.min() / seconds:.0f} | {a.min() / ours * seconds / b.min():.1f} |"
    )
    print(
        f"means of the labels: {(gap > 3).mean():.1%} further apart than three standard errors, the furthest {gap.max():.1f}"
    )


if __name__ == "__main__":
    main()

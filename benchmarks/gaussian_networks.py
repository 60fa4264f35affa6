"""Gaussian networks beside numpy's dense conditioning row by row, and Kalman smoothing beside a loop of numpy and statsmodels, one thread each.

    python benchmarks/gaussian_networks.py [FOLDER] [--rows 100] [--steps 100000]

FOLDER holds networks as pgmpy's JSON (``NAME.json``; default: those in an installed pgmpy, of the extra ``bench``). Evidence: a share of the numbers of
rows drawn from the network, the same numbers in every row, or others in each. Dense conditioning has the joint covariance beforehand and does for each row what the
textbook says (Bishop 2006, section 2.3.1): mean and sd of each number that is not seen. ``first``: a new engine; ``again``: one that has met
the pattern. Best of five; the greatest difference beside it.
"""

from __future__ import annotations

import os

# Before numpy loads its BLAS.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import importlib.util
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pgmlang.exact.gaussian import GaussianEngine, NumberRows
from pgmlang.formats import open_text, read_gaussian_json
from pgmlang.gaussian import GaussianNetwork
from pgmlang.gaussian.chain_network import ChainNetwork
from pgmlang.infer.gaussian_rows import row_answers

NETWORKS = ("ecoli70", "magic-niab", "magic-irri", "arth150")
REPEATS = 5


def best_of(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the fastest of five, and the last result."""
    times, out = [], None
    for _ in range(REPEATS):
        begin = time.perf_counter()
        out = run()
        times.append(time.perf_counter() - begin)
    return min(times), out


def joint(network: GaussianNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of all numbers."""
    slopes, intercept, sd = network.plain_rows
    inverse = np.linalg.inv(-slopes)
    return inverse @ intercept, inverse @ np.diag(sd**2) @ inverse.T


def dense(mean: np.ndarray, covariance: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Means and sds ``[2, rows, N]`` row by row; zero at what is seen."""
    out = np.zeros((2, *rows.shape))
    for r, row in enumerate(rows):
        seen = ~np.isnan(row)
        hidden = ~seen
        cross = covariance[np.ix_(hidden, seen)]
        gain = np.linalg.solve(covariance[np.ix_(seen, seen)], cross.T).T
        out[0, r, hidden] = mean[hidden] + gain @ (row[seen] - mean[seen])
        out[1, r, hidden] = np.sqrt(np.diag(covariance[np.ix_(hidden, hidden)] - gain @ cross.T))
    return out


def conditioned(engine: GaussianEngine, rows: np.ndarray) -> np.ndarray:
    """The same as `predict` works it out."""
    return row_answers(engine, NumberRows({}, rows), range(rows.shape[1])).figures


def measured(network: GaussianNetwork, rows: np.ndarray) -> tuple[float, float, float, float]:
    """Seconds of numpy, of a new engine and of one that has met the rows, and the greatest difference."""
    mean, covariance = joint(network)
    engine = GaussianEngine(network)
    conditioned(engine, rows)
    slow, right = best_of(lambda: dense(mean, covariance, rows))
    first, ours = best_of(lambda: conditioned(GaussianEngine(replace(network)), rows))
    again, _ = best_of(lambda: conditioned(engine, rows))
    return slow, first, again, float(np.abs(np.where(np.isnan(rows), ours - right, 0.0)).max())


def networks(folder: Path, count: int) -> None:
    print(
        f"{'network':<12}{'nodes':>6}{'seen':>6}  {'numbers':<9}{'numpy ms':>10}{'first ms':>10}{'again ms':>10}{'first x':>9}{'again x':>9}{'max diff':>10}"
    )
    for name in NETWORKS:
        path = folder / f"{name}.json"
        if not path.exists():
            continue
        network = read_gaussian_json(open_text(path))
        mean, covariance = joint(network)
        n = len(mean)
        rng = np.random.default_rng(0)
        full = rng.multivariate_normal(mean, covariance, size=count)
        for share in (0.2, 0.5):
            seen = max(1, round(share * n))
            same = np.broadcast_to(rng.permutation(n) < seen, full.shape)
            other = rng.random(full.shape).argsort(1) < seen
            for words, mask in (("the same", same), ("others", other)):
                slow, first, again, gap = measured(network, np.where(mask, full, np.nan))
                print(f"{name:<12}{n:>6}{seen:>6}  {words:<9}{slow * 1e3:>10.2f}{first * 1e3:>10.2f}{again * 1e3:>10.2f}"
                      f"{slow / first:>9.1f}{slow / again:>9.1f}{gap:>10.1e}")  # fmt: skip


# ---- chains

DRIFT, NOISE, START, SPREAD = 0.38, 1.23, 10.0, 3.0


def level_chain(steps: int) -> ChainNetwork:
    """A level that drifts, and its noisy measurements."""
    slopes = np.zeros((2, 2, 4))
    slopes[:, 1, 0] = 1.0
    slopes[1, 0, 2] = 1.0
    intercept = np.zeros((steps, 2))
    intercept[0, 0] = START
    kind = np.minimum(np.arange(steps), 1)
    return ChainNetwork(
        np.arange(steps), np.array([0, steps]), kind, slopes, np.array([[SPREAD, NOISE], [DRIFT, NOISE]]), intercept, {}
    )  # fmt: skip


def kalman(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Filter and Rauch-Tung-Striebel smoother of the level by a loop over matrices of numpy, as one writes them."""
    transition, drift, noise = np.eye(1), np.eye(1) * DRIFT**2, np.eye(1) * NOISE**2
    steps = len(y)
    means, variances = np.zeros((steps, 1)), np.zeros((steps, 1, 1))
    ahead_mean, ahead = np.array([START]), np.eye(1) * SPREAD**2
    kept = np.zeros((steps, 1, 1))
    for t in range(steps):
        if t:
            ahead_mean, ahead = transition @ means[t - 1], transition @ variances[t - 1] @ transition.T + drift
        kept[t] = ahead
        gain = ahead @ np.linalg.inv(ahead + noise)
        means[t] = ahead_mean + gain @ (y[t] - ahead_mean)
        variances[t] = ahead - gain @ ahead
    for t in range(steps - 2, -1, -1):
        gain = variances[t] @ transition.T @ np.linalg.inv(kept[t + 1])
        means[t] = means[t] + gain @ (means[t + 1] - transition @ means[t])
        variances[t] = variances[t] + gain @ (variances[t + 1] - kept[t + 1]) @ gain.T
    return means[:, 0], np.sqrt(variances[:, 0, 0])


def by_statsmodels(y: np.ndarray) -> Callable[[], tuple[np.ndarray, np.ndarray]] | None:
    """Its compiled smoother; None where it is not installed."""
    if importlib.util.find_spec("statsmodels") is None:
        return None
    from statsmodels.tsa.statespace.mlemodel import MLEModel

    model = MLEModel(y, k_states=1)
    for key, value in (
        ("design", 1.0),
        ("transition", 1.0),
        ("selection", 1.0),
        ("obs_cov", NOISE**2),
        ("state_cov", DRIFT**2),
    ):
        model.ssm[key, 0, 0] = value
    model.ssm.initialize_known(np.array([START]), np.array([[SPREAD**2]]))

    def run() -> tuple[np.ndarray, np.ndarray]:
        smoothed = model.ssm.smooth()
        return smoothed.smoothed_state[0], np.sqrt(smoothed.smoothed_state_cov[0, 0])

    return run


def chains(steps: int) -> None:
    from pgmlang.native.gaussian_chains import ChainPosterior

    rng = np.random.default_rng(0)
    level = START + np.cumsum(DRIFT * rng.normal(size=steps))
    y = level + NOISE * rng.normal(size=steps)
    values = np.stack([np.full(steps, np.nan), y], 1)
    network = level_chain(steps)

    def ours() -> tuple[np.ndarray, np.ndarray]:
        mean, sd = ChainPosterior(network, values).smoothed()
        return mean[:, 0], sd[:, 0]

    ours()  # compiled or loaded
    fast, answer = best_of(ours)
    begin = time.perf_counter()
    right = kalman(y)
    slow = time.perf_counter() - begin
    print(f"\n{'smoothing':<16}{'steps':>9}{'ms':>12}{'ours x':>9}{'max diff':>10}")
    print(f"{'pgmlang':<16}{steps:>9,}{fast * 1e3:>12.2f}")
    rows = [("numpy, a loop", slow, right)]
    peer = by_statsmodels(y)
    if peer is not None:
        rows.append(("statsmodels", *best_of(peer)))
    for name, seconds, found in rows:
        gap = max(float(np.abs(a - b).max()) for a, b in zip(answer, found, strict=True))
        print(f"{name:<16}{steps:>9,}{seconds * 1e3:>12.2f}{seconds / fast:>9.1f}{gap:>10.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="networks as JSON")
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--steps", type=int, default=100_000)
    told = parser.parse_args()
    spec = importlib.util.find_spec("pgmpy")
    inside = Path(str(spec.origin)).parent / "utils" / "example_models" if spec is not None else Path()
    networks(Path(told.folder) if told.folder else inside, told.rows)
    chains(told.steps)


if __name__ == "__main__":
    main()

"""An iteration of EM, and whole fits, beside scikit-learn, hmmlearn and torch by hand in one run.

python benchmarks/expectation_maximisation.py [--rows 1000000] [--steps 100000] [--only diagonal,full,gaussian,categorical,sequences]
[--whole]

Seconds of processor time on one thread. An iteration's are those between two, or the difference of two runs of different length, so that what is
done once (imports, compiling, starts) is not in them; beside it the log-likelihood that each side has come to, and the share of the processor's multiplications (those
of a product of large matrices, by numpy) that the products with statistics alone make up.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import pgmlang

DIAGONAL = """
dim d[8]
param share[k] : simplex
plate k[10] {
  param mean[d] : real
  param sd[d] : positive
}
plate row { z ~ Categorical(share) ; x[d] ~ Normal(mean[z], sd[z]) }
"""
FULL = """
dim d[8]
dim e like d
param share[k] : simplex
plate k[10] {
  param mean[d] : real
  param S[d, e] : cov
}
plate row { z ~ Categorical(share) ; x[d] ~ MultivariateNormal(mean[z], S[z]) }
"""
CHAIN = """
dim state[4]
dim into like state
dim word[6]
param start[into] : simplex
param move[state, into] : simplex
PARAMS
plate step = chain {
  z ~ Categorical(if first then start else move[prev(z)])
  x ~ SHOWN
}
"""
GAUSSIAN = CHAIN.replace("PARAMS", "param mean[into] : real\nparam sd[into] : positive").replace(
    "SHOWN", "Normal(mean[z], sd[z])"
)
CATEGORICAL = CHAIN.replace("PARAMS", "param shown[into, word] : simplex").replace(
    "SHOWN", "Categorical(shown[z])"
)
SEQUENCES = "plate sequence { }\n" + GAUSSIAN.replace("= chain {", "in sequence = chain {")
Peer = Callable[[int], tuple[float, float]]
"""Seconds, and the log-likelihood, after so many iterations."""


def ours(text: str, data: dict, backend: str, iterations: int) -> tuple[float, float]:
    """Seconds of an iteration, from the third to the last, and the log-likelihood then."""
    model = pgmlang.compile(text)
    clock: list[float] = []
    fit = model.fit(
        model.bind(data), method="em", seed=1, progress=lambda *_, **__: clock.append(time.process_time()),
        options={"restarts": 1, "tolerance": 0.0, "max_iterations": iterations, "backend": backend},
    )  # fmt: skip
    return (clock[-1] - clock[2]) / (len(clock) - 3), float(fit.record.trace[-1])


def an_iteration(run: Peer, few: int, many: int) -> tuple[float, float]:
    """Seconds of an iteration, and the log-likelihood after many."""
    short, (long, height) = run(few)[0], run(many)
    return (long - short) / (many - few), height


def least(run: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """The quickest of three."""
    return min(run() for _ in range(3))


def scikit_learn(x: np.ndarray, kind: str) -> Peer:
    from sklearn.mixture import GaussianMixture

    def run(iterations: int) -> tuple[float, float]:
        mixture = GaussianMixture(
            10, covariance_type=kind, tol=0, max_iter=iterations, random_state=1, init_params="random_from_data"
        )
        begun = time.process_time()
        mixture.fit(x)
        return time.process_time() - begun, float(mixture.lower_bound_ * len(x))

    return run


def torch_by_hand(x: np.ndarray) -> Peer:
    """Diagonal covariances by matrix products with x and its squares."""
    points = torch.as_tensor(x)
    shown = torch.cat([points, points.square(), torch.ones_like(points[:, :1])], 1)

    def run(iterations: int) -> tuple[float, float]:
        mean, var = points[:10].clone(), points.var(0).repeat(10, 1)
        share, height = torch.full((10,), 0.1, dtype=points.dtype), 0.0
        begun = time.process_time()
        for _ in range(iterations):
            constant = share.log() - 0.5 * (mean.square() / var + var.log() + np.log(2 * np.pi)).sum(1)
            terms = shown @ torch.cat([mean / var, -0.5 / var, constant[:, None]], 1).T
            total = torch.logsumexp(terms, 1, keepdim=True)
            sums = (terms - total).exp().T @ shown
            counts = sums[:, -1:]
            mean = sums[:, :8] / counts
            var = sums[:, 8:16] / counts - mean.square()
            share, height = (counts / len(points))[:, 0], float(total.sum())
        return time.process_time() - begun, height

    return run


def hmmlearn(x: np.ndarray, lengths: list[int] | None, is_categorical: bool, how: str = "log") -> Peer:
    """In logarithms, as it does by default, or by ``scaling``."""
    from hmmlearn.hmm import CategoricalHMM, GaussianHMM

    def run(iterations: int) -> tuple[float, float]:
        given = {"n_components": 4, "n_iter": iterations, "tol": -np.inf, "random_state": 1, "implementation": how}
        model = CategoricalHMM(**given) if is_categorical else GaussianHMM(covariance_type="diag", **given)
        begun = time.process_time()
        model.fit(x[:, None], lengths)
        return time.process_time() - begun, float(model.monitor_.history[-1])

    return run


def both_ways(x: np.ndarray, lengths: list[int] | None, is_categorical: bool) -> dict[str, Peer]:
    return {
        "hmmlearn": hmmlearn(x, lengths, is_categorical),
        "hmmlearn, scaled": hmmlearn(x, lengths, is_categorical, "scaling"),
    }


def matrix_rate() -> float:
    """Multiplications with additions a second, of one thread."""
    a = np.random.default_rng(0).random((1200, 1200))
    best = 0.0
    for _ in range(5):
        begun = time.process_time()
        a @ a
        best = max(best, a.shape[0] ** 3 / (time.process_time() - begun))
    return best


def mixture_rows(rng: np.random.Generator, rows: int) -> np.ndarray:
    centre, mix = rng.normal(size=(10, 8)) * 3, rng.normal(size=(10, 8, 8)) * 0.4 + np.eye(8)
    z = rng.integers(10, size=rows)
    return np.asarray(centre[z] + np.einsum("nij,nj->ni", mix[z], rng.normal(size=(rows, 8))))


def steps_of_chain(rng: np.random.Generator, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers, and words, of a chain of four states."""
    state, z = 0, np.empty(steps, dtype=int)
    for t, (stays, other) in enumerate(zip(rng.random(steps) < 0.8, rng.integers(4, size=steps), strict=True)):
        state = state if stays else int(other)
        z[t] = state
    return rng.normal(size=steps) + 2.0 * z, np.where(rng.random(steps) < 0.3, rng.integers(6, size=steps), z)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--only", default="diagonal,full,gaussian,categorical,sequences")
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    x = mixture_rows(rng, options.rows)
    numbers, words = steps_of_chain(rng, options.steps)
    sequences = np.repeat(np.arange(options.steps // 100), 100)
    numbers, words, lengths = numbers[: len(sequences)], words[: len(sequences)], [100] * (len(sequences) // 100)
    cases: dict[str, tuple[str, dict, dict[str, Peer], int]] = {
        "diagonal": (DIAGONAL, {"x": x}, {"scikit-learn": scikit_learn(x, "diag"), "torch by hand": torch_by_hand(x)}, 2 * len(x) * 170),
        "full": (FULL, {"x": x}, {"scikit-learn": scikit_learn(x, "full")}, 2 * len(x) * 450),
        "gaussian": (GAUSSIAN, {"x": numbers}, both_ways(numbers, None, False), len(numbers) * (3 * 16 + 24)),
        "categorical": (CATEGORICAL, {"x": words}, both_ways(words, None, True), len(words) * (3 * 16 + 48)),
        "sequences": (SEQUENCES, {"x": numbers, "sequence": sequences}, both_ways(numbers, lengths, False),
                      len(numbers) * (3 * 16 + 24)),
    }  # fmt: skip
    rate = matrix_rate()
    print(f"matrix products: {rate / 1e9:.1f}e9 multiplications a second")
    for name in options.only.split(","):
        text, data, peers, products = cases[name]
        first, height = least(partial(ours, text, data, "native", 12))
        share = f"{100 * products / first / rate:.0f} % of products"
        print(f"{name:12} {'ours':17} {1000 * first:8.1f} ms   log-likelihood {height:.0f}   {share}", flush=True)
        outcomes = {"ours, by torch": partial(ours, text, data, "torch", 7)}
        outcomes |= {who: partial(an_iteration, peer, 2, 8) for who, peer in peers.items()}
        for who, run in outcomes.items():
            seconds, height = least(run) if who != "ours, by torch" else run()
            share = f"{seconds / first:.2f} times ours"
            print(
                f"{name:12} {who:17} {1000 * seconds:8.1f} ms   log-likelihood {height:.0f}   {share}", flush=True
            )
    if options.whole:
        whole_fits(x)


def whole_fits(x: np.ndarray) -> None:
    """From five starts by default, with standard errors, beside scikit-learn's one."""
    from sklearn.mixture import GaussianMixture

    begun = time.process_time()
    model = pgmlang.compile(DIAGONAL)
    fit = model.fit(model.bind({"x": x}), method="em", seed=1)
    print(
        f"whole fit: ours {time.process_time() - begun:.1f} s, log-likelihood {fit.record.trace[-1]:.0f};",
        end=" ",
        flush=True,
    )
    for starts in (1, 5):
        begun = time.process_time()
        mixture = GaussianMixture(
            10, covariance_type="diag", tol=1e-6, max_iter=500, n_init=starts, random_state=1
        ).fit(x)
        print(
            f"scikit-learn, {starts} starts: {time.process_time() - begun:.1f} s, {mixture.score(x) * len(x):.0f};",
            end=" ",
            flush=True,
        )
    print()


if __name__ == "__main__":
    main()

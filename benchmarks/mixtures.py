"""EM of mixtures beside hand-written loops in one run: full covariances (torch), latent classes of bits (numpy).

python benchmarks/mixtures.py [--rows 200000] [--respondents 12758]

Seconds of processor time an iteration, of one start, without what is done once (imports, lowering, starts); beside it the
log-likelihood that each side has come to. Then whole fits as they are by default (five starts, to convergence), beside a hundred
iterations by hand.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import pgmlang

FULL = """
dim d[8]
dim e like d
param share[k] : simplex
plate k[10] { param mean[d] : real
  param S[d, e] : cov }
plate row { z ~ Categorical(share) ; x[d] ~ MultivariateNormal(mean[z], S[z]) }
"""
CLASSES = """
dim item[111]
share[class] ~ Dirichlet(1)
plate class[5] { p[item] ~ Beta(1.5, 1.5) }
plate row { z ~ Categorical(share) ; x[item] ~ Bernoulli(p[z]) }
"""

TABLES = (
    "plate row {\n z : {a, b, c, d, e} ~ Table()\n"
    + "".join(f" x{i} : bit ~ Table(z)\n" for i in range(111))
    + "}"
)


def seconds_an_iteration(text: str, data: dict, iterations: int) -> tuple[float, float]:
    """From the third iteration to the last, of one start."""
    model = pgmlang.compile(text)
    clock: list[float] = []
    fit = model.fit(
        model.bind(data), method="em", seed=1, progress=lambda *_, **__: clock.append(time.process_time()),
        options={"restarts": 1, "tolerance": 0.0, "max_iterations": iterations},
    )  # fmt: skip
    return (clock[-1] - clock[2]) / (len(clock) - 3), float(fit.record.trace[-1])


def full_covariances(x: np.ndarray, iterations: int) -> tuple[float, float]:
    """The textbook's EM: one Cholesky factor a cluster, responsibilities, weighted moments."""
    points = torch.as_tensor(x)
    mean, cov = points[:10].clone(), torch.eye(8, dtype=points.dtype).repeat(10, 1, 1) * 5
    share, height = torch.full((10,), 0.1, dtype=points.dtype), 0.0
    begun = time.process_time()
    for _ in range(iterations):
        root = torch.linalg.cholesky(cov)
        away = points[None] - mean[:, None]
        solved = torch.linalg.solve_triangular(root, away.mT, upper=False)
        log_det = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)[:, None]
        terms = -0.5 * solved.square().sum(1) - log_det - 4 * np.log(2 * np.pi) + share.log()[:, None]
        total = torch.logsumexp(terms, 0)
        weights = (terms - total).exp()
        counts = weights.sum(1)
        mean = weights @ points / counts[:, None]
        away = points[None] - mean[:, None]
        cov = torch.einsum("kn,kni,knj->kij", weights, away, away) / counts[:, None, None]
        share, height = counts / len(points), float(total.sum())
    return (time.process_time() - begun) / iterations, height


def latent_classes(x: np.ndarray, iterations: int) -> tuple[float, float]:
    bits, rng = x.astype(float), np.random.default_rng(1)
    p, share, height = rng.random((5, x.shape[1])) * 0.5 + 0.25, np.full(5, 0.2), 0.0
    begun = time.process_time()
    for _ in range(iterations):
        terms = bits @ np.log(p).T + (1 - bits) @ np.log1p(-p).T + np.log(share)
        top = terms.max(1, keepdims=True)
        weights = np.exp(terms - top)
        total = weights.sum(1, keepdims=True)
        weights, height = weights / total, float((top + np.log(total)).sum())
        counts = weights.sum(0)
        share = counts / len(x)
        p = (weights.T @ bits + 0.5) / (counts[:, None] + 1)
    return (time.process_time() - begun) / iterations, height


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--respondents", type=int, default=12_758)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    centre, mix = rng.normal(size=(10, 8)) * 3, rng.normal(size=(10, 8, 8)) * 0.4 + np.eye(8)
    z = rng.integers(10, size=options.rows)
    x = centre[z] + np.einsum("nij,nj->ni", mix[z], rng.normal(size=(options.rows, 8)))
    chance, label = rng.random((5, 111)) * 0.5 + 0.1, rng.integers(5, size=options.respondents)
    bits = np.where(rng.random((options.respondents, 111)) < 0.5, rng.random((options.respondents, 111)) < chance[label],
                    rng.random((options.respondents, 111)) < 0.2).astype(int)  # fmt: skip
    print("model                rows       ours     hand    ratio   log-likelihoods")
    for name, text, data, hand, iterations in (
        ("full covariances", FULL, {"x": x}, full_covariances, 10),
        ("classes, an axis", CLASSES, {"x": bits}, latent_classes, 30),
        ("classes, tables", TABLES, {f"x{i}": bits[:, i] for i in range(111)}, latent_classes, 30),
    ):
        rows = x if text is FULL else bits
        theirs, height = hand(rows, iterations)
        ours, reached = seconds_an_iteration(text, data, iterations)
        print(
            f"{name:18} {len(rows):9,} {ours:9.3f}s {theirs:7.3f}s {theirs / ours:7.2f}x   {reached:.0f} {height:.0f}"
        )
    for name, text, data in (
        ("classes, an axis", CLASSES, {"x": bits}),
        ("classes, tables", TABLES, {f"x{i}": bits[:, i] for i in range(111)}),
    ):
        bound = pgmlang.compile(text).bind(data)
        begun = time.process_time()
        fit = pgmlang.compile(text).fit(bound, method="em", seed=1)
        spent = time.process_time() - begun
        print(
            f"{name:18} whole fit {spent:.2f}s, {len(fit.record.trace)} iterations, {fit.record.status};", end=" "
        )
        print(f"100 iterations by hand {100 * latent_classes(bits, 100)[0]:.2f}s")


if __name__ == "__main__":
    main()

"""Fits on the CPU and on the GPU beside each other, in one run: seconds, ratio, and the quality figure of either.

    python benchmarks/gpu.py [--only rbm,vae] [--small]

Epochs are a difference of two runs (start-up and compilation drop out); everything else is the whole of a second fit.
Hand-written PyTorch on the same devices is the peer of the RBM and of the VAE. Rows: noisy copies of twenty pictures of
784 bits. Without a GPU the CPU side is run alone. Under four minutes with one.
"""

from __future__ import annotations

import argparse
import platform
import time
import traceback
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

import pgmlang
from pgmlang.results.convergence import convergence

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PIXELS, ROWS, BATCH = 784, 10_000, 100


class Measured(NamedTuple):
    """Seconds of a side and its figure of quality (which is better, the section says)."""

    seconds: float
    quality: float


Side = Callable[[str, bool], Measured]


def pictures(rows: int) -> np.ndarray:
    """Bits ``[rows, 784]``: copies of twenty smooth pictures, each bit turned with probability 0.05."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(28), np.arange(28)), -1).reshape(-1, 2)
    centres = rng.uniform(4, 24, (20, 3, 2))
    near = np.exp(-np.square(grid[None, None] - centres[:, :, None]).sum(-1) / 18).max(1) > 0.5
    chosen = near[rng.integers(20, size=rows)]
    return (chosen ^ (rng.random((rows, PIXELS)) < 0.05)).astype(np.int64)


def wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def seconds_of(device: str, work: Callable[[], Any]) -> tuple[float, Any]:
    wait(device)
    start = time.perf_counter()
    result = work()
    wait(device)
    return time.perf_counter() - start, result


def epoch_of(device: str, fit: Callable[[int], Any]) -> tuple[float, Any]:
    """Seconds of an epoch, and the fit of three."""
    fit(1)
    once, _ = seconds_of(device, lambda: fit(1))
    thrice, result = seconds_of(device, lambda: fit(3))
    return max(thrice - once, 1e-9) / 2, result


def reconstruction(W: Tensor, b: Tensor, c: Tensor, v: Tensor) -> float:
    """Mean log-probability of a row's bits given the mean of its hidden bits, nats a row: higher is better."""
    logits = torch.sigmoid(v @ W + c) @ W.T + b
    return -float(binary_cross_entropy_with_logits(logits, v, reduction="none").sum(-1).mean())


def rbm(method: str) -> Side:
    def ours(device: str, small: bool) -> Measured:
        v = pictures(1000 if small else ROWS)
        model = pgmlang.compile((EXAMPLES / "digits/rbm.pgm").read_text(), hidden=500)
        bound = model.bind({"v": v})
        options = {"batch": BATCH, "k": 1, "dtype": "float32"}
        seconds, fit = epoch_of(
            device,
            lambda epochs: model.fit(
                bound, method=method, seed=1, device=device, options={**options, "epochs": epochs}
            ),
        )
        W, b, c = (torch.as_tensor(fit.params[n], dtype=torch.float32) for n in ("W", "b", "c"))
        return Measured(seconds, reconstruction(W, b, c, torch.as_tensor(v, dtype=torch.float32)))

    return ours


def rbm_by_hand(device: str, small: bool) -> Measured:
    """CD-1 with Adam, as a person writes it."""
    v = torch.as_tensor(pictures(1000 if small else ROWS), dtype=torch.float32, device=device)

    def fit(epochs: int) -> list[Tensor]:
        torch.manual_seed(1)
        W = (0.01 * torch.randn(PIXELS, 500, device=device)).requires_grad_()
        b, c = (torch.zeros(n, device=device, requires_grad=True) for n in (PIXELS, 500))
        optimiser = torch.optim.Adam([W, b, c], lr=0.01)
        with torch.no_grad():
            for _ in range(epochs):
                for rows in torch.randperm(len(v), device=device).split(BATCH):
                    x = v[rows]
                    p = torch.sigmoid(x @ W + c)
                    h = (torch.rand_like(p) < p).float()
                    x2 = torch.bernoulli(torch.sigmoid(h @ W.T + b))
                    p2 = torch.sigmoid(x2 @ W + c)
                    W.grad = (x2.T @ p2 - x.T @ p) / len(x)
                    b.grad, c.grad = (x2 - x).mean(0), (p2 - p).mean(0)
                    optimiser.step()
        return [W.detach(), b.detach(), c.detach()]

    seconds, (W, b, c) = epoch_of(device, fit)
    return Measured(seconds, reconstruction(W, b, c, v))


VAE = """
model vae(latent = 20)
dim pixel
dim code[latent]
net decode : code -> pixel = mlp(500, 500, act = tanh)
net encode : pixel -> code, code = mlp(500, 500, act = tanh)
plate image {
  z[code] ~ Normal(0, 1)
  v[pixel] ~ Bernoulli(logit = decode(z))
}
guide image {
  loc, log_sd = encode(v)
  z ~ Normal(loc, exp(log_sd))
}
"""


def trained(text: str, rows: int, device: str, options: dict[str, Any], method: str = "auto") -> Measured:
    """Seconds of an epoch and the last value of the trace."""
    model = pgmlang.compile(text)
    bound = model.bind({"v": pictures(rows)})
    seconds, fit = epoch_of(
        device,
        lambda epochs: model.fit(
            bound, method=method, seed=1, device=device, options={**options, "epochs": epochs}
        ),
    )
    return Measured(seconds, float(fit.record.trace[-1]))


def vae(device: str, small: bool) -> Measured:
    return trained(VAE, 1000 if small else ROWS, device, {"batch": BATCH, "learning_rate": 0.001}, "elbo")


def vae_by_hand(device: str, small: bool) -> Measured:
    x = torch.as_tensor(pictures(1000 if small else ROWS), dtype=torch.float32, device=device)

    def layers(*sizes: int) -> torch.nn.Sequential:
        pairs = [(torch.nn.Linear(a, b), torch.nn.Tanh()) for a, b in pairwise(sizes)]
        return torch.nn.Sequential(*[m for pair in pairs for m in pair][:-1]).to(device)

    def fit(epochs: int) -> float:
        torch.manual_seed(1)
        encode, decode = layers(PIXELS, 500, 500, 40), layers(20, 500, 500, PIXELS)
        optimiser = torch.optim.Adam([*encode.parameters(), *decode.parameters()], lr=0.001)
        losses: list[Tensor] = []
        for _ in range(epochs):
            losses = []
            for rows in torch.randperm(len(x), device=device).split(BATCH):
                m, s = encode(x[rows]).chunk(2, -1)
                z = m + s.exp() * torch.randn_like(m)
                kl = 0.5 * (m.square() + (2 * s).exp() - 1 - 2 * s).sum(-1)
                bits = binary_cross_entropy_with_logits(decode(z), x[rows], reduction="none").sum(-1)
                loss = (bits + kl).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                losses.append(loss.detach())
        return -float(torch.stack(losses).mean())

    seconds, value = epoch_of(device, fit)
    return Measured(seconds, value)


def dbn(device: str, small: bool) -> Measured:
    text = (EXAMPLES / "digits/dbn.pgm").read_text().replace("h1 = 64, h2 = 64", "h1 = 500, h2 = 500")
    return trained(text, 1000 if small else ROWS, device, {"batch": BATCH, "dtype": "float32"}, "layerwise")


def sbn(device: str, small: bool) -> Measured:
    text = (EXAMPLES / "digits/sbn.pgm").read_text().replace("hidden = 40", "hidden = 200")
    return trained(text, 1000 if small else ROWS, device, {"batch": BATCH, "learning_rate": 0.003}, "elbo")


def chains(device: str, small: bool) -> Measured:
    """Hamiltonian chains of a logistic regression: the smallest bulk ESS a second is the quality."""
    rng = np.random.default_rng(0)
    rows, columns = (500, 5) if small else (5000, 20)
    x = rng.normal(size=(rows, columns))
    y = (rng.random(rows) < 1 / (1 + np.exp(-x @ rng.normal(0, 0.5, columns)))).astype(int)
    text = """
dim column
base ~ Normal(0, 3)
weight[column] ~ Normal(0, 2)
plate row {
  input x[column] : real
  y : bit ~ Bernoulli(logit = base + x @ weight)
}
"""
    model = pgmlang.compile(text)
    bound = model.bind({**{f"x.{i:02d}": x[:, i] for i in range(columns)}, "y": y})
    number = 16 if small else 256
    options = {"chains": number, "warmup": 100, "draws": 100}
    model.fit(bound, method="hmc", seed=1, device=device, options={**options, "warmup": 10, "draws": 10})
    seconds, fit = seconds_of(
        device, lambda: model.fit(bound, method="hmc", seed=1, device=device, options=options)
    )
    each = convergence(np.asarray(fit.draws["weight"], dtype=float)).ess_bulk
    return Measured(seconds, float(each.min()) / seconds)


def mixture(device: str, small: bool) -> Measured:
    """EM of eight normals in the plane: the log-likelihood a row."""
    rng = np.random.default_rng(0)
    rows = 500 if small else 50_000
    centres = rng.normal(0, 6, (8, 2))
    points = centres[rng.integers(8, size=rows)] + rng.normal(size=(rows, 2))
    text = """
plate cluster[8] {
  m1 ~ Normal(0, 10)
  m2 ~ Normal(0, 10)
  s1 ~ HalfNormal(3)
  s2 ~ HalfNormal(3)
}
share[cluster] ~ Dirichlet(2)
plate row {
  z ~ Categorical(share)
  a ~ Normal(m1[z], s1[z])
  b ~ Normal(m2[z], s2[z])
}
"""
    model = pgmlang.compile(text)
    bound = model.bind({"a": points[:, 0], "b": points[:, 1]})
    options = {"restarts": 2, "max_iterations": 2 if small else 5, "tolerance": 0.0}
    model.fit(bound, method="em", seed=1, device=device, options={**options, "max_iterations": 1})
    seconds, fit = seconds_of(
        device, lambda: model.fit(bound, method="em", seed=1, device=device, options=options)
    )
    return Measured(seconds, float(fit.record.trace[-1]) / rows)


def lattice(device: str, small: bool) -> Measured:
    """A hundred sweeps of an Ising model near its critical point: the mean of neighbouring spins' products."""
    from pgmlang.density.bind import bound_density
    from pgmlang.fields.fields import fields_of
    from pgmlang.infer.base import facts_of
    from pgmlang.plan.problem import Problem

    side, count, sweeps = (16, 4, 20) if small else (128, 64, 100)
    text = (EXAMPLES / "ising/ising.pgm").read_text().replace("side = 8", f"side = {side}")
    model = pgmlang.compile(text)
    bound = model.bind({"s": np.ones((1, side * side), dtype=np.int64)})
    problem = Problem(bound.model, bound, {}, facts_of(bound.model, bound), device)
    fields = fields_of(bound_density(problem, torch.float32), ("s",))
    params = {"J": torch.tensor(0.4, device=device), "B": torch.tensor(0.0, device=device)}
    generator = torch.Generator(device).manual_seed(1)
    frozen = fields.with_frozen_params(params)
    values = fields.begin(generator, (count,))
    for _ in range(sweeps):
        values = frozen.sweep(generator, values)

    def run() -> dict[str, Tensor]:
        now = values
        for _ in range(sweeps):
            now = frozen.sweep(generator, now)
        return now

    seconds, last = seconds_of(device, run)
    spins = last["s"].reshape(count, side, side).float()
    spins = 2 * spins - 1 if float(spins.min()) >= 0 else spins
    near = (spins[:, 1:] * spins[:, :-1]).mean() + (spins[:, :, 1:] * spins[:, :, :-1]).mean()
    return Measured(seconds, float(near) / 2)


def topics(device: str, small: bool) -> Measured:
    """Coordinate ascent of LDA with 50 topics: the bound a token."""
    rng = np.random.default_rng(0)
    documents, words, k = (50, 200, 5) if small else (2000, 5000, 50)
    phi = rng.dirichlet(np.full(words, 0.02), k)
    theta = rng.dirichlet(np.full(k, 0.1), documents)
    counts = rng.poisson(150 * theta @ phi)
    at, word = counts.nonzero()
    text = (EXAMPLES / "topics/topics.pgm").read_text()
    text = text.replace("topics = 12, alpha = 0.1, eta = 0.05", f"topics = {k}, alpha = 0.1, eta = 0.05")
    width = len(str(words))
    labels = np.char.zfill(word.astype(str), width)
    model = pgmlang.compile(text)
    bound = model.bind({"doc": at, "w": labels, "n": counts[at, word]}, counts="n")
    options = {"restarts": 1, "max_iterations": 15, "tolerance": 0.0}
    model.fit(bound, method="meanfield", seed=1, device=device, options={**options, "max_iterations": 1})
    seconds, fit = seconds_of(
        device, lambda: model.fit(bound, method="meanfield", seed=1, device=device, options=options)
    )
    return Measured(seconds, float(fit.record.trace[-1]) / counts.sum())


SECTIONS: dict[str, tuple[str, str, Side]] = {
    "rbm_cd": ("RBM 784 x 500, CD-1, an epoch", "reconstruction, nats a row", rbm("cd")),
    "rbm_pcd": ("RBM 784 x 500, PCD, an epoch", "reconstruction, nats a row", rbm("pcd")),
    "rbm_by_hand": ("RBM, CD-1, PyTorch by hand", "reconstruction, nats a row", rbm_by_hand),
    "vae": ("VAE 784-500-500-20, an epoch", "ELBO a row", vae),
    "vae_by_hand": ("VAE, PyTorch by hand", "ELBO a row", vae_by_hand),
    "dbn": ("DBN 784-500-500, an epoch of both pairs", "objective of the last pair", dbn),
    "sbn": ("sigmoid belief net 784-200, an epoch", "ELBO a row", sbn),
    "chains": ("logistic regression 5000 x 20, HMC, 256 chains", "smallest bulk ESS a second", chains),
    "mixture": ("mixture of 8, 50,000 rows, 5 steps of EM, 2 starts", "log-likelihood a row", mixture),
    "lattice": ("Ising 128 x 128, 64 chains, 100 sweeps", "neighbours' product", lattice),
    "topics": ("LDA, 2000 documents, 50 topics, 15 steps of mean field", "bound a token", topics),
}


def measured(side: Side, device: str, small: bool) -> Measured | None:
    """None, and the traceback, where a side fails: the others are still run."""
    try:
        return side(device, small)
    except Exception:
        traceback.print_exc()
        return None


def shown(value: Measured | None) -> tuple[str, str]:
    return ("failed", "") if value is None else (f"{value.seconds:.3g}", f"{value.quality:.5g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--small", action="store_true", help="a hundredth of the work: whether it runs at all")
    options = parser.parse_args()
    has_gpu = torch.cuda.is_available()
    card = torch.cuda.get_device_name() if has_gpu else "there is no GPU here: the CPU side alone"
    print(f"{card}; {platform.processor() or platform.machine()}, {torch.get_num_threads()} threads; "
          f"torch {torch.__version__}")  # fmt: skip
    print(
        "| what | CPU, s | GPU, s | CPU / GPU | quality | CPU | GPU |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    for name in options.only.split(","):
        what, quality, side = SECTIONS[name]
        cpu = measured(side, "cpu", options.small)
        gpu = measured(side, "cuda", options.small) if has_gpu else None
        ratio = f"{cpu.seconds / gpu.seconds:.2f}x" if cpu and gpu else ""
        here, there = shown(cpu), shown(gpu) if has_gpu else ("", "")
        print(f"| {what} | {here[0]} | {there[0]} | {ratio} | {quality} | {here[1]} | {there[1]} |", flush=True)


if __name__ == "__main__":
    main()

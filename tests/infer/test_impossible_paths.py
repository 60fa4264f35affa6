"""Hidden chains some of whose transitions are impossible, left to right or absorbing: what no path leads to has a slope of zero."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

import pgmlang
from pgmlang.density.chains import DIRECT, log_matmul
from pgmlang.density.log_sums import log_sum_exp
from pgmlang.density.target import Target, target_of
from pgmlang.diagnostics import PgmError
from tests.infer.by_hand import problem_of
from tests.native.test_equal import assert_equal

Y = np.r_[np.random.default_rng(0).normal([0.0] * 7 + [3.0] * 8), np.random.default_rng(1).normal(6.0, 1.0, 6)]
ABSORBING = (
    "p ~ Beta(2, 2)\nm ~ Normal(0, 5)\nplate t = chain {\n"
    "  z : bit ~ Bernoulli(if first then 0 else if prev(z) == 1 then 1 else p)\n  y ~ Normal(m * z, 1)\n}"
)


def left_to_right(states: int) -> str:
    names = [f"s{i}" for i in range(states)]
    moves = 0.8 * np.eye(states) + 0.2 * np.eye(states, k=1)
    moves[-1, -1] = 1.0
    rows = "\n".join(f"    {n} : {', '.join(f'{p:g}' for p in row)}" for n, row in zip(names, moves, strict=True))
    begin = ", ".join("1" if i == 0 else "0" for i in range(states))
    return (
        f"dim s = {{{', '.join(names)}}}\nlevel[s] ~ Normal(0, 5)\nplate t = chain {{\n"
        f"  z : s ~ if first then Table() {{ {begin} }} else Table(prev(z)) {{\n{rows}\n  }}\n  y ~ Normal(level[z], 1)\n}}"
    )


def assert_slopes(target: Target) -> None:
    """Values are finite, slopes those of finite differences."""
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(1, target.dimension)))
    value, slopes = target.value_and_grad(x)
    assert math.isfinite(float(value[0]))
    step = 1e-5
    for i in range(target.dimension):
        away = step * torch.eye(target.dimension, dtype=x.dtype)[i]
        difference = (target.value_and_grad(x + away)[0] - target.value_and_grad(x - away)[0]) / (2 * step)
        assert float(slopes[0, i]) == pytest.approx(float(difference[0]), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("text", [ABSORBING, left_to_right(3), left_to_right(DIRECT + 2)])
def test_slopes_are_those_of_finite_differences(text: str) -> None:
    assert_slopes(target_of(problem_of(text, {"y": Y})))


@pytest.mark.parametrize(
    "text", [ABSORBING, *(pytest.param(left_to_right(n), marks=pytest.mark.slow) for n in (3, DIRECT + 2))]
)
def test_loops_and_torch_agree(text: str) -> None:
    assert_equal(target_of(problem_of(text, {"y": Y})))


def by_every_path(p: float, m: float) -> float:
    """The log-likelihood of the absorbing chain: a path is where it moves, or that it does not."""
    normal = -0.5 * (Y[None] - np.array([[0.0], [m]])) ** 2 - 0.5 * math.log(2 * math.pi)
    n = len(Y)
    paths = [
        normal[0, :k].sum() + normal[1, k:].sum() + (k - 1) * math.log1p(-p) + (math.log(p) if k < n else 0.0)
        for k in range(1, n + 1)
    ]
    return float(np.logaddexp.reduce(paths))


def log_posterior(p: float, m: float) -> float:
    return by_every_path(p, m) + math.log(p * (1 - p)) - 0.5 * (m / 5) ** 2


@pytest.mark.parametrize("backend", ["torch", "native"])
@pytest.mark.parametrize("method", ["em", "map"])
def test_fits(method: str, backend: str) -> None:
    fit = pgmlang.compile(ABSORBING).fit({"y": Y}, method=method, seed=1, options={"backend": backend})
    p, m = (float(fit.params[n]) for n in "pm")
    assert fit.record.status == "converged"
    assert fit.log_likelihood == pytest.approx(by_every_path(p, m), rel=1e-10)
    ends = [minimize(lambda x: -log_posterior(*x), (0.1, m), bounds=((0.01, 0.99), (None, None))) for m in (4, 6)]
    best = min(ends, key=lambda end: float(end.fun))
    assert (p, m) == pytest.approx(tuple(best.x), abs=1e-4)


def test_a_sum_of_nothing() -> None:
    values = torch.tensor([[-math.inf, 1.0], [-math.inf, -math.inf]], dtype=torch.float64, requires_grad=True)
    total = log_sum_exp(values, 0)
    (slope,) = torch.autograd.grad(total.sum(), values)
    assert total.tolist() == [-math.inf, 1.0]
    assert slope.tolist() == [[0.0, 1.0], [0.0, 0.0]]
    assert math.isnan(float(log_sum_exp(torch.tensor([math.nan, -math.inf]), 0)))


@pytest.mark.parametrize("states", [3, DIRECT + 2])
def test_products_of_matrices_without_some_paths(states: int) -> None:
    rng = np.random.default_rng(2)
    a, b = (np.triu(rng.uniform(size=(states, states)), k) for k in (0, 1))
    with np.errstate(divide="ignore"):
        logs = [torch.from_numpy(np.log(x)).requires_grad_() for x in (a, b)]
        expected = np.log(a @ b)
    product = log_matmul(*logs)
    np.testing.assert_allclose(product.detach(), expected, rtol=1e-12)
    slopes = torch.autograd.grad(product[0, -1], logs)
    share = a[0] * b[:, -1] / (a @ b)[0, -1]
    np.testing.assert_allclose(slopes[0][0], share, rtol=1e-12, atol=1e-15)
    assert bool(torch.isfinite(slopes[1]).all())


SEEN = (
    "dim state = {a, b, c}\nHEAD\nplate t = chain {\n"
    "  z : state ~ if first then Categorical(1 / 3) else Table(prev(z)) { a : 0.4, 0.3, 0.3 ; b : 0.3, 0.5, 0.2 ; c : 0, 0.5, 0.5 }\n"
    "  y ~ Poisson(rate[z])\n}"
)
"""A chain whose data go from c to a, which no chain does."""


@pytest.mark.parametrize("backend", ["native", "torch"])
@pytest.mark.parametrize(
    ("method", "head"), [("hmc", "rate[state] ~ Gamma(2, 1)"), ("em", "param rate[state] : positive")]
)
def test_data_that_cannot_be_are_refused(method: str, head: str, backend: str) -> None:
    data = {"t": [0, 1, 2, 3], "z": [None, "c", "a", None], "y": [3, 4, 1, 7]}
    with pytest.raises(PgmError) as raised:
        pgmlang.compile(SEEN.replace("HEAD", head)).fit(data, method=method, seed=3, options={"backend": backend})
    assert raised.value.diagnostics[0].code == "PGM0803"

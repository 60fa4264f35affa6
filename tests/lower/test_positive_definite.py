"""Matrices that are no covariances: impossible, never a crash, with finite gradients beside them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

import pgmlang
from pgmlang.lower.runtime.vectors import LKJ, MultivariateNormal, RootedNormal

GOOD, BAD = [[1.0, 0.3], [0.3, 2.0]], [[1.0, 2.0], [2.0, 1.0]]


def test_density_and_gradient_beside_an_impossible_matrix() -> None:
    cov = torch.tensor([GOOD, BAD, [[float("nan"), 0], [0, 1]]], dtype=torch.float64, requires_grad=True)
    x, mean = torch.tensor([0.4, -1.0], dtype=torch.float64), torch.tensor([0.1, 0.2], dtype=torch.float64)
    torch.set_default_dtype(torch.float64)
    try:
        got = MultivariateNormal(mean, cov).log_prob(x)
        rows = MultivariateNormal(mean, cov[0]).expand((4,)).log_prob(x.expand(4, 2))
        rooted = RootedNormal(mean, torch.linalg.cholesky(cov[0])).log_prob(x)
        upside = RootedNormal(mean, -torch.linalg.cholesky(cov[0])).log_prob(x)
        lkj = LKJ(1.0, 2).log_prob(torch.tensor([[[1.0, 0.5], [0.5, 1.0]], [[1.0, 1.5], [1.5, 1.0]]]))
    finally:
        torch.set_default_dtype(torch.float32)
    wanted = multivariate_normal(mean.numpy(), GOOD).logpdf(x.numpy())
    assert got[0].item() == pytest.approx(wanted)
    assert (got[1:] == -torch.inf).all()
    assert rows.detach().numpy() == pytest.approx(np.full(4, wanted))
    assert rooted.item() == pytest.approx(wanted)
    assert upside == -torch.inf
    assert lkj.tolist() == [pytest.approx(-np.log(2)), -torch.inf]
    (gradient,) = torch.autograd.grad(got[0], cov)
    assert gradient[:2].isfinite().all()


COVARIANCE = """
dim k[2]
dim l like k
r ~ Uniform(-3, 3)
plate row {
  S[k, l] = if same == 1 then 1 else r
  input same[k, l] : real
  y[k] ~ MultivariateNormal(0, S)
}
"""


@pytest.mark.parametrize("method", ["hmc", "mh", "langevin", "map"])
def test_a_correlation_that_may_leave_its_bounds(method: str) -> None:
    """``r`` is uniform on (-3, 3), and only -1 to 1 gives a covariance."""
    rng = np.random.default_rng(0)
    y = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 25)
    data = {"y": y, "same": np.broadcast_to(np.eye(2), (25, 2, 2)).copy()}
    fit = pgmlang.compile(COVARIANCE).fit(data, method=method, seed=2)
    grid = np.linspace(-0.9995, 0.9995, 4001)
    log = np.array([multivariate_normal([0, 0], [[1, r], [r, 1]]).logpdf(y).sum() for r in grid])
    weight = np.exp(log - log.max()) / np.exp(log - log.max()).sum()
    found = next(r for r in fit.summary() if r["name"] == "r")["mean"]
    assert found == pytest.approx(grid[log.argmax()] if method == "map" else weight @ grid, abs=0.02)

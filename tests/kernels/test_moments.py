"""Means and variances of the samplers' draws against exact ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from pgmlang.kernels import hmc, langevin, nuts, random_walk, sample
from pgmlang.kernels.kernel import Kernel
from pgmlang.kernels.log_density import LogDensity
from tests.kernels.targets import banana, covariance, error_in_sd, funnel, gaussian, ring, seeded


@pytest.fixture(scope="module")
def toys(shared_data: Path) -> dict[str, Any]:
    file = shared_data / "toy2d" / "toy2d_exact.json"
    if not file.is_file():
        pytest.skip("no toy densities beside this checkout")
    exact = json.loads(file.read_text())
    return {name.split(":")[0].split("(")[0]: entry for name, entry in exact.items()}


@pytest.mark.parametrize("d", [1, 5, 50])
@pytest.mark.parametrize("kernel", [hmc.kernel(), langevin.mala(), random_walk.kernel()], ids=lambda k: k.name)
def test_gaussians(kernel: Kernel, d: int) -> None:
    mean, cov = torch.linspace(-1, 2, d, dtype=torch.float64), covariance(d)
    target = gaussian(mean, cov)
    chains, warmup, draws = 64, 300, 300
    if kernel.name == "random_walk" and d == 50:
        warmup, draws = 2000, 3000
    x0 = mean + torch.randn(chains, d, generator=seeded(1), dtype=torch.float64)
    result = sample(target.logdensity, x0, generator=seeded(2), kernel=kernel, warmup=warmup, draws=draws)
    # 64 chains are a t of 63 degrees, and there are up to 50 coordinates: 4 is far from chance all the same
    assert float(error_in_sd(result.draws, mean).max()) < 4.2
    assert float(error_in_sd((result.draws - mean).square(), cov.diagonal()).max()) < 4.2
    assert not bool(result.stats["divergent"].any())
    rate = float(result.stats["acceptance"].mean())
    # the metric still moves late in a warm-up of 300, and the steps it allows grow with it
    assert abs(rate - kernel.target(d)) < (0.2 if kernel.trajectories or d == 50 else 0.12)


@pytest.mark.parametrize(("name", "density"), [("banana", banana), ("ring", ring)])
@pytest.mark.parametrize("kernel", [hmc.kernel(), langevin.mala(), random_walk.kernel()], ids=lambda k: k.name)
def test_toy_means_and_variances(toys: dict[str, Any], name: str, density: LogDensity, kernel: Kernel) -> None:
    x0 = 2.0 * torch.randn(128, 2, generator=seeded(3), dtype=torch.float64)
    draws = 500 if kernel.trajectories else 1500
    x = sample(density, x0, generator=seeded(4), kernel=kernel, warmup=400, draws=draws).draws
    mean = torch.tensor(toys[name]["mean"], dtype=torch.float64)
    assert float(error_in_sd(x, mean).max()) < 4.0
    assert (
        float(error_in_sd((x - mean).square(), torch.tensor(toys[name]["var"], dtype=torch.float64)).max()) < 4.0
    )


def test_trees_of_a_banana(toys: dict[str, Any]) -> None:
    """Their turning tests, choices among leaves and both directions: any of them wrong shows in the variances."""
    x0 = 2.0 * torch.randn(64, 2, generator=seeded(3), dtype=torch.float64)
    result = sample(banana, x0, generator=seeded(4), kernel=nuts.kernel(), warmup=200, draws=200)
    mean, variance = (torch.tensor(toys["banana"][name], dtype=torch.float64) for name in ("mean", "var"))
    assert float(error_in_sd(result.draws, mean).max()) < 4.0
    assert float(error_in_sd((result.draws - mean).square(), variance).max()) < 4.0
    assert set(result.stats) >= {"acceptance", "divergent", "energy", "tree_depth", "steps"}


@pytest.mark.slow
def test_the_funnel(toys: dict[str, Any]) -> None:
    """Its neck needs a small step: E v = 0, sd 3, P(v < -3) = 0.1587 (the variances of x hardly exist)."""
    assert "neal_funnel" in toys
    x0 = torch.randn(256, 10, generator=seeded(5), dtype=torch.float64)
    result = sample(funnel, x0, generator=seeded(6), warmup=1000, draws=3000, target=0.95, max_length=64.0)
    v = result.draws[..., :1]
    found = torch.cat([v, (v < -3).double(), (v > 3).double(), result.draws[..., 1:2]], -1)
    exact = torch.tensor([0.0, 0.158655, 0.158655, 0.0], dtype=torch.float64)
    assert float(error_in_sd(found, exact).max()) < 4.0


def test_scales_far_apart_are_learnt() -> None:
    sd = torch.logspace(-3, 3, 7, dtype=torch.float64)
    x0 = sd * torch.randn(64, 7, generator=seeded(7), dtype=torch.float64)
    result = sample(lambda x: -0.5 * (x / sd).square().sum(-1), x0, generator=seeded(8), warmup=400, draws=200)
    assert torch.allclose(result.state.tuning.metric.variance[0].sqrt() / sd, torch.ones_like(sd), rtol=0.3)
    assert float(result.state.tuning.length) < 20
    assert float(error_in_sd(result.draws.square(), sd.square()).max()) < 4.0

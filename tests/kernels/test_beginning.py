"""Where chains begin: on the mass of the posterior, in its own units, whatever the data's are."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pgmlang.kernels.beginning import beginning
from pgmlang.kernels.log_density import LogDensity
from pgmlang.kernels.pathfinder import pathfinder
from tests.kernels.targets import covariance, gaussian, seeded


def uniform(chains: int, d: int) -> Tensor:
    return 4.0 * torch.rand(chains, d, generator=seeded(1), dtype=torch.float64) - 2.0


def regression(x: Tensor, y: Tensor) -> LogDensity:
    """Intercept, slope and the logarithm of the standard deviation, flat all."""

    def log_density(p: Tensor) -> Tensor:
        a, b, log_sd = p[..., 0:1], p[..., 1:2], p[..., 2:3]
        return (-0.5 * ((y - a - b * x) / log_sd.exp()).square() - log_sd).sum(-1)

    return log_density


def test_a_normal_density_is_known_at_the_end_of_a_path() -> None:
    """Its bound is the logarithm of its integral, one, and the metric its covariance."""
    mean, cov = torch.linspace(30, 50, 8, dtype=torch.float64), covariance(8)
    begun = beginning(gaussian(mean, cov).logdensity, uniform(12, 8), seeded(2))
    assert begun.metric is not None
    whitened = begun.metric.whitened(torch.linalg.cholesky(cov).T)
    sizes = torch.linalg.svdvals(whitened)
    assert float(sizes.max() / sizes.min()) < 1.3
    distance = torch.linalg.solve(torch.linalg.cholesky(cov), (begun.points - mean).T)
    assert float(distance.abs().max()) < 5.0


@pytest.mark.parametrize("centre", [0.0, 1e3, 2e6])
def test_predictors_far_from_zero(centre: float) -> None:
    x = centre + torch.randn(50, generator=seeded(3), dtype=torch.float64)
    y = 1000 + 5 * x + 3 * torch.randn(50, generator=seeded(4), dtype=torch.float64)
    begun = beginning(regression(x, y), uniform(16, 3), seeded(5))
    assert begun.metric is not None
    # flat priors: the slope's sd is that of least squares, but for the few of sigma
    inner = x - x.mean()
    slope = float((inner * y).sum() / inner.square().sum())
    residuals = y - y.mean() - slope * inner
    sd = float((residuals.square().sum() / 48 / inner.square().sum()).sqrt())
    assert float(begun.metric.velocity(torch.eye(3, dtype=torch.float64))[1, 1].sqrt()) == pytest.approx(
        sd, rel=0.3
    )
    assert float((begun.points[:, 1] - slope).abs().max()) < 5 * sd


@pytest.mark.parametrize(("loc", "sd"), [(5.0, 1e-6), (1e6, 1e3), (-3e-7, 1e-9)])
def test_scales_of_data(loc: float, sd: float) -> None:
    y = loc + sd * torch.randn(50, generator=seeded(6), dtype=torch.float64)

    def log_density(p: Tensor) -> Tensor:
        return (-0.5 * ((y - p[..., 0:1]) / p[..., 1:2].exp()).square() - p[..., 1:2]).sum(-1)

    begun = beginning(log_density, uniform(16, 2), seeded(7))
    error = float(y.std()) / math.sqrt(50)
    assert float((begun.points[:, 0] - y.mean()).abs().max()) < 10 * error
    assert float((begun.points[:, 1] - y.std().log()).abs().max()) < 0.6


def test_a_funnel_begins_on_its_mass() -> None:
    """Its mode is at infinity: paths end where scales are nothing, their best normal distributions lie before."""

    def funnel(p: Tensor) -> Tensor:
        log_scale, x = p[..., 0], p[..., 1:]
        return (
            -0.5 * (log_scale / 3).square()
            - 0.5 * (x / log_scale.exp().unsqueeze(-1)).square().sum(-1)
            - 9 * log_scale
        )

    begun = beginning(funnel, uniform(32, 10), seeded(8))
    assert bool((begun.points[:, 0].abs() < 9.0).all())


def test_modes_far_below_the_best_are_left() -> None:
    """Two modes, one of which has e^-40 of the mass: no chain begins there."""

    def log_density(p: Tensor) -> Tensor:
        near = -0.5 * (p - 1.0).square().sum(-1) / 0.01
        far = -0.5 * (p + 1.0).square().sum(-1) / 0.01 - 40
        return torch.logaddexp(near, far)

    begun = beginning(log_density, uniform(16, 2), seeded(9))
    assert bool((begun.points > 0).all())


def test_the_best_of_several_paths() -> None:
    def log_density(p: Tensor) -> Tensor:
        near = -0.5 * (p - 1.0).square().sum(-1) / 0.01
        far = -0.5 * (p + 1.0).square().sum(-1) / 0.01 - 5
        return torch.logaddexp(near, far)

    many = uniform(16 * 8, 2)
    begun = beginning(log_density, many, seeded(9), attempts=8, together=8)
    assert begun.points.shape == (16, 2)
    assert float((begun.points[:, 0] > 0).double().mean()) > 0.9


def test_nothing_free_and_no_curvature() -> None:
    none = beginning(lambda p: p.sum(-1), torch.zeros(4, 0, dtype=torch.float64), seeded(1))
    assert none.points.shape == (4, 0)
    flat = pathfinder(lambda p: 0.0 * p.sum(-1), uniform(4, 3), seeded(2))
    assert bool(torch.isfinite(flat.points).all())


@pytest.mark.parametrize("power", [-150, 150])
def test_numbers_too_far_apart(power: int) -> None:
    """No error: points of finite density, with a metric or without."""
    scale = torch.tensor([1.0, 10.0**power], dtype=torch.float64)
    begun = beginning(lambda p: -0.5 * (p * scale).square().sum(-1).clamp(max=1e200), uniform(4, 2), seeded(3))
    assert bool(torch.isfinite(begun.points).all())
    assert begun.metric is None or bool((begun.metric.variance > 0).all())

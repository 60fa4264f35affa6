"""Metrics as the matrices that they stand for, and what points and slopes say of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pgmlang.kernels import metric as mt
from tests.kernels.targets import seeded


def matrix(metric: mt.Metric) -> Tensor:
    """``M^-1`` written out."""
    return metric.velocity(torch.eye(metric.variance.shape[-1], dtype=metric.variance.dtype))


def random_covariance(d: int, seed: int) -> Tensor:
    """Of scales from 1e-2 to 1e2, and strong correlations."""
    factor = torch.randn(d, d, generator=seeded(seed), dtype=torch.float64)
    scale = torch.logspace(-2, 2, d, dtype=torch.float64)
    return scale.unsqueeze(-1) * (factor @ factor.T) * scale


@pytest.mark.parametrize("d", [1, 2, 7])
def test_roots_and_inverses_belong_to_one_matrix(d: int) -> None:
    covariance = random_covariance(d, d)
    metric = mt.dense(covariance)
    eye = torch.eye(d, dtype=torch.float64)
    torch.testing.assert_close(matrix(metric), covariance)
    spread, momentum = metric.spread(eye), metric.momentum(eye)
    torch.testing.assert_close(spread.T @ spread, covariance)
    torch.testing.assert_close(momentum.T @ momentum, torch.linalg.inv(covariance), rtol=1e-6, atol=1e-9)
    white = metric.whitened(torch.linalg.cholesky(covariance).T)
    torch.testing.assert_close(white.T @ white, eye, rtol=0, atol=1e-9)
    p = torch.randn(5, d, generator=seeded(1), dtype=torch.float64)
    torch.testing.assert_close(metric.kinetic(p), 0.5 * ((p @ covariance) * p).sum(-1))


def test_of_a_normal_density_a_few_points_say_all() -> None:
    """More of them than dimensions: the covariance to rounding, whatever the scales."""
    d = 6
    covariance = random_covariance(d, 3)
    points = (
        3.0 + torch.randn(4 * d, d, generator=seeded(4), dtype=torch.float64) @ torch.linalg.cholesky(covariance).T
    )
    slopes = -torch.linalg.solve(covariance, (points - 3.0).T).T
    whitened = mt.of_points(points, slopes).whitened(torch.linalg.cholesky(covariance).T)
    sizes = torch.linalg.svdvals(whitened)
    # directions that the diagonal nearly describes are left to it
    assert float(sizes.max() / sizes.min()) < 1.1


def test_a_mean_far_from_zero_is_no_direction() -> None:
    """An intercept and a slope of predictors around 2e6: a correlation of 1 - 1e-13."""
    x = 2e6 + torch.randn(200, generator=seeded(5), dtype=torch.float64)
    design = torch.stack([torch.ones_like(x), x], -1)
    centred = torch.stack([torch.ones_like(x), x - x.mean()], -1)
    root = torch.linalg.inv(torch.linalg.cholesky(centred.T @ centred)).T
    shear = torch.tensor([[1.0, -float(x.mean())], [0.0, 1.0]], dtype=torch.float64)
    factor = shear @ root
    metric = mt.of_factor(factor)
    predictors = metric.spread(torch.eye(2, dtype=torch.float64)) @ design.T
    sizes = torch.linalg.svdvals(predictors)
    assert float(sizes.max() / sizes.min()) < 1.5


def test_in_many_dimensions_the_few_odd_directions_are_seen() -> None:
    """Of 1,000 dimensions, 600 points: one that is 100 times as wide, one a hundredth."""
    d = 1000
    directions = torch.linalg.qr(torch.randn(d, 2, generator=seeded(6), dtype=torch.float64))[0]
    widths = torch.tensor([10.0, 0.1], dtype=torch.float64)
    noise = torch.randn(600, d, generator=seeded(7), dtype=torch.float64)

    def stretched(x: Tensor, factors: Tensor) -> Tensor:
        return x + ((x @ directions) * (factors - 1)) @ directions.T

    points = stretched(noise, widths)
    metric = mt.of_points(points, -stretched(noise, 1 / widths))
    along = metric.whitened(directions.T * widths.unsqueeze(-1)).norm(dim=-1)
    assert 2 <= metric.stretch.shape[-1] <= 8
    assert torch.allclose(along, torch.ones(2, dtype=torch.float64), rtol=0.1)


def test_what_does_not_vary_has_the_variance_it_had() -> None:
    points = torch.randn(50, 3, generator=seeded(8), dtype=torch.float64)
    points[:, 1] = 4.0
    slopes = -points.clone()
    slopes[:, 1] = 0.0
    metric = mt.of_points(points, slopes, torch.full((1, 3), 7.0, dtype=torch.float64))
    assert float(metric.variance[0, 1]) == 7.0
    assert bool(torch.isfinite(matrix(metric)).all())


@pytest.mark.parametrize("size", [1e160, 1e-160])
def test_extreme_points_give_a_metric_all_the_same(size: float) -> None:
    points = torch.randn(40, 3, generator=seeded(9), dtype=torch.float64)
    slopes = -points.clone()
    slopes[0] = size
    metric = mt.of_points(points * size, slopes)
    assert bool(torch.isfinite(metric.stretch).all())
    huge = mt.dense(torch.full((3, 3), torch.inf, dtype=torch.float64))
    assert bool((huge.stretch == 1).all())

"""Densities with exact draws or exact moments, and the one-step stationarity test."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from scipy import stats
from torch import Generator, Tensor

from pgmlang.kernels.log_density import LogDensity

LOG_2PI = math.log(2.0 * math.pi)


class Exact(NamedTuple):
    logdensity: LogDensity
    draw: Callable[[Generator, int], Tensor]


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def covariance(d: int) -> Tensor:
    """Correlated, with standard deviations from 0.3 to 3."""
    a = torch.randn(d, d, generator=seeded(d), dtype=torch.float64)
    c = a @ a.T / d + 0.5 * torch.eye(d, dtype=torch.float64)
    scale = torch.logspace(-0.5, 0.5, d, dtype=torch.float64) / c.diagonal().sqrt()
    return c * scale * scale.unsqueeze(-1)


def gaussian(mean: Tensor, cov: Tensor) -> Exact:
    """Normalised."""
    factor = torch.linalg.cholesky(cov)
    precision = torch.cholesky_inverse(factor)
    constant = -0.5 * len(mean) * LOG_2PI - factor.diagonal().log().sum()

    def logdensity(x: Tensor) -> Tensor:
        # not x @ precision: threads spun up for so small a product cost a thousand times its time on busy cores
        inner = ((x - mean).unsqueeze(-2) * precision).sum(-1)
        return constant - 0.5 * (inner * (x - mean)).sum(-1)

    def draw(generator: Generator, n: int) -> Tensor:
        return mean + torch.randn(n, len(mean), generator=generator, dtype=mean.dtype) @ factor.T

    return Exact(logdensity, draw)


def log_gamma(shape: int = 3) -> Exact:
    """Log of Gamma(shape, 1) variables, two independent ones: the density of u = log x has the Jacobian exp(u)."""

    def draw(generator: Generator, n: int) -> Tensor:
        uniform = torch.rand(n, 2, shape, generator=generator, dtype=torch.float64)
        return (-uniform.log().sum(-1)).log()

    return Exact(lambda u: (shape * u - u.exp()).sum(-1), draw)


def normal_density(sd: float, d: int) -> LogDensity:
    return lambda x: -0.5 * (x / sd).square().sum(-1) - d * (math.log(sd) + 0.5 * LOG_2PI)


def normal_sampler(sd: float, d: int) -> Callable[[Generator, int], Tensor]:
    return lambda generator, n: sd * torch.randn(n, d, generator=generator, dtype=torch.float64)


def banana(p: Tensor) -> Tensor:
    x, y = p.unbind(-1)
    return -x.square() / 8 - 2 * (y - x.square() / 4 + 1).square()


def ring(p: Tensor) -> Tensor:
    return -(p.square().sum(-1).sqrt() - 2).square() / 0.08


def funnel(p: Tensor) -> Tensor:
    """Neal's, of ten dimensions; normalised up to a constant."""
    v, x = p[..., 0], p[..., 1:]
    return -v.square() / 18 - 0.5 * x.square().sum(-1) * (-v).exp() - 0.5 * x.shape[-1] * v


def centres() -> Tensor:
    angle = torch.arange(8, dtype=torch.float64) * (math.pi / 4)
    return 4.0 * torch.stack([angle.cos(), angle.sin()], -1)


def eight(p: Tensor) -> Tensor:
    """Eight Gaussians of sd 0.5 on a circle of radius 4, normalised."""
    square = (p.unsqueeze(-2) - centres()).square().sum(-1)
    return (-2.0 * square).logsumexp(-1) - math.log(8 * 2 * math.pi * 0.25)


def mode_masses(draws: Tensor) -> Tensor:
    """Share ``[8]`` of the draws ``[..., 2]`` nearest to each centre."""
    nearest = (draws.reshape(-1, 1, 2) - centres()).square().sum(-1).argmin(-1)
    return torch.bincount(nearest, minlength=8) / nearest.numel()


def worst_departure(before: Tensor, after: Tensor, fresh: Tensor, logdensity: LogDensity) -> float:
    """Largest z-score by which ``after [n, d]`` departs from the law of ``before`` and ``fresh``.

    Paired differences of moments with ``before`` (a kernel that moves little is tested as sharply as one that moves
    far), and a Kolmogorov-Smirnov test against independent ``fresh`` draws as the normal quantile of its p-value.
    """

    def features(x: Tensor) -> Tensor:
        mean, sd = fresh.mean(0), fresh.std(0)
        z = (x - mean) / sd
        return torch.cat([z, z**2, z**3, z**4, z * z.roll(1, -1), logdensity(x).unsqueeze(-1)], -1)

    change = features(after) - features(before)
    paired = change.mean(0) / (change.std(0) / math.sqrt(len(before))).clamp(min=1e-12)
    p = min(stats.ks_2samp(after[:, i], fresh[:, i]).pvalue for i in range(after.shape[-1]))
    return max(float(paired.abs().max()), float(stats.norm.isf(max(p, 1e-300) / 2)))


def error_in_sd(draws: Tensor, exact: Tensor) -> Tensor:
    """By how many Monte-Carlo standard errors the mean of ``draws [C, n, k]`` is off ``exact [k]``; chains as units."""
    means = draws.mean(1)
    return (means.mean(0) - exact).abs() / (means.std(0) / math.sqrt(len(means)))

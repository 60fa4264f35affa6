"""Functions of densities with normal tails: Mills' ratio R(u) = Phi(u) / phi(u), sums and differences of two, and what is skewed.

R(u) is the integral of exp(u s - s^2 / 2) over s > 0, so that sums and differences of two are integrals of what is positive: by Gauss's
rule, on stretches as long as the integrand falls by e^-40, they do not cancel.
"""

from __future__ import annotations

import math

import torch

from pgmlang.lower.runtime.special import GAUSS_LEGENDRE, log1mexp


def log_mills(u):
    """log R(u) for u <= 0 (far out DLMF 7.12.1, whose slope is known to the last digits)."""
    is_far = u < -50
    far, near = torch.where(is_far, u, -50.0), torch.where(is_far, -50.0, u)
    y = 1 / (far * far)
    series = torch.log1p(y * (-1 + y * (3 + y * (105 * y - 15)))) - torch.log(-far)
    return torch.where(
        is_far, series, torch.log(torch.special.erfcx(-0.7071067811865476 * near)) + 0.22579135264472744
    )


def log_mills_sum(u, d):
    """log(R(u) + R(u - d)) for u <= 0 <= d."""
    return log_of_two(u, d, lambda way, d: 1 + torch.exp(-d * way))


def log_mills_difference(u, d):
    """log(R(u) - R(u - d)) for u <= 0 < d."""
    return log_of_two(u, d, lambda way, d: -torch.expm1(-d * way))


def log_of_two(u, d, share):
    """The log of the integral of exp(u s - s^2 / 2) share(s, d)."""
    u, d = torch.broadcast_tensors(u, d)
    with torch.no_grad():
        length = fall_of_normal(-u)
        first = torch.minimum(length, 40 / (d - u + 1))
    stretches = ((0 * first, first), (first, length - first))
    return log_of_stretches(
        lambda way: torch.exp(u[..., None] * way - 0.5 * way * way) * share(way, d[..., None]), stretches
    )


def fall_of_normal(slope, curvature=1.0):
    """How far exp(-slope s - curvature s^2 / 2) falls by e^-40."""
    return 80 / (slope + torch.sqrt(slope * slope + 80 * curvature))


def log_of_stretches(density, stretches):
    """The log of an integral over stretches, each given by its start and its size."""
    like = stretches[0][0]
    nodes, weights = (v.to(dtype=like.dtype, device=like.device) for v in GAUSS_LEGENDRE)
    total = sum(size[..., None] * density(start[..., None] + size[..., None] * nodes) for start, size in stretches)
    return torch.log((total * weights).sum(-1))


def skew_normal_log_below(z, shape):
    """The log of the chance that a standard skew normal number is below z."""
    z, shape = torch.broadcast_tensors(z, shape)
    is_left = z <= 0
    z, shape = torch.where(is_left, z, -z), torch.where(is_left, shape, -shape)
    with torch.no_grad():
        # the density falls as a normal one of precision 1 + shape^2 where its factor Phi does, else of 1
        length = fall_of_normal(-z * (1 + shape.clamp(min=0.0) ** 2), 1 + shape.clamp(min=0.0) ** 2)
        step = (z + 8 / shape.abs().clamp(min=1e-300)).clamp(min=0.0).minimum(length)
    stretches = ((0 * step, step), (step, length - step))

    def density(way):
        at = z[..., None] - way
        return torch.exp(
            z[..., None] * way - 0.5 * way * way + torch.special.log_ndtr(shape[..., None] * at) - top[..., None]
        )

    top = torch.special.log_ndtr(shape * z).detach()
    outer = log_of_stretches(density, stretches) + top - 0.5 * z * z + 0.5 * math.log(2 / math.pi)
    outer = outer.clamp(max=0.0)
    return torch.where(is_left, outer, log1mexp(-torch.where(is_left, -1.0, outer)))


def log_mean_exp(x):
    """log((exp(x) - 1) / x): of the mean of exp(x t) over t between 0 and 1."""
    is_near = x.abs() < 0.05
    near, size = torch.where(is_near, x, 0.0), torch.where(is_near, 1.0, x.abs())
    square = near * near
    series = 0.5 * near + square * (1 / 24 - square * (1 / 2880 - square / 181440))
    return torch.where(is_near, series, torch.log(-torch.expm1(-size) / size) + x.clamp(min=0.0))


def inverse_gaussian_draws(mean, shape):
    """One for each element (Michael, Schucany and Haas 1976)."""
    square = torch.randn_like(mean) ** 2 * mean / shape
    # mean (1 + square / 2 - sqrt(square + square^2 / 4)) without its cancelling
    small = mean / (1 + 0.5 * square + torch.sqrt(square + 0.25 * square * square))
    return torch.where(torch.rand_like(mean) * (mean + small) <= mean, small, mean * mean / small)

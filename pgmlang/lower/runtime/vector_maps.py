"""Maps from free real numbers to vectors: increasing positive ones, those that sum to zero, those of length one."""

from __future__ import annotations

import math

import torch
import torch.distributions as dist
from torch.distributions import constraints


class PositiveOrdered(dist.Transform):
    """Free values to increasing positive ones, sums of exponentials (Stan reference manual, 10.6)."""

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def _call(self, x):
        return x.exp().cumsum(-1)

    def _inverse(self, y):
        return torch.cat([y[..., :1], y[..., 1:] - y[..., :-1]], -1).log()

    def log_abs_det_jacobian(self, x, y):
        return x.sum(-1)


class ZeroSum(dist.Transform):
    """Free values to vectors with one element more that sum to zero, by Helmert's orthonormal basis, so that no volume changes (Stan
    reference manual, 10.8)."""

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def _call(self, x):
        k = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype, device=x.device)
        w = x / torch.sqrt(k * (k + 1))
        later = torch.nn.functional.pad(w.flip(-1).cumsum(-1).flip(-1), (0, 1))
        return later - torch.nn.functional.pad(k * w, (1, 0))

    def _inverse(self, y):
        k = torch.arange(1, y.shape[-1], dtype=y.dtype, device=y.device)
        return (y[..., :-1].cumsum(-1) - k * y[..., 1:]) / torch.sqrt(k * (k + 1))

    def log_abs_det_jacobian(self, x, y):
        return 0 * x.sum(-1)

    def forward_shape(self, shape):
        return torch.Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape):
        return torch.Size((*shape[:-1], shape[-1] - 1))


class UnitVector(dist.Transform):
    """Free vectors to their directions. A free vector has one number more than its direction, its length, which is given the density that
    it has of standard normal numbers (Stan reference manual, 10.9): so densities of directions, by the area of the sphere, keep their
    total."""

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def _call(self, x):
        return x / x.norm(dim=-1, keepdim=True)

    def _inverse(self, y):
        return y * math.sqrt(y.shape[-1])

    def log_abs_det_jacobian(self, x, y):
        half = 0.5 * x.shape[-1]
        return -0.5 * (x * x).sum(-1) - (half - 1) * math.log(2) - math.lgamma(half)

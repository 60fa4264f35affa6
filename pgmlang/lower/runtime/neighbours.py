"""Numbers of places beside each other."""

from __future__ import annotations

import math

import torch

from pgmlang.lower.runtime.support import real, unrepeated
from pgmlang.lower.runtime.vectors import PrecisionNormal, cholesky

CONNECTED = 1e-6
"""What the least pivot of the Cholesky factor of connected places is at least, over the largest."""


class ICAR(PrecisionNormal):
    """Numbers that sum to zero, of density exp(-sum over pairs of weight * (difference / sd)^2 / 2) on that plane, normalised by its volume; zero where
    places do not hang together or weights are not symmetric."""

    def __init__(self, weights, sd):
        weights = unrepeated(real(weights), own=2)
        size = weights.shape[-1]
        # the precision on the plane, and 1 across it
        root, is_proper = cholesky(torch.diag_embed(weights.sum(-1)) - weights + 1 / size)
        pivots = root.diagonal(dim1=-2, dim2=-1).detach()
        is_proper = (
            is_proper & (pivots.amin(-1) > CONNECTED * pivots.amax(-1)) & (weights == weights.mT).all(-1).all(-1)
        )
        self.set_scaled(root, is_proper, real(sd))

    def set_scaled(self, root, is_proper, sd):
        self.sd = sd
        batch = torch.broadcast_shapes(sd.shape, root.shape[:-2])
        mean = torch.zeros((), dtype=root.dtype, device=root.device).expand(*batch, root.shape[-1])
        self.set_root(mean, root, is_proper)

    def expand(self, shape, _instance=None):
        new = self.__new__(type(self))
        new.set_scaled(
            self.root.expand(*shape, *self.root.shape[-2:]), self.is_proper.expand(shape), self.sd.expand(shape)
        )
        return new

    def log_prob(self, value):
        x = real(value)
        is_inside = x.sum(-1).abs() <= max(1e-6, 1e4 * torch.finfo(x.dtype).eps) * (1 + x.abs().sum(-1))
        across = torch.log(self.sd) + 0.5 * math.log(2 * math.pi)
        return torch.where(
            is_inside,
            super().log_prob(x / self.sd[..., None]) - torch.log(self.sd) * x.shape[-1] + across,
            -math.inf,
        )

    def rsample(self, sample_shape=()):
        x = super().rsample(sample_shape)
        return self.sd[..., None] * (x - x.mean(-1, keepdim=True))

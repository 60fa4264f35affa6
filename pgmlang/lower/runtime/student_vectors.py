"""Student's t of vectors: normal vectors over a spread that all their numbers share, by the normal classes of `vectors`."""

from __future__ import annotations

import math

import torch
import torch.distributions as dist
from torch.distributions import constraints

from pgmlang.lower.runtime.special import log_rising
from pgmlang.lower.runtime.support import real
from pgmlang.lower.runtime.vectors import MultivariateNormal, PrecisionNormal, RootedNormal


class MultivariateStudentT(dist.Distribution):
    """By the matrix that is the covariance as df grows (Kotz and Nadarajah 2004)."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, df, mean, scale):
        self.set_normal(real(df), MultivariateNormal(mean, scale))

    def set_normal(self, df, normal):
        self.df, self.normal = torch.as_tensor(df, dtype=normal.mean.dtype, device=normal.mean.device), normal
        batch = torch.broadcast_shapes(self.df.shape, normal.batch_shape)
        super().__init__(batch, normal.event_shape, validate_args=False)

    @property
    def mean(self):
        return torch.where(self.df[..., None] > 1, self.normal.mean, math.nan).expand(
            self.batch_shape + self.event_shape
        )

    def expand(self, shape, _instance=None):
        new = self.__new__(type(self))
        new.set_normal(self.df.expand(shape), self.normal.expand(shape))
        return new

    def log_prob(self, value):
        size, half = self.event_shape[0], 0.5 * self.df
        highest, here = self.normal.log_prob(self.normal.mean), self.normal.log_prob(value)
        is_proper = highest > -math.inf
        away = torch.where(is_proper, 2 * (highest - here), 0.0)
        bulk = log_rising(half, 0 * half + 0.5 * size) - 0.5 * size * torch.log(0.5 * self.df)
        log = highest + bulk - (half + 0.5 * size) * torch.log1p(away / self.df)
        return torch.where(is_proper, log, -math.inf)

    def rsample(self, sample_shape=()):
        shape = torch.Size(sample_shape)
        spread = dist.Gamma(0.5 * self.df, 0.5 * self.df).expand(self.batch_shape).rsample(shape).sqrt()
        mean = self.normal.mean
        return mean + (self.normal.expand(self.batch_shape).rsample(shape) - mean) / spread[..., None]


class RootedStudentT(MultivariateStudentT):
    """The same by the Cholesky factor of that matrix."""

    def __init__(self, df, mean, scale_tril):
        self.set_normal(real(df), RootedNormal(mean, scale_tril))


class PrecisionStudentT(MultivariateStudentT):
    """The same by its inverse."""

    def __init__(self, df, mean, precision):
        self.set_normal(real(df), PrecisionNormal(mean, precision))

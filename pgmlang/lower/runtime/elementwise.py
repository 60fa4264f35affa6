"""Distributions of one number by their formulas.

Every distribution here has torch's ``log_prob``, ``sample``, ``rsample`` and ``expand``, and where a distribution function
is known ``log_cdf(x)``, log P(X <= x), and ``log_survival(x)``, log P(X > x). A value that cannot be has minus infinity.
"""

from __future__ import annotations

import math

import torch
import torch.distributions as dist
from torch.distributions import constraints

from pgmlang.lower.runtime.support import real


class Elementwise(dist.Distribution):
    """A distribution of one number by its parameters, which broadcast. A family's class gives ``density`` and what else is
    known of it, functions of the value and the parameters."""

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real
    is_discrete = is_bounded = False

    def __init__(self, *arguments):
        self.arguments = tuple(real(a) for a in arguments)
        shape = torch.broadcast_tensors(*self.arguments)[0].shape
        super().__init__(shape, validate_args=False)

    def expand(self, shape, _instance=None):
        new = type(self).__new__(type(self))
        new.arguments = self.arguments
        dist.Distribution.__init__(new, torch.Size(shape), validate_args=False)
        return new

    def bounds(self, *arguments):
        return -math.inf, math.inf

    def interior(self, *arguments):
        return 0.0

    def at_bounds(self, x, *arguments):
        return None

    def log_prob(self, value):
        x = real(value)
        lower, upper = self.bounds(*self.arguments)
        if not self.is_bounded:
            return self.density(x, *self.arguments)
        edges = self.at_bounds(x, *self.arguments)
        inside = (x >= lower) & (x <= upper) if edges is None else (x > lower) & (x < upper)
        if self.is_discrete:
            inside = inside & (x == torch.floor(x))
        safe = torch.where(inside, x, self.interior(*self.arguments))
        log = torch.where(inside, self.density(safe, *self.arguments), -math.inf)
        if edges is None:
            return log
        return torch.where(x == lower, edges[0], torch.where(x == upper, edges[1], log))

    def log_cdf(self, value):
        is_below, is_above, safe = self.split(value)
        inside = self.log_below(safe, *self.arguments)
        return torch.where(is_below, -math.inf, torch.where(is_above, 0.0, inside))

    def log_survival(self, value):
        is_below, is_above, safe = self.split(value)
        inside = self.log_above(safe, *self.arguments)
        return torch.where(is_below, 0.0, torch.where(is_above, -math.inf, inside))

    def split(self, value):
        """Whether a value is below and above all others; and it, or another between them where it is."""
        x = real(value)
        x = torch.floor(x) if self.is_discrete else x
        lower, upper = self.bounds(*self.arguments)
        is_below = (x < lower) if self.is_discrete else (x <= lower)
        is_above = x >= upper
        return is_below, is_above, torch.where(is_below | is_above, self.interior(*self.arguments), x)

    def drawn(self, *arguments):
        return None

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(torch.Size(sample_shape))
        arguments = [a.expand(shape) for a in self.arguments]
        source = self.drawn(*arguments)
        if torch.is_tensor(source):
            return source
        if source is not None:
            return source.rsample() if source.has_rsample else source.sample()
        like = arguments[0]
        chance = torch.rand(shape, dtype=like.dtype, device=like.device)
        return self.quantile(chance, *arguments)

    def sample(self, sample_shape=()):
        with torch.no_grad():
            return self.rsample(sample_shape)

    @property
    def mean(self):
        return self.moments(*self.arguments)[0].expand(self.batch_shape)

    @property
    def variance(self):
        return self.moments(*self.arguments)[1].expand(self.batch_shape)


class BetweenLimits(Elementwise):
    """A distribution whose arguments are the limits of its values. Where the lower one is not below the upper one (of counts:
    is above it) there is no such distribution: no value is possible, draws and moments are NaN. ``safe``: limits that stand for those."""

    safe = (0.0, 1.0)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        lower, upper = self.bounds(*self.arguments)
        self.is_empty = ~(lower <= upper) if self.is_discrete else ~(lower < upper)
        self.arguments = tuple(
            torch.where(self.is_empty, s, a) for s, a in zip(self.safe, self.arguments, strict=True)
        )

    def expand(self, shape, _instance=None):
        new = super().expand(shape)
        new.is_empty = self.is_empty
        return new

    def log_prob(self, value):
        return torch.where(self.is_empty, -math.inf, super().log_prob(value))

    def log_cdf(self, value):
        return torch.where(self.is_empty, -math.inf, super().log_cdf(value))

    def log_survival(self, value):
        return torch.where(self.is_empty, -math.inf, super().log_survival(value))

    def rsample(self, sample_shape=()):
        return torch.where(self.is_empty, math.nan, super().rsample(sample_shape))

    @property
    def mean(self):
        return torch.where(self.is_empty, math.nan, super().mean)

    @property
    def variance(self):
        return torch.where(self.is_empty, math.nan, super().variance)

"""Distributions of distributions: truncated, censored, inflated, mixed; each over any base, one inside another."""

from __future__ import annotations

import math

import torch
import torch.distributions as dist

from pgmlang.lower.runtime.special import log1mexp, log1p_of, log_of
from pgmlang.lower.runtime.support import real


class Combined(dist.Distribution):
    """A distribution made of another, ``base``, and of numbers."""

    arg_constraints = {}  # noqa: RUF012
    has_rsample = False

    def __init__(self, base, *numbers):
        self.base, self.numbers = base, numbers
        shapes = (self.base_shape(base.batch_shape), *(self.number_shape(real(n)) for n in numbers))
        shape = torch.broadcast_tensors(*(torch.empty(()).expand(s) for s in shapes))[0].shape
        super().__init__(shape, base.event_shape, validate_args=False)

    def base_shape(self, shape):
        return shape

    def number_shape(self, number):
        return number.shape

    def expand(self, shape, _instance=None):
        new = type(self).__new__(type(self))
        new.base, new.numbers = self.base_expanded(shape), self.numbers
        dist.Distribution.__init__(new, torch.Size(shape), self.event_shape, validate_args=False)
        return new

    def base_expanded(self, shape):
        return self.base.expand(shape)

    @property
    def support(self):
        return self.base.support

    @property
    def is_discrete(self):
        return self.base.is_discrete


def log_difference(a, b):
    """log(exp(a) - exp(b)) for a >= b."""
    is_nothing = a == -math.inf
    gap = torch.where(is_nothing, 1.0, a - torch.where(is_nothing, 0.0, b))
    return torch.where(is_nothing, -math.inf, a + log1mexp(gap))


def is_finite(bound):
    """Whether a bound is one, unlike the infinite numbers that stand for none."""
    return not isinstance(bound, float) or math.isfinite(bound)


def log_between(base, lower, upper):
    """log P(lower <= X <= upper), by the tail in which both are small."""
    has_lower, has_upper = is_finite(lower), is_finite(upper)
    lower, upper = real(lower), real(upper)
    first = torch.ceil(lower) - 1 if base.is_discrete else lower
    if not has_upper:
        return base.log_survival(first) if has_lower else torch.zeros(base.batch_shape)
    if not has_lower:
        return base.log_cdf(upper)
    above, below = base.log_survival(first), base.log_cdf(upper)
    is_upper = above < below
    left = log_difference(torch.where(is_upper, 0.0, below), torch.where(is_upper, -1.0, base.log_cdf(first)))
    right = log_difference(
        torch.where(is_upper, above, 0.0), torch.where(is_upper, base.log_survival(upper), -1.0)
    )
    return torch.where(first >= upper, -math.inf, torch.where(is_upper, right, left))


class Truncated(Combined):
    """``base`` given that its value lies between two bounds, which belong to it. Where no value does, none is possible, and
    draws are NaN."""

    has_rsample = True

    def __init__(self, base, lower=-math.inf, upper=math.inf):
        super().__init__(base, lower, upper)

    def log_prob(self, value):
        x, (lower, upper) = real(value), map(real, self.numbers)
        inside = (x >= lower) & (x <= upper)
        held = torch.minimum(torch.maximum(x, lower), upper)
        mass = log_between(self.base, *self.numbers)
        is_good = inside & (mass > -math.inf)
        return torch.where(is_good, self.base.log_prob(held) - torch.where(is_good, mass, 0.0), -math.inf)

    def log_cdf(self, value):
        x, (lower, upper) = real(value), map(real, self.numbers)
        part = log_between(self.base, self.numbers[0], torch.maximum(torch.minimum(x, upper), lower))
        mass = log_between(self.base, *self.numbers)
        return torch.where((x < lower) | (mass == -math.inf), -math.inf, part - mass)

    def log_survival(self, value):
        x, (lower, upper) = real(value), map(real, self.numbers)
        after = torch.floor(x) + 1 if self.is_discrete else x
        part = log_between(self.base, torch.minimum(torch.maximum(after, lower), upper), self.numbers[1])
        mass = log_between(self.base, *self.numbers)
        within = torch.where(x < lower, 0.0, torch.where(after > upper, -math.inf, part - mass))
        return torch.where(mass == -math.inf, -math.inf, within)

    def sample(self, sample_shape=()):
        with torch.no_grad():
            shape = self._extended_shape(torch.Size(sample_shape))
            lower, upper = (real(n).expand(shape) for n in self.numbers)
            x, is_out = None, torch.ones(shape, dtype=torch.bool, device=lower.device)
            for _ in range(8 if self.is_discrete else 0):
                # a distribution function of counts costs far more than a draw
                fresh = real(self.base.expand(self.batch_shape).sample(sample_shape))
                x = fresh if x is None else torch.where(is_out, fresh, x)
                is_out = (x < lower) | (x > upper)
                if not bool(is_out.any()):
                    return x
            chance = torch.rand(shape, dtype=lower.dtype, device=lower.device)
            left = quantile_between(self.base, chance, lower, upper)
            return left if x is None else torch.where(is_out, left, x)

    def rsample(self, sample_shape=()):
        x = self.sample(sample_shape)
        return x if self.is_discrete else held_at_its_chance(self, x)


def quantile_between(base, chance, lower, upper):
    """Where the distribution function of ``base`` within two bounds reaches these chances, by halving. It is compared by
    the tail in which it is small."""
    first = torch.ceil(lower) - 1 if base.is_discrete else lower
    mass = log_between(base, lower, upper)
    is_upper = base.log_survival(first) < base.log_cdf(upper)
    low_mass, high_mass = base.log_cdf(first), base.log_survival(upper)
    below = torch.logaddexp(low_mass, torch.log(chance) + mass)
    above = torch.logaddexp(high_mass, torch.log1p(-chance) + mass)

    def is_under(x):
        return torch.where(is_upper, base.log_survival(x) > above, base.log_cdf(x) < below)

    start = torch.where(torch.isfinite(lower), lower, torch.where(torch.isfinite(upper), upper, 0.0))
    low = torch.where(torch.isfinite(lower), lower, start - 1)
    high = torch.where(torch.isfinite(upper), upper, start + 1)
    for _ in range(1100):
        too_low, too_high = is_under(high) & (high < upper), ~is_under(low) & (low > lower)
        if not bool((too_low | too_high).any()):
            break
        high = torch.where(too_low, torch.minimum(start + 2 * (high - start), upper), high)
        low = torch.where(too_high, torch.maximum(start - 2 * (start - low), lower), low)
    for _ in range(70):
        if base.is_discrete and bool((high - low < 0.5).all()):
            break
        middle = 0.5 * (low + high)
        under = is_under(middle)
        low, high = torch.where(under, middle, low), torch.where(under, high, middle)
    if base.is_discrete:
        # of the two counts about the step the first that reaches the chance
        whole = torch.round(high)
        high = torch.where(is_under(whole), whole + 1, whole)
        high = torch.where((high > first + 1) & ~is_under(high - 1), high - 1, high)
    return torch.where(mass == -math.inf, math.nan, torch.minimum(torch.maximum(high, lower), upper))


def held_at_its_chance(distribution, x):
    """A draw with the derivatives that keep its chance (Figurnov, Mohamed and Mnih 2018)."""
    below, above = distribution.log_cdf(x), distribution.log_survival(x)
    density = distribution.log_prob(x).detach()
    is_upper = above < below
    scale = torch.where(is_upper, above, below).detach().sub(density).exp()
    moved = torch.where(is_upper, above - above.detach(), below.detach() - below)
    return x + torch.where(torch.isfinite(scale), scale * moved, 0.0)


class Censored(Combined):
    """``base`` of which values at or beyond a bound are seen as the bound: a value at a bound counts all the mass there,
    one beyond it is never seen. Where the lower bound is above the upper one no value is possible, and draws are NaN."""

    def __init__(self, base, lower=-math.inf, upper=math.inf):
        super().__init__(base, lower, upper)

    def between(self, value, nothing):
        """The value; ``nothing`` where the bounds are out of order."""
        lower, upper = map(real, self.numbers)
        return torch.where(lower <= upper, value, nothing)

    def log_prob(self, value):
        x, (lower, upper) = real(value), map(real, self.numbers)
        out = self.base.log_prob(torch.minimum(torch.maximum(x, lower), upper))
        if is_finite(self.numbers[1]):
            first = torch.ceil(upper) - 1 if self.is_discrete else upper
            out = torch.where(x >= upper, self.base.log_survival(first), out)
        if is_finite(self.numbers[0]):
            out = torch.where(x <= lower, self.base.log_cdf(lower), out)
        return torch.where((x >= lower) & (x <= upper), out, -math.inf)

    def log_cdf(self, value):
        x, (lower, upper) = real(value), map(real, self.numbers)
        held = torch.minimum(torch.maximum(x, lower), upper)
        within = torch.where(x >= upper, 0.0, self.base.log_cdf(held))
        return self.between(torch.where(x < lower, -math.inf, within), -math.inf)

    def log_survival(self, value):
        x, (lower, upper) = real(value), map(real, self.numbers)
        within = self.base.log_survival(torch.minimum(torch.maximum(x, lower), upper))
        within = torch.where(x < lower, 0.0, torch.where(x >= upper, -math.inf, within))
        return self.between(within, -math.inf)

    def sample(self, sample_shape=()):
        with torch.no_grad():
            lower, upper = map(real, self.numbers)
            shape = self._extended_shape(torch.Size(sample_shape))
            drawn = torch.minimum(torch.maximum(self.base.expand(shape).sample(), lower), upper)
            return self.between(drawn, math.nan)


class ZeroInflated(Combined):
    """Zero with probability p, else a draw of ``base``; with a density besides, zero is the inflation's alone."""

    def __init__(self, p, base):
        super().__init__(base, p)

    def log_shares(self):
        """The logs of p and of 1 - p."""
        p = real(self.numbers[0])
        return log_of(p), log1p_of(-p)

    @property
    def mean(self):
        return (1 - real(self.numbers[0])) * self.base.mean

    @property
    def variance(self):
        rest = 1 - real(self.numbers[0])
        return rest * (self.base.variance + (1 - rest) * self.base.mean.square())

    def log_prob(self, value):
        x, (zero, rest) = real(value), self.log_shares()
        if not self.is_discrete:
            is_zero = x == 0
            return torch.where(is_zero, zero, rest + self.base.log_prob(torch.where(is_zero, 1.0, x)))
        other = rest + self.base.log_prob(x)
        return torch.where(x == 0, log_sum(zero, other), other)

    def log_cdf(self, value):
        x, (zero, rest) = real(value), self.log_shares()
        other = rest + self.base.log_cdf(x)
        return torch.where(x >= 0, log_sum(zero, other), other)

    def log_survival(self, value):
        x, (zero, rest) = real(value), self.log_shares()
        other = rest + self.base.log_survival(x)
        return torch.where(x >= 0, other, log_sum(zero, other))

    def sample(self, sample_shape=()):
        with torch.no_grad():
            shape = self._extended_shape(torch.Size(sample_shape))
            drawn = self.base.expand(shape).sample()
            is_zero = torch.rand(shape, device=drawn.device) < real(self.numbers[0])
            return torch.where(is_zero, 0 * drawn, drawn)


def log_sum(a, b):
    """log(exp(a) + exp(b)) with a gradient where both are minus infinity."""
    is_nothing = (a == -math.inf) & (b == -math.inf)
    safe = torch.logaddexp(torch.where(is_nothing, 0.0, a), torch.where(is_nothing, 0.0, b))
    return torch.where(is_nothing, -math.inf, safe)


class ZeroOneInflated(Combined):
    """Zero or one with probability p, and then one with probability q; else a draw of ``base``, shares with a density."""

    def __init__(self, p, q, base):
        super().__init__(base, p, q)

    def log_shares(self):
        """The logs of the probabilities of zero, of one, and of neither."""
        p, q = map(real, self.numbers)
        return log_of(p) + log1p_of(-q), log_of(p) + log_of(q), log1p_of(-p)

    @property
    def mean(self):
        p, q = map(real, self.numbers)
        return p * q + (1 - p) * self.base.mean

    @property
    def variance(self):
        p, q = map(real, self.numbers)
        return p * q + (1 - p) * (self.base.variance + self.base.mean.square()) - self.mean.square()

    def log_prob(self, value):
        x, (zero, one, rest) = real(value), self.log_shares()
        is_inside = (x > 0) & (x < 1)
        inside = rest + self.base.log_prob(torch.where(is_inside, x, 0.5))
        outside = torch.where(x == 0, zero, torch.where(x == 1, one, -math.inf))
        return torch.where(is_inside, inside, outside)

    def log_cdf(self, value):
        x, (zero, _, rest) = real(value), self.log_shares()
        inside = log_sum(zero, rest + self.base.log_cdf(x))
        return torch.where(x < 0, -math.inf, torch.where(x >= 1, 0.0, inside))

    def log_survival(self, value):
        x, (_, one, rest) = real(value), self.log_shares()
        inside = log_sum(one, rest + self.base.log_survival(x))
        return torch.where(x < 0, 0.0, torch.where(x >= 1, -math.inf, inside))

    def sample(self, sample_shape=()):
        with torch.no_grad():
            shape = self._extended_shape(torch.Size(sample_shape))
            drawn = self.base.expand(shape).sample()
            is_end, is_one = (torch.rand(shape, device=drawn.device) < real(n) for n in self.numbers)
            return torch.where(is_end, is_one.to(drawn.dtype), drawn)


class Mixture(Combined):
    """One of several components, which lie along the last batch axis of ``base``, drawn by their weights p."""

    def __init__(self, p, base):
        super().__init__(base, p)

    def base_shape(self, shape):
        return shape[:-1]

    def number_shape(self, number):
        return number.shape[:-1]

    def base_expanded(self, shape):
        return self.base.expand((*shape, real(self.numbers[0]).shape[-1]))

    def weighed(self, logs):
        logs = logs + log_of(real(self.numbers[0]))
        is_nothing = (logs == -math.inf).all(-1, keepdim=True)
        return torch.where(is_nothing[..., 0], -math.inf, torch.where(is_nothing, 0.0, logs).logsumexp(-1))

    @property
    def mean(self):
        return (real(self.numbers[0]) * self.base.mean).sum(-1)

    @property
    def variance(self):
        apart = (self.base.mean - self.mean[..., None]).square()
        return (real(self.numbers[0]) * (self.base.variance + apart)).sum(-1)

    def apart(self, value):
        return real(value).unsqueeze(-1 - len(self.event_shape))

    def log_prob(self, value):
        return self.weighed(self.base.log_prob(self.apart(value)))

    def log_cdf(self, value):
        return self.weighed(self.base.log_cdf(self.apart(value)))

    def log_survival(self, value):
        return self.weighed(self.base.log_survival(self.apart(value)))

    def sample(self, sample_shape=()):
        with torch.no_grad():
            shape = self._extended_shape(torch.Size(sample_shape))
            batch = shape[: len(shape) - len(self.event_shape)]
            weights = real(self.numbers[0])
            count = weights.shape[-1]
            code = dist.Categorical(weights).expand(batch).sample()
            each = self.base.expand((*batch, count)).sample()
            code = code.reshape(*batch, 1, *[1] * len(self.event_shape))
            return each.gather(len(batch), code.expand(*batch, 1, *self.event_shape)).squeeze(len(batch))

"""Distributions kept within bounds or censored at them: what a program copies of it needs only torch.

Torch has no distribution function of Student's t, of the beta and of counts, and no derivative of the gamma's by its
shape: they are here, differentiable.
"""

from __future__ import annotations

import math

import torch
import torch.distributions as dist

from pgmlang.lower.runtime.support import real


def chance_below(base, x, is_strict=False):
    """The distribution function F(x), differentiable; ``is_strict``: without the mass at x itself, for counts."""
    if base.support.is_discrete:
        return count_chance(base, torch.ceil(x) - 1 if is_strict else torch.floor(x))
    if isinstance(base, dist.Beta):
        return beta_chance(x.clamp(0, 1), base.concentration1, base.concentration0)
    if isinstance(base, dist.StudentT):
        z = (x - base.loc) / base.scale
        tail = 0.5 * beta_chance(base.df / (base.df + z * z), 0.5 * base.df, real(0.5))
        return torch.where(z > 0, 1 - tail, tail)
    if isinstance(base, dist.Gamma):
        return gamma_chance(base.concentration, base.rate * x.clamp(min=0))
    if isinstance(base, dist.InverseGamma):
        return 1 - gamma_chance(base.concentration, base.rate / x.clamp(min=torch.finfo(x.dtype).tiny))
    return base.cdf(x)


def count_chance(base, k):
    """P(Y <= k) of counts."""
    up = k.clamp(min=0)
    if isinstance(base, dist.Poisson):
        found = torch.special.gammaincc(up + 1, base.rate)
    elif isinstance(base, dist.Bernoulli):
        found = torch.where(k >= 1, 1.0, 1 - base.probs)
    elif isinstance(base, dist.Geometric):
        found = 1 - (1 - base.probs) ** (up + 1)
    elif isinstance(base, dist.NegativeBinomial):
        found = beta_chance(1 - base.probs, base.total_count, up + 1)
    elif isinstance(base, dist.Binomial):
        left = base.total_count - up
        found = torch.where(left > 0, beta_chance(1 - base.probs, left.clamp(min=1), up + 1), 1.0)
    else:
        raise NotImplementedError(f"the distribution function of {type(base).__name__}")
    return torch.where(k >= 0, found, 0.0)


def gamma_chance(shape, x):
    """The regularised lower incomplete gamma function; its derivative by the shape is that of a draw held at its chance
    (Figurnov, Mohamed and Mnih 2018, section 2)."""
    shape, x = torch.broadcast_tensors(shape, x)
    found = torch.special.gammainc(shape.detach(), x)
    if not shape.requires_grad:
        return found
    held, at = shape.detach(), x.detach().clamp(min=torch.finfo(x.dtype).tiny)
    density = dist.Gamma(held, torch.ones_like(held)).log_prob(at).exp()
    slope = -density * torch._standard_gamma_grad(held, at)
    return found + torch.where(x > 0, slope, 0.0).detach() * (shape - held)


def beta_chance(x, a, b):
    """The regularised incomplete beta function I_x(a, b), integrated from the nearer end by the double exponential rule
    (Takahasi and Mori 1974)."""
    x, a, b = torch.broadcast_tensors(real(x), real(a), real(b))
    is_far = x > a / (a + b)
    top, one, other = torch.where(is_far, 1 - x, x), torch.where(is_far, b, a), torch.where(is_far, a, b)
    t = torch.linspace(-3, 3, 97, dtype=x.dtype, device=x.device)
    log_s = -torch.nn.functional.softplus(-math.pi * torch.sinh(t))
    log_weight = math.log(math.pi * 6 / 96) + torch.log(torch.cosh(t)) + log_s + log_s.flip(0)
    # u = top s^p: u^(a - 1) du is s^(p a - 1) ds, which is small at the end for p = max(1, 4 / a)
    power = torch.clamp(4 / one, min=1.0)[..., None]
    safe = top.clamp(min=torch.finfo(x.dtype).tiny)
    inner = torch.log1p(-safe[..., None] * (power * log_s).exp().clamp(max=1 - torch.finfo(x.dtype).eps))
    log = (power * one[..., None] - 1) * log_s + (other[..., None] - 1) * inner + power.log() + log_weight
    scale = torch.lgamma(a + b) - torch.lgamma(a) - torch.lgamma(b) + one * safe.log()
    found = torch.where(top > 0, (log.logsumexp(-1) + scale).exp(), 0.0).clamp(max=1.0)
    return torch.where(is_far, 1 - found, found)


def mass_between(base, lower, upper):
    """The chances of less than the lower bound and of no more than the upper one."""
    one = torch.ones(base.batch_shape)
    is_low = not isinstance(lower, float) or math.isfinite(lower)
    is_high = not isinstance(upper, float) or math.isfinite(upper)
    low = chance_below(base, real(lower) * one, True) if is_low else 0 * one
    high = chance_below(base, real(upper) * one) if is_high else one
    return low, high


def truncated_log_prob(base, lower, upper, y):
    """Log-density of ``base`` kept between two bounds."""
    low, high = mass_between(base, lower, upper)
    y, lower, upper = real(y), real(lower), real(upper)
    inside = (y >= lower) & (y <= upper)
    kept = torch.minimum(torch.maximum(y, lower), upper)
    return torch.where(inside, base.log_prob(kept) - torch.log(high - low), -math.inf)


def truncated_draw(base, lower, upper, shape):
    """A draw of ``base`` kept between two bounds, by its quantile function."""
    low, high = mass_between(base, lower, upper)
    chance = low + (high - low) * torch.rand(shape, dtype=low.dtype, device=low.device)
    return torch.minimum(torch.maximum(quantile(base, chance), real(lower)), real(upper))


def quantile(base, chance):
    """Where the distribution function reaches these chances: halving, where torch has no closed form."""
    try:
        if not base.support.is_discrete:
            return base.icdf(chance)
    except NotImplementedError:
        pass
    low, high = -torch.ones_like(chance), torch.ones_like(chance)
    for _ in range(100):
        below, above = chance_below(base, low) > chance, chance_below(base, high) < chance
        if not (below | above).any():
            break
        low, high = torch.where(below, 2 * low, low), torch.where(above, 2 * high, high)
    for _ in range(60):
        middle = 0.5 * (low + high)
        is_under = chance_below(base, middle) < chance
        low, high = torch.where(is_under, middle, low), torch.where(is_under, high, middle)
    return torch.floor(high + 1e-6) if base.support.is_discrete else high


def censored_log_prob(base, lower, upper, y):
    """Log-density of ``base``; a value at a bound counts all the mass beyond it."""
    one, y = torch.ones(base.batch_shape), real(y)
    out = base.log_prob(torch.minimum(torch.maximum(y, real(lower)), real(upper)))
    if not isinstance(upper, float) or math.isfinite(upper):
        beyond = torch.log1p(-chance_below(base, real(upper) * one, True))
        out = torch.where(y >= real(upper), beyond, out)
    if not isinstance(lower, float) or math.isfinite(lower):
        out = torch.where(y <= real(lower), torch.log(chance_below(base, real(lower) * one)), out)
    return out

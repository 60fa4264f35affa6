"""What an emitted program needs beyond torch; each function used is copied into its foot."""

from __future__ import annotations

import math

import torch
import torch.distributions as dist
from torch.distributions import biject_to, constraints


def real(x):
    """Codes or truth values as numbers of the default dtype."""
    return torch.as_tensor(x).to(torch.get_default_dtype())


def observed(data, name):
    """An observed count or bit as numbers, None when it is latent."""
    return None if name not in data else real(data[name])


def spin(x):
    """Codes 0 and 1 as -1 and +1."""
    return 2 * real(x) - 1


def take(x, index):
    """x[..., index]: the last axis of x indexed elementwise, other axes broadcast."""
    x, index = torch.as_tensor(x), torch.as_tensor(index)
    shape = torch.broadcast_shapes(x.shape[:-1], index.shape)
    wide = x.expand(*shape, x.shape[-1])
    return torch.gather(wide, -1, index.expand(shape)[..., None]).squeeze(-1)


def previous(x, lag, dim):
    """The element ``lag`` rows back along a chain; the first rows wrap around and must be masked."""
    return torch.roll(x, lag, dim)


def segment_sum(x, member, size):
    """Sums of the last axis by group: ``member`` is the group of each element."""
    out = torch.zeros(*x.shape[:-1], size, dtype=x.dtype, device=x.device)
    return out.index_add(-1, member, x)


def grid_edges(*shape):
    """Pairs of neighbouring cells of a lattice, numbered in row-major order, sorted: two index tensors."""
    cells = torch.arange(math.prod(shape)).reshape(shape)
    pairs = [
        torch.stack([cells.narrow(d, 0, n - 1).flatten(), cells.narrow(d, 1, n - 1).flatten()])
        for d, n in enumerate(shape)
        if n > 1
    ]
    both = torch.cat(pairs, 1) if pairs else torch.zeros(2, 0, dtype=torch.long)
    order = torch.argsort(both[0] * math.prod(shape) + both[1])
    return both[0][order], both[1][order]


def over(x, size):
    """A number repeated along a new last axis, unless it has one of that size."""
    x = real(x)
    return x if x.dim() and x.shape[-1] == size else x[..., None].expand(*x.shape, size)


class Logistic(dist.TransformedDistribution):
    """The logistic distribution with location and scale."""

    def __init__(self, loc, scale):
        loc, scale = real(loc), real(scale)
        base = dist.Uniform(torch.zeros_like(loc + scale), torch.ones_like(loc + scale))
        super().__init__(
            base, [dist.transforms.SigmoidTransform().inv, dist.transforms.AffineTransform(loc, scale)]
        )


class NegativeBinomial2(dist.NegativeBinomial):
    """The negative binomial by its mean and shape: variance mean + mean^2 / shape."""

    def __init__(self, mean, shape):
        mean, shape = real(mean), real(shape)
        super().__init__(shape, logits=torch.log(mean) - torch.log(shape))


def ordered_logistic(predictor, cutpoints):
    """Categorical with P(y > k) = sigmoid(predictor - cutpoint k)."""
    above = torch.sigmoid(real(predictor)[..., None] - real(cutpoints))
    one, zero = torch.ones_like(above[..., :1]), torch.zeros_like(above[..., :1])
    above = torch.cat([one, above, zero], -1)
    return dist.Categorical(probs=above[..., :-1] - above[..., 1:])


def beta_binomial_log_prob(n, a, b, y):
    """Log-probability of y successes of n whose chance is Beta(a, b)."""
    n, a, b, y = real(n), real(a), real(b), real(y)
    choose = torch.lgamma(n + 1) - torch.lgamma(y + 1) - torch.lgamma(n - y + 1)
    beta = torch.lgamma(y + a) + torch.lgamma(n - y + b) - torch.lgamma(n + a + b)
    return choose + beta - (torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b))


def truncated_log_prob(base, lower, upper, y):
    """Log-density of ``base`` kept between two bounds."""
    low = base.cdf(real(lower)) if math.isfinite(float(lower)) else real(0.0)
    high = base.cdf(real(upper)) if math.isfinite(float(upper)) else real(1.0)
    inside = (y >= lower) & (y <= upper)
    return torch.where(inside, base.log_prob(torch.clamp(y, lower, upper)) - torch.log(high - low), -math.inf)


def censored_log_prob(base, lower, upper, y):
    """Log-density of ``base``; a value at a bound counts all the mass beyond it."""
    out = base.log_prob(torch.clamp(y, lower, upper))
    if math.isfinite(float(upper)):
        out = torch.where(y >= upper, torch.log1p(-base.cdf(real(upper))), out)
    if math.isfinite(float(lower)):
        out = torch.where(y <= lower, torch.log(base.cdf(real(lower))), out)
    return out


def zero_inflated_log_prob(p, base, y):
    """Log-probability when a share p of the values is zero besides those of ``base``."""
    own = torch.log1p(-real(p)) + base.log_prob(real(y))
    return torch.where(y == 0, torch.logaddexp(torch.log(real(p)), own), own)


class Mlp(torch.nn.Module):
    """Fully connected layers; several inputs are laid end to end, several outputs are heads of their own."""

    def __init__(self, inputs, hidden, outputs, act):
        super().__init__()
        sizes = [sum(inputs), *hidden]
        layers = []
        for a, b in zip(sizes[:-1], sizes[1:], strict=True):  # noqa: RUF007
            layers += [torch.nn.Linear(a, b), act()]
        self.body = torch.nn.Sequential(*layers)
        self.heads = torch.nn.ModuleList(torch.nn.Linear(sizes[-1], n) for n in outputs)

    def forward(self, *x):
        h = self.body(torch.cat([real(v) for v in x], -1))
        return [head(h) for head in self.heads]


def constrain(unconstrained):
    """Free real values to values in their supports, and the sum of log|det J| of the maps."""
    values, log_det = {}, 0.0
    for name, x in unconstrained.items():
        transform = biject_to(SUPPORTS[name])
        values[name] = transform(x)
        own = transform.log_abs_det_jacobian(x, values[name])
        dims = RANKS[name] - transform.codomain.event_dim
        log_det = log_det + (own.sum(tuple(range(-dims, 0))) if dims > 0 else own)
    return values, log_det


SUPPORTS = {"x": constraints.real}
RANKS = {"x": 0}

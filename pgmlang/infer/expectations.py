"""Variational factors of exponential families, and point rules that give their expectations exactly.

A complete conditional in an exponential family is linear in the statistics of its variable, ``eta . T(x)`` and a
constant (Blei, Kucukelbir and McAuliffe 2017, section 4). So its expectation is the mean of its values at a few points
whose mean statistics are those of q: two for most families. The emitted program is evaluated there; nothing is derived
by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pgmlang.infer.conjugate import READERS, slope

Factor = tuple[Tensor, ...]
"""Parameters of q: of a Dirichlet its concentrations; of a Beta a and b; of a Gamma shape and rate; of an InverseGamma
shape and scale; of a Normal mean and Cholesky factor, ``[*blocks, k]`` and ``[*blocks, k, k]``."""
LogDensity = Callable[[Tensor], Tensor]
LOWEST = -700.0
"""Least expected logarithm whose exponential is no zero."""


class VariationalFamily(NamedTuple):
    """``points``: ``[P, *shape]`` whose mean statistics are those of q; ``entropy``: a scalar; ``slope``: derivative at
    x of the log-density of these parameters; ``draw``: ``[*lead, *shape]`` by torch's global generator."""

    points: Callable[[Factor], Tensor]
    entropy: Callable[[Factor], Tensor]
    slope: Callable[[Factor, Tensor], Tensor]
    draw: Callable[[Factor, tuple[int, ...]], Tensor]


def _dirichlet_points(q: Factor) -> Tensor:
    """The exponential of the expected logarithm: below the simplex, where logarithms are what is expected."""
    log = torch.digamma(q[0]) - torch.digamma(q[0].sum(-1, keepdim=True))
    return log.clamp(min=LOWEST).exp().unsqueeze(0)


def _beta_points(q: Factor) -> Tensor:
    """Two points whose mean log x and log(1 - x) are q's: roots of t^2 - (1 + g^2 - h^2) t + g^2."""
    both = torch.digamma(q[0] + q[1])
    g, h = (torch.digamma(q[0]) - both).exp(), (torch.digamma(q[1]) - both).exp()
    half = 0.5 * (1 + g * g - h * h)
    spread = (half * half - g * g).clamp(min=0).sqrt()
    upper = half + spread
    tiny = torch.finfo(g.dtype).tiny
    return torch.stack([(g * g / upper).clamp(min=tiny), upper.clamp(max=1 - 1e-15)])


def _gamma_points(q: Factor) -> Tensor:
    """Two points whose mean x and log x are q's."""
    mean = q[0] / q[1]
    log_g = torch.digamma(q[0]) - q[1].log()
    ratio = (log_g - mean.log()).exp()
    spread = (1 - ratio * ratio).clamp(min=0).sqrt()
    upper = mean * (1 + spread)
    return torch.stack([(2 * log_g.clamp(min=0.5 * LOWEST)).exp() / upper, upper])


def _normal_points(q: Factor) -> Tensor:
    """The mean plus and minus each column of the Cholesky factor (a cubature exact to the third degree)."""
    loc, root = q
    size = loc.shape[-1]
    steps = math.sqrt(size) * root.movedim(-1, 0)
    return torch.cat([loc + steps, loc - steps])


def _normal_entropy(q: Factor) -> Tensor:
    loc, root = q
    return root.diagonal(dim1=-2, dim2=-1).log().sum() + 0.5 * loc.numel() * (1 + math.log(2 * math.pi))


def _inverse_gamma_entropy(q: Factor) -> Tensor:
    a, b = q
    return (a + b.log() + torch.lgamma(a) - (1 + a) * torch.digamma(a)).sum()


def _normal_draw(q: Factor, shape: tuple[int, ...]) -> Tensor:
    loc, root = q
    noise = torch.randn(*shape, *loc.shape, 1, dtype=loc.dtype, device=loc.device)
    return loc + (root @ noise).squeeze(-1)


def _by_torch(name: str) -> Callable[[Factor, tuple[int, ...]], Tensor]:
    def draw(q: Factor, shape: tuple[int, ...]) -> Tensor:
        drawn: Tensor = getattr(torch.distributions, name)(*q).sample(shape)
        return drawn

    return draw


NORMAL = VariationalFamily(_normal_points, _normal_entropy, lambda q, x: x, _normal_draw)
Q = {
    "Dirichlet": VariationalFamily(
        _dirichlet_points, lambda q: torch.distributions.Dirichlet(q[0]).entropy().sum(),
        lambda q, x: (q[0] - 1) / x, _by_torch("Dirichlet"),
    ),
    "Beta": VariationalFamily(
        _beta_points, lambda q: torch.distributions.Beta(q[0], q[1]).entropy().sum(),
        lambda q, x: (q[0] - 1) / x - (q[1] - 1) / (1 - x), _by_torch("Beta"),
    ),
    "Gamma": VariationalFamily(
        _gamma_points, lambda q: torch.distributions.Gamma(q[0], q[1]).entropy().sum(),
        lambda q, x: (q[0] - 1) / x - q[1], _by_torch("Gamma"),
    ),
    "InverseGamma": VariationalFamily(
        lambda q: 1 / _gamma_points(q), _inverse_gamma_entropy, lambda q, x: q[1] / x**2 - (q[0] + 1) / x,
        _by_torch("InverseGamma"),
    ),
}  # fmt: skip
"""Families by name, but for the Normal, whose elements may hang together."""


def optimal(family: str, density: LogDensity, like: Tensor) -> Factor:
    """The factor proportional to the exponential of an expected log-density (the coordinate update)."""
    parameters = READERS[family][0](density, like)
    tiny = torch.finfo(like.dtype).tiny
    return tuple(p.clamp(min=tiny) for p in parameters)


def is_of_family(family: str, density: LogDensity, q: Factor, x: Tensor) -> bool:
    """Whether a log-density has the slope of its family at another point ``x``: what the static check promised."""
    slope_there, wanted = slope(density, x), Q[family].slope(q, x)
    return torch.allclose(slope_there, wanted, rtol=1e-6, atol=1e-6 * float(wanted.abs().max()) + 1e-9)


# ---- Normal: blocks of elements that hang together


def to_blocks(x: Tensor, axes: tuple[int, ...], rank: int) -> Tensor:
    """``[..., *shape]`` with ``own`` axes of a variable as ``[..., *other axes, k]``, k along ``axes`` of them."""
    lead = x.dim() - rank
    batch_axes = [i for i in range(rank) if i not in axes]
    order = (*range(lead), *(lead + i for i in batch_axes), *(lead + i for i in axes))
    return x.permute(order).reshape(*x.shape[:lead], *(x.shape[lead + i] for i in batch_axes), -1)


def from_blocks(x: Tensor, axes: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
    """The inverse of `to_blocks`, for a variable of this shape."""
    batch_axes = [i for i in range(len(shape)) if i not in axes]
    lead = x.dim() - len(batch_axes) - 1
    wide = x.reshape((*x.shape[:lead], *(shape[i] for i in batch_axes), *(shape[i] for i in axes)))
    order = (*batch_axes, *axes)
    return wide.permute((*range(lead), *(lead + order.index(i) for i in range(len(shape)))))


def optimal_normal(density: LogDensity, shape: tuple[int, ...], axes: tuple[int, ...], centre: Tensor) -> Factor:
    """Mean and Cholesky factor of a Normal whose elements hang together along ``axes``: a quadratic's gradients at
    ``centre`` and a unit from it along each element of a block. (Far from the mean they would be differences of large
    numbers.)"""
    base = slope(density, centre)
    size = math.prod(shape[i] for i in axes)
    blocks = to_blocks(centre, axes, len(shape))
    units = torch.eye(size, dtype=centre.dtype, device=centre.device)
    units = units.reshape(size, *[1] * (blocks.dim() - 1), size).expand(size, *blocks.shape)
    columns = torch.stack([slope(density, centre + from_blocks(u, axes, shape)) - base for u in units])
    precision = -to_blocks(columns, axes, len(shape)).movedim(0, -1)
    factor = torch.linalg.cholesky(0.5 * (precision + precision.mT))
    shift = torch.cholesky_solve(to_blocks(base, axes, len(shape)).unsqueeze(-1), factor).squeeze(-1)
    eye = torch.eye(size, dtype=centre.dtype, device=centre.device).expand_as(precision)
    return blocks + shift, torch.linalg.cholesky(torch.cholesky_solve(eye, factor))

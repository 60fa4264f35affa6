"""Exponential families as complete conditionals and variational factors, one record each.

The log-density terms of a conjugate variable are linear in the statistics of its family, so gradients at one or two
points give the coefficients exactly, whatever the model around looks like, and the expectation of such terms is the mean
of their values at a few points whose mean statistics are those of q: two for most families (Blei, Kucukelbir and McAuliffe
2017, section 4). The emitted program is evaluated there; nothing is derived by hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

import torch
import torch.distributions as dist
from torch import Tensor

from pgmlang.families import FAMILIES
from pgmlang.kernels.log_density import GradientNotFinite

Factor = tuple[Tensor, ...]
"""Parameters of q, those of the family's own variant; of a Normal mean and Cholesky factor, ``[*blocks, k]`` and
``[*blocks, k, k]``."""
LogDensity = Callable[[Tensor], Tensor]
"""The terms around a variable, prior included, as a function of its value: a sum over everything but leading axes."""
LOWEST = -700.0
"""Least expected logarithm whose exponential is no zero."""


def _positive_parameters(q: Factor) -> Factor:
    return tuple(p.clamp(min=torch.finfo(p.dtype).tiny) for p in q)


class ExponentialFamily(NamedTuple):
    """``points``: ``[P, *shape]`` whose mean statistics are those of q; ``entropy``: a scalar; ``slope``: derivative at
    x of the log-density of these parameters; ``log_prob``: of draws ``[*lead, *shape]``, by element or block; ``draw``: ``[*lead, *shape]`` by torch's global generator; ``mean``: of q;
    ``first``: wide parameters from uniform noise of the variable's shape; ``read``: parameters of a log-density, for a
    variable of a shape; ``inside``: a draw kept off the ends of its support, where rounding would put it. ``is_coupled``:
    elements may hang together, so that q has blocks of them and is read by its quadratic, not by ``read``; ``proper``: parameters that rounding
    took out of their range; ``value_of``: some value, of uniform noise of its shape."""

    points: Callable[[Factor], Tensor]
    entropy: Callable[[Factor], Tensor]
    slope: Callable[[Factor, Tensor], Tensor]
    log_prob: Callable[[Factor, Tensor], Tensor]
    draw: Callable[[Factor, tuple[int, ...]], Tensor]
    mean: Callable[[Factor], Tensor]
    first: Callable[[Tensor], Factor]
    read: Callable[[LogDensity, Tensor], Factor] | None = None
    inside: Callable[[Tensor], Tensor] = lambda x: x
    is_coupled: bool = False
    proper: Callable[[Factor], Factor] = _positive_parameters
    value_of: Callable[[Tensor], Tensor] = lambda noise: 0.2 + 0.6 * noise


def exponential_family(family: str) -> ExponentialFamily:
    """The record that a family's row names (``Family.exponential_form``)."""
    module, _, name = FAMILIES[family].exponential_form.rpartition(".")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]


def slope(density: LogDensity, value: Tensor) -> Tensor:
    """The gradient of a log-density. Raises GradientNotFinite where it is not."""
    with torch.enable_grad():
        point = value.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(density(point).sum(), point)
    if not bool(torch.isfinite(gradient).all()):
        raise GradientNotFinite(value)
    return gradient.detach()


def dirichlet_parameters(density: LogDensity, like: Tensor) -> tuple[Tensor]:
    """Concentrations: x times the gradient is a_k - 1 plus the counts, at any x."""
    x = torch.full_like(like, 1 / like.shape[-1])
    return (x * slope(density, x) + 1,)


def beta_parameters(density: LogDensity, like: Tensor) -> tuple[Tensor, Tensor]:
    """a and b from the gradient a'/x - b'/(1-x) at two points."""
    first, second = torch.full_like(like, 0.25), torch.full_like(like, 0.75)
    g, h = slope(density, first), slope(density, second)
    # 4 a - 4/3 b = g and 4/3 a - 4 b = h
    a = (4 * g - 4 / 3 * h) / (16 - 16 / 9)
    b = (4 / 3 * g - 4 * h) / (16 - 16 / 9)
    return a + 1, b + 1


def gamma_parameters(density: LogDensity, like: Tensor) -> tuple[Tensor, Tensor]:
    """Shape and rate from the gradient a'/x - rate at two points."""
    one = torch.ones_like(like)
    g, h = slope(density, one), slope(density, 2 * one)
    a = 2 * (g - h)
    return a + 1, a - g


def inverse_gamma_parameters(density: LogDensity, like: Tensor) -> tuple[Tensor, Tensor]:
    """Shape and scale from the gradient -a'/x + scale/x^2 at two points."""
    one = torch.ones_like(like)
    g, h = slope(density, one), slope(density, 2 * one)
    # -a + s = g and -a/2 + s/4 = h
    scale = 2 * g - 4 * h
    return scale - g - 1, scale


def natural_share(family: ExponentialFamily, density: LogDensity, like: Tensor) -> Factor:
    """What some terms of a log-density add to the parameters, of those that no term at all would give."""
    assert family.read is not None
    none = family.read(lambda x: 0 * x, like)
    return tuple(p - q for p, q in zip(family.read(density, like), none, strict=True))


def optimal(family: ExponentialFamily, density: LogDensity, like: Tensor, share: Factor | None = None) -> Factor:
    """The factor proportional to the exponential of a log-density whose elements do not hang together. ``share``: what
    terms that the density leaves out add to its parameters."""
    assert family.read is not None
    parameters = family.read(density, like)
    if share is not None:
        parameters = tuple(p + q for p, q in zip(parameters, share, strict=True))
    return family.proper(parameters)


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


def _inverse_gamma_entropy(q: Factor) -> Tensor:
    a, b = q
    return (a + b.log() + torch.lgamma(a) - (1 + a) * torch.digamma(a)).sum()


def _positive(x: Tensor) -> Tensor:
    return x.clamp(min=torch.finfo(x.dtype).tiny)


def _on_simplex(x: Tensor) -> Tensor:
    x = _positive(x)
    return x / x.sum(-1, keepdim=True)


def _two_of(noise: Tensor) -> Factor:
    return 2 + noise, 2 + 0.1 * noise


DIRICHLET = ExponentialFamily(
    _dirichlet_points, lambda q: dist.Dirichlet(q[0]).entropy().sum(), lambda q, x: (q[0] - 1) / x,
    lambda q, x: dist.Dirichlet(q[0], validate_args=False).log_prob(x),
    lambda q, shape: dist.Dirichlet(q[0]).sample(shape), lambda q: q[0] / q[0].sum(-1, keepdim=True),
    lambda noise: (0.95 + 0.1 * noise,), dirichlet_parameters, _on_simplex,
)  # fmt: skip
BETA = ExponentialFamily(
    _beta_points, lambda q: dist.Beta(q[0], q[1]).entropy().sum(), lambda q, x: (q[0] - 1) / x - (q[1] - 1) / (1 - x),
    lambda q, x: dist.Beta(q[0], q[1], validate_args=False).log_prob(x),
    lambda q, shape: dist.Beta(q[0], q[1]).sample(shape), lambda q: q[0] / (q[0] + q[1]), _two_of, beta_parameters,
    lambda x: _positive(x).clamp(max=1 - 1e-16),
)  # fmt: skip
GAMMA = ExponentialFamily(
    _gamma_points, lambda q: dist.Gamma(q[0], q[1]).entropy().sum(), lambda q, x: (q[0] - 1) / x - q[1],
    lambda q, x: dist.Gamma(q[0], q[1], validate_args=False).log_prob(x),
    lambda q, shape: dist.Gamma(q[0], q[1]).sample(shape), lambda q: q[0] / q[1], _two_of, gamma_parameters, _positive,
)  # fmt: skip
INVERSE_GAMMA = ExponentialFamily(
    lambda q: 1 / _gamma_points(q), _inverse_gamma_entropy, lambda q, x: q[1] / x**2 - (q[0] + 1) / x,
    lambda q, x: dist.InverseGamma(q[0], q[1], validate_args=False).log_prob(x),
    lambda q, shape: dist.InverseGamma(q[0], q[1]).sample(shape), lambda q: dist.InverseGamma(q[0], q[1]).mean, _two_of,
    inverse_gamma_parameters, _positive,
)  # fmt: skip


# ---- normal elements, which may hang together


def _normal_points(q: Factor) -> Tensor:
    """The mean plus and minus each column of the Cholesky factor (a cubature exact to the third degree)."""
    loc, root = q
    size = loc.shape[-1]
    steps = math.sqrt(size) * root.movedim(-1, 0)
    return torch.cat([loc + steps, loc - steps])


def _normal_entropy(q: Factor) -> Tensor:
    loc, root = q
    return root.diagonal(dim1=-2, dim2=-1).log().sum() + 0.5 * loc.numel() * (1 + math.log(2 * math.pi))


def _normal_log_prob(q: Factor, x: Tensor) -> Tensor:
    """Of each block, ``[*lead, *blocks]``."""
    loc, root = q
    z = torch.linalg.solve_triangular(root, (x - loc).unsqueeze(-1), upper=False).squeeze(-1)
    log_det = root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return -0.5 * (z.square().sum(-1) + loc.shape[-1] * math.log(2 * math.pi)) - log_det


def _normal_draw(q: Factor, shape: tuple[int, ...]) -> Tensor:
    loc, root = q
    noise = torch.randn(*shape, *loc.shape, 1, dtype=loc.dtype, device=loc.device)
    return loc + (root @ noise).squeeze(-1)


def draw_quadratic(
    density: LogDensity, like: Tensor, num_axes: int, num_own: int = 0, is_open: Tensor | None = None
) -> Tensor:
    """A draw of the full conditional of normal elements, of the shape of ``like [..., *its axes]``: those together that the quadratic couples
    (at most a few hundred), by the Hessian. ``num_own``: the last axes that are no plates: elements are coupled along these rather than along
    all. ``is_open``: True at the elements that the density is a function of, all where it is None; the others are noise."""
    # read where the variable is: far from zero, slopes there would be differences of large numbers
    centre = like.detach()
    if is_open is not None:
        density = _with_noise(density, centre, ~is_open, num_axes)
    base = slope(density, centre)
    rank = like.dim()
    shape = like.shape[rank - num_axes :]
    # a random direction sees any coupling that a block leaves out
    direction = torch.linspace(0.5, 1.5, math.prod(shape), dtype=like.dtype, device=like.device)
    direction = direction.roll(len(direction) // 3).reshape(shape).expand_as(like)
    seen: Tensor | None = None
    for inner in dict.fromkeys((0, num_own, num_axes)):
        precision = _precision_of_blocks(density, centre, base, inner)
        block = like.shape[: rank - inner]
        if inner < num_axes and math.prod(shape) > 1:
            seen = slope(density, centre + direction) - base if seen is None else seen
            told = (precision @ direction.reshape(*block, -1, 1)).reshape(like.shape)
            if not torch.allclose(seen, -told, rtol=1e-6, atol=1e-8 * float(precision.abs().max()) + 1e-12):
                continue
        factor = torch.linalg.cholesky(0.5 * (precision + precision.mT))
        mean = torch.cholesky_solve(base.reshape(*block, -1, 1), factor)
        drawn = mean + torch.linalg.solve_triangular(factor.mT, torch.randn_like(mean), upper=True)
        return centre + drawn.reshape(like.shape)
    raise AssertionError("all elements together are the last block")


def _with_noise(density: LogDensity, centre: Tensor, elements: Tensor, num_axes: int) -> LogDensity:
    """A density and that of standard normal elements around ``centre``, which it does not hang on."""

    def both(x: Tensor) -> Tensor:
        noise = -0.5 * torch.where(elements, x - centre, 0.0).square()
        return density(x) + noise.sum(tuple(range(-num_axes, 0)))

    return both


def _precision_of_blocks(density: LogDensity, centre: Tensor, base: Tensor, inner: int) -> Tensor:
    """Minus the second derivatives ``[*batch, k, k]`` along the last axes of a value, those of all blocks at once: a block's elements meet in
    no factor with another's."""
    shape = centre.shape[centre.dim() - inner :]
    units = torch.eye(math.prod(shape), dtype=centre.dtype, device=centre.device)
    columns = [slope(density, centre + u.reshape(shape)) - base for u in units]
    return -torch.stack([c.reshape(*centre.shape[: centre.dim() - inner], -1) for c in columns], -1)


def _normal_first(noise: Tensor) -> Factor:
    loc = noise.unsqueeze(-1) - 0.5
    return loc, torch.ones_like(loc).unsqueeze(-1)


NORMAL = ExponentialFamily(
    _normal_points,
    _normal_entropy,
    lambda q, x: x,
    _normal_log_prob,
    _normal_draw,
    lambda q: q[0],
    _normal_first,
    is_coupled=True,
)

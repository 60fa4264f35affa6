"""Conjugate pairs, from one table: which likelihoods keep a prior's family, and how its parameters are read off.

The log-likelihood terms of a conjugate variable are linear in the statistics of its family, so gradients at one or two
points give the coefficients exactly, whatever the model around looks like: nothing is derived by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pgmlang.families import FAMILIES, Family, Pair
from pgmlang.graph.summable import mentioned
from pgmlang.model import Conditional, Dist, Model
from pgmlang.model.model import Choice, Distribution
from pgmlang.model.types import Type
from pgmlang.normal import normal_form
from pgmlang.normal.affine import COMPLEMENT, Form, form_in

if TYPE_CHECKING:
    from torch import Generator, Tensor


FORMS: Mapping[str, Callable[[Form], bool]] = {
    "itself": lambda form: form.is_bare and form.power == 1,
    "itself or its complement": lambda form: (form.is_bare and form.power == 1) or form == COMPLEMENT,
    "scaled": lambda form: form.power == 1,
    "inverse": lambda form: form.power == -1,
    "root": lambda form: form.power == 0.5,
    "inverse root": lambda form: form.power == -0.5,
    "affine": lambda form: form.is_linear,
}
"""What an argument may be of the variable, by the words of a pair."""


def conjugate_family(model: Model, name: str) -> str | None:
    """The family that the full conditional of a latent variable has, or None where some factor leaves the table."""
    model = normal_form(model)
    conditional = model.conditional_of.get(name)
    if conditional is None or not isinstance(conditional.distribution, Dist):
        return None
    prior = FAMILIES[conditional.distribution.family]
    if not prior.pairs or name in model.random_parents(conditional) or not _has_whole_support(model, name, prior):
        return None
    for factor in model.factors:
        if factor is conditional or name not in mentioned(model, factor, (name,)):
            continue
        if not isinstance(factor, Conditional) or not _fits(model, factor.distribution, name, prior.pairs):
            return None
    return prior.exponential


def _has_whole_support(model: Model, name: str, prior: Family) -> bool:
    """Whether a variable takes every value of its family: an ordered vector of normal elements does not."""
    return Type(prior.support).fits(model.by_name[name].type.kind)


def _fits(model: Model, distribution: Distribution, name: str, allowed: tuple[Pair, ...]) -> bool:
    if isinstance(distribution, Choice):
        if not form_in(model, distribution.condition, name).is_free:
            return False
        return all(_fits(model, d, name, allowed) for d in (distribution.then, distribution.otherwise))
    if not isinstance(distribution, Dist):
        return False
    for argument, value in distribution.arguments:
        if isinstance(value, Dist):
            return False
        form = form_in(model, value, name)
        if form.is_free:
            continue
        rows = [p for p in allowed if p.child == distribution.family and p.argument == argument]
        if not any(p.variant == distribution.variant and FORMS[p.form](form) for p in rows):
            return False
    return True


LogDensity = Callable[["Tensor"], "Tensor"]
"""The terms around a variable, prior included, as a function of its value: a sum over everything but leading axes."""


def slope(density: LogDensity, value: Tensor) -> Tensor:
    """The gradient of a log-density. Raises GradientNotFinite where it is not."""
    import torch

    from pgmlang.kernels.log_density import GradientNotFinite

    with torch.enable_grad():
        point = value.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(density(point).sum(), point)
    if not bool(torch.isfinite(gradient).all()):
        raise GradientNotFinite(value)
    return gradient.detach()


def dirichlet_parameters(density: LogDensity, like: Tensor) -> tuple[Tensor]:
    """Concentrations: x times the gradient is a_k - 1 plus the counts, at any x."""
    import torch

    x = torch.full_like(like, 1 / like.shape[-1])
    return (x * slope(density, x) + 1,)


def beta_parameters(density: LogDensity, like: Tensor) -> tuple[Tensor, Tensor]:
    """a and b from the gradient a'/x - b'/(1-x) at two points."""
    import torch

    first, second = torch.full_like(like, 0.25), torch.full_like(like, 0.75)
    g, h = slope(density, first), slope(density, second)
    # 4 a - 4/3 b = g and 4/3 a - 4 b = h
    a = (4 * g - 4 / 3 * h) / (16 - 16 / 9)
    b = (4 / 3 * g - 4 * h) / (16 - 16 / 9)
    return a + 1, b + 1


def gamma_parameters(density: LogDensity, like: Tensor) -> tuple[Tensor, Tensor]:
    """Shape and rate from the gradient a'/x - rate at two points."""
    import torch

    one = torch.ones_like(like)
    g, h = slope(density, one), slope(density, 2 * one)
    a = 2 * (g - h)
    return a + 1, a - g


def inverse_gamma_parameters(density: LogDensity, like: Tensor) -> tuple[Tensor, Tensor]:
    """Shape and scale from the gradient -a'/x + scale/x^2 at two points."""
    import torch

    one = torch.ones_like(like)
    g, h = slope(density, one), slope(density, 2 * one)
    # -a + s = g and -a/2 + s/4 = h
    scale = 2 * g - 4 * h
    return scale - g - 1, scale


READERS: Mapping[str, tuple[Callable[[LogDensity, Any], tuple[Any, ...]], str]] = {
    "Dirichlet": (dirichlet_parameters, "Dirichlet"),
    "Beta": (beta_parameters, "Beta"),
    "Gamma": (gamma_parameters, "Gamma"),
    "InverseGamma": (inverse_gamma_parameters, "InverseGamma"),
}
"""Family to how its parameters are read off, and torch's name of it."""


def conjugate_draw(family: str, density: LogDensity, like: Tensor, own_axes: int) -> Tensor:
    """A draw of the full conditional, of the shape of ``like [..., *own axes]``, by torch's global generator.

    A Normal's elements are drawn together where its quadratic couples them (at most a few hundred), by the Hessian.
    """
    import torch

    if family == "Normal":
        return _normal_draw(density, like, own_axes)
    read, name = READERS[family]
    parameters = [p.clamp(min=torch.finfo(like.dtype).tiny) for p in read(density, like)]
    drawn: Tensor = getattr(torch.distributions, name)(*parameters).sample()
    tiny = torch.finfo(like.dtype).tiny
    if family == "Dirichlet":
        drawn = drawn.clamp(min=tiny)
        return drawn / drawn.sum(-1, keepdim=True)
    return drawn.clamp(min=tiny, max=1 - 1e-16 if family == "Beta" else None)


def _normal_draw(density: LogDensity, like: Tensor, own_axes: int) -> Tensor:
    import torch

    lead = like.shape[: like.dim() - own_axes]
    size = int(torch.tensor(like.shape[like.dim() - own_axes :]).prod()) if own_axes else 1
    # read where the variable is: far from zero, slopes there would be differences of large numbers
    centre = like.detach()
    base = slope(density, centre)
    probe = slope(density, centre + 1)
    diagonal, coupled = probe - base, False
    if size > 1:
        # a random direction sees any coupling: for independent elements it only scales the diagonal
        direction = torch.linspace(0.5, 1.5, size, dtype=like.dtype, device=like.device).roll(size // 3)
        shaped = direction.reshape(like.shape[like.dim() - own_axes :]).expand_as(like)
        seen = slope(density, centre + shaped) - base
        coupled = not torch.allclose(
            seen, diagonal * shaped, rtol=1e-6, atol=1e-8 * float(diagonal.abs().max()) + 1e-12
        )
    if not coupled:
        precision = -diagonal
        return centre + base / precision + torch.randn_like(like) / precision.sqrt()
    flat = base.reshape(*lead, size)
    columns = []
    for i in range(size):
        unit = torch.zeros(size, dtype=like.dtype, device=like.device)
        unit[i] = 1
        shaped = unit.reshape(like.shape[like.dim() - own_axes :]).expand_as(like)
        columns.append((slope(density, centre + shaped) - base).reshape(*lead, size))
    precision = -torch.stack(columns, -1)
    factor = torch.linalg.cholesky(0.5 * (precision + precision.mT))
    mean = torch.cholesky_solve(flat.unsqueeze(-1), factor)
    noise = torch.randn_like(mean)
    drawn = mean + torch.linalg.solve_triangular(factor.mT, noise, upper=True)
    return centre + drawn.reshape(like.shape)


__all__ = ["READERS", "Generator", "Pair", "conjugate_draw", "conjugate_family", "slope"]

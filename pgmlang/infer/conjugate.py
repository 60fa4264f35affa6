"""Conjugate pairs, from one table: which likelihoods keep a prior's family, and how its parameters are read off.

The log-likelihood terms of a conjugate variable are linear in the statistics of its family, so gradients at one or two
points give the coefficients exactly, whatever the model around looks like: nothing is derived by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgmlang.families import FAMILIES as DISTRIBUTIONS
from pgmlang.graph.summable import mentioned
from pgmlang.model import Conditional, Dist, Model
from pgmlang.model.expr import Apply, Choose, Const, Contract, Expr, First, Reduce, Ref, Rename, children, walk
from pgmlang.model.model import Choice, Distribution
from pgmlang.model.types import Type

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Pair:
    """``prior``: the variable's family; ``child``, ``argument``: where it stands; ``form``: what the argument may be of
    the variable: ``itself`` (picked or not), ``scaled`` (times what is free of it), ``affine``."""

    prior: str
    child: str
    argument: str
    form: str
    variant: int = 0


PAIRS: tuple[Pair, ...] = (
    Pair("Dirichlet", "Categorical", "p", "itself"),
    Pair("Dirichlet", "Multinomial", "p", "itself"),
    Pair("Beta", "Bernoulli", "p", "itself"),
    Pair("Beta", "Binomial", "p", "itself"),
    Pair("Beta", "Geometric", "p", "itself"),
    Pair("Gamma", "Poisson", "rate", "scaled"),
    Pair("Gamma", "Exponential", "rate", "scaled"),
    Pair("Gamma", "Gamma", "rate", "scaled"),
    Pair("Exponential", "Poisson", "rate", "scaled"),
    Pair("Exponential", "Exponential", "rate", "scaled"),
    Pair("Exponential", "Gamma", "rate", "scaled"),
    Pair("InverseGamma", "Normal", "sd", "root"),
    Pair("Normal", "Normal", "loc", "affine"),
)
"""A conjugate pair is a row; `FAMILIES` below says how the family's parameters come from gradients."""


def conjugate_family(model: Model, name: str) -> str | None:
    """The family that the full conditional of a latent variable has, or None where some factor leaves the table."""
    own = model.conditional_of.get(name)
    if own is None or not isinstance(own.distribution, Dist):
        return None
    prior = own.distribution.family
    allowed = [p for p in PAIRS if p.prior == prior]
    if not allowed or name in model.random_parents(own) or not _has_whole_support(model, name, prior):
        return None
    for factor in model.factors:
        if factor is own or name not in mentioned(model, factor, (name,)):
            continue
        if not isinstance(factor, Conditional) or not _fits(model, factor.distribution, name, allowed):
            return None
    return {"Exponential": "Gamma"}.get(prior, prior)


def _has_whole_support(model: Model, name: str, prior: str) -> bool:
    """Whether a variable takes every value of its family: an ordered vector of normal elements does not."""
    return Type(DISTRIBUTIONS[prior].support).fits(model.by_name[name].type.kind)


def _fits(model: Model, distribution: Distribution, name: str, allowed: list[Pair]) -> bool:
    if isinstance(distribution, Choice):
        if _mentions(model, distribution.condition, name):
            return False
        return all(_fits(model, d, name, allowed) for d in (distribution.then, distribution.otherwise))
    if not isinstance(distribution, Dist):
        return False
    for argument, value in distribution.arguments:
        if isinstance(value, Dist):
            return False
        if not _mentions(model, value, name):
            continue
        rows = [p for p in allowed if p.child == distribution.family and p.argument == argument]
        if not any(p.variant == distribution.variant and _has_form(model, value, name, p.form) for p in rows):
            return False
    return True


def _mentions(model: Model, expr: Expr, name: str) -> bool:
    for ref in (e for e in walk(expr) if isinstance(e, Ref)):
        if ref.name == name:
            return True
        if ref.name in model.definition_of and _mentions(model, model.definition_of[ref.name].value, name):
            return True
    return False


def _has_form(model: Model, expr: Expr, name: str, form: str) -> bool:
    """Whether an argument is of the form in the variable; picking an element by a code counts as the variable."""
    if not _mentions(model, expr, name):
        return True
    match expr:
        case Ref():
            if any(_mentions(model, index, name) for _, index in expr.index) or expr.lag:
                return False
            if expr.name == name:
                return form != "root"
            return _has_form(model, model.definition_of[expr.name].value, name, form)
        case Rename(body=body):
            return _has_form(model, body, name, form)
        case Choose(condition=condition, then=then, otherwise=otherwise):
            if _mentions(model, condition, name):
                return False
            both = form in ("itself", "affine") or (
                _mentions(model, then, name) and _mentions(model, otherwise, name)
            )
            return both and _has_form(model, then, name, form) and _has_form(model, otherwise, name, form)
        case Apply(function="sqrt", arguments=(inner,)) if form == "root":
            return isinstance(inner, Ref) and inner.name == name and not inner.lag
        case Apply(function=function, arguments=arguments):
            inside = [_mentions(model, a, name) for a in arguments]
            if form == "scaled" and function in ("mul", "div"):
                return (
                    sum(inside) == 1
                    and (function == "mul" or not inside[1])
                    and all(_has_form(model, a, name, form) for a, m in zip(arguments, inside, strict=True) if m)
                )
            if form != "affine":
                return False
            if function in ("add", "sub", "neg"):
                return all(_has_form(model, a, name, form) for a in arguments)
            if function == "mul" or (function == "div" and not inside[1]):
                return sum(inside) == 1 and all(_has_form(model, a, name, form) for a in arguments)
            return False
        case Contract(left=left, right=right):
            inside = [_mentions(model, e, name) for e in (left, right)]
            return (
                form == "affine"
                and sum(inside) == 1
                and all(_has_form(model, e, name, form) for e in (left, right))
            )
        case Reduce(function="sum" | "mean", body=body):
            return form == "affine" and _has_form(model, body, name, form)
        case Const() | First():
            return True
        case _:
            return not any(_mentions(model, c, name) for c in children(expr))


LogDensity = Callable[["Tensor"], "Tensor"]
"""The terms around a variable, prior included, as a function of its value: a sum over everything but leading axes."""


def slope(density: LogDensity, value: Tensor) -> Tensor:
    """The gradient of a log-density. Raises GradientNotFinite where it is not."""
    import torch

    from pgmlang.kernels.log_density import GradientNotFinite

    with torch.enable_grad():
        point = value.detach().requires_grad_()
        (found,) = torch.autograd.grad(density(point).sum(), point)
    if not bool(torch.isfinite(found).all()):
        raise GradientNotFinite(value)
    return found.detach()


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


FAMILIES: Mapping[str, tuple[Callable[[LogDensity, Any], tuple[Any, ...]], str]] = {
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
    read, name = FAMILIES[family]
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


__all__ = ["FAMILIES", "PAIRS", "Generator", "Pair", "conjugate_draw", "conjugate_family", "slope"]

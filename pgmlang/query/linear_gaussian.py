"""Latents that are Gaussian given the globals: every factor that mentions them is quadratic in all of them together.

Then the log-joint of a unit (a row, a group, a sequence, all the data) is ``c + b h - h A h / 2``, and its integral over h
and the posterior of h are closed forms (Bishop 2006, section 2.3.3). A and b are gradients of the log-density: those at
unit vectors, an element of each unit at a time, minus that at zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.reductions import determines, element_of, sum_per_unit
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.families import FAMILIES
from pgmlang.model import Conditional, Dist, Model
from pgmlang.model.branches import branches
from pgmlang.normal import normal_form
from pgmlang.normal.affine import form_in

MOST_LATENTS = 1_000
"""Most latents of one unit."""
MOST = 20_000_000
"""Most numbers of all units' precision matrices together."""


def reasons_against(model: Model, names: tuple[str, ...]) -> Iterator[str]:
    """Why these latents are not jointly Gaussian given everything else."""
    normal = normal_form(model)
    for name in names:
        if normal.by_name[name].type.kind != "real":
            yield f"`{name}` is {normal.by_name[name].type}"
    for factor in normal.factors:
        if isinstance(factor, Conditional) and factor.target not in names:
            if not set(names) & set(normal.random_parents(factor)):
                continue
        elif not isinstance(factor, Conditional) and not set(names) & set(normal.random_parents(factor)):
            continue
        if not isinstance(factor, Conditional):
            yield "a potential hangs on them"
            continue
        yield from _against_conditional(normal, factor, names)


def _against_conditional(model: Model, factor: Conditional, names: tuple[str, ...]) -> Iterator[str]:
    for expression in model.expressions(factor):
        if not form_in(model, expression, names, with_lags=True).is_linear:
            yield f"`{factor.target}` is not linear in them"
    for distribution in branches(factor.distribution):
        family = FAMILIES[distribution.family] if isinstance(distribution, Dist) else None
        if not isinstance(distribution, Dist) or family is None or not family.quadratic_in or distribution.base:
            yield f"`{factor.target}` is not Gaussian"
            continue
        if factor.target in names and family.support != "real":
            yield f"`{factor.target}` is drawn from {family.name}"
        for argument, value in distribution.arguments:
            is_free = not isinstance(value, Dist) and form_in(model, value, names, with_lags=True).is_free
            if argument != family.quadratic_in and not is_free:
                yield f"the {argument} of `{factor.target}` hangs on them"


@dataclass(frozen=True, eq=False)
class GaussianUnits:
    """Latents ``names`` given ``given`` (draws of everything else ``[S, *shape]``, and of ``num_known`` that many elements
    of a latent along its first axis); cells of a latent that are seen are held. ``plate``: whose elements are independent; None where all hang together."""

    joint: BoundDensity
    names: tuple[str, ...]
    plate: str | None
    given: dict[str, Tensor]
    num_known: Mapping[str, int]
    params: Mapping[str, Tensor]
    nets: Any
    num_draws: int

    @property
    def num_units(self) -> int:
        return 1 if self.plate is None else self.joint.layout.size(self.plate)

    def is_too_large(self) -> bool:
        """Whether the matrices are beyond memory."""
        width = self.places.shape[1]
        return width > MOST_LATENTS or self.num_draws * self.num_units * width**2 > MOST

    @cached_property
    def places(self) -> Tensor:
        """Where in the latents laid end to end those of each unit are: ``[units, most of one]``, the number of all
        latents where a unit has fewer."""
        units = torch.cat([self.units_of(n) for n in self.names])
        open_ = torch.cat([self._is_open(n) for n in self.names])
        members = [torch.nonzero((units == u) & open_).flatten() for u in range(self.num_units)]
        width = max((len(m) for m in members), default=0)
        places = torch.full((self.num_units, width), len(units))
        for u, m in enumerate(members):
            places[u, : len(m)] = m
        return places

    def units_of(self, name: str) -> Tensor:
        """The unit of each element of a latent, laid end to end."""
        return element_of(self.joint, name, self.plate).flatten()

    def _is_open(self, name: str) -> Tensor:
        """Which elements are not known."""
        out = torch.ones(self.joint.shapes[name], dtype=torch.bool)
        if name in self.num_known:
            out[: self.num_known[name]] = False
        if name in self.joint.missing:
            out &= self.joint.missing[name].cpu()
        return out.flatten()

    def values(self, flat: Tensor) -> dict[str, Tensor]:
        """Values of the latents ``[S, *shape]`` from the open ones laid end to end ``[S, latents]``."""
        out, start = {}, 0
        for name in self.names:
            shape = self.joint.shapes[name]
            size, count = math.prod(shape), self.num_known.get(name, 0)
            value = flat[:, start : start + size].reshape(len(flat), *shape)
            if count:
                value = torch.cat([self.given[name][:, :count].to(value.dtype), value[:, count:]], 1)
            if name in self.joint.missing:
                value = torch.where(self.joint.missing[name], value, self.joint.observed[name].to(value.dtype))
            out[name] = value
            start += size
        return out

    def log_joint(self, flat: Tensor) -> Tensor:
        """The log-joint of each unit's open latents and of what is seen in it: ``[S, units]``."""
        everything = {**self.given, **self.values(flat)}
        terms = {}
        for name, term in self.joint.factors(everything, self.params, self.nets).items():
            count = self.num_known.get(name, 0)
            if name in self.given and name not in self.num_known:
                continue
            if count and name in self.names and self.joint.factor_axes[name]:
                # what is known is given: its own density is no part (of a process it is one, see `query/process_rows.py`)
                axis = term.dim() - len(self.joint.factor_axes[name])
                keep = (torch.arange(term.shape[axis]) >= count).to(term.dtype)
                term = term * keep.reshape(-1, *[1] * (len(self.joint.factor_axes[name]) - 1))
            terms[name] = term
        return sum_per_unit(self.joint, terms, self.plate).expand(self.num_draws, self.num_units)

    def _gradient(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        flat = flat.detach().requires_grad_()
        with torch.enable_grad():
            value = self.log_joint(flat)
            (gradient,) = torch.autograd.grad(value.sum(), flat)
        return value.detach(), gradient

    def solve(self) -> tuple[Tensor, Tensor, Tensor]:
        """The log-evidence ``[S, units]``, the posterior mean laid end to end ``[S, latents]``, and the Cholesky factor of
        each unit's precision ``[S, units, width, width]``."""
        places = self.places
        total = sum(math.prod(self.joint.shapes[n]) for n in self.names)
        zero = torch.zeros(self.num_draws, total, dtype=self.joint.dtype)
        _, first = self._gradient(zero)
        columns = []
        for k in range(places.shape[1]):
            unit = torch.zeros(total + 1, dtype=zero.dtype)
            unit[places[:, k]] = 1
            _, gradient = self._gradient(zero + unit[:total])
            columns.append(_picked(first - gradient, places))
        width = places.shape[1]
        absent = (places == total).to(zero.dtype)
        precision = torch.stack(columns, -1) if columns else zero.new_zeros(self.num_draws, self.num_units, 0, 0)
        precision = 0.5 * (precision + precision.mT) * ((1 - absent)[:, :, None] * (1 - absent)[:, None, :])
        factor, faults = torch.linalg.cholesky_ex(precision + torch.diag_embed(absent))
        if faults.any() or not torch.isfinite(factor).all():
            names = ", ".join(f"`{n}`" for n in self.names)
            raise PgmError(Diagnostic("PGM0602", f"the precision of {names} given the rows is not positive in floating point",
                                      help="scales that differ by many powers of ten: measure in other units"))  # fmt: skip
        mean = zero
        for _ in range(2):
            # a second step removes what rounding at zero left, far from the mean
            value, gradient = self._gradient(mean)
            b = _picked(gradient, places)
            step = torch.cholesky_solve(b[..., None], factor)[..., 0]
            mean = mean + _spread(step, places, total)
        value, _ = self._gradient(mean)
        log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        sizes = width - absent.sum(-1)
        return value + 0.5 * sizes * math.log(2 * math.pi) - log_det, mean, factor

    def marginals(self, mean: Tensor, factor: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Posterior means and standard deviations by latent, ``[S, *shape]``; ``mean`` and ``factor`` as `solve` gives
        them."""
        eye = torch.eye(factor.shape[-1], dtype=factor.dtype).expand(factor.shape)
        variances = torch.cholesky_solve(eye, factor).diagonal(dim1=-2, dim2=-1)
        spread = _spread(variances.sqrt(), self.places, mean.shape[1])
        sds = self.values(spread)
        for name in (n for n in self.names if n in self.joint.missing):
            sds[name] = torch.where(self.joint.missing[name], sds[name], torch.zeros((), dtype=sds[name].dtype))
        return self.values(mean), sds

    def draw(self, generator: Generator) -> dict[str, Tensor]:
        """A draw of the posterior of the latents for each draw of the globals, ``[S, *shape]``."""
        _, mean, factor = self.solve()
        noise = torch.randn(*factor.shape[:-1], 1, dtype=factor.dtype, generator=generator)
        step = torch.linalg.solve_triangular(factor.mT, noise, upper=True)[..., 0]
        return self.values(mean + _spread(step, self.places, mean.shape[1]))


def _picked(flat: Tensor, places: Tensor) -> Tensor:
    """Elements ``[S, units, width]`` of what is laid end to end, zero where a unit has fewer."""
    padded = torch.cat([flat, flat.new_zeros(len(flat), 1)], 1)
    return padded[:, places]


def _spread(values: Tensor, places: Tensor, total: int) -> Tensor:
    """The inverse of `_picked`: ``[S, total]``."""
    out = values.new_zeros(len(values), total + 1)
    out[:, places.flatten()] = values.flatten(1)
    return out[:, :total]


def gaussian_units(
    joint: BoundDensity, names: tuple[str, ...], plate: str | None, given: dict[str, Tensor],
    num_known: Mapping[str, int], params: Mapping[str, Tensor], nets: Any, num_draws: int,
) -> GaussianUnits | None:  # fmt: skip
    """The closed form, or None where there is none, or none that memory holds."""
    if any(True for _ in reasons_against(joint.model, names)):
        return None
    if plate is not None and not all(determines(joint, joint.axes(n), plate) for n in names):
        return None
    units = GaussianUnits(joint, names, plate, given, num_known, params, nets, num_draws)
    return None if units.is_too_large() else units

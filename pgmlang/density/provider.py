"""A log-density of free values by name, by compiled loops where these pay or are asked for: of all rows, or of some that stand for all.

Loops answer where all is finite. Elsewhere torch does, so that what it says of an edge, of overflow and of a slope that is none is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import FreeKey
from pgmlang.density.native import native_log_density, native_of
from pgmlang.native.log_density import NativeLogDensity


@dataclass(frozen=True)
class DensityProvider:
    """Who works out the density of what is learned, without a Jacobian, and of ``latent`` values, with theirs where ``has_jacobian``.
    ``summed``: discrete latents summed out; ``backend``: as `native_of`."""

    latent: tuple[str, ...]
    has_jacobian: bool
    summed: tuple[str, ...] = ()
    backend: str = "torch"

    def names(self, joint: BoundDensity) -> tuple[str, ...]:
        """What the free vector is of, in order."""
        return (*joint.learned, *self.latent)

    def plain(self, joint: BoundDensity) -> tuple[str, ...]:
        """Of these, whose density has no Jacobian."""
        return joint.learned if self.has_jacobian else self.names(joint)

    def native(self, joint: BoundDensity) -> NativeLogDensity | None:
        """The loops over a density's rows; None where torch works it out. Raises PgmError PGM0602 as `native_of`."""
        if not joint.whole.memo.once(_is_native, joint.whole, self):
            return None
        return joint.memo.once(native_log_density, joint, self.names(joint), self.summed, self.plain(joint))

    def backend_of(self, joint: BoundDensity) -> str:
        """Who works it out."""
        return "torch" if self.native(joint) is None else "native"

    def vector(self, joint: BoundDensity, free: Mapping[FreeKey, Tensor]) -> Tensor:
        """Free values by name, each ``[*shape]``, end to end."""
        return torch.cat([free[n].flatten() for n in self.names(joint)])

    def value(self, joint: BoundDensity, x: Tensor, by_torch: Callable[[Tensor], Tensor]) -> Tensor:
        """The log-density ``[...]`` at free vectors ``x [..., d]``, with its gradient. ``by_torch``: the same by torch."""
        native = self.native(joint)
        if native is None:
            return by_torch(x)
        flat = x.detach().reshape(math.prod(x.shape[:-1]), x.shape[-1]).contiguous().numpy()
        if not (torch.is_grad_enabled() and x.requires_grad):
            values = torch.from_numpy(native.values(flat))
            is_known = bool(values.isfinite().all())
            return values.reshape(x.shape[:-1]) if is_known else by_torch(x)
        values, gradients = map(torch.from_numpy, native.values_and_gradients(flat))
        if not bool(is_sloped(values, gradients).all()):
            return by_torch(x)
        out: Tensor = _Sloped.apply(x, values.reshape(x.shape[:-1]), gradients.reshape(x.shape))
        return out

    def side_by_side(self, joint: BoundDensity, x: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
        """Values ``[m]`` and gradients ``[m, d]`` at points ``[m, d]``, and at which loops know them; None where torch works it out."""
        native = self.native(joint)
        if native is None:
            return None
        values, gradients = map(torch.from_numpy, native.values_and_gradients(x.detach().contiguous().numpy()))
        return values, gradients, is_sloped(values, gradients)


BY_TORCH = DensityProvider((), True)
"""Torch, for everything."""


def is_sloped(values: Tensor, gradients: Tensor) -> Tensor:
    """Where loops gave a value and a gradient: they give minus infinity for no value, zeros for no gradient."""
    return values.isfinite() & (gradients != 0).any(-1)


def _is_native(joint: BoundDensity, provider: DensityProvider) -> bool:
    names, plain = provider.names(joint), provider.plain(joint)
    return native_of(joint, names, provider.summed, provider.backend, plain) is not None


class _Sloped(torch.autograd.Function):
    """Values with gradients that are known."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, values: Tensor, gradients: Tensor) -> Tensor:
        ctx.save_for_backward(gradients)
        return values

    @staticmethod
    @once_differentiable  # type: ignore[misc]
    def backward(ctx: Any, slopes: Tensor) -> tuple[Tensor, None, None]:
        (gradients,) = ctx.saved_tensors
        return slopes.unsqueeze(-1) * gradients, None, None

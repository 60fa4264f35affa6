"""Log densities over batches of points, and their gradients.

A log density takes a tensor ``[..., d]`` and gives ``[...]``: one number for each point, which may depend on that
point only.  All kernels rely on it, since one backward pass of the sum then gives every point's own gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

LogDensity = Callable[[Tensor], Tensor]
Trajectories = Callable[..., Any]
"""As ``hmc.leapfrog`` without its first argument, of a density that runs whole trajectories itself."""


class GradientNotFinite(ArithmeticError):
    """A function has no finite gradient at ``x``: there is no direction to go on in."""

    def __init__(self, x: Tensor) -> None:
        super().__init__("the gradient is not finite")
        self.x = x


def _checked(values: Tensor, x: Tensor) -> Tensor:
    if values.shape != x.shape[:-1]:
        raise ValueError(
            f"the log density gave shape {tuple(values.shape)} for points of shape {tuple(x.shape)}; "
            f"it must give {tuple(x.shape[:-1])}"
        )
    return values


def _finite(values: Tensor) -> Tensor:
    # plus infinity goes too: a chain that reached it would never leave
    return torch.where(torch.isfinite(values), values, torch.full_like(values, -torch.inf))


def value(logdensity: LogDensity, x: Tensor) -> Tensor:
    """As `eager_value`, by the density's own way where it has a method ``value``."""
    method = getattr(logdensity, "value", None)
    return eager_value(logdensity, x) if method is None else method(x)  # type: ignore[no-any-return]


def value_and_grad(logdensity: LogDensity, x: Tensor) -> tuple[Tensor, Tensor]:
    """As `eager_value_and_grad`, by the density's own way where it has a method ``value_and_grad``."""
    method = getattr(logdensity, "value_and_grad", None)
    return eager_value_and_grad(logdensity, x) if method is None else method(x)  # type: ignore[no-any-return]


def eager_value(logdensity: LogDensity, x: Tensor) -> Tensor:
    """Log density ``[...]`` at ``x [..., d]``, without a gradient; what is not finite becomes -inf.

    Raises ValueError when the log density gives another shape than ``x.shape[:-1]``.
    """
    with torch.no_grad():
        return _finite(_checked(logdensity(x), x))


def eager_value_and_grad(logdensity: LogDensity, x: Tensor) -> tuple[Tensor, Tensor]:
    """Log density ``[...]`` and its gradient ``[..., d]`` at ``x [..., d]``, both detached.

    A value that is not finite (NaN, either infinity) becomes -inf with a zero gradient.  Where the value is finite
    and the gradient is not, the gradient alone becomes zero: it is still a function of the point, so leapfrog stays
    reversible and the target stays as it is.

    Raises ValueError when the log density gives another shape than ``x.shape[:-1]``.
    """
    with torch.enable_grad():
        point = x.detach().requires_grad_(True)
        values = _checked(logdensity(point), x)
        gradient = None
        if values.requires_grad:
            (gradient,) = torch.autograd.grad(values.sum(), point, allow_unused=True)
    if gradient is None:
        gradient = torch.zeros_like(x)
    values = _finite(values.detach())
    usable = torch.isfinite(values) & torch.isfinite(gradient).all(-1)
    return values, torch.where(usable.unsqueeze(-1), gradient, torch.zeros_like(gradient))

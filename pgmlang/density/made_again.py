"""Functions whose intermediate results are not kept for the way back, but made again.

(torch.utils.checkpoint does the same, and takes most of a second to import.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def made_again(function: Callable[..., Tensor], *arguments: Mapping[Any, Tensor]) -> Tensor:
    """The function of these arguments, of which its gradients keep the tensors alone."""
    if not torch.is_grad_enabled():
        return function(*arguments)
    keys = [(i, key) for i, argument in enumerate(arguments) for key in argument]

    def of_tensors(tensors: Sequence[Tensor]) -> Tensor:
        again: list[dict[Any, Tensor]] = [{} for _ in arguments]
        for (i, key), tensor in zip(keys, tensors, strict=True):
            again[i][key] = tensor
        return function(*again)

    total: Tensor = _MadeAgain.apply(of_tensors, *(arguments[i][key] for i, key in keys))
    return total


class _MadeAgain(torch.autograd.Function):
    """A function of tensors that keeps these alone for the way back."""

    @staticmethod
    def forward(ctx: Any, function: Callable[[Sequence[Tensor]], Tensor], *tensors: Tensor) -> Tensor:
        ctx.function = function
        ctx.save_for_backward(*tensors)
        with torch.no_grad():
            return function(tensors)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        leaves = [t.detach().requires_grad_(t.is_floating_point()) for t in ctx.saved_tensors]
        wanted = [t for t in leaves if t.requires_grad]
        with torch.enable_grad():
            slopes = iter(torch.autograd.grad(ctx.function(leaves), wanted, slope, allow_unused=True))
        return (None, *(next(slopes) if t.requires_grad else None for t in leaves))

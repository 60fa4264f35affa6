"""Gradients of contractions without their values.

The derivative of what is linear in some tensors does not hang on their values, so that ``einsum`` of them need not be
worked out: for the units of an RBM given one another that halves the products.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class GradientOnly(TorchFunctionMode):
    """Within it, ``einsum`` of two tensors of which one requires a gradient gives zeros with the right gradient. Only for
    sums that are linear in all tensors that require gradients together."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:  # fmt: skip
        if func is torch.einsum and len(args) == 3 and (args[1].requires_grad or args[2].requires_grad):
            return _Unevaluated.apply(*args)
        return func(*args, **(kwargs or {}))


class _Unevaluated(torch.autograd.Function):
    """``einsum(equation, a, b)`` as zeros; the backward pass contracts the gradient with the other operand."""

    @staticmethod
    def forward(ctx: Any, equation: str, a: Tensor, b: Tensor) -> Tensor:  # type: ignore[override]
        ctx.equation = equation
        ctx.save_for_backward(a, b)
        return a.new_zeros(()).expand(_shape(equation, a, b))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor | None, Tensor | None]:  # type: ignore[override]
        a, b = ctx.saved_tensors
        inputs, out = ctx.equation.split("->")
        left, right = inputs.split(",")
        return (
            None,
            _contracted(out, gradient, right, b, left, a) if ctx.needs_input_grad[1] else None,
            _contracted(out, gradient, left, a, right, b) if ctx.needs_input_grad[2] else None,
        )


def _split(spelled: str, value: Tensor) -> tuple[tuple[int, ...], dict[str, int]]:
    """Sizes of the axes behind ``...`` and of each letter; every operand is spelled ``...abc``."""
    letters = spelled.removeprefix("...")
    lead = value.dim() - len(letters)
    return tuple(value.shape[:lead]), dict(zip(letters, value.shape[lead:], strict=True))


def _shape(equation: str, a: Tensor, b: Tensor) -> tuple[int, ...]:
    inputs, out = equation.split("->")
    parts = [_split(s, v) for s, v in zip(inputs.split(","), (a, b), strict=True)]
    sizes = {**parts[0][1], **parts[1][1]}
    return (*np.broadcast_shapes(parts[0][0], parts[1][0]), *(sizes[x] for x in out.removeprefix("...")))


def _contracted(out: str, gradient: Tensor, other: str, value: Tensor, subscripts: str, like: Tensor) -> Tensor:
    """The gradient of the operand ``own`` of the shape of ``like``."""
    lead = _split(subscripts, like)[0]
    # without a leading axis of its own, those of the others are summed in the same product
    dots = "..." if lead else ""
    front = len(_split(out, gradient)[0]), len(_split(other, value)[0])
    if not lead and any(front):
        names = [x for x in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if x not in out + other][: max(front)]
        spelled = [
            "".join(names[max(front) - n :]) + s.removeprefix("...")
            for n, s in zip(front, (out, other), strict=True)
        ]
    else:
        spelled = [out, other] if lead else [out.removeprefix("..."), other.removeprefix("...")]
    letters = subscripts.removeprefix("...")
    shared = "".join(x for x in letters if x in out + other)
    product = torch.einsum(f"{spelled[0]},{spelled[1]}->{dots}{shared}", gradient, value)
    if shared != letters:
        index = tuple(slice(None) if x in shared else None for x in letters)
        product = product[(..., *index)]
    return (
        product.sum_to_size(like.shape)
        if product.dim() > like.dim() or shared == letters
        else product.expand(like.shape)
    )

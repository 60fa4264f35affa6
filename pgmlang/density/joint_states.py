"""Joint labels of variables, and numbers that come with their gradients: what compiled sums take from torch and give back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


class GivenGradients(torch.autograd.Function):
    """A number for each start that compiled code works out of tensors, together with its gradients."""

    @staticmethod
    def forward(ctx: Any, run: Callable[..., tuple[Tensor, list[Tensor | None]]], *tensors: Tensor) -> Tensor:
        total, gradients = run(*tensors)
        ctx.save_for_backward(*(g for g in gradients if g is not None))
        ctx.places = [i for i, g in enumerate(gradients) if g is not None]
        ctx.starts = [t.shape[1] for t in tensors]
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        out: list[Tensor | None] = [None] * len(ctx.starts)
        for i, gradient in zip(ctx.places, ctx.saved_tensors, strict=True):
            mine = gradient * slope.reshape(1, -1, *[1] * (gradient.dim() - 2))
            out[i] = mine if ctx.starts[i] == len(slope) else mine.sum(1, keepdim=True)
        return (None, *out)


@dataclass(frozen=True, eq=False)
class JointStates:
    """The joint labels of variables: ``places`` of their value axes, ``codes [name, state]``."""

    places: tuple[int, ...]
    codes: np.ndarray

    @property
    def count(self) -> int:
        return self.codes.shape[1]

    def along(self, values: Tensor, all_places: int) -> Tensor:
        """``[*value axes, ...]`` as ``[state, ...]``: what a table says of each joint label."""
        shape = values.shape[:all_places]
        number = np.zeros(self.count, dtype=np.int64)
        for place in range(all_places):
            number *= shape[place]
            if place in self.places and shape[place] > 1:
                number += self.codes[self.places.index(place)]
        return values.flatten(0, all_places - 1).index_select(0, torch.as_tensor(number))

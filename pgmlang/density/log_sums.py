"""The log of a sum of exponentials of tensors, where some terms, or all, may be the logarithm of zero."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def log_sum_exp(values: Tensor, dim: int | tuple[int, ...]) -> Tensor:
    """``torch.logsumexp`` along ``dim``, with a slope of zero, not NaN, by terms that are minus infinity: of a state that no path leads to,
    all are."""
    lowest = torch.finfo(values.dtype).min / 4
    total = torch.logsumexp(values.clamp(min=lowest), dim)
    return torch.where(total <= lowest / 2, -math.inf, total)

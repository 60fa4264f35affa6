"""Missing cells: where they are, and values completed by what was observed."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

Values = Mapping[str, Tensor]
"""Tensors by variable, ``[..., *shape]``."""


def completed(observed: Values, missing: Values, values: Values) -> dict[str, Tensor]:
    """Values with what was observed; a variable with missing cells takes those cells from ``values``."""
    out = {**observed, **values}
    for name, mask in missing.items():
        if name in values:
            out[name] = torch.where(mask, values[name], observed[name])
    return out


def filled(values: Tensor, mask: Tensor) -> Tensor:
    """Values with any value that was seen in place of those that were not."""
    seen = values[~mask]
    any_value = seen.flatten()[0] if seen.numel() else torch.zeros((), dtype=values.dtype)
    return torch.where(mask, any_value, values)

"""Standard errors of values from those of the free numbers behind them: the delta method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

MOST_VALUES = 20_000
"""Most values whose errors are worked out."""


def standard_errors(
    values_at: Callable[[Tensor], dict[str, Tensor]], x: Tensor, covariance: np.ndarray
) -> dict[str, np.ndarray]:
    """Standard errors by name, of the shapes of the values. ``values_at``: values of free numbers ``[n]``; ``covariance``
    ``[n, n]`` of these. NaN for values that hang on a number whose covariance is; of at most `MOST_VALUES` values, the first ones."""
    names = list(values_at(x))
    shapes = {n: tuple(v.shape) for n, v in values_at(x).items()}
    sizes = np.cumsum([int(np.prod(shapes[n])) for n in names])
    names = [n for n, end in zip(names, sizes.tolist(), strict=True) if end <= MOST_VALUES]
    if not names:
        return {}

    def flat(point: Tensor) -> Tensor:
        values = values_at(point)
        return torch.cat([values[n].flatten() for n in names])

    with torch.enable_grad():
        slopes = torch.autograd.functional.jacobian(flat, x.detach()).cpu().numpy()
    is_known = ~np.isnan(np.diagonal(covariance))
    known = slopes[:, is_known]
    variances = ((known @ covariance[np.ix_(is_known, is_known)]) * known).sum(1)
    errors = np.sqrt(np.where(variances >= 0, variances, 0.0) + 0 * variances)
    errors[(slopes[:, ~is_known] != 0).any(1)] = np.nan
    pieces = np.split(errors, np.cumsum([int(np.prod(shapes[n])) for n in names])[:-1])
    return {n: piece.reshape(shapes[n]) for n, piece in zip(names, pieces, strict=True)}

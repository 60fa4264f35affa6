"""Wishart's family and its inverse as complete conditionals and variational factors: of a precision and a covariance of normal vectors.

Parameters of q are the degrees of freedom ``[*batch]`` and a matrix ``[*batch, K, K]``: the inverse scale of Wishart's, the scale of its
inverse.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pgmlang.infer.exponential import ExponentialFamily, Factor, LogDensity, slope
from pgmlang.lower.runtime import vectors


def _eye(like: Tensor) -> Tensor:
    # numbers of their own: of repeated ones a program factorises the first alone
    return torch.eye(like.shape[-1], dtype=like.dtype, device=like.device).expand_as(like).contiguous()


def _symmetric_slope(density: LogDensity, value: Tensor) -> Tensor:
    found = slope(density, value)
    return 0.5 * (found + found.mT)


def _mean_diagonal(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).mean(-1)


def wishart_parameters(density: LogDensity, like: Tensor) -> tuple[Tensor, Tensor]:
    """From the gradient a X^-1 - rate / 2, a = (df - K - 1) / 2, at the identity and twice that."""
    one = _eye(like)
    g, h = _symmetric_slope(density, one), _symmetric_slope(density, 2 * one)
    a = 2 * _mean_diagonal(g - h)
    return 2 * a + like.shape[-1] + 1, 2 * (a[..., None, None] * one - g)


def inverse_wishart_parameters(density: LogDensity, like: Tensor) -> tuple[Tensor, Tensor]:
    """From the gradient X^-1 scale X^-1 / 2 - b X^-1, b = (df + K + 1) / 2, at the identity and twice that."""
    one = _eye(like)
    g, h = _symmetric_slope(density, one), _symmetric_slope(density, 2 * one)
    b = _mean_diagonal(g - 4 * h)
    return 2 * b - like.shape[-1] - 1, 2 * (b[..., None, None] * one + g)


def _inverse(matrix: Tensor) -> Tensor:
    return torch.cholesky_inverse(torch.linalg.cholesky(matrix))


def _expected_log_det(q: Factor) -> Tensor:
    """Of a draw of Wishart's."""
    df, rate = q
    size = rate.shape[-1]
    halves = 0.5 * (df[..., None] - torch.arange(size, dtype=df.dtype, device=df.device))
    return torch.digamma(halves).sum(-1) + size * math.log(2) - torch.logdet(rate)


def _points(q: Factor) -> Tensor:
    """Two multiples of the mean: together their mean and the mean of their log determinants are q's."""
    df, rate = q
    size = rate.shape[-1]
    mean = df[..., None, None] * _inverse(rate)
    ratio = ((_expected_log_det(q) - torch.logdet(mean)) / size).exp()
    spread = (1 - ratio * ratio).clamp(min=0).sqrt()
    return torch.stack([(1 - spread)[..., None, None] * mean, (1 + spread)[..., None, None] * mean])


def _log_constant(df: Tensor, log_det_rate: Tensor, size: int) -> Tensor:
    return 0.5 * df * (size * math.log(2) - log_det_rate) + torch.mvlgamma(0.5 * df, size)


def _entropies(q: Factor) -> Tensor:
    df, rate = q
    size = rate.shape[-1]
    constant = _log_constant(df, torch.logdet(rate), size)
    return constant - 0.5 * (df - size - 1) * _expected_log_det(q) + 0.5 * df * size


def _draw(q: Factor, shape: tuple[int, ...]) -> Tensor:
    return vectors.Wishart(q[0], _inverse(q[1])).rsample(torch.Size(shape))


def _inverse_draw(q: Factor, shape: tuple[int, ...]) -> Tensor:
    return vectors.InverseWishart(*q).rsample(torch.Size(shape))


def _first(noise: Tensor) -> Factor:
    return noise.shape[-1] + 2 + noise[..., 0, 0], _eye(noise)


def _proper(q: Factor) -> Factor:
    df, matrix = q
    least = matrix.shape[-1] - 1 + 1e-6
    return df.clamp(min=least), 0.5 * (matrix + matrix.mT)


def _matrix(noise: Tensor) -> Tensor:
    return noise @ noise.mT + _eye(noise)


def _inverse_slope(q: Factor, x: Tensor) -> Tensor:
    inverse = _inverse(x)
    return 0.5 * inverse @ q[1] @ inverse - 0.5 * (q[0] + x.shape[-1] + 1)[..., None, None] * inverse


WISHART = ExponentialFamily(
    _points,
    lambda q: _entropies(q).sum(),
    lambda q, x: 0.5 * (q[0] - x.shape[-1] - 1)[..., None, None] * _inverse(x) - 0.5 * q[1],
    lambda q, x: vectors.Wishart(q[0], _inverse(q[1])).log_prob(x),
    _draw,
    lambda q: q[0][..., None, None] * _inverse(q[1]),
    _first,
    wishart_parameters,
    proper=_proper,
    value_of=_matrix,
)
INVERSE_WISHART = ExponentialFamily(
    lambda q: _inverse(_points(q)),
    lambda q: (_entropies(q) - (q[1].shape[-1] + 1) * _expected_log_det(q)).sum(),
    _inverse_slope,
    lambda q, x: vectors.InverseWishart(*q).log_prob(x),
    _inverse_draw,
    lambda q: q[1] / torch.where(q[0] > q[1].shape[-1] + 1, q[0] - q[1].shape[-1] - 1, math.nan)[..., None, None],
    _first,
    inverse_wishart_parameters,
    proper=_proper,
    value_of=_matrix,
)

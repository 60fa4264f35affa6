"""The metric of a kernel: about the covariance of the posterior, as a diagonal and some directions of other width.

``M^-1 = S (I + U (L - I) U^T) S`` with ``S`` the diagonal matrix of the standard deviations, ``U`` orthonormal directions and ``L`` the
widths' squares along them. Without directions it is diagonal, with as many as dimensions dense; in between a step costs as many products of
vectors as there are directions (Seyboldt, Carlson and Carpenter 2025, section 3.3).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

RIDGE, LEAST_RIDGE = 1e-5, 1e-12
"""Of a covariance of whitened points: of few of them, so that what they do not show stays as it is, and of many, against rounding."""
PRICE = 0.01
"""What a direction costs in a step, as a share of a gradient, where nothing else is known."""
MOST_DIRECTIONS = 64
"""Most directions of a metric of more than `DENSE` dimensions."""
DENSE = 320
"""Dimensions up to which a metric may be dense."""
MOST_POINTS = 96
"""Points that directions are sought in, where there are more dimensions than `DENSE`."""


class Metric(NamedTuple):
    """``variance [..., 1, d]``, positive; ``directions [..., r, d]``: the rows of ``U^T S``; ``stretch [..., r]``: the diagonal of ``L``."""

    variance: Tensor
    directions: Tensor
    stretch: Tensor

    @property
    def has_directions(self) -> bool:
        return self.stretch.shape[-1] > 0

    @property
    def gains(self) -> Tensor:
        """``[..., r]``: what the directions' squares are added with."""
        return self.stretch - 1.0

    def _white(self, x: Tensor, factors: Tensor) -> Tensor:
        """Whitened ``x [..., C, d]`` with its parts along the directions times ``factors [..., r]``."""
        if not self.has_directions:
            return x
        unit = self.directions / self.variance.sqrt()
        return x + ((x @ unit.mT) * (factors - 1.0).unsqueeze(-2)) @ unit

    def velocity(self, momentum: Tensor) -> Tensor:
        """``M^-1 p`` of ``p [..., C, d]``."""
        out = self.variance * momentum
        if not self.has_directions:
            return out
        return out + ((momentum @ self.directions.mT) * self.gains.unsqueeze(-2)) @ self.directions

    def kinetic(self, momentum: Tensor) -> Tensor:
        """Kinetic energy ``[..., C]`` of momenta."""
        out = (self.variance * momentum.square()).sum(-1)
        if self.has_directions:
            out = out + ((momentum @ self.directions.mT).square() @ self.gains.unsqueeze(-1)).squeeze(-1)
        return 0.5 * out

    def momentum(self, noise: Tensor) -> Tensor:
        """Momenta of covariance M, of standard normal ``noise [..., C, d]``; their kinetic energy is that of the noise."""
        return self._white(noise, self.stretch.rsqrt()) / self.variance.sqrt()

    def spread(self, noise: Tensor) -> Tensor:
        """Moves of covariance M^-1, of standard normal noise."""
        return self.variance.sqrt() * self._white(noise, self.stretch.sqrt())

    def whitened(self, x: Tensor) -> Tensor:
        """Points ``[..., C, d]`` in coordinates in which M^-1 is the unit matrix."""
        return self._white(x / self.variance.sqrt(), self.stretch.rsqrt())


def diagonal(variance: Tensor) -> Metric:
    """The metric of these variances ``[..., 1, d]``."""
    *lead, _, d = variance.shape
    return Metric(variance, variance.new_zeros(*lead, 0, d), variance.new_zeros(*lead, 0))


def of_factor(factor: Tensor, price: float = PRICE) -> Metric:
    """The metric of the covariance ``B B^T`` of a factor ``B [d, k]``, of full rank."""
    scale = factor.norm(dim=-1)
    vectors, widths, _ = torch.linalg.svd(factor / scale.unsqueeze(-1))
    return worthwhile(scale.square(), vectors.T, widths.square(), price)


def dense(covariance: Tensor) -> Metric:
    """The metric of a covariance ``[..., d, d]``; of its diagonal alone where it is not positive definite."""
    variance = covariance.diagonal(dim1=-2, dim2=-1)
    scale = variance.sqrt()
    correlation = covariance / scale.unsqueeze(-1) / scale.unsqueeze(-2)
    # of chains so far out that squares overflow: their diagonal
    is_finite = torch.isfinite(correlation).all(-1, keepdim=True).all(-2, keepdim=True)
    eye = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    stretch, vectors = torch.linalg.eigh(torch.where(is_finite, correlation, eye))
    is_definite = (stretch[..., :1] > torch.finfo(stretch.dtype).eps).expand(stretch.shape)
    directions = vectors.mT * scale.unsqueeze(-2)
    return Metric(variance.unsqueeze(-2), directions, torch.where(is_definite, stretch, 1.0))


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(0)


def of_points(points: Tensor, slopes: Tensor, start: Tensor | None = None, price: float = PRICE) -> Metric:
    """The metric that best whitens draws ``points [n, d]`` and the gradients ``slopes [n, d]`` of their log-density at once: the least Fisher
    divergence between the whitened posterior and a normal one (Seyboldt, Carlson and Carpenter 2025, sections 3.2 and 3.3). Of a normal
    posterior it is the covariance as soon as there are more points than dimensions.

    ``start [1, d]``: variances that hold where points or slopes do not vary; ``price``: of a direction, as a share of a gradient.
    """
    points, slopes = _centred(points), _centred(slopes)
    n, d = points.shape
    spread, steepness = points.square().mean(0), slopes.square().mean(0)
    variance = (spread / steepness).sqrt()
    fallback = points.new_ones(d) if start is None else start[0]
    variance = torch.where(torch.isfinite(variance) & (variance > 0), variance, fallback)
    if d < 2 or n < 4:
        return diagonal(variance.unsqueeze(0))
    x, g = points / variance.sqrt(), slopes * variance.sqrt()
    if not bool(torch.isfinite(x).all() & torch.isfinite(g).all()):
        return diagonal(variance.unsqueeze(0))
    basis = _basis(x, g)
    of_draws, of_slopes = (_covariance(y if basis is None else y @ basis.T) for y in (x, g))
    if not bool(torch.isfinite(of_draws).all() & torch.isfinite(of_slopes).all()):
        return diagonal(variance.unsqueeze(0))
    try:
        stretch, vectors = torch.linalg.eigh(_between(of_draws, of_slopes))
    except torch.linalg.LinAlgError:
        return diagonal(variance.unsqueeze(0))
    directions = vectors.T if basis is None else vectors.T @ basis
    return worthwhile(variance, directions, stretch, price)


def _basis(x: Tensor, g: Tensor) -> Tensor | None:
    """Orthonormal rows that span the points and slopes; None for all dimensions."""
    n, d = x.shape
    if d <= DENSE:
        return None
    some = torch.linspace(0, n - 1, min(n, MOST_POINTS), device=x.device).round().to(torch.int64)
    rows = torch.cat([x[some], g[some]])
    rows = rows / rows.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
    return torch.linalg.qr(rows.T)[0].T


def _covariance(x: Tensor) -> Tensor:
    """Of centred points ``[n, k]``."""
    n, k = x.shape
    eye = torch.eye(k, dtype=x.dtype, device=x.device)
    return x.T @ x / n + (RIDGE if n <= 2 * k else LEAST_RIDGE) * eye


def _between(of_draws: Tensor, of_slopes: Tensor) -> Tensor:
    """The matrix A with ``A S A = C``, of the covariances C of points and S of slopes: the geometric mean of C and the inverse of S."""
    values, vectors = torch.linalg.eigh(of_slopes)
    values = values.clamp(min=torch.finfo(values.dtype).tiny).sqrt()
    root, inverse = (vectors * values) @ vectors.T, (vectors / values) @ vectors.T
    inner_values, inner = torch.linalg.eigh(root @ of_draws @ root)
    middle = (inner * inner_values.clamp(min=0.0).sqrt()) @ inner.T
    return inverse @ middle @ inverse


def worthwhile(variance: Tensor, directions: Tensor, stretch: Tensor, price: float) -> Metric:
    """The metric with as many directions as pay: the leapfrog steps of a path are as many as the widest width of what is left to the
    diagonal is times the narrowest, and each direction makes all of them dearer."""
    tiny = torch.finfo(stretch.dtype).tiny
    log = torch.where(torch.isfinite(stretch) & (stretch > 0), stretch.clamp(min=tiny).log(), 0.0)
    order = log.abs().argsort(descending=True)
    most = len(order) if directions.shape[-1] <= DENSE else min(len(order), MOST_DIRECTIONS)
    left = torch.cat([log[order], log.new_zeros(1)]).flip(0)
    # of what is left when the first r are taken; the diagonal's own width, one, is always there
    ratio = 0.5 * (left.cummax(0).values - left.cummin(0).values).flip(0)
    taken = torch.arange(most + 1, dtype=log.dtype, device=log.device)
    best = int(((1.0 + price * taken).log() + ratio[: most + 1]).argmin())
    chosen = order[:best].sort().values
    return Metric(variance.unsqueeze(0), directions[chosen] * variance.sqrt(), log[chosen].exp())

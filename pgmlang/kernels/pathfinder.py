"""Where chains begin and how wide the posterior is there: Pathfinder (Zhang, Carpenter, Gelman and Vehtari 2022).

Paths of L-BFGS climb from every point at once. Each iterate of a path gives a normal distribution, by the inverse Hessian that L-BFGS has at
the time; the one with the highest bound on the evidence lies where the posterior's mass is, which in a hierarchy is far from its mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from pgmlang.kernels.kernel import normal
from pgmlang.kernels.log_density import LogDensity, value, value_and_grad
from pgmlang.kernels.metric import PRICE, Metric, worthwhile

HISTORY = 6
"""Steps that an inverse Hessian is made of, as in the paper."""
ITERATIONS = 300
"""Most steps of a path."""
TRIALS = 12
"""Most points of a line search, each half as far as the one before."""
DECREASE = 1e-4
"""Share of the rise that the slope promises, which a step must reach (Nocedal and Wright 2006, eq. 3.4)."""
DRAWS = 6
"""Draws that a bound on the evidence is estimated by."""
ARRIVED = 1e-8
"""A path ends where a step rises by less than this share of the density's size, or of one."""
GROWTH = 5.0
"""A step is at most this many times as long as the longest before it: one that leaps to where a scale is without end finds no way back."""
PASSED = 30
"""Steps since the best of a path, after which it ends."""
PATIENCE = 3
"""Such steps in a row, after which it has."""


class Normals(NamedTuple):
    """A normal distribution for each path: ``mean [C, d]``; its covariance is ``diag(scale) (I + Q (L L^T - I) Q^T) diag(scale)`` with
    ``scale [C, d]``, orthonormal columns ``Q [C, d, k]`` and a Cholesky factor ``L [C, k, k]``."""

    mean: Tensor
    scale: Tensor
    basis: Tensor
    root: Tensor

    def draws(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Points ``[K, C, d]`` of standard normal ``noise``, and their log-densities ``[K, C]``."""
        inside = torch.einsum("cdk,ncd->nck", self.basis, noise)
        turned = torch.einsum("cjk,nck->ncj", self.root, inside) - inside
        white = noise + torch.einsum("cdk,nck->ncd", self.basis, turned)
        volume = self.scale.log().sum(-1) + self.root.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        d = noise.shape[-1]
        return self.mean + self.scale * white, -0.5 * (noise.square().sum(-1) + d * math.log(2 * math.pi)) - volume

    def of_path(self, path: int) -> Normals:
        """That of one path alone."""
        return Normals(*(t[path : path + 1] for t in self))

    def factor(self) -> Tensor:
        """A factor ``B [d, d]`` of the first one's covariance ``B B^T``."""
        q, root = self.basis[0], self.root[0]
        eye = torch.eye(root.shape[-1], dtype=root.dtype, device=root.device)
        whole = torch.eye(q.shape[0], dtype=q.dtype, device=q.device) + q @ (root - eye) @ q.T
        return self.scale[0].unsqueeze(-1) * whole

    def metric(self, price: float = PRICE) -> Metric:
        """The first one's covariance as a metric."""
        stretch, vectors = torch.linalg.eigh(self.root[0] @ self.root[0].T)
        return worthwhile(self.scale[0].square(), (self.basis[0] @ vectors).T, stretch, price)


class Paths(NamedTuple):
    """``points [C, d]``: a draw of each path's best normal distribution; ``bounds [C]`` on the evidence, -inf of a path without one;
    ``normal``: the best of all, None where there is none; ``others [K, d]``: more draws of it."""

    points: Tensor
    bounds: Tensor
    normal: Normals | None
    others: Tensor


class _Climb(NamedTuple):
    """``variance [C, d]``: the diagonal that the inverse Hessian begins with; ``steps`` and ``changes [J, C, d]`` of points and slopes, the
    last ones last; ``longest [C]``: the largest number of any step; ``idle [C]``: steps in a row without a rise."""

    x: Tensor
    height: Tensor
    slope: Tensor
    variance: Tensor
    steps: Tensor
    changes: Tensor
    longest: Tensor
    idle: Tensor


class _InverseHessian(NamedTuple):
    """``diag(v) + b g b^T``, ``v [C, d]``, ``b [C, d, 2 J]``, ``g [C, 2 J, 2 J]`` (Byrd, Nocedal and Schnabel 1994, eq. 3.1)."""

    variance: Tensor
    wide: Tensor
    small: Tensor

    def times(self, x: Tensor) -> Tensor:
        inside = torch.einsum("cdk,cd->ck", self.wide, x)
        return self.variance * x + torch.einsum("cdk,ckj,cj->cd", self.wide, self.small, inside)


def best_of(parts: list[Paths], chains: int) -> Paths:
    """The best of several paths for each of so many chains: the i-th, and every ``chains``-th after it."""
    points, bounds = torch.cat([p.points for p in parts]), torch.cat([p.bounds for p in parts])
    best = max(parts, key=lambda p: float(p.bounds.max()))
    attempts = len(points) // chains
    chosen = bounds.reshape(attempts, chains).argmax(0) * chains + torch.arange(chains, device=bounds.device)
    return Paths(points[chosen], bounds[chosen], best.normal, best.others)


@torch.no_grad()
def pathfinder(
    logdensity: LogDensity, x: Tensor, generator: Generator, check: Callable[[], None] = lambda: None
) -> Paths:
    """Paths from points ``[C, d]`` of positive density; ``check`` is called at every step, and may raise."""
    height, slope = value_and_grad(logdensity, x)
    unit = torch.ones_like(x)
    none = x.new_zeros(0, *x.shape)
    state = _Climb(x, height, slope, unit, none, none, torch.ones_like(height), torch.zeros_like(height))
    best = Paths(x, torch.full_like(height, -torch.inf), None, x[:0])
    since = torch.zeros_like(height)
    for _ in range(ITERATIONS):
        check()
        state = _climbed(logdensity, state)
        judged = _judged(logdensity, state, generator, best)
        since = torch.where(judged.bounds > best.bounds, 0.0, since + 1.0)
        best = judged
        # up to where a scale is nothing, or far too wide, a path has passed the posterior's mass
        state = state._replace(idle=torch.where(since >= PASSED, float(PATIENCE), state.idle))
        if bool((state.idle >= PATIENCE).all()):
            break
    return best


def _climbed(logdensity: LogDensity, state: _Climb) -> _Climb:
    """The next iterate of each path that still rises."""
    direction = _inverse_hessian(state).times(state.slope)
    promised = (direction * state.slope).sum(-1)
    bad = ~(promised > 0)
    direction = torch.where(bad.unsqueeze(-1), state.slope, direction)
    longest = GROWTH * state.longest if len(state.steps) else state.longest / direction.shape[-1]
    direction = direction / (direction.abs().amax(-1) / longest).clamp(min=1.0).unsqueeze(-1)
    promised = (direction * state.slope).sum(-1)
    rests = state.idle >= PATIENCE
    x, height, slope = _searched(logdensity, state, direction, promised, rests)
    small = height - state.height <= ARRIVED * torch.maximum(height.abs(), torch.ones_like(height))
    idle = torch.where(small, state.idle + 1, 0.0)
    return _remembered(state, x, height, slope, idle)


def _searched(
    logdensity: LogDensity, state: _Climb, direction: Tensor, promised: Tensor, rests: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Points along the directions that rise enough, nearer ones tried where farther ones do not; those of before where none does."""
    x, height, slope = state.x, state.height, state.slope
    t = torch.ones_like(height)
    searching = ~rests
    for _ in range(TRIALS):
        if not bool(searching.any()):
            break
        tried = torch.where(searching.unsqueeze(-1), state.x + t.unsqueeze(-1) * direction, x)
        tried_height, tried_slope = value_and_grad(logdensity, tried)
        good = searching & torch.isfinite(tried_height) & (tried_height >= state.height + DECREASE * t * promised)
        wide = good.unsqueeze(-1)
        x, slope = torch.where(wide, tried, x), torch.where(wide, tried_slope, slope)
        height = torch.where(good, tried_height, height)
        searching = searching & ~good
        t = torch.where(searching, 0.4 * t, t)
    return x, height, slope


def _remembered(state: _Climb, x: Tensor, height: Tensor, slope: Tensor, idle: Tensor) -> _Climb:
    """The climb with its last step in the history, where the density is concave along it."""
    step, change = x - state.x, state.slope - slope
    product = (step * change).sum(-1)
    good = (product > 1e-12 * change.square().sum(-1)) & torch.isfinite(product)
    variance = torch.where(good.unsqueeze(-1), _updated(state.variance, step, change, product), state.variance)
    wide = good.unsqueeze(-1)
    steps = torch.cat([state.steps, torch.where(wide, step, 0.0).unsqueeze(0)])
    changes = torch.cat([state.changes, torch.where(wide, change, 0.0).unsqueeze(0)])
    # paths that have nothing new keep what they have: the empty place moves to the front
    order = torch.where(good, 0, 1).unsqueeze(0)
    if len(steps) > 1 and bool((~good).any()):
        rolled_steps, rolled_changes = steps.roll(1, 0), changes.roll(1, 0)
        pick = (order == 1).unsqueeze(-1)
        steps, changes = torch.where(pick, rolled_steps, steps), torch.where(pick, rolled_changes, changes)
    longest = torch.maximum(state.longest, step.abs().amax(-1))
    return _Climb(x, height, slope, variance, steps[-HISTORY:], changes[-HISTORY:], longest, idle)


def _updated(variance: Tensor, step: Tensor, change: Tensor, product: Tensor) -> Tensor:
    """The diagonal after a step (Gilbert and Lemarechal 1989; algorithm 3 of the paper)."""
    a = (variance * change.square()).sum(-1, keepdim=True)
    b = product.unsqueeze(-1)
    c = (step.square() / variance).sum(-1, keepdim=True)
    new = 1.0 / (a / (b * variance) + change.square() / b - a * step.square() / (b * c * variance.square()))
    return torch.where(torch.isfinite(new) & (new > 0), new, variance)


def _inverse_hessian(state: _Climb) -> _InverseHessian:
    """Of each path's history; empty places in it (no step, no change) take no part."""
    s, y = state.steps.permute(1, 2, 0), state.changes.permute(1, 2, 0)
    j = s.shape[-1]
    wide = torch.cat([state.variance.unsqueeze(-1) * y, s], -1)
    products = s.mT @ y
    empty = products.diagonal(dim1=-2, dim2=-1) <= 0
    upper = products.triu() + torch.diag_embed(empty.to(s.dtype))
    inverse = torch.linalg.solve_triangular(upper, torch.eye(j, dtype=s.dtype, device=s.device), upper=True)
    inverse = inverse.masked_fill(empty.unsqueeze(-1) | empty.unsqueeze(-2), 0.0)
    middle = torch.diag_embed(products.diagonal(dim1=-2, dim2=-1).clamp(min=0.0)) + y.mT @ (
        state.variance.unsqueeze(-1) * y
    )
    corner = inverse.mT @ middle @ inverse
    small = torch.cat(
        [torch.cat([torch.zeros_like(corner), -inverse], -1), torch.cat([-inverse.mT, corner], -1)], -2
    )
    return _InverseHessian(state.variance, wide, small)


def _normals(state: _Climb) -> tuple[Normals, Tensor]:
    """The normal distribution of each path's iterate, and of which paths there is one (algorithm 4 of the paper)."""
    inverse = _inverse_hessian(state)
    scale = inverse.variance.sqrt()
    q, r = torch.linalg.qr(inverse.wide / scale.unsqueeze(-1))
    inner = r @ inverse.small @ r.mT
    eye = torch.eye(inner.shape[-1], dtype=inner.dtype, device=inner.device)
    root, failed = torch.linalg.cholesky_ex(eye + 0.5 * (inner + inner.mT))
    good = (failed == 0) & torch.isfinite(root).flatten(1).all(-1)
    root = torch.where(good[:, None, None], root, eye)
    return Normals(state.x + inverse.times(state.slope), scale, q, root), good


def _judged(logdensity: LogDensity, state: _Climb, generator: Generator, best: Paths) -> Paths:
    """The best so far, with the iterates that lie better."""
    normals, good = _normals(state)
    good = good & torch.isfinite(normals.mean).all(-1)
    if not bool(good.any()):
        return best
    mean = torch.where(good.unsqueeze(-1), normals.mean, state.x)
    normals = normals._replace(mean=mean)
    noise = normal(generator, state.x.new_empty(DRAWS, *state.x.shape))
    points, log_q = normals.draws(noise)
    log_p = value(logdensity, points.reshape(-1, points.shape[-1])).reshape(log_q.shape)
    bounds = torch.where(good, (log_p - log_q).mean(0), -torch.inf)
    bounds = torch.where(torch.isnan(bounds), -torch.inf, bounds)
    is_better = bounds > best.bounds
    if not bool(is_better.any()):
        return best
    chosen = torch.where(is_better.unsqueeze(-1), points[0], best.points)
    normal_of_best, others = best.normal, best.others
    first = int(bounds.argmax())
    if float(bounds[first]) > float(best.bounds.max()):
        finite = torch.isfinite(log_p[:, first])
        normal_of_best, others = normals.of_path(first), points[finite, first]
    return Paths(chosen, torch.maximum(bounds, best.bounds), normal_of_best, others)

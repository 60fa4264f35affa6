"""Likelihoods of units with one or two real latents by adaptive quadrature.

The trapezoidal rule after a map by sinh (Takahasi and Mori 1974) in the unconstrained space, centred and scaled for each
unit by its own posterior moments (Naylor and Smith 1982; Pinheiro and Bates 1995). Its nodes are nested: the difference
of a step and its half is the error that is stated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from pgmlang.query.annealed import Units
from pgmlang.query.new_rows import PARTICLES

STEPS = {1: (4.0, 0.25, 5), 2: (3.0, 0.5, 3)}
"""By the number of latents: the largest node before the map, the first step, and how often it is tried, halved each time."""
PRECISE = 1e-8
"""Error in nats at which no step is halved any more."""
TOLERANCE = 1e-4
"""Most error in nats of an answer by quadrature."""
ENOUGH = 10
"""Effective draws of the prior by which a unit's posterior is centred and scaled."""
ROUNDS = 12
"""Most rounds of moments by the rule itself where the prior tells too little of the posterior."""
RECHECKED = 4
"""How many times as many draws tell whether a mode is missed, where the first say so."""
BLOCK = 200_000
"""Values of a latent in work at a time."""


class Integrals(NamedTuple):
    """``values``: log-likelihoods ``[S, units]``; ``error``: the largest of one, in nats."""

    values: Tensor
    error: float


class Scaling(NamedTuple):
    """Centres ``[S * units, d]`` and Cholesky factors ``[S * units, d, d]`` of the posterior of free points."""

    centre: Tensor
    factor: Tensor


class QuadratureRule(NamedTuple):
    """What the integrand was evaluated at. ``nodes`` ``[K, d]``: before the map, a whole grid of ``step``, its last axis
    fastest; ``free`` ``[K, S * units, d]``: free points there; ``log_terms`` ``[K, S * units]``: the integrand times the
    map's slope."""

    nodes: Tensor
    step: float
    scaling: Scaling
    free: Tensor
    log_terms: Tensor


class _Level(NamedTuple):
    """What one step added to a rule."""

    step: float
    scaling: Scaling
    nodes: Tensor
    free: Tensor
    log_terms: Tensor


def most_nodes(width: int) -> int:
    """Most nodes of the rule for that many latents; one where it takes none."""
    if width not in STEPS:
        return 1
    limit, step, halvings = STEPS[width]
    return int(2 * round(limit / step * 2 ** (halvings - 1)) + 1) ** width


def integrated(units: Units, draw: Callable[[], Mapping[str, Tensor]]) -> Integrals | None:
    """Likelihoods with the units' latents integrated out. ``draw``: gives a draw of their prior, ``[S, *shape]``. None where
    a unit has more than two latents or the error stays above the tolerance."""
    return _integrated(units, draw, 0, None)


def integrated_with_rule(
    units: Units, draw: Callable[[], Mapping[str, Tensor]], extra: int
) -> tuple[Integrals, QuadratureRule] | None:
    """As `integrated`, and what the rule was evaluated at; ``extra``: halvings of the step beyond what the integrals need."""
    trace: list[_Level] = []
    integrals = _integrated(units, draw, extra, trace)
    return None if integrals is None else (integrals, _rule_of(trace))


def _integrated(
    units: Units, draw: Callable[[], Mapping[str, Tensor]], extra: int, trace: list[_Level] | None
) -> Integrals | None:
    with torch.no_grad():
        points = _drawn(units, draw, PARTICLES)
        if points.shape[-1] not in STEPS:
            return None
        is_known = known_units(units)
        if is_known is None:
            return None
        log_target, log_likelihood = _terms(units, points)
        scaling = _scaling(units, points, log_target, log_likelihood)
        values, error = _by_rule(units, scaling, extra, trace)
        shape = (units.num_draws, units.num_units)
        # what the fit knows of a unit is a value and no integral: every draw says the same
        values = torch.where(is_known, log_likelihood[0].reshape(shape), values.reshape(shape))
        error = torch.where(is_known, 0.0, error.reshape(shape))
        if not bool((error <= TOLERANCE).all()):
            return None
        is_missed = _misses(values, log_likelihood)
        if bool(is_missed.any()):
            # of many units one may be unlucky in its draws: it is asked once more, with others
            again = _terms(units, _drawn(units, draw, RECHECKED * PARTICLES))[1]
            if bool((is_missed & _misses(values, again)).any()):
                return None
        return Integrals(values, float(error.max()) if error.numel() else 0.0)


def known_units(units: Units) -> Tensor | None:
    """Which units' latents the fit has values of, ``[units]``; None where it has some of a unit's alone."""
    counts = {units.known[n].shape[1] if n in units.known else 0 for n in units.names}
    if len(counts) > 1 or (units.plate is None and counts != {0}):
        return None
    return torch.arange(units.num_units) < counts.pop()


def _terms(units: Units, points: Tensor) -> tuple[Tensor, Tensor]:
    """Log of prior times likelihood, and log-likelihood, of points ``[K, S * units, d]``: ``[K, S * units]`` both."""
    size = max(units.num_draws * max(units.joint.binding.sizes.values(), default=1), 1)
    targets, rests = [], []
    for block in points.split(max(1, BLOCK // size)):
        many = _repeated(units, len(block))
        values, log_det = many.values(block.flatten(0, 1))
        prior, rest = many.terms(values)
        targets.append((prior + rest + log_det).reshape(len(block), -1))
        rests.append(rest.reshape(len(block), -1))
    return _numbers(torch.cat(targets)), _numbers(torch.cat(rests))


def _repeated(units: Units, count: int) -> Units:
    """The units with what is given ``count`` times, one time after the other."""
    return replace(
        units, given={k: v.repeat(count, *[1] * (v.dim() - 1)) for k, v in units.given.items()},
        known={k: v.repeat(count, *[1] * (v.dim() - 1)) for k, v in units.known.items()},
        num_draws=count * units.num_draws,
    )  # fmt: skip


def at_points(units: Units, points: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Values ``[K * S, *shape]`` of the latents at free points ``[K, S * units, d]``, and their log determinants."""
    return _repeated(units, len(points)).values(points.flatten(0, 1))


def _numbers(logs: Tensor) -> Tensor:
    """Minus infinity where a density has no number: the point is outside of its support."""
    return torch.where(logs.isnan(), -math.inf, logs)


def _scaling(units: Units, points: Tensor, log_target: Tensor, log_likelihood: Tensor) -> Scaling:
    """From the draws of the prior weighed by their likelihood; where few are effective, about the best of them by the
    rule's own moments, round by round."""
    share = _shares(log_likelihood)
    is_told = (1 / share.square().sum(0) >= ENOUGH)[:, None]
    prior = _moments(points, torch.full_like(share, 1 / len(points)))
    best = points.gather(0, log_target.argmax(0).expand(1, 1, -1).mT.expand(1, -1, points.shape[-1]))[0]
    told = _moments(points, share)
    scaling = Scaling(
        torch.where(is_told, told.centre, best),
        torch.where(is_told[..., None], told.factor, prior.factor),
    )
    limit, step, _ = STEPS[points.shape[-1]]
    for _ in range(ROUNDS):
        nodes = _nodes(limit, step, points)
        free, log_slopes = _placed(scaling, nodes)
        share = _shares(_terms(units, free)[0] + log_slopes)
        whitened = nodes.sinh()[:, None].expand(*free.shape)
        mean = (share[..., None] * whitened).sum(0)
        apart = whitened - mean
        spread = torch.einsum("kn,kni,knj->nij", share, apart, apart)
        # between two nodes nothing is told: no narrower than half of their distance
        floor = torch.diag_embed((0.25 * step**2) * (1 + mean.square()))
        is_settled = (mean.abs().amax(-1) < 0.5) & ((spread.diagonal(dim1=-2, dim2=-1) - 1).abs().amax(-1) < 0.75)
        if bool(is_settled.all()):
            break
        moved = Scaling(
            scaling.centre + torch.einsum("nij,nj->ni", scaling.factor, mean),
            scaling.factor @ torch.linalg.cholesky(spread + floor),
        )
        scaling = Scaling(
            torch.where(is_settled[:, None], scaling.centre, moved.centre),
            torch.where(is_settled[:, None, None], scaling.factor, moved.factor),
        )
    return scaling


def _shares(log_weights: Tensor) -> Tensor:
    """Weights that sum to one along the first axis; even ones where none is above zero."""
    return torch.nan_to_num(torch.softmax(log_weights, 0), nan=1 / len(log_weights))


def _moments(points: Tensor, share: Tensor) -> Scaling:
    centre = (share[..., None] * points).sum(0)
    apart = points - centre
    covariance = torch.einsum("kn,kni,knj->nij", share, apart, apart)
    least = torch.diag_embed(1e-9 * covariance.diagonal(dim1=-2, dim2=-1) + 1e-24)
    return Scaling(centre, torch.linalg.cholesky(covariance + least))


def _nodes(limit: float, step: float, like: Tensor) -> Tensor:
    """The grid ``[K, d]`` of nodes before the map."""
    count = round(limit / step)
    line = step * torch.arange(-count, count + 1, dtype=like.dtype, device=like.device)
    return torch.stack(torch.meshgrid(*[line] * like.shape[-1], indexing="ij"), -1).flatten(0, -2)


def _placed(scaling: Scaling, nodes: Tensor) -> tuple[Tensor, Tensor]:
    """Free points ``[K, S * units, d]`` of nodes and the log of the map's slope there, ``[K, S * units]``."""
    points = scaling.centre + torch.einsum("nij,kj->kni", scaling.factor, nodes.sinh())
    log_factor = scaling.factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return points, nodes.cosh().log().sum(-1)[:, None] + log_factor


def _by_rule(units: Units, scaling: Scaling, extra: int, trace: list[_Level] | None) -> tuple[Tensor, Tensor]:
    """Log-integrals ``[S * units]`` and their errors: the difference of the last two steps, and the share of the nodes at
    the edge. ``trace`` takes what each step evaluated."""
    width = scaling.centre.shape[-1]
    limit, first_step, halvings = STEPS[width]
    total = edge = scaling.centre.new_full((len(scaling.centre),), -math.inf)
    value, error = total, torch.full_like(total, math.inf)
    for level in range(halvings):
        step = first_step / 2**level
        nodes = _nodes(limit, step, scaling.centre)
        is_edge = nodes.abs().amax(-1) > limit - 1e-9
        if level:
            # nodes of the steps before are at even places of every axis
            is_new = ((nodes / step).round() % 2 != 0).any(-1)
            nodes, is_edge = nodes[is_new], is_edge[is_new]
        free, log_slopes = _placed(scaling, nodes)
        terms = _terms(units, free)[0] + log_slopes
        if trace is not None:
            trace.append(_Level(step, scaling, nodes, free, terms))
        total = torch.logaddexp(total, torch.logsumexp(terms, 0))
        if bool(is_edge.any()):
            edge = torch.logaddexp(edge, torch.logsumexp(terms[is_edge], 0))
        before, value = value, total + width * math.log(step)
        never = value == -math.inf
        error = torch.where(never, 0.0, (value - before).abs() + (edge - total).exp())
        if level and bool((error <= PRECISE).all()):
            extra -= 1
            if extra < 0:
                break
    return value, error


def _rule_of(trace: list[_Level]) -> QuadratureRule:
    """The nodes of all steps as one grid."""
    step, scaling = trace[-1].step, trace[-1].scaling
    nodes, free, terms = (
        torch.cat([getattr(level, n) for level in trace]) for n in ("nodes", "free", "log_terms")
    )
    places = (nodes / step).round().long()
    side = int(places.max() - places.min()) + 1
    order = sum(column * side**i for i, column in enumerate(reversed(places.unbind(-1)))).argsort()
    return QuadratureRule(nodes[order], step, scaling, free[order], terms[order])


def _drawn(units: Units, draw: Callable[[], Mapping[str, Tensor]], count: int) -> Tensor:
    """Free points ``[count, S * units, d]`` of draws of the prior."""
    return torch.stack([units.free(draw()) for _ in range(count)])


def _misses(values: Tensor, log_likelihood: Tensor) -> Tensor:
    """In which units draws of the prior, ``[K, S * units]``, see more than the rule does, ``[S, units]``: a mode that it
    stepped over."""
    weights = log_likelihood.reshape(-1, values.shape[-1])
    share = _shares(weights)
    by_draws = torch.logsumexp(weights, 0) - math.log(len(weights))
    by_rule = torch.logsumexp(values, 0) - math.log(len(values))
    noise = (share.square().sum(0) - 1 / len(weights)).clamp(min=0).sqrt()
    return by_draws > by_rule + 5 * noise + TOLERANCE

"""The no-U-turn sampler for many chains in one tensor (Hoffman and Gelman 2014), with multinomial draws and the turning test of momenta
summed (Betancourt 2017, appendix A), its trees built leaf by leaf (Phan, Pradhan and Jankowiak 2019, algorithm 2).

All chains build the same leaf at the same time, and those whose tree has ended wait: an iteration costs what its longest tree does.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from pgmlang.kernels import hmc
from pgmlang.kernels.hmc import DIVERGENCE
from pgmlang.kernels.kernel import ChainState, Kernel, Tuning, choose, normal, uniform
from pgmlang.kernels.log_density import LogDensity
from pgmlang.kernels.metric import Metric

MOST_DOUBLINGS = 10
"""Of a tree: 1,023 leapfrog steps."""


class NutsInfo(NamedTuple):
    """What one iteration did. ``steps``: leapfrog steps of the longest tree; ``acceptance [..., C]``: the mean over a tree's leaves of the
    chance that Metropolis' test would take each; ``tree_depth [..., C]``: doublings."""

    acceptance: Tensor
    divergent: Tensor
    energy: Tensor
    tree_depth: Tensor
    steps: int


class _Edge(NamedTuple):
    """An end of a tree."""

    state: ChainState
    momentum: Tensor


class _Tree(NamedTuple):
    """``proposal``: a draw among its leaves; ``weight [..., C]``: the logarithm of the sum of their densities; ``total [..., C, d]``: the
    sum of their momenta."""

    left: _Edge
    right: _Edge
    proposal: ChainState
    energy: Tensor
    weight: Tensor
    total: Tensor


class _Leaves(NamedTuple):
    """A tree's new half while it is built; ``first [..., C, d]``: its momentum nearest to the tree; ``is_good [..., C]``: it neither turned nor
    diverged."""

    edge: _Edge
    first: Tensor
    proposal: ChainState
    energy: Tensor
    weight: Tensor
    total: Tensor
    is_good: Tensor
    has_diverged: Tensor
    acceptance: Tensor
    built: Tensor


def _wide(x: Tensor) -> Tensor:
    return x.unsqueeze(-1)


def _is_turning(metric: Metric, first: Tensor, last: Tensor, total: Tensor) -> Tensor:
    """Whether a tree of momenta from ``first`` to ``last`` and this sum has turned at either end."""
    velocity = metric.velocity(total)
    return ((velocity * first).sum(-1) <= 0) | ((velocity * last).sum(-1) <= 0)


def _chosen_edge(mask: Tensor, one: _Edge, other: _Edge) -> _Edge:
    return _Edge(choose(mask, one.state, other.state), torch.where(_wide(mask), one.momentum, other.momentum))


def step(
    generator: Generator, state: ChainState, logdensity: LogDensity, tuning: Tuning
) -> tuple[ChainState, NutsInfo]:
    """One iteration from fresh momenta: leaves the target invariant for any fixed tuning."""
    noise = normal(generator, state.position)
    momentum = tuning.metric.momentum(noise)
    start = 0.5 * noise.square().sum(-1) - state.logdensity
    edge = _Edge(state, momentum)
    tree = _Tree(edge, edge, state, start, torch.zeros_like(start), momentum)
    grows = torch.ones_like(start, dtype=torch.bool)
    diverged = torch.zeros_like(grows)
    depth, acceptance, count = torch.zeros_like(start), torch.zeros_like(start), torch.zeros_like(start)
    steps = 0
    for doubling in range(MOST_DOUBLINGS):
        if not bool(grows.any()):
            break
        goes_right = uniform(generator, start) < 0.5
        leaves, built = _half(generator, logdensity, tuning, tree, start, goes_right, grows, 2**doubling)
        steps += built
        acceptance, count = acceptance + leaves.acceptance, count + leaves.built
        diverged = diverged | leaves.has_diverged
        depth = depth + grows
        tree, turned = _joined(generator, tuning.metric, tree, leaves, goes_right, grows & leaves.is_good)
        grows = grows & leaves.is_good & ~turned
    info = NutsInfo(acceptance / count.clamp(min=1.0), diverged, tree.energy, depth.to(torch.int64), steps)
    return tree.proposal, info


def _joined(
    generator: Generator, metric: Metric, tree: _Tree, leaves: _Leaves, goes_right: Tensor, is_joined: Tensor
) -> tuple[_Tree, Tensor]:
    """The tree with its new half where ``is_joined``, and whether it has turned. The new half's draw is taken by preference (Betancourt 2017,
    appendix A.3.2)."""
    takes = is_joined & (uniform(generator, tree.weight).log() < leaves.weight - tree.weight)
    inner_end = _chosen_edge(goes_right, tree.right, tree.left).momentum
    outer_end = _chosen_edge(goes_right, tree.left, tree.right).momentum
    total = tree.total + leaves.total
    turned = _is_turning(metric, outer_end, leaves.edge.momentum, total)
    # also from one half to the nearest leaf of the other, where both have turned by themselves nearly
    turned = turned | _is_turning(metric, outer_end, leaves.first, tree.total + leaves.first)
    turned = turned | _is_turning(metric, inner_end, leaves.edge.momentum, leaves.total + inner_end)
    out = _Tree(
        _chosen_edge(is_joined & ~goes_right, leaves.edge, tree.left),
        _chosen_edge(is_joined & goes_right, leaves.edge, tree.right),
        choose(takes, leaves.proposal, tree.proposal),
        torch.where(takes, leaves.energy, tree.energy),
        torch.where(is_joined, torch.logaddexp(tree.weight, leaves.weight), tree.weight),
        torch.where(_wide(is_joined), total, tree.total),
    )
    return out, turned


def _half(
    generator: Generator,
    logdensity: LogDensity,
    tuning: Tuning,
    tree: _Tree,
    start: Tensor,
    goes_right: Tensor,
    grows: Tensor,
    size: int,
) -> tuple[_Leaves, int]:
    """``size`` leaves beyond one end of each tree that grows, fewer where it turns or diverges; and how many were built."""
    sign = torch.where(goes_right, 1.0, -1.0).to(start)
    edge = _chosen_edge(goes_right, tree.right, tree.left)
    zero = torch.zeros_like(start)
    leaves = _Leaves(
        edge, edge.momentum, edge.state, start, zero - torch.inf, torch.zeros_like(edge.momentum), grows,
        torch.zeros_like(grows), zero, zero,
    )  # fmt: skip
    seen: dict[int, tuple[Tensor, Tensor]] = {}
    for leaf in range(size):
        leaves = _leaf(generator, logdensity, tuning, leaves, start, sign, leaf == 0)
        turned = _turned(tuning.metric, seen, leaf, leaves)
        leaves = leaves._replace(is_good=leaves.is_good & ~turned)
        if not bool(leaves.is_good.any()):
            return leaves, leaf + 1
    return leaves, size


def _leaf(
    generator: Generator,
    logdensity: LogDensity,
    tuning: Tuning,
    leaves: _Leaves,
    start: Tensor,
    sign: Tensor,
    is_first: bool,
) -> _Leaves:
    """The half with one more leaf, where it is good."""
    # a step backwards is one forwards with the momentum turned
    momentum = _wide(sign) * leaves.edge.momentum
    state, momentum = hmc.leapfrog(logdensity, leaves.edge.state, momentum, tuning.step_size, tuning.metric, 1)
    momentum = _wide(sign) * momentum
    energy = tuning.metric.kinetic(momentum) - state.logdensity
    change = torch.nan_to_num(energy - start, nan=torch.inf, neginf=-torch.inf)
    good = leaves.is_good
    weight = torch.logaddexp(leaves.weight, -change)
    takes = good & (uniform(generator, start).log() < -change - weight)
    diverges = good & (change > DIVERGENCE)
    edge = _chosen_edge(good, _Edge(state, momentum), leaves.edge)
    return _Leaves(
        edge,
        torch.where(_wide(good), momentum, leaves.first) if is_first else leaves.first,
        choose(takes, state, leaves.proposal),
        torch.where(takes, energy, leaves.energy),
        torch.where(good, weight, leaves.weight),
        torch.where(_wide(good), leaves.total + momentum, leaves.total),
        good & ~diverges,
        leaves.has_diverged | diverges,
        leaves.acceptance + torch.where(good, (-change).clamp(max=0.0).exp(), 0.0),
        leaves.built + good,
    )


def _turned(metric: Metric, seen: dict[int, tuple[Tensor, Tensor]], leaf: int, leaves: _Leaves) -> Tensor:
    """Whether any balanced tree that ends at this leaf has turned. ``seen``: momenta and sums at the leaves that such trees begin with, by
    their level: as many as the doublings, not as the leaves."""
    momentum, total = leaves.edge.momentum, leaves.total
    level = (leaf >> 1).bit_count()
    turned = torch.zeros_like(leaves.is_good)
    if leaf % 2 == 0:
        seen[level] = (momentum, total)
        return turned
    trees = (~leaf & (leaf + 1)).bit_length() - 1
    for i in range(level, level - trees, -1):
        first, before = seen[i]
        turned = turned | _is_turning(metric, first, momentum, total - before + first)
    return turned


def kernel(target: float = 0.8) -> Kernel:
    """The kernel; ``target`` is the mean acceptance over a tree's leaves that the step size is tuned to."""
    return Kernel("nuts", hmc.init, step, lambda d: target, robust=True, trajectories=True, trial=hmc.step)

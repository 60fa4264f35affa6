"""Sums over chains in log-many steps: neighbouring transition matrices are multiplied pairwise, for all sequences at
once (the parallel form of the forward algorithm: Saerkkae and Garcia-Fernandez 2021), and draws down the same tree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.log_sums import log_sum_exp

LOW = -1e30
"""Stands for log 0."""
DIRECT = 16
"""Up to this many states products are summed in log space entry by entry; beyond, as matrix products."""


Sum = Callable[[Tensor, int], Tensor]
"""Logarithms along an axis to that of their sum, or to the largest: what elimination does with a variable's values."""


class Chains(NamedTuple):
    """The sequences of a chain plate. ``rows [sequence, step]``: the row at each step, any row behind a sequence's
    end; ``inside``: whether it is one. ``first_rows``: the first of each; ``place``: each row's place in ``rows``."""

    rows: Tensor
    inside: Tensor
    first_rows: Tensor
    place: Tensor
    num_rows: int


def chains_of(joint: BoundDensity, plate: str) -> Chains:
    """The sequences of a bound chain plate."""
    sequences = joint.binding.layout.sequences(plate)
    position, order = torch.as_tensor(sequences.position), torch.as_tensor(sequences.order)
    starts = (position[order] == 0).nonzero().flatten()
    ends = torch.cat([starts[1:], torch.tensor([len(order)])])
    lengths = ends - starts
    longest = int(lengths.max()) if len(lengths) else 0
    members = starts[:, None] + torch.arange(longest)
    inside = torch.arange(longest) < lengths[:, None]
    rows = order[torch.where(inside, members, 0)]
    sequence = torch.repeat_interleave(torch.arange(len(starts)), lengths)
    padded_position = torch.empty(len(order), dtype=torch.long)
    padded_position[order] = sequence * longest + position[order]
    device = joint.device
    return Chains(
        rows.to(device), inside.to(device), order[starts].to(device), padded_position.to(device), len(order)
    )


def padded(matrices: Tensor, chains: Chains) -> Tensor:
    """``[..., rows, K, K]`` to ``[..., sequence, step, K, K]``, identities behind a sequence's end."""
    states = matrices.shape[-1]
    picked = matrices.index_select(-3, chains.rows.flatten())
    picked = picked.reshape(*matrices.shape[:-3], *chains.rows.shape, states, states)
    return torch.where(chains.inside[..., None, None], picked, _identity(matrices))


def _identity(matrices: Tensor) -> Tensor:
    states = matrices.shape[-1]
    eye = torch.eye(states, dtype=torch.bool, device=matrices.device)
    return torch.full((states, states), LOW, dtype=matrices.dtype, device=matrices.device).masked_fill(eye, 0.0)


def log_matmul(a: Tensor, b: Tensor, log_sum: Sum = log_sum_exp) -> Tensor:
    """Log of the product of two matrices given by their logs, ``[..., K, K]``."""
    if a.shape[-1] <= DIRECT or log_sum is not log_sum_exp:
        return log_sum(a.unsqueeze(-1) + b.unsqueeze(-3), -2)
    info = torch.finfo(a.dtype)
    high_a, high_b = (x.detach().amax(d, keepdim=True).clamp(min=info.min / 4) for x, d in ((a, -1), (b, -2)))
    product = ((a - high_a).exp() @ (b - high_b).exp()).clamp(min=info.tiny).log() + high_a + high_b
    paths = (a.detach() > -math.inf).to(a.dtype) @ (b.detach() > -math.inf).to(a.dtype)
    return torch.where(paths > 0, product, -math.inf)


def _levels(matrices: Tensor, log_sum: Sum = log_sum_exp) -> list[Tensor]:
    """The matrices, their products by pairs, by fours, ... down to one for each sequence."""
    levels = [matrices]
    while levels[-1].shape[-3] > 1:
        one = _even(levels[-1])
        levels.append(log_matmul(one[..., 0::2, :, :], one[..., 1::2, :, :], log_sum))
    return levels


def _even(matrices: Tensor) -> Tensor:
    if matrices.shape[-3] % 2 == 0:
        return matrices
    last = _identity(matrices).expand(*matrices.shape[:-3], 1, *matrices.shape[-2:])
    return torch.cat([matrices, last], -3)


def chain_log_sum(matrices: Tensor, chains: Chains, log_sum: Sum = log_sum_exp) -> Tensor:
    """Log of the sum over all paths of each sequence (or of the best one), ``[..., sequence]``, from
    ``[..., rows, K before, K]``. At a first row nothing depends on the state before."""
    root = _levels(padded(matrices, chains), log_sum)[-1]
    return log_sum(root[..., 0, 0, :], -1)


def chain_draw(matrices: Tensor, chains: Chains, pick: Callable[[Tensor], Tensor]) -> Tensor:
    """A path of each sequence, ``[..., rows]``: the last state first, then those halfway between known ones.
    ``pick`` takes logits and gives codes along their last axis."""
    levels = _levels(padded(matrices, chains))
    root = levels[-1][..., 0, :, :]
    end = pick(root[..., 0, :]).unsqueeze(-1)
    start = torch.zeros_like(end)
    for level in reversed(levels[:-1]):
        pairs = _even(level)
        left, right = pairs[..., 0::2, :, :], pairs[..., 1::2, :, :]
        from_start = torch.take_along_dim(left, start[..., None, None], -2).squeeze(-2)
        to_end = torch.take_along_dim(right, end[..., None, None], -1).squeeze(-1)
        middle = pick(from_start + to_end)
        start = torch.stack([start, middle], -1).flatten(-2)[..., : level.shape[-3]]
        end = torch.stack([middle, end], -1).flatten(-2)[..., : level.shape[-3]]
    return end.flatten(-2).index_select(-1, chains.place)

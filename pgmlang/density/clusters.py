"""Labels to begin with: clusters of what is observed beside a latent label."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity

SOUGHT = 20_000
"""Points that centres are sought among at the most; the others go to the nearest centre."""
SOUGHT_CELLS = 2**21
"""Numbers of those points."""
MOST_LABELS = 64
"""Labels of a variable whose indicators are looked at, where it is not all that is observed."""
BLOCK_CELLS = 2**19
"""Numbers that are laid out at a time when the others do."""


class _Column(NamedTuple):
    """What is observed of a variable: ``values [i, *own]`` with ``unseen`` cells, of so many labels (0: numbers)."""

    values: Tensor
    unseen: Tensor | None
    num_labels: int
    mean: Tensor

    def points(self, rows: Tensor | slice, dtype: torch.dtype) -> Tensor:
        """Numbers as they are, labels as an indicator of each, ``[rows, d]``; what is missing as the mean of what is seen
        there: no cluster is nearer for it."""
        points = _indicated(self.values[rows], self.num_labels, dtype)
        if self.unseen is not None:
            missing = self.unseen[rows]
            points = torch.where(missing[..., None] if self.num_labels else missing, self.mean, points)
        return points.reshape(len(points), -1)


def starting_codes(joint: BoundDensity, name: str, generator: Generator, starts: int) -> Tensor | None:
    """Codes ``[start, *shape]`` to begin with: clusters of what is observed beside the variable by k-means++ (Arthur
    and Vassilvitskii 2007) with two rounds of Lloyd's, every other start by the ranks of the numbers (of which no unit or
    long tail is seen); None where there is nothing to cluster. Which cluster gets which code differs from start to start:
    where labels are no mere names, few orders are right."""
    shape, states = joint.shapes[name], joint.num_states(name)
    axes = joint.axes(name)
    beside = [
        other
        for other in joint.observed
        if other != name and axes and joint.axes(other)[: len(axes)] == axes and other not in joint.missing
    ]
    labels = {n for n in beside if joint.model.by_name[n].type.kind == "labels"}
    few_labels = {n for n in labels if joint.num_states(n) <= MOST_LABELS} if len(beside) > 1 else set()
    columns = [_column(joint, n, len(shape)) for n in beside if n not in labels or n in few_labels]
    if not columns:
        return None

    def points(rows: Tensor | slice) -> Tensor:
        return torch.cat([c.points(rows, joint.dtype) for c in columns], -1)

    count = math.prod(shape)
    width = points(slice(0, 1)).shape[-1]
    sought = min(SOUGHT, max(states, SOUGHT_CELLS // width))
    few = (
        points(slice(None))
        if count <= sought
        else points(torch.linspace(0, count - 1, sought, device=joint.device).long())
    )
    scaled = _numbers_and_ranks(few)
    centres = _centres(_Points.of(scaled(few)), states, starts, generator)
    size = max(1, BLOCK_CELLS // (starts * max(states, width)))
    blocks = (points(slice(first, first + size)) for first in range(0, count, size))
    nearest = [_Points.of(scaled(block)).distances(centres).argmin(-1) for block in blocks]
    return torch.cat(nearest, 1).reshape(starts, *shape)


class _Points(NamedTuple):
    """Points ``[2, i, d]`` as numbers and as ranks, which every other start looks at, and their squared lengths."""

    places: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, places: Tensor) -> _Points:
        return cls(places, places.square().sum(-1))

    def distances(self, centres: Tensor) -> Tensor:
        """Squared distances ``[start, point, centre]`` from centres ``[start, centre, d]``."""
        starts, count, width = centres.shape
        out = centres.new_empty(starts, self.places.shape[1], count)
        for kind in range(min(2, starts)):
            mine = centres[kind::2]
            products = (self.places[kind] @ mine.reshape(-1, width).mT).unflatten(-1, mine.shape[:2]).movedim(1, 0)
            out[kind::2] = self.lengths[kind][:, None] - 2 * products + mine.square().sum(-1)[:, None]
        return out.clamp_(min=0)

    def picked(self, chosen: Tensor) -> Tensor:
        """The points of indices ``[start, k]``, ``[start, k, d]``."""
        kind = torch.arange(len(chosen), device=chosen.device)[:, None] % 2
        return self.places[kind, chosen]

    def means(self, nearest: Tensor, centres: Tensor) -> Tensor:
        """The means of the points nearest to each centre ``[start, i]``, the centre where there are none."""
        states = centres.shape[1]
        out = []
        for start, codes in enumerate(nearest):
            total = torch.bincount(codes, minlength=states)[:, None]
            sums = torch.zeros_like(centres[start]).index_add_(0, codes, self.places[start % 2])
            out.append(torch.where(total > 0, sums / total.clamp(min=1), centres[start]))
        return torch.stack(out)


def _column(joint: BoundDensity, name: str, num_axes: int) -> _Column:
    """What is observed of a variable whose first so many axes are those of the points."""
    values = joint.observed[name].flatten(0, num_axes - 1)
    num_labels = joint.num_states(name) if joint.model.by_name[name].type.kind == "labels" else 0
    unseen = joint.unseen.get(name)
    if unseen is None:
        return _Column(values, None, num_labels, torch.zeros((), dtype=joint.dtype, device=joint.device))
    unseen = unseen.flatten(0, num_axes - 1)
    count = (~unseen).sum(0).clamp(min=1)
    if not num_labels:
        mean = values.masked_fill(unseen, 0).sum(0, dtype=joint.dtype) / count
        return _Column(values, unseen, 0, mean)
    shown = [((values == k) & ~unseen).sum(0) for k in range(num_labels)]
    return _Column(values, unseen, num_labels, torch.stack(shown, -1).to(joint.dtype) / count[..., None])


def _indicated(values: Tensor, num_labels: int, dtype: torch.dtype) -> Tensor:
    return torch.nn.functional.one_hot(values.long(), num_labels).to(dtype) if num_labels else values.to(dtype)


def _centres(points: _Points, states: int, starts: int, generator: Generator) -> Tensor:
    """Centres ``[start, state, d]`` of points."""
    size, device = points.places.shape[1], points.places.device
    picked = [points.picked(torch.randint(size, (starts, 1), generator=generator, device=device))]
    far = torch.full((starts, size), math.inf, dtype=points.places.dtype, device=device)
    for _ in range(states - 1):
        far = torch.minimum(far, points.distances(picked[-1]).squeeze(-1))
        picked.append(points.picked(torch.multinomial(far + 1e-12, 1, generator=generator)))
    centres = torch.cat(picked, 1)
    for _ in range(2):
        centres = points.means(points.distances(centres).argmin(-1), centres)
    order = centres[..., 0].argsort(-1)
    return torch.stack([centres[i, _rotated(order[i], i)] for i in range(starts)])


def _rotated(order: Tensor, i: int) -> Tensor:
    """The order, every other one backwards, begun one place later each two."""
    return (order.flip(0) if i % 2 else order).roll(i // 2)


def _numbers_and_ranks(few: Tensor) -> Callable[[Tensor], Tensor]:
    """Of points ``[i, d]`` the columns, of mean 0 and sd 1 among a few of them, and those of the ranks there, those of equal
    numbers shared: ``[2, i, d]``."""
    order = few.mT.contiguous().sort(-1).values

    def ranks(points: Tensor) -> Tensor:
        columns = points.mT.contiguous()
        both = torch.searchsorted(order, columns) + torch.searchsorted(order, columns, right=True)
        return both.mT.to(points.dtype)

    # one row has no spread
    moments = [
        (some.mean(0), some.std(0, correction=min(1, len(some) - 1)).clamp(min=1e-9)) for some in (few, ranks(few))
    ]

    def scaled(points: Tensor) -> Tensor:
        pairs = zip((points, ranks(points)), moments, strict=True)
        return torch.stack([(columns - mean) / sd for columns, (mean, sd) in pairs])

    return scaled

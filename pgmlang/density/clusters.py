"""Labels to begin with: clusters of what is observed beside a latent label."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity

SOUGHT = 20_000
"""Points that centres are sought among; the others go to the nearest centre."""
MOST_LABELS = 64
"""Labels of a variable whose indicators are looked at, where it is not all that is observed."""
BLOCK_CELLS = 2**19
"""Numbers that are laid out at a time when they do."""


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
    columns = [
        _seen_columns(_indicated(joint, n), joint.unseen.get(n), len(shape)).reshape(*shape, -1)
        for n in beside
        if n not in labels or n in few_labels
    ]
    if not columns:
        return None
    points = torch.cat(columns, -1).reshape(-1, sum(c.shape[-1] for c in columns))
    few = points
    if len(points) > SOUGHT:
        few = points[torch.linspace(0, len(points) - 1, SOUGHT, device=joint.device).long()]
    every_other = torch.arange(starts, device=joint.device) % 2
    scaled = _numbers_and_ranks(few)
    centres = _centres(scaled(few)[every_other], states, generator)
    size = max(1, BLOCK_CELLS // (starts * max(states, points.shape[1])))
    nearest = [_distances(scaled(block)[every_other], centres).argmin(-1) for block in points.split(size)]
    return torch.cat(nearest, 1).reshape(starts, *shape)


def _indicated(joint: BoundDensity, name: str) -> Tensor:
    """Numbers as they are, labels as an indicator of each ``[*axes, state]``."""
    values = joint.observed[name]
    if joint.model.by_name[name].type.kind != "labels":
        return values.to(joint.dtype)
    return torch.nn.functional.one_hot(values.long(), joint.num_states(name)).to(joint.dtype)


def _seen_columns(values: Tensor, unseen: Tensor | None, num_axes: int) -> Tensor:
    """Values ``[*axes, *own]``, those that are missing as the mean of what is seen there: no cluster is nearer for them."""
    if unseen is None:
        return values
    rows = tuple(range(num_axes))
    unseen = unseen.reshape(*unseen.shape, *[1] * (values.dim() - unseen.dim())).expand(values.shape)
    seen = (~unseen).to(values.dtype)
    mean = (values * seen).sum(rows) / seen.sum(rows).clamp(min=1)
    return torch.where(unseen, mean, values)


def _centres(points: Tensor, states: int, generator: Generator) -> Tensor:
    """Centres ``[start, state, d]`` of points ``[start, i, d]``."""
    starts = len(points)
    first = torch.randint(points.shape[1], (starts, 1), generator=generator, device=points.device)
    centres = _picked(points, first)
    for _ in range(states - 1):
        far = _distances(points, centres).amin(-1)
        chosen = torch.multinomial(far + 1e-12, 1, generator=generator)
        centres = torch.cat([centres, _picked(points, chosen)], 1)
    for _ in range(2):
        hot = torch.nn.functional.one_hot(_distances(points, centres).argmin(-1), states).to(points.dtype)
        total = hot.sum(1)[..., None]
        fresh = torch.einsum("snk,snd->skd", hot, points) / total.clamp(min=1)
        centres = torch.where(total > 0, fresh, centres)
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

    moments = [(some.mean(0), some.std(0).clamp(min=1e-9)) for some in (few, ranks(few))]

    def scaled(points: Tensor) -> Tensor:
        pairs = zip((points, ranks(points)), moments, strict=True)
        return torch.stack([(columns - mean) / sd for columns, (mean, sd) in pairs])

    return scaled


def _picked(points: Tensor, places: Tensor) -> Tensor:
    """Points ``[start, i, d]`` at places ``[start, i]``."""
    return points.gather(1, places[..., None].expand(-1, -1, points.shape[-1]))


def _distances(points: Tensor, centres: Tensor) -> Tensor:
    """Squared distances ``[start, point, centre]``."""
    return (
        points.square().sum(-1)[..., None] - 2 * points @ centres.mT + centres.square().sum(-1)[..., None, :]
    ).clamp(min=0)

"""The unit in which what closed M-steps set is measured, the data's own; and components of mixtures that have collapsed: with a spread of nothing at one row,
or in one plane, the likelihood rises without end (Day 1969)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.families import FAMILIES
from pgmlang.infer.m_steps import MaximumBlock
from pgmlang.model import Dist

NOTHING = 1e-12
"""Share of a column's standard deviation below which one is nothing: of a cluster of the data, rounding would hide it."""
LOCATION, SPREAD, COVARIANCE = ("loc", "mean"), "sd", "cov"
"""Arguments of families that are quadratic in what is drawn."""


class ColumnMoments(NamedTuple):
    """Means and standard deviations of an observed variable's columns ``[*axes but that of rows]``, those of columns that do not vary the
    smallest others."""

    axes: tuple[str, ...]
    mean: Tensor
    sd: Tensor


def _moments(joint: BoundDensity, target: str) -> ColumnMoments | None:
    """None where no column varies."""
    values, unseen = joint.observed[target].to(joint.dtype), joint.unseen.get(target)
    seen = torch.isfinite(values) if unseen is None else torch.isfinite(values) & ~unseen
    count = seen.sum(0).clamp(min=1)
    values = torch.where(seen, values, 0.0)
    mean = values.sum(0) / count
    sd = (torch.where(seen, values - mean, 0.0).square().sum(0) / count).sqrt()
    varying = sd[sd > 0]
    if not len(varying):
        return None
    return ColumnMoments(joint.axes(target)[1:], mean, torch.where(sd > 0, sd, varying.min()))


def _measured(joint: BoundDensity, blocks: Iterable[MaximumBlock]) -> Iterator[tuple[str, str, ColumnMoments]]:
    """Arguments of families that are quadratic in an observed variable, the name that stands there, and the variable's moments."""
    for block in blocks:
        for argument, name in zip(block.step.arguments, block.names, strict=False):
            for target in _targets(joint, argument, name):
                moments = joint.memo.once(_moments, joint, target)
                if moments is not None:
                    yield argument, name, moments


def in_units_of_data(
    joint: BoundDensity, blocks: Iterable[MaximumBlock], values: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Values ``[start, ...]`` with the data's own means and spreads in place of those that closed M-steps set: from values of another order of
    magnitude rounding would leave nothing of these."""
    out = dict(values)
    for argument, name, moments in _measured(joint, blocks):
        value, axes = values[name], joint.model.array_axes(joint.model.by_name[name])
        has_columns = not moments.axes or axes[len(axes) - len(moments.axes) :] == moments.axes
        mean, sd = (moments.mean, moments.sd) if has_columns else (moments.mean.mean(), moments.sd.mean())
        if argument in LOCATION:
            out[name] = mean.expand_as(value).clone()
        elif argument == SPREAD:
            out[name] = sd.expand_as(value).clone()
        elif argument == COVARIANCE:
            out[name] = torch.diag_embed(moments.sd.square().expand(value.shape[:-1])).clone()
    return out


def units_of(joint: BoundDensity, blocks: Iterable[MaximumBlock], values: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the locations and covariances among values are measured by: the smallest spread of the data's columns, and its square."""
    return {
        n: m.sd.min() if a in LOCATION else m.sd.min().square()
        for a, n, m in _measured(joint, blocks)
        if n in values and a != SPREAD
    }


def are_singular(joint: BoundDensity, blocks: Iterable[MaximumBlock], values: dict[str, Tensor]) -> Tensor:
    """At which starts, ``[start]``, a standard deviation or a covariance that M-steps set in closed form is one of nothing."""
    starts = len(next(iter(values.values())))
    out = torch.zeros(starts, dtype=torch.bool, device=joint.device)
    for argument, name, moments in _measured(joint, blocks):
        value = values[name].detach()
        if argument in (SPREAD, COVARIANCE):
            sds = value if argument == SPREAD else value.diagonal(dim1=-2, dim2=-1).sqrt()
            out = out | (sds < NOTHING * moments.sd.min()).reshape(starts, -1).any(1)
        if argument == COVARIANCE:
            # in units of each column's own spread
            correlations = (value / sds[..., :, None] / sds[..., None, :]).nan_to_num()
            out = out | (torch.linalg.eigvalsh(correlations) < NOTHING**2).reshape(starts, -1).any(1)
    return out


def _targets(joint: BoundDensity, argument: str, name: str) -> list[str]:
    """The observed numbers whose distribution has a name in an argument."""
    return [
        c.target for c in joint.model.conditionals
        if isinstance(c.distribution, Dist) and c.target in joint.observed and _is_quadratic(c.distribution.family)
        and getattr(dict(c.distribution.arguments).get(argument), "name", "") == name
    ]  # fmt: skip


def _is_quadratic(family: str) -> bool:
    """Whether a log-density is quadratic in what is drawn: a spread then has its unit."""
    row = FAMILIES[family]
    return row.with_products and row.statistics == ("x",)

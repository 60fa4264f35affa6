"""Components of mixtures that have collapsed: with a spread of nothing at one row, or in one plane, the likelihood rises without end (Day 1969)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.families import FAMILIES
from pgmlang.infer.m_steps import MaximumBlock
from pgmlang.model import Dist

NOTHING = 1e-12
"""Share of a column's standard deviation below which one is nothing: of a cluster of the data, rounding would hide it."""


def are_singular(joint: BoundDensity, blocks: Iterable[MaximumBlock], values: dict[str, Tensor]) -> Tensor:
    """At which starts, ``[start]``, a standard deviation or a covariance that M-steps set in closed form is one of nothing."""
    starts = len(next(iter(values.values())))
    out = torch.zeros(starts, dtype=torch.bool, device=joint.device)
    for block in blocks:
        for argument, name in zip(block.step.arguments, block.names, strict=False):
            sizes = [
                size for t in _targets(joint, argument, name) if (size := joint.memo.once(_smallest_sd, joint, t))
            ]
            if argument not in ("sd", "cov") or not sizes:
                continue
            value = values[name].detach()
            sds = value if argument == "sd" else value.diagonal(dim1=-2, dim2=-1).sqrt()
            out = out | (sds < NOTHING * min(sizes)).reshape(starts, -1).any(1)
            if argument == "cov":
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


def _smallest_sd(joint: BoundDensity, target: str) -> float:
    """That of a variable's columns that vary; zero where none does."""
    values = joint.observed[target].to(joint.dtype)
    sizes = values.reshape(len(values), -1).std(0) if values.dim() else values[None]
    varying = sizes[torch.isfinite(sizes) & (sizes > 0)]
    return float(varying.min()) if values.dim() and len(varying) else 0.0

"""Sufficient statistics of the rows of an observed variable: what of its values a log-density is linear in.

Rows of ``x ~ Normal(m[z], s[z])`` have log-densities that are quadratic in x: as many points as there are statistics (1, x,
x^2) tell the density of every row. Rows of labels have indicators, a point for each label. Statistics are of values that
were centred and scaled, so that little cancels in their sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

MOST_STATISTICS = 600
"""Statistics of an element, at most."""
SAMPLED_ROWS = 2_000
"""Rows of which the points are chosen, or four a statistic where those are more."""
SMALLEST_PIVOT = 1e-6
"""Share of the largest pivot below which statistics are not told apart by the rows."""


class RowStatistics(Protocol):
    """What each row shows of the elements of a variable."""

    @property
    def width(self) -> int:
        """Statistics of a row."""

    @property
    def points(self) -> Tensor:
        """Values of the variable that tell the log-density, ``[points, elements, event]``."""

    def of_rows(self, rows: slice) -> Tensor:
        """``[width, rows]``; zero where a cell is missing."""

    def coefficients(self, log_values: Tensor) -> tuple[Tensor, Tensor]:
        """What the statistics are multiplied by, ``[..., width]``, from the log-density ``[..., elements, points]`` at the
        points; and a bound ``[...]`` of a row's error by rounding, in units of it."""

    @property
    def more_precise(self) -> RowStatistics | None:
        """Statistics in which less cancels, these where nothing does; None: the rows have to be gone through one by one."""


@dataclass(frozen=True, eq=False)
class Indicators:
    """``codes``: the point that each row shows, ``[elements, rows]``, below zero where a cell is missing. One indicator for
    each point where it ``is_full``, else one for all rows together and one for each point but the first."""

    codes: Tensor
    points: Tensor
    dtype: torch.dtype
    is_full: bool

    @property
    def width(self) -> int:
        elements = len(self.codes)
        return elements * len(self.points) if self.is_full else 1 + elements * (len(self.points) - 1)

    def of_rows(self, rows: slice) -> Tensor:
        codes = self.codes[:, rows]
        labels = torch.arange(0 if self.is_full else 1, len(self.points), dtype=codes.dtype, device=codes.device)
        hot = (codes[:, None] == labels[:, None]).to(self.dtype).flatten(0, 1)
        return hot if self.is_full else torch.cat([hot.new_ones(1, hot.shape[1]), hot])

    def coefficients(self, log_values: Tensor) -> tuple[Tensor, Tensor]:
        if self.is_full:
            return log_values.flatten(-2), log_values.new_zeros(log_values.shape[:-2])
        first = log_values[..., :1]
        out = torch.cat([first.sum(-2), (log_values[..., 1:] - first).flatten(-2)], -1)
        # what is impossible cannot be told by differences
        bound = torch.where(torch.isfinite(log_values.detach()), 0.0, math.inf).amax((-2, -1))
        return out, bound

    @property
    def more_precise(self) -> RowStatistics | None:
        return self if self.is_full else replace(self, is_full=True)


@dataclass(frozen=True, eq=False)
class SampleMoments:
    """One, ``columns [elements, columns, rows]``, and their products by two where it is ``with_products``. ``seen``: which
    cells are there, ``[elements, rows]``, None: all. ``from_points [elements, count, points]`` and ``reach [elements,
    count]``: the statistics' coefficients by the log-density at points, and the largest of each statistic."""

    columns: Tensor
    with_products: bool
    seen: Tensor | None
    points: Tensor
    from_points: Tensor
    reach: Tensor

    @property
    def width(self) -> int:
        return self.from_points.shape[0] * self.from_points.shape[1]

    @cached_property
    def _sizes(self) -> Tensor:
        """What the size of a log-density at a point makes of a statistic's share of a row at the most."""
        return self.from_points.abs() * self.reach[..., None]

    @property
    def more_precise(self) -> RowStatistics | None:
        return None

    def of_rows(self, rows: slice) -> Tensor:
        out = statistics_of(self.columns[..., rows], self.with_products)
        if self.seen is not None:
            out = out * self.seen[:, None, rows]
        return out.flatten(0, 1)

    def coefficients(self, log_values: Tensor) -> tuple[Tensor, Tensor]:
        if bool(torch.isfinite(log_values.detach()).all()):
            out = (self.from_points @ log_values[..., None]).squeeze(-1)
            with torch.no_grad():
                size = (self._sizes @ log_values.abs()[..., None]).squeeze(-1)
            return out.flatten(-2), size.sum((-2, -1))
        # where a density is zero at a point the constant alone says so
        is_possible = torch.isfinite(log_values).all(-1, keepdim=True)
        finite = torch.where(is_possible, log_values, 0.0)
        out = (self.from_points @ finite[..., None]).squeeze(-1)
        impossible = torch.zeros_like(out)
        impossible[..., 0] = -math.inf
        with torch.no_grad():
            size = (self._sizes @ finite.detach().abs()[..., None]).squeeze(-1)
            bound = torch.where(is_possible, size, math.inf).sum((-2, -1))
        return torch.where(is_possible, out, impossible).flatten(-2), bound


def statistics_of(columns: Tensor, with_products: bool) -> Tensor:
    """One, the ``columns [elements, columns, rows]``, their products by two where they are wanted: ``[elements, count,
    rows]``."""
    elements, width, rows = columns.shape
    out = columns.new_empty(elements, statistic_count(width, with_products), rows)
    out[:, 0] = 1.0
    out[:, 1 : 1 + width] = columns
    if with_products:
        start = 1 + width
        for i in range(width):
            torch.mul(columns[:, i:], columns[:, i : i + 1], out=out[:, start : start + width - i])
            start += width - i
    return out


def statistic_count(width: int, with_products: bool) -> int:
    return 1 + width + (width * (width + 1) // 2 if with_products else 0)


def moments_of(
    values: Tensor, seen: Tensor | None, functions: Callable[[Tensor], tuple[Tensor, ...]], with_products: bool
) -> SampleMoments | None:
    """The statistics of rows of ``values [elements, event, rows]``, or None where these rows do not tell them apart or one is
    not finite (a density without end at a bound)."""
    elements, event, rows = values.shape
    with torch.no_grad():
        columns = torch.cat(functions(values), 1)
    count = statistic_count(columns.shape[1], with_products)
    if count > MOST_STATISTICS or rows < 4 * count or not bool(torch.isfinite(columns).all()):
        return None
    mask = torch.ones(elements, rows, dtype=torch.bool, device=values.device) if seen is None else seen
    whitened = [_whitened(columns[e], mask[e]) for e in range(elements)]
    if any(w is None for w in whitened):
        return None
    columns = torch.stack([w for w in whitened if w is not None])
    chosen = [_telling_rows(columns[e], mask[e], with_products, count) for e in range(elements)]
    if any(c is None for c in chosen):
        return None
    where = torch.stack([c for c in chosen if c is not None])
    picked = columns.gather(2, where[:, None].expand(-1, columns.shape[1], -1))
    from_points = torch.linalg.inv(statistics_of(picked, with_products).mT)
    points = values.gather(2, where[:, None].expand(-1, event, -1)).permute(2, 0, 1)
    reach = statistics_of(columns.abs().amax(-1, keepdim=True), with_products).squeeze(-1)
    return SampleMoments(columns, with_products, seen, points, from_points, reach)


def _whitened(columns: Tensor, seen: Tensor) -> Tensor | None:
    """Columns ``[columns, rows]`` without correlation, of mean zero and variance one in the rows that are seen."""
    number = int(seen.sum())
    if number < 2:
        return None
    centred = columns - (columns * seen).sum(-1, keepdim=True) / number
    cov = (centred * seen) @ centred.mT / number
    scale = cov.diagonal().sqrt()
    if not bool((scale > 0).all()):
        return None
    root, is_singular = torch.linalg.cholesky_ex(cov / (scale[:, None] * scale))
    if int(is_singular) or float(root.diagonal().min()) < SMALLEST_PIVOT:
        return None
    return torch.linalg.solve_triangular(root, centred / scale[:, None], upper=False)


def _telling_rows(columns: Tensor, seen: Tensor, with_products: bool, count: int) -> Tensor | None:
    """Indices of as many rows as statistics, far apart (the pivots of a factorisation), or None where they say the same."""
    rows = torch.nonzero(seen).squeeze(-1)
    sampled = rows[torch.linspace(0, len(rows) - 1, min(len(rows), max(SAMPLED_ROWS, 4 * count))).long()]
    sample = statistics_of(columns[None, :, sampled], with_products)[0].mT
    factor, pivots, _ = torch.linalg.lu_factor_ex(sample)
    sizes = factor.diagonal().abs()
    if len(sizes) < count or float(sizes.min()) < SMALLEST_PIVOT * float(sizes.max()):
        return None
    order = list(range(len(sampled)))
    for i, pivot in enumerate(pivots.tolist()):
        order[i], order[pivot - 1] = order[pivot - 1], order[i]
    return sampled[order[:count]]

"""Standard errors of learned tables from incomplete data: the observed information (Louis 1982).

The gradient of the log-likelihood by the logits of a table's row are its expected counts less the row's total times its
probabilities (Fisher's identity), so differences of E-steps give second derivatives, whatever is latent. Counts alone
would take what is completed for seen: standard errors far too small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.kernels.curvature import TINY, Curvature, curvature
from pgmlang.kernels.second_derivatives import one_by_one

Parameters = dict[str, np.ndarray]
Expectation = Callable[[Parameters], tuple[float, Parameters]]
"""The E-step: the log-likelihood at tables, and their expected counts."""

ON_BOUNDARY = 1e-3
"""Expected counts below which a cell is held at its bound."""


@dataclass(frozen=True, eq=False)
class TableSurface:
    """The log-posterior as a function of the free logits of tables. ``tables``: where it is looked at; ``prior``: counts
    added to each cell; ``free``: cells that have a logit: all but each row's greatest, and those at zero; none of the
    tables that the data tell alone, whose ``totals [..., 1]`` (counts of a row, the prior's with them) say their errors."""

    expect: Expectation
    tables: Parameters
    prior: Mapping[str, float]
    free: Mapping[str, np.ndarray]
    totals: Mapping[str, np.ndarray]

    @property
    def size(self) -> int:
        return sum(int(mask.sum()) for mask in self.free.values())

    def names(self) -> list[str]:
        """The table of each free logit."""
        return [name.removesuffix(".table") for name, mask in self.free.items() for _ in range(int(mask.sum()))]

    def start(self) -> np.ndarray:
        """The free logits of the tables, relative to each row's greatest cell."""
        shares = [(t / t.max(axis=-1, keepdims=True))[self.free[n]] for n, t in self.tables.items()]
        return np.asarray(np.log(np.concatenate(shares)))

    def at(self, x: np.ndarray) -> Parameters:
        """Tables of free logits; cells without one keep their share of what the greatest has."""
        out, first = {}, 0
        for name, table in self.tables.items():
            mask = self.free[name]
            count = int(mask.sum())
            with np.errstate(divide="ignore"):  # a cell of zero has no logit and stays
                logs = np.log(table / table.max(axis=-1, keepdims=True))
            logs[mask] = x[first : first + count]
            first += count
            cells = np.exp(logs - logs.max(axis=-1, keepdims=True))
            out[name] = cells / cells.sum(axis=-1, keepdims=True)
        return out

    def function(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log-posterior, and its gradient."""
        tables = self.at(x)
        value, counts = self.expect(tables)
        slopes = []
        for name, table in tables.items():
            cells = counts[name] + self.prior[name]
            if self.prior[name]:
                value += self.prior[name] * float(np.log(table).sum())
            slope = cells - cells.sum(axis=-1, keepdims=True) * table
            slopes.append(slope[self.free[name]])
        return -value, -np.concatenate(slopes)

    def counted_errors(self) -> Parameters:
        """Standard errors of the tables that the data show alone."""
        return {
            name: _counted_errors(self.tables[name], totals, bool(self.prior[name]))
            for name, totals in self.totals.items()
        }

    def errors(self, tables: Parameters, covariance: np.ndarray) -> Parameters:
        """Standard errors of the cells by the delta method; NaN of those held at a bound and of rows without data. Under a
        prior it is the sd of the Dirichlet that has seen as much: of m rows p (1 - p) / (m + 1)."""
        out, first = self.counted_errors(), 0
        for name, table in tables.items():
            if name in out:
                continue
            mask = self.free[name]
            error = np.full(table.shape, math.nan)
            for row in np.ndindex(table.shape[:-1]):
                cells, p = mask[row], table[row]
                count = int(cells.sum())
                if not count:
                    continue
                block = covariance[first : first + count, first : first + count]
                slopes = p[:, None] * (np.eye(len(p))[:, cells] - p[cells])
                variance = np.maximum(np.einsum("ij,jk,ik->i", slopes, block, slopes), 0.0)
                if self.prior[name]:
                    variance = variance / (1 + variance / np.maximum(p * (1 - p), TINY))
                error[row] = np.sqrt(variance)
                error[row][~cells & (np.arange(len(p)) != p.argmax())] = math.nan
                first += count
            out[name] = error
        return out


def _counted_errors(table: np.ndarray, totals: np.ndarray, has_prior: bool) -> np.ndarray:
    """Standard errors of a table whose cells were all counted: of shares (multinomial), or of the Dirichlet's; NaN of cells
    that nothing was counted of, and of rows without data."""
    cells = table * totals
    is_told = (totals > ON_BOUNDARY) & (cells > ON_BOUNDARY) & (cells < totals - ON_BOUNDARY)
    errors = np.sqrt(table * (1 - table) / np.maximum(totals + has_prior, TINY))
    return np.where(is_told, errors, math.nan)


def table_surface(
    expect: Expectation, tables: Parameters, counts: Parameters, prior: Mapping[str, float],
    counted: Collection[str] = (),
) -> TableSurface:  # fmt: skip
    """The surface around tables with these expected counts. ``counted``: those whose counts the data tell, whatever the
    tables are: their rows are blocks of the information by themselves."""
    free, totals = {}, {}
    for name, table in tables.items():
        cells = counts[name] + prior[name]
        mask = cells > ON_BOUNDARY
        np.put_along_axis(mask, table.argmax(axis=-1)[..., None], False, axis=-1)
        if name in counted:
            totals[name] = cells.sum(axis=-1, keepdims=True)
            mask = np.zeros_like(mask)
        free[name] = mask
    return TableSurface(expect, tables, prior, free, totals)


def observed_information(surface: TableSurface) -> tuple[Curvature, Parameters, Parameters] | None:
    """The curvature around EM's tables, the tables after its Newton steps, and their standard errors: NaN where the
    tables are no proper maximum. None where there is nothing free, or too much. Raises TooCostly."""
    end = curvature(one_by_one(surface.function), surface.start()) if surface.size else None
    if end is None:
        return None
    tables = surface.at(end.x)
    return end, tables, surface.errors(tables, end.covariance())

"""Learned tables as heat maps: parents down, labels across."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from pgmlang.plots.canvas import new_figure, shortened, titled
from pgmlang.plots.kind import Kind, Request
from pgmlang.plots.scalars import refuse_unknown
from pgmlang.results.estimates_group import table_axes
from pgmlang.results.fit import Fit
from pgmlang.tables.learned import Table, learned_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 40
MOST_TABLES = 6
WRITTEN = 12
"""Most labels whose probabilities are written into the cells."""


def _tables(fit: Fit) -> dict[str, Table]:
    return {t.target: t for t in learned_tables(fit.model) if t.name in fit.parameters}


def _against(fit: Fit) -> str:
    return "" if _tables(fit) else "it has learned no table"


def _draw(request: Request) -> Figure:
    fit, tables = request.fit, _tables(request.fit)
    refuse_unknown(request.variables, list(tables), "table")
    chosen = list(request.variables) or list(tables)[-MOST_TABLES:]
    heights = [min(MOST_ROWS, fit.parameters[tables[n].name].reshape(-1, fit.parameters[tables[n].name].shape[-1]).shape[0])
               for n in chosen]  # fmt: skip
    figure = new_figure(7.0, sum(0.9 + 0.3 * h for h in heights))
    axes = np.atleast_1d(figure.subplots(len(chosen), 1, height_ratios=[h + 1.5 for h in heights]))
    for name, axis in zip(chosen, axes, strict=True):
        _one(fit, tables[name], axis)
    left = len(tables) - len(chosen)
    note = (
        f"{len(chosen)} of {len(tables)} tables; variables= chooses others"
        if left and not request.variables
        else ""
    )
    cut = next((n for n in chosen if fit.parameters[tables[n].name][..., 0].size > MOST_ROWS), None)
    rest = f'every row is in fit.summary("{cut}") and pgmc summary FIT {cut}' if cut else ""
    note = "; ".join(filter(None, (note, rest)))
    return titled(figure, f"{fit.model.name}: what was learned, parents down, labels across", note)


def _one(fit: Fit, table: Table, axis: Any) -> None:
    value = np.asarray(fit.parameters[table.name])
    names, labels = table_axes(fit, table, value.shape)
    parents = [n.removesuffix("_label") for n in names[:-1]]
    rows = [", ".join(index) for index in product(*(labels[n] for n in names[:-1]))]
    cells, across = value.reshape(-1, value.shape[-1])[:MOST_ROWS], labels[names[-1]]
    axis.imshow(cells, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    if len(across) <= WRITTEN:
        for (i, j), p in np.ndenumerate(cells):
            axis.text(
                j, i, f"{p:.2f}", ha="center", va="center", fontsize=8, color="white" if p > 0.6 else "black"
            )
    axis.set_xticks(range(len(across)), [shortened(x, 14) for x in across], fontsize=8)
    axis.set_yticks(range(len(cells)), [shortened(r, 32) for r in rows[: len(cells)]], fontsize=8)
    given = f" given {', '.join(parents)}" if parents else ""
    more = f", the first {MOST_ROWS} of {len(rows):,} rows" if len(rows) > MOST_ROWS else ""
    axis.set_title(f"{table.target}{given}{more}", fontsize=9, loc="left")


KIND = Kind("tables", "learned tables as heat maps", _against, _draw, ("table", "heatmap"), usual=30)

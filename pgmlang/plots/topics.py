"""Rows of probabilities over many labels (topics over words) by their likeliest labels, as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pgmlang.plots.canvas import BLUE, grid_of_axes, shortened, titled
from pgmlang.plots.kind import Kind, Request
from pgmlang.plots.scalars import refuse_unknown
from pgmlang.results.estimates_group import table_axes
from pgmlang.results.fit import Fit
from pgmlang.results.scalars import axis_labels
from pgmlang.tables.learned import learned_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEWEST = 8
"""Labels from which on a row is told by its likeliest ones."""
BARS = 8
MOST = 24
"""Most rows that are drawn."""


def _candidates(fit: Fit) -> dict[str, tuple[np.ndarray, list[str], list[str]]]:
    """By name: probabilities ``[row, label]``, the names of the rows and of the labels."""
    out: dict[str, tuple[np.ndarray, list[str], list[str]]] = {}
    row_plates = {p.name for p in fit.model.plates if p.is_rows}
    for name in {**fit.draws, **fit.parameters}:
        variable = fit.model.by_name.get(name)
        if variable is None:
            continue
        value = fit.draws[name].mean((0, 1)) if name in fit.draws else np.asarray(fit.parameters[name])
        axes = fit.model.array_axes(variable)
        if value.ndim not in (1, 2) or len(axes) != value.ndim or row_plates & set(axes[:-1]):
            continue
        if _are_probabilities(value):
            heads = list(axis_labels(fit, axes[0], len(value))) if value.ndim == 2 else [""]
            out[name] = (np.atleast_2d(value), heads, list(axis_labels(fit, axes[-1], value.shape[-1])))
    for table in learned_tables(fit.model):
        value = fit.parameters.get(table.name)
        if value is not None and _are_probabilities(np.asarray(value)):
            names, labels = table_axes(fit, table, value.shape)
            rows = [
                "".join(f"{h} " for h in index).strip() for index in _products([labels[n] for n in names[:-1]])
            ]
            out[table.target] = (value.reshape(-1, value.shape[-1]), rows, list(labels[names[-1]]))
    return out


def _products(lists: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    from itertools import product

    return list(product(*lists))


def _are_probabilities(value: np.ndarray) -> bool:
    return bool(
        value.ndim >= 1
        and value.dtype.kind == "f"
        and value.shape[-1] >= FEWEST
        and (value >= 0).all()
        and np.allclose(value.sum(-1), 1.0, atol=1e-4)
    )


def _against(fit: Fit) -> str:
    return "" if _candidates(fit) else f"it has no probabilities of {FEWEST} labels or more"


def _draw(request: Request) -> Figure:
    fit = request.fit
    candidates = _candidates(fit)
    refuse_unknown(request.variables, list(candidates), "row of probabilities over many labels")
    name = request.variables[0] if request.variables else max(candidates, key=lambda n: candidates[n][0].shape[1])
    rows, heads, labels = candidates[name]
    shown = min(len(rows), MOST)
    figure, axes = grid_of_axes(shown, (2.6, 0.35 + 0.22 * BARS))
    for i, axis in enumerate(axes):
        best = np.argsort(-rows[i], kind="stable")[:BARS]
        axis.barh(np.arange(len(best))[::-1], rows[i][best], color=BLUE, height=0.7)
        axis.set_yticks(np.arange(len(best))[::-1], [shortened(labels[k], 18) for k in best], fontsize=8)
        axis.tick_params(axis="x", labelsize=7)
        axis.locator_params(axis="x", nbins=3)
        axis.set_title(shortened(f"{name}[{heads[i]}]" if heads[i] else name), fontsize=9)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    note = "" if shown == len(rows) else f"{shown} of {len(rows):,} rows"
    return titled(figure, f"{fit.model.name}: the likeliest labels of {name}, with their probabilities", note)


KIND = Kind(
    "topics", "the likeliest labels of each row of probabilities, as bars", _against, _draw, ("words",), usual=10
)

"""Point estimates with their intervals by standard errors, for fits without draws."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.model.show import quoted
from pgmlang.plots.canvas import BLUE, new_figure, shortened, titled
from pgmlang.plots.kind import Kind, Request
from pgmlang.plots.scalars import refuse_unknown
from pgmlang.results.fit import Fit
from pgmlang.results.node_figures import Z90
from pgmlang.results.scalars import axis_labels
from pgmlang.tables.learned import learned_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 60


def _names(fit: Fit) -> list[str]:
    tables = {name for t in learned_tables(fit.model) for name in (t.name, t.counts_name)}
    return [
        n for n, v in fit.parameters.items() if n in fit.model.by_name and n not in tables and v.dtype.kind == "f"
    ]


def _against(fit: Fit) -> str:
    if fit.draws:
        return "it has draws: `forest` shows them"
    return "" if _names(fit) else "it has no estimates but tables and weights of networks"


def _labels(fit: Fit, name: str) -> list[str]:
    value = fit.parameters[name]
    axes = fit.model.array_axes(fit.model.by_name[name])
    if not value.ndim:
        return [name]
    if len(axes) != value.ndim:
        return [f"{name}[{', '.join(map(str, i))}]" for i in np.ndindex(value.shape)]
    texts = [[quoted(x) for x in axis_labels(fit, a, n)] for a, n in zip(axes, value.shape, strict=True)]
    return [f"{name}[{', '.join(index)}]" for index in itertools.product(*texts)]


def _draw(request: Request) -> Figure:
    fit = request.fit
    names = _names(fit)
    refuse_unknown(request.variables, names, "estimate")
    rows: list[tuple[str, float, float]] = []
    chosen = list(request.variables) or sorted(names, key=lambda n: fit.parameters[n].size)
    for name in chosen:
        value = fit.parameters[name]
        errors = np.broadcast_to(fit.standard_errors.get(name, np.asarray(np.nan)), value.shape)
        rows += list(zip(_labels(fit, name), value.ravel().tolist(), errors.ravel().tolist(), strict=True))
    shown = rows[:MOST]
    figure = new_figure(7.0, 1.4 + 0.28 * len(shown))
    axis = figure.subplots()
    places = np.arange(len(shown))[::-1]
    values = np.array([v for _, v, _ in shown])
    widths = Z90 * np.array([np.nan_to_num(e) for *_, e in shown])
    axis.errorbar(values, places, xerr=widths, fmt="o", color=BLUE, markersize=4, linewidth=1.4)
    axis.axvline(0, color="grey", linewidth=0.6)
    axis.set_yticks(places, [shortened(n, 32) for n, *_ in shown])
    axis.set_ylim(-0.6, len(shown) - 0.4)
    note = "" if len(rows) == len(shown) else f"{len(shown)} of {len(rows):,} numbers; variables= chooses others"
    has_errors = bool((widths > 0).any())
    says = "estimates" + (", 90 % intervals by standard errors" if has_errors else ", no standard errors known")
    return titled(figure, f"{fit.model.name}: {says}", note)


KIND = Kind(
    "estimates", "estimates, with 90 % intervals by standard errors", _against, _draw, ("points",), usual=60
)

"""Data against data sets that the fit draws for the same rows: a posterior predictive check."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.plots.canvas import BLUE, GREY, grid_of_axes, shortened, titled
from pgmlang.plots.kind import Kind, Request
from pgmlang.plots.scalars import refuse_unknown
from pgmlang.results.fit import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pgmlang.binding.record import Binding
    from pgmlang.model import Model

REPLICATES = 60
MOST = 6
"""Most panels."""
BINS = 30
LABELS = 40
"""Most labels that are drawn as bars."""
FEW = 50
"""Rows from which on a density is drawn."""
ROWS = 1_000_000
"""Most rows that are written out."""


def _against(fit: Fit) -> str:
    if not fit.draws and not fit.parameters:
        return "it holds neither draws nor estimates"
    observed = [n for n in fit.provenance.get("observed", ()) if n in fit.model.by_name]
    if not observed:
        return "it was fitted to no data"
    return (
        "" if any(_is_drawn(fit.model, n) for n in observed) else f"what it observes has more than {LABELS} labels"
    )


def _is_drawn(model: Model, name: str) -> bool:
    """Whether a variable's labels are few enough for bars."""
    type_ = model.by_name[name].type
    return not type_.is_discrete or len(model.labels_of(type_) or ()) <= LABELS


class Panel(NamedTuple):
    """``seen``: cells of the data, ``drawn``: of replicates ``[replicate, cell]``; ``labels``: of codes, None for numbers."""

    title: str
    seen: np.ndarray
    drawn: np.ndarray
    labels: tuple[str, ...] | None


def _draw(request: Request) -> Figure:
    from pgmlang.criticism.data_of_fit import is_data_of
    from pgmlang.criticism.replicates import replicated

    assert request.binding is not None
    binding = _written_out(request.binding)
    drawn = replicated(request.fit, binding, REPLICATES, request.seed).values
    names = [n for n in drawn if n in binding.values and _is_drawn(binding.model, n)]
    refuse_unknown(request.variables, names, "variable that the data have and the model draws")
    panels = [p for n in request.variables or names for p in _panels(binding, n, np.asarray(drawn[n]))]
    figure, axes = grid_of_axes(min(len(panels), MOST), (4.4, 3.0), 3)
    for panel, axis in zip(panels, axes, strict=False):
        if panel.labels is not None:
            _bars(axis, panel)
        elif len(panel.seen) < FEW:
            _steps(axis, panel)
        else:
            _histogram(axis, panel)
        axis.set_title(shortened(panel.title), fontsize=9)
        axis.tick_params(labelsize=8)
    axes[0].legend(fontsize=7)
    note = "" if len(panels) <= MOST else f"{MOST} of {len(panels)}; variables= chooses others"
    data = "data" if is_data_of(request.fit, request.binding) else "other data than the fit's"
    return titled(figure, f"{request.fit.model.name}: {data}, and {REPLICATES} data sets that the fit draws", note)


def _written_out(binding: Binding) -> Binding:
    """Rows that stand for several, written out: a data set has as many. Raises PgmError PGM0602 for weights that are no counts,
    or for very many rows."""
    if binding.weights is None:
        return binding
    weights = np.asarray(binding.weights)
    if not (weights == np.round(weights)).all() or weights.sum() > ROWS:
        message = "a predictive check is of whole rows, of up to a million"
        raise PgmError(Diagnostic("PGM0602", message, help="leave `--weights` or `--counts` out"))
    chosen = np.repeat(np.arange(len(weights)), weights.astype(int))
    return replace(binding.rows_of(binding.plate, chosen), weights=None, weighed_by=None)


def _panels(binding: Binding, name: str, drawn: np.ndarray) -> list[Panel]:
    """One of a variable, or one of each element of a short vector; missing cells are of neither side."""
    variable = binding.model.by_name[name]
    seen = np.asarray(binding.values[name])
    labels = None
    if variable.type.is_discrete:
        labels = tuple(
            map(str, binding.model.labels_of(variable.type) or range(int(max(seen.max(), drawn.max())) + 1))
        )
    parts = [(name, seen, drawn)]
    if len(variable.axes) == 1 and seen.shape[-1] <= MOST:
        texts = axis_texts(binding, variable.axes[0], seen.shape[-1])
        parts = [(f"{name}[{t}]", seen[..., i], drawn[..., i]) for i, t in enumerate(texts)]
    out = []
    for title, cells, copies in parts:
        is_there = (cells >= 0 if labels is not None else np.isfinite(cells)).ravel()
        flat = copies.reshape(len(copies), -1)
        out.append(Panel(title, cells.ravel()[is_there], flat[:, is_there], labels))
    return [p for p in out if len(p.seen)]


def axis_texts(binding: Binding, axis: str, size: int) -> tuple[str, ...]:
    """Labels of an axis, numbers where there are none."""
    known = tuple(binding.layout.labels.get(axis, ()))[:size]
    return (*known, *map(str, range(len(known), size)))


def _bars(axis: Any, panel: Panel) -> None:
    """Shares of labels: bars of the data, intervals of the replicates."""
    labels = panel.labels or ()
    places = np.arange(len(labels))

    def shares(codes: np.ndarray) -> np.ndarray:
        return np.bincount(np.maximum(codes, 0).astype(int), minlength=len(labels))[: len(labels)] / len(codes)

    low, middle, high = np.quantile([shares(r) for r in panel.drawn], [0.05, 0.5, 0.95], axis=0)
    axis.bar(places, shares(panel.seen), color=GREY, label="data")
    axis.errorbar(
        places, middle, [middle - low, high - middle], fmt="o", color=BLUE, markersize=4, label="replicates, 90 %"
    )
    axis.set_xticks(places, [shortened(x, 10) for x in labels], rotation=0 if len(labels) < 6 else 60)
    axis.set_ylabel("share", fontsize=8)


def _steps(axis: Any, panel: Panel) -> None:
    """Of few rows the shares up to each value, which need no bins."""

    def drawn(values: np.ndarray, **style: Any) -> None:
        axis.step(np.sort(values), np.arange(1, len(values) + 1) / len(values), where="post", **style)

    for i, replicate in enumerate(panel.drawn):
        drawn(replicate, color=BLUE, alpha=0.18, linewidth=0.8, label="replicates" if i == 0 else None)
    drawn(panel.seen, color="black", linewidth=1.8, label="data")
    axis.set_ylabel("share up to here", fontsize=8)


def _histogram(axis: Any, panel: Panel) -> None:
    """Densities: one thin line a replicate, the data thick, over the data and nearly all that replicates have."""
    seen, cells = panel.seen, panel.drawn
    low, high = np.quantile(cells, [0.002, 0.998])
    low, high = float(min(low, seen.min())), float(max(high, seen.max()))
    if (seen == np.round(seen)).all() and (cells == np.round(cells)).all():
        # bins of as many whole numbers each, or some would have one more than others
        low, high = np.floor(low), np.ceil(high)
        edges = np.arange(low - 0.5, high + 1.0 + (width := max(1.0, np.ceil((high - low) / BINS))), width)
    else:
        edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2

    def heights(values: np.ndarray) -> np.ndarray:
        return np.histogram(values, edges)[0] / (len(values) * np.diff(edges))

    for i, replicate in enumerate(cells):
        axis.plot(middles, heights(replicate), color=BLUE, alpha=0.18, linewidth=0.8, label="replicates" if i == 0 else None)  # fmt: skip
    axis.plot(middles, heights(seen), color="black", linewidth=1.8, label="data")
    axis.set_ylabel("density", fontsize=8)
    axis.set_ylim(bottom=0)


KIND = Kind(
    "predictive", "data against data sets that the fit draws", _against, _draw, ("ppc", "check"), needs_data=True, usual=5
)  # fmt: skip

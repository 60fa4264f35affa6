"""What a fit says of its variables, as it is drawn in their nodes: intervals of a few numbers, a line of many."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pgmlang.drawing.scene import Mark, NodeFigures
from pgmlang.results.fit import Fit, weight_column_of
from pgmlang.results.precision import decimals
from pgmlang.results.scalars import axis_labels, figures_of, is_discrete, shares
from pgmlang.tables.learned import learned_tables

MOST_MARKS = 8
"""Numbers of a variable that have a line each."""
Z90 = 1.6448536269514722
"""The normal quantile of 95 %: an interval of 90 % reaches as many standard errors to each side."""
MOST_CODES = 1 << 20
"""Elements of a discrete variable of draws beyond which their labels are not counted for a picture."""


def fit_figures(fit: Fit) -> dict[str, NodeFigures]:
    """By the name of a node: mean and sd of draws and of estimates with a standard error, 90 % intervals where there are a
    few of them, the range of their means where there are many; shares of labels; how many weights a network has."""
    figures: dict[str, NodeFigures] = {}
    for name in fit.draws:
        figures[name] = _labels(fit, name) if is_discrete(fit, name) else _numbers_of_draws(fit, name)
    tables = {t.name for t in learned_tables(fit.model)}
    for name, values in {**fit.parameters, **fit.deterministic}.items():
        if name in fit.model.by_name and name not in tables and name not in figures and values.dtype.kind == "f":
            figures[name] = _numbers_of_estimates(fit, name, np.asarray(values))
    for net in fit.model.nets:
        weights = sum(v.size for k, v in fit.parameters.items() if k.split(".")[0] == net.name)
        if weights:
            figures[f"net {net.name}"] = NodeFigures(lines=(f"{weights:,} weights",))
    return figures


def drawn_sizes(fit: Fit) -> dict[str, int]:
    """Elements of plates and dims; of a plate whose rows were counted (``--counts``) as many as they stand for."""
    sizes = dict(fit.sizes)
    by = weight_column_of(fit)
    if by is None or by.option != "counts":
        return sizes
    for table in learned_tables(fit.model):
        counts = fit.parameters.get(table.counts_name)
        total = 0.0 if counts is None else float(np.asarray(counts).sum())
        for plate in fit.model.by_name[table.target].plates[-1:]:
            if plate in sizes and total > sizes[plate]:
                sizes[plate] = round(total)
    return sizes


def _numbers_of_draws(fit: Fit, name: str) -> NodeFigures:
    draws = fit.draws[name]
    count = math.prod(draws.shape[2:])
    if count > MOST_MARKS:
        return _range(np.asarray(draws).mean(axis=(0, 1)))
    figures = figures_of(fit, name)
    if count == 1 and not draws.shape[2:]:
        return NodeFigures(lines=(_with_spread(figures.mean[0], figures.sd[0]),))
    elements = _elements(fit, name, draws.shape[2:])
    return _intervals(elements, figures.mean, figures.q5, figures.q95, figures.sd, _is_share(fit, name))


def _numbers_of_estimates(fit: Fit, name: str, values: np.ndarray) -> NodeFigures:
    errors = np.asarray(fit.standard_errors.get(name, np.full(values.shape, math.nan)))
    if not values.shape:
        return NodeFigures(lines=(_with_spread(float(values), float(errors)),))
    if values.size > MOST_MARKS:
        return _range(values)
    flat, spread = values.ravel(), np.nan_to_num(errors.ravel())
    elements, reach = _elements(fit, name, values.shape), Z90 * spread
    return _intervals(elements, flat, flat - reach, flat + reach, spread, _is_share(fit, name))


def _is_share(fit: Fit, name: str) -> bool:
    return fit.model.by_name[name].type.fits("unit")


def _labels(fit: Fit, name: str) -> NodeFigures:
    """Shares of the labels in the draws, over all elements."""
    count = math.prod(fit.draws[name].shape[2:])
    if count > MOST_CODES:
        return NodeFigures()
    found = shares(fit, name)
    if not 0 < len(found.labels) <= MOST_MARKS:
        return NodeFigures()
    mean = found.share.mean(axis=0)
    marks = (
        Mark(str(label), 0.0, float(p), f"{100 * p:.0f} %") for label, p in zip(found.labels, mean, strict=True)
    )
    return NodeFigures(tuple(marks), (f"mean of {count:,}",) if count > 1 else ())


def _elements(fit: Fit, name: str, shape: Sequence[int]) -> list[str]:
    """Names of a variable's numbers in C order, without the variable's own."""
    variable = fit.model.by_name[name]
    axes = fit.draw_axes.get(name) or (*fit.model.batch_axes(variable.plates), *variable.axes)
    if len(axes) != len(shape):
        names = [tuple(map(str, range(n))) for n in shape]
    else:
        names = [axis_labels(fit, a, n) for a, n in zip(axes, shape, strict=True)]
    return [", ".join(labels[i] for labels, i in zip(names, index, strict=True)) for index in np.ndindex(*shape)]


def _intervals(
    elements: Sequence[str],
    mean: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    spread: np.ndarray,
    is_share: bool,
) -> NodeFigures:
    """A line for each number on one scale from the lowest bound to the highest, of shares from 0 to 1."""
    bounds = [x for x in (*mean, *low, *high) if math.isfinite(x)]
    if not bounds:
        return NodeFigures()
    start, length = min(bounds), max(bounds) - min(bounds) or 1.0
    if is_share:
        start, length = 0.0, 1.0

    def share(x: float) -> float:
        return min(1.0, max(0.0, (x - start) / length)) if math.isfinite(x) else 0.0

    step = _common_spread(mean, spread, length / 10)
    marks = [
        Mark(name, share(float(q5)), share(float(q95)), _figure(float(x), step), share(float(x)))
        for name, x, q5, q95 in zip(elements, mean, low, high, strict=True)
    ]
    return NodeFigures(tuple(marks))


def _common_spread(mean: np.ndarray, spread: np.ndarray, otherwise: float) -> float:
    """By what all numbers of a variable are written, so that they can be compared: the narrowest spread (a hundredth of the
    widest at least), and narrow enough for two digits of the largest mean. ``otherwise``: where no spread is known."""
    known = [float(sd) for sd in spread if math.isfinite(sd) and sd > 0]
    narrow = max(min(known), max(known) / 100) if known else otherwise
    largest = max((abs(float(x)) for x in mean if math.isfinite(x)), default=0.0)
    if not largest:
        return narrow
    return min(narrow, max(10.0 ** math.floor(math.log10(largest)), narrow / 100))


def _range(values: np.ndarray) -> NodeFigures:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    spread = (high - low) / 10
    return NodeFigures(lines=(f"{values.size:,} values", f"{_figure(low, spread)} to {_figure(high, spread)}"))


def _with_spread(mean: float, sd: float) -> str:
    """``4.4 ± 3.3``: as many digits as leave the spread two."""
    if not math.isfinite(sd) or sd <= 0:
        return f"{mean:.4g}"
    return f"{_figure(mean, sd)} ± {_figure(sd, sd)}"


def _figure(value: float, spread: float) -> str:
    """A number to the second digit of its spread, with the zeros that stand there."""
    places = decimals(spread)
    if places is None or not math.isfinite(value) or not -6 <= places <= 8 or abs(value) >= 1e9:
        return f"{value:.4g}"
    return f"{round(value, places):.{max(places, 0)}f}".replace("-", "−")

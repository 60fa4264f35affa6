"""A line or two about each column of bound data, as it is drawn in the node of its variable."""

from __future__ import annotations

import math

import numpy as np

from pgmlang.binding.record import Binding, is_missing
from pgmlang.drawing.scene import MOST_MARKS, Mark, NodeFigures


def data_figures(binding: Binding) -> dict[str, NodeFigures]:
    """By variable: mean and standard deviation of the numbers that are there, shares of labels; each row by its count."""
    figures = {name: _of(binding, name, np.asarray(values)) for name, values in binding.values.items()}
    return {name: f for name, f in figures.items() if f is not None}


def _of(binding: Binding, name: str, values: np.ndarray) -> NodeFigures | None:
    variable = binding.model.by_name[name]
    weights = np.ones(values.shape)
    if binding.weights is not None and binding.model.array_axes(variable)[:1] == (binding.plate,):
        weights = weights * binding.weights.reshape(-1, *(1,) * (values.ndim - 1))
    there = ~is_missing(values)
    total = float(weights[there].sum())
    if total <= 0:
        return None
    if variable.type.is_discrete:
        labels = binding.model.labels_of(variable.type) or ()
        if not 0 < len(labels) <= MOST_MARKS:
            return None
        shares = np.bincount(values[there].astype(np.int64), weights[there], len(labels)) / total
        return NodeFigures(
            tuple(Mark(str(x), 0.0, float(p), f"{100 * p:.0f} %") for x, p in zip(labels, shares, strict=True))
        )
    mean = float((weights[there] * values[there]).sum() / total)
    if total <= 1:
        return NodeFigures(lines=(f"mean {_plain(mean)}",))
    sd = math.sqrt(float((weights[there] * (values[there] - mean) ** 2).sum() / (total - 1)))
    return NodeFigures(lines=(f"mean {_plain(mean)}, sd {_plain(sd)}",))


def _plain(value: float) -> str:
    """Three digits, written out where that takes few zeros: ``4,200`` and not ``4.2e+03``."""
    return f"{float(f'{value:.3g}'):,.10g}"

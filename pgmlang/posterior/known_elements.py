"""What a fit says of the outer elements that rows are of: some of its own, by their names, in the rows' order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.model.row_plates import plates_as_values
from pgmlang.results.fit import Fit
from pgmlang.tables.learned import learned_tables


def fit_of_elements(fit: Fit, rows: Binding) -> Fit:
    """The fit with the elements alone that a table of an outer plate names, where these are not all of its own: known elements
    come first in a binding (`binding.tables.element_order`), so that the fit's are those that it begins with."""
    chosen = {plate: index for plate in fit.labels if (index := _chosen(fit, rows, plate)) is not None}
    if not chosen:
        return fit
    tables = {name: t.distribution.by for t in learned_tables(fit.model) for name in (t.name, t.counts_name)}
    axes = {v.name: fit.model.array_axes(v) for v in fit.model.variables} | tables

    def points(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {n: _taken(a, axes.get(n, ()), chosen) for n, a in arrays.items()}

    draws = {n: _taken(a, ("", "", *fit.draw_axes.get(n, ())), chosen) for n, a in fit.draws.items()}
    labels = {p: tuple(fit.labels[p][i] for i in index) for p, index in chosen.items()}
    normal = None if fit.normal is None else fit.normal.taken({
        n: _taken(np.arange(math.prod(s)).reshape(s), fit.draw_axes.get(n, ()), chosen) for n, s in fit.normal.shapes.items()
    })  # fmt: skip
    return replace(
        fit, parameters=points(fit.parameters), deterministic=points(fit.deterministic), draws=draws,
        standard_errors=points(fit.standard_errors), labels={**fit.labels, **labels}, pointwise=None, normal=normal,
        sizes={**fit.sizes, **{p: len(index) for p, index in chosen.items()}},
    )  # fmt: skip


def _chosen(fit: Fit, rows: Binding, plate: str) -> np.ndarray | None:
    """Which of the fit's elements of a plate the rows are of; None where all of them are there, or none is."""
    known, told = fit.labels[plate], rows.labels.get(plate)
    record = fit.model.plate_by_name.get(plate)
    is_open = record is not None and record.is_rows and plate not in plates_as_values(fit.model)
    if told is None or not is_open or told[: len(known)] == known:
        return None
    position = {label: i for i, label in enumerate(known)}
    index = [position[label] for label in told if label in position]
    is_first = all(label in position for label in told[: len(index)])
    return np.array(index, dtype=np.int64) if index and is_first else None


def _taken(array: np.ndarray, axes: Sequence[str], chosen: Mapping[str, np.ndarray]) -> np.ndarray:
    for position, axis in enumerate(axes):
        if axis in chosen and position < np.ndim(array):
            array = np.take(array, chosen[axis], position)
    return array

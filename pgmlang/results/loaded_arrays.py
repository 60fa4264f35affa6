"""Whether arrays that were read are those of the model: all there, of its shapes, finite and within their supports."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pgmlang.results.fit import Fit
from pgmlang.results.fit_folder import not_a_fit, point_values


def check_sizes(fit: Fit) -> None:
    """Raises ValueError where sizes, labels and the model disagree."""
    named = {*fit.model.plate_by_name, *fit.model.dim_by_name}
    if set(fit.row_names) - set(fit.model.plate_by_name):
        raise ValueError("rows are named of a plate that the model does not have")
    for name, labels in [(n, fit.labels[n]) for n in named & set(fit.labels)] + list(fit.row_names.items()):
        if len(set(labels)) < len(labels):
            raise ValueError(f"a label of `{name}` stands twice")
        if name in fit.sizes and len(labels) != fit.sizes[name]:
            raise ValueError(f"`{name}` has {fit.sizes[name]} elements and {len(labels)} labels")
    for name in named & set(fit.sizes):
        size, told = fit.sizes[name], fit.model.axis_size(name)
        if told is not None and told != size:
            raise ValueError(f"`{name}` has {size} elements, the model says {told}")


def check_parameters(folder: Path, fit: Fit, expected: list[str]) -> None:
    """Every parameter that was saved is there, of its model's shape, finite, and a table holds probabilities."""
    from pgmlang.binding.values import outside_support
    from pgmlang.tables.evaluate import Evaluator
    from pgmlang.tables.learned import learned_tables, table_shape

    for name in expected:
        if name not in point_values(fit):
            raise not_a_fit(folder, f"the parameter `{name}` is missing")
    for name, array in fit.parameters.items():
        if not np.isfinite(array).all():
            raise not_a_fit(folder, f"the parameter `{name}` holds a value that is not finite")
    evaluator = Evaluator(fit.model, {}, fit.layout)
    for table in learned_tables(fit.model):
        probabilities = fit.parameters.get(table.name)
        if probabilities is None:
            raise not_a_fit(folder, f"the parameter `{table.name}` is missing")
        shape = table_shape(evaluator, table)
        check_shape(folder, table.name, probabilities, shape)
        if (probabilities < 0).any() or np.abs(probabilities.sum(axis=-1) - 1).max(initial=0) > 1e-6:
            raise not_a_fit(folder, f"the rows of `{table.name}` are not probabilities")
        counts = table.counts_name
        if counts in fit.parameters:
            check_shape(folder, counts, fit.parameters[counts], shape)
            if (fit.parameters[counts] < 0).any():
                raise not_a_fit(folder, f"`{counts}` holds a negative number")
    for name, array in point_values(fit).items():
        variable = fit.model.by_name.get(name)
        if variable is not None:
            wanted = fit.layout.shape(fit.model.array_axes(variable))
            check_shape(folder, name, array, wanted)
            wrong = outside_support(variable, array, is_closed=True) if name in fit.parameters else None
            if wrong:
                raise not_a_fit(folder, f"`{name}` is {variable.type}, and {wrong}")


def check_process_rows(folder: Path, fit: Fit) -> None:
    """What processes go on from is of the model, of its shapes, and codes of labels that there are."""
    for name, array in fit.process_rows.items():
        inner, _, outer = name.partition(" in ")
        variable = fit.model.by_name.get(name)
        axes = (inner,) if outer else fit.model.array_axes(variable) if variable is not None else ()
        if not axes or not all(map(fit.layout.has_size, (*axes, *([outer] if outer else ())))):
            raise not_a_fit(folder, f"it has rows of `{name}`, which the model does not have")
        check_shape(folder, name, array, fit.layout.shape(axes))
        labels = fit.model.labels_of(variable.type) if variable is not None else None
        most = fit.layout.size(outer) if outer else len(labels) if labels is not None else None
        if most is not None and ((array < -1) | (array >= most)).any():
            raise not_a_fit(folder, f"`{name}` of its rows holds what is no code of its labels")


def check_shape(folder: Path, name: str, array: np.ndarray, wanted: tuple[int, ...]) -> None:
    if tuple(array.shape) != tuple(wanted):
        raise not_a_fit(folder, f"`{name}` has shape {tuple(array.shape)}, the model says {tuple(wanted)}")

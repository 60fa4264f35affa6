"""Point estimates as draws of one chain of length one, for programs that read draws."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from pgmlang.results.fit import Fit
from pgmlang.results.scalars import is_coded, value_labels
from pgmlang.results.summary import table_labels
from pgmlang.tables.learned import Table, learned_tables

Labels = Mapping[str, tuple[str, ...]]


def estimates(fit: Fit) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]], Labels]:
    """Estimates ``[1, 1, *axes]`` by name, the names of their axes after the first two, and labels of the axes that are none of
    the model's: parents and labels of learned tables. Axes of weights of networks are numbered."""
    tables = {name: t for t in learned_tables(fit.model) for name in (t.name, t.counts_name)}
    values: dict[str, np.ndarray] = {}
    axes: dict[str, tuple[str, ...]] = {}
    elements: dict[str, tuple[str, ...]] = {}
    for name, array in {**fit.parameters, **fit.deterministic}.items():
        array = np.asarray(array)
        values[name] = array[None, None]
        variable = fit.model.by_name.get(name)
        axes[name] = tuple(f"{name}_dim_{i}" for i in range(array.ndim))
        if name in tables:
            axes[name], labels = table_axes(fit, tables[name], array.shape)
            elements |= labels
        elif variable is not None and len(fit.model.array_axes(variable)) == array.ndim:
            axes[name] = fit.model.array_axes(variable)
    return values, axes, elements


def table_axes(fit: Fit, table: Table, shape: tuple[int, ...]) -> tuple[tuple[str, ...], Labels]:
    """Names of the axes of a learned table, and the labels of each: outer elements, parents (``wet_label``), labels."""
    heads, labels = table_labels(fit, table, shape)
    num_outer = len(table.distribution.by)
    every = [(n if i < num_outer else f"{n}_label", texts) for i, (n, texts) in enumerate(heads)]
    every.append((f"{table.target}_label", labels))
    return tuple(name for name, _ in every), dict(every)


def labels_of_codes(fit: Fit, values: Mapping[str, np.ndarray]) -> dict[str, tuple[str, ...]]:
    """The labels behind estimates that are codes."""
    return {n: tuple(value_labels(fit, n)) for n, v in values.items() if is_coded(fit, n, v)}


def objective_stats(fit: Fit) -> dict[str, np.ndarray]:
    """What the method climbed, where it ended, ``[1, 1]`` by its name; none where it has no trace."""
    if not fit.trace:
        return {}
    name = re.sub(r"\W+", "_", fit.objective).strip("_")
    return {name: np.full((1, 1), float(fit.trace[-1]))}

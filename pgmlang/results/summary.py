"""The numbers of a fit as rows: what `pgmc summary` prints and its JSON holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from pgmlang.model import Type
from pgmlang.results.fit import Fit
from pgmlang.tables.learned import Table, learned_tables, prior_counts


def summary_rows(fit: Fit) -> list[dict[str, Any]]:
    """One dict a number: ``name``, ``mean``, ``sd``; for a table's cell also ``given``, ``label`` and ``count``.

    With a Dirichlet prior the mean and sd are the posterior's, otherwise the sd is that of a share of ``count`` rows
    (None where there were none).
    """
    rows: list[dict[str, Any]] = []
    tables = {t.name: t for t in learned_tables(fit.model)}
    order = {v.name: i for i, v in enumerate(fit.model.variables)}
    for name, array in sorted(fit.parameters.items(), key=lambda item: order.get(item[0].rsplit(".", 1)[0], -1)):
        if name in tables:
            rows.extend(_table_rows(fit, tables[name], array))
        elif ".counts" not in name:
            rows.extend(_plain_rows(fit, name, array))
    return rows


def _table_rows(fit: Fit, table: Table, array: np.ndarray) -> list[dict[str, Any]]:
    distribution = table.distribution
    labels = _labels(fit, fit.model.by_name[table.target].type, array.shape[-1])
    heads = [(by, _axis_labels(fit, by, n)) for by, n in zip(distribution.by, array.shape, strict=False)]
    for parent, n in zip(distribution.parents, array.shape[len(heads) :], strict=False):
        lag = "" if parent.lag == 1 else f", {parent.lag}"
        heads.append((f"prev({parent.name}{lag})" if parent.lag else parent.name, _labels(fit, parent.type, n)))
    counts = fit.parameters.get(table.name.replace(".table", ".counts"))
    prior = prior_counts(table, array.shape) * array.shape[-1]
    rows = []
    for index in np.ndindex(array.shape):
        p = float(array[index])
        total = float(counts[index[:-1]].sum()) if counts is not None else 0.0
        sd = _sd(p, total + prior + 1) if distribution.prior is not None else _sd(p, total)
        rows.append({
            "name": table.target,
            "given": {head: names[i] for (head, names), i in zip(heads, index[:-1], strict=True)},
            "label": labels[index[-1]],
            "mean": p,
            "sd": sd,
            "count": float(counts[index]) if counts is not None else None,
        })  # fmt: skip
    return rows


def _sd(p: float, total: float) -> float | None:
    return (max(p * (1 - p), 0.0) / total) ** 0.5 if total > 0 else None


def _plain_rows(fit: Fit, name: str, array: np.ndarray) -> list[dict[str, Any]]:
    if array.ndim == 0:
        return [{"name": name, "mean": float(array), "sd": None}]
    variable = fit.model.by_name.get(name)
    axes = (*fit.model.batch_axes(variable.plates), *variable.axes) if variable is not None else ()
    if len(axes) == array.ndim:
        names = [_axis_labels(fit, a, n) for a, n in zip(axes, array.shape, strict=True)]
    else:
        names = [tuple(map(str, range(n))) for n in array.shape]
    return [
        {
            "name": f"{name}[{', '.join(x[i] for x, i in zip(names, index, strict=True))}]",
            "mean": float(array[index]),
            "sd": None,
        }
        for index in np.ndindex(array.shape)
    ]


def _labels(fit: Fit, type_: Type, size: int) -> tuple[str, ...]:
    """Labels of a type's values, their numbers where there are none."""
    if type_.axis:
        return _axis_labels(fit, type_.axis, size)
    return _filled(fit.model.labels_of(type_), size)


def _axis_labels(fit: Fit, axis: str, size: int) -> tuple[str, ...]:
    root = fit.model.root_axis(axis)
    return _filled(fit.labels.get(root) or fit.model.axis_labels(root), size)


def _filled(labels: tuple[str, ...] | None, size: int) -> tuple[str, ...]:
    found = labels or ()
    return (*found, *map(str, range(len(found), size)))

"""The numbers of a fit as rows: what `pgmc summary` prints and its JSON holds."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from pgmlang.display import printable
from pgmlang.model import Type
from pgmlang.results.fit import Fit
from pgmlang.results.scalars import axis_labels, figures_of, filled, is_discrete, scalar_names, shares
from pgmlang.tables.learned import Table, learned_tables, prior_counts

DRAW_COLUMNS = ("mean", "sd", "q5", "q50", "q95", "mcse", "ess_bulk", "ess_tail", "r_hat")
"""The figures of a scalar that has draws."""


def summary_rows(fit: Fit, limit: int | None = None, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One dict a number: ``name``, ``mean``, ``sd``; for a table's cell also ``given``, ``label`` and ``count``.

    Of counted tables with a Dirichlet prior the mean and sd are the posterior's, without one the sd is that of a share of
    ``count`` rows (None where there were none, and for a share of nothing or of all: those are on a bound); of other estimates it is the standard error of the fit, where it has one. A scalar with draws has the keys DRAW_COLUMNS; one of a discrete variable has the
    figures of the indicator of its most common ``label`` (of 1 for a bit, a truth value or a spin), no quantiles, and ``shares`` by label. None stands for
    NaN; an R-hat may be infinite. What rows of the data have for themselves comes last. ``limit``: only so many rows are worked out; ``names``: only these variables, or
    elements by the names of their rows (``mu[3]``, ``P(lung = yes | smoke = no)``).
    """
    elements = set(names) & set(element_names(fit, names))
    if elements:
        wanted = {n for n in names if n not in elements}
        owners = tuple(dict.fromkeys([*wanted, *map(owner_of, elements)]))
        every = summary_rows(fit, names=owners)
        return [r for r in every if r["name"].split("[")[0] in wanted or elements & names_of_row(r)][:limit]
    rows: list[dict[str, Any]] = []
    for name in draws_in_order(fit):
        left = None if limit is None else limit - len(rows)
        if (not names or name in names) and (left is None or left > 0):
            rows.extend(draw_rows(fit, name, left))
    rows.extend(r for r in _parameter_rows(fit) if not names or r["name"].split("[")[0] in names)
    return rows[:limit]


def owner_of(element: str) -> str:
    """The variable of an element: ``mu`` of ``mu[3]``, ``lung`` of ``P(lung = yes | smoke = no)``."""
    cell = re.match(r"P\((.+?) = ", element)
    return cell[1] if cell else element.partition("[")[0]


def names_of_row(row: dict[str, Any]) -> set[str]:
    """The names by which a row is asked for: as it is printed, its labels quoted or not."""
    return {str(row["name"]), row_name(row), str(row["name"]).replace('"', "")}


def element_names(fit: Fit, names: Sequence[str]) -> list[str]:
    """Those of ``names`` that are of single numbers of a fit."""
    single = [n for n in names if owner_of(n) != n and owner_of(n) not in ("", n)]
    if not single:
        return []
    known: set[str] = set()
    for owner in {owner_of(n) for n in single}:
        for row in summary_rows(fit, names=(owner,)):
            known |= names_of_row(row)
    return [n for n in single if n in known]


def draws_in_order(fit: Fit) -> list[str]:
    """Names of the draws, those of rows behind those of the model as a whole."""
    rows = {p.name for p in fit.model.plates if p.is_rows}

    def is_of_rows(name: str) -> bool:
        variable = fit.model.by_name.get(name)
        return variable is not None and bool(rows & set(fit.model.batch_axes(variable.plates)))

    return sorted(fit.draws, key=is_of_rows)


def num_rows(fit: Fit, names: Sequence[str] = ()) -> int:
    """How many rows the whole summary has; draws are not read for it."""
    drawn = sum(math.prod(a.shape[2:]) for n, a in fit.draws.items() if not names or n in names)
    return drawn + sum(not names or r["name"].split("[")[0] in names for r in _parameter_rows(fit))


def draw_rows(fit: Fit, name: str, limit: int | None = None) -> list[dict[str, Any]]:
    if is_discrete(fit, name):
        label_shares = shares(fit, name, limit)
        rows = []
        figures = {c: getattr(label_shares.figures, c) for c in DRAW_COLUMNS if not c.startswith("q")}
        for i, scalar in zip(range(len(label_shares.mode)), scalar_names(fit, name), strict=False):
            by_label = {
                label_shares.labels[k]: float(label_shares.share[i, k])
                for k in np.flatnonzero(label_shares.share[i])
            }
            label = label_shares.labels[label_shares.mode[i]] if label_shares.labels else ""
            rows.append(
                {
                    "name": scalar,
                    "label": label,
                    **{c: _plain(v[i]) for c, v in figures.items()},
                    "shares": by_label,
                }
            )
        return rows
    continuous = figures_of(fit, name, limit)
    columns = {c: getattr(continuous, c) for c in DRAW_COLUMNS}
    return [
        {"name": scalar, **{c: _plain(v[i]) for c, v in columns.items()}}
        for i, scalar in zip(range(len(continuous)), scalar_names(fit, name), strict=False)
    ]


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def row_name(row: dict[str, Any]) -> str:
    """``theta[Choate]``, or ``P(lung = yes | smoke = no)`` for the row of a label; what would break the line is not
    printed as it is."""
    name = str(row["name"])
    if "label" in row:
        given = ", ".join(f"{k} = {v}" for k, v in row.get("given", {}).items())
        name = f"P({name} = {row['label']}" + (f" | {given})" if given else ")")
    return printable(name)


def _parameter_rows(fit: Fit) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    tables = {t.name: t for t in learned_tables(fit.model)}
    counts = {t.counts_name for t in tables.values()}
    order = {v.name: i for i, v in enumerate(fit.model.variables)}
    nets = {n.name for n in fit.model.nets}
    rows += [_network_row(fit, name) for name in sorted(nets & {k.split(".")[0] for k in fit.parameters})]
    for name, array in sorted(
        {**fit.parameters, **fit.deterministic}.items(), key=lambda item: order.get(item[0].rsplit(".", 1)[0], -1)
    ):
        if name.split(".")[0] in nets:
            continue
        if name in tables:
            rows.extend(_table_rows(fit, tables[name], array))
        elif name not in counts and name not in fit.draws:
            rows.extend(plain_rows(fit, name, array))
    return rows


def _network_row(fit: Fit, net: str) -> dict[str, Any]:
    """A network in one row: how many weights, their mean and spread."""
    weights = np.concatenate([v.ravel() for k, v in fit.parameters.items() if k.split(".")[0] == net])
    return {"name": f"{net} ({weights.size:,} weights)", "mean": float(weights.mean()), "sd": float(weights.std())}


def _table_rows(fit: Fit, table: Table, array: np.ndarray) -> list[dict[str, Any]]:
    heads, labels = table_labels(fit, table, array.shape)
    counts = fit.parameters.get(table.counts_name)
    errors = table_errors(fit, table, array)
    return [
        {
            **_cell(table, heads, labels, index),
            "mean": float(array[index]),
            "sd": _plain(float(errors[index])),
            "count": float(counts[index]) if counts is not None else None,
        }
        for index in np.ndindex(array.shape)
    ]


def table_errors(fit: Fit, table: Table, array: np.ndarray) -> np.ndarray:
    """Of each cell of a learned table: the fit's standard errors, else the sd of its posterior under a prior, or of a share
    of as many rows; NaN on a bound and where no row tells."""
    if table.name in fit.standard_errors:
        return np.asarray(fit.standard_errors[table.name], dtype=float)
    counts = fit.parameters.get(table.counts_name)
    total = np.zeros_like(array[..., :1]) if counts is None else counts.sum(axis=-1, keepdims=True)
    if table.distribution.prior is not None:
        total = total + prior_counts(table, array.shape) * array.shape[-1] + 1
    inside = (total > 0) & (array > 0) & (array < 1)
    return np.where(inside, np.sqrt(array * (1 - array) / np.where(total > 0, total, 1.0)), np.nan)


def cell_name(fit: Fit, table: Table, shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    """``P(lung = yes | smoke = no)`` of a cell of a learned table of a shape."""
    return row_name(_cell(table, *table_labels(fit, table, shape), index))


Heads = list[tuple[str, tuple[str, ...]]]
"""What a table's row is told by, and its labels."""


def table_labels(fit: Fit, table: Table, shape: tuple[int, ...]) -> tuple[Heads, tuple[str, ...]]:
    """The heads of a table's rows and the labels of its cells."""
    distribution = table.distribution
    heads = [(by, axis_labels(fit, by, n)) for by, n in zip(distribution.by, shape, strict=False)]
    for parent, n in zip(distribution.parents, shape[len(heads) :], strict=False):
        lag = "" if parent.lag == 1 else f", {parent.lag}"
        heads.append((f"prev({parent.name}{lag})" if parent.lag else parent.name, _labels(fit, parent.type, n)))
    return heads, _labels(fit, fit.model.by_name[table.target].type, shape[-1])


def _cell(table: Table, heads: Heads, labels: tuple[str, ...], index: tuple[int, ...]) -> dict[str, Any]:
    given = {head: names[i] for (head, names), i in zip(heads, index[:-1], strict=True)}
    return {"name": table.target, "given": given, "label": labels[index[-1]]}


def plain_rows(fit: Fit, name: str, array: np.ndarray) -> list[dict[str, Any]]:
    errors = fit.standard_errors.get(name, np.full(array.shape, math.nan))
    if array.ndim == 0:
        return [{"name": name, "mean": float(array), "sd": _plain(float(errors))}]
    variable = fit.model.by_name.get(name)
    axes = (*fit.model.batch_axes(variable.plates), *variable.axes) if variable is not None else ()
    if len(axes) == array.ndim:
        names = [axis_labels(fit, a, n) for a, n in zip(axes, array.shape, strict=True)]
    else:
        names = [tuple(map(str, range(n))) for n in array.shape]
    return [
        {
            "name": f"{name}[{', '.join(x[i] for x, i in zip(names, index, strict=True))}]",
            "mean": float(array[index]),
            "sd": _plain(float(errors[index])),
        }
        for index in np.ndindex(array.shape)
    ]


def _labels(fit: Fit, type_: Type, size: int) -> tuple[str, ...]:
    """Labels of a type's values, their numbers where there are none."""
    if type_.axis:
        return axis_labels(fit, type_.axis, size)
    return filled(fit.model.labels_of(type_), size)

"""What a fit learned in pieces that stand or are folded as a whole: groups of scalars, tables, networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pgmlang.display import DisplayTable
from pgmlang.model import Variable
from pgmlang.results.convergence import Convergence
from pgmlang.results.fit import Fit
from pgmlang.results.precision import r_hat_text
from pgmlang.results.probability_table import (
    MOST_ACROSS,
    ProbabilityRows,
    counted,
    probability_table,
    spread,
)
from pgmlang.results.scalars import axis_labels, figures_of, is_discrete
from pgmlang.results.summary import draw_rows, draws_in_order, plain_rows, table_errors, table_labels
from pgmlang.tables.learned import Table, is_of_first_rows, learned_tables

JUDGED = 1 << 22
"""Numbers of a group of draws that are looked at for the figures beside a table."""


@dataclass(frozen=True, eq=False)
class FigureGroup:
    """``name``: of the variable; ``num_rows``: lines of the whole. One of ``scalars`` (rows as of `summary_rows`) and
    ``table`` (of its first lines, whole or brief) shows it; neither: it is always folded. ``shape`` and ``values`` say it in one line."""

    name: str
    num_rows: int
    shape: str
    values: Callable[[], str]
    scalars: Callable[[], list[dict[str, Any]]] | None = None
    table: Callable[[int | None, bool], DisplayTable] | None = None


def figure_groups(fit: Fit, names: Sequence[str] = ()) -> list[FigureGroup]:
    """Draws first, those of rows of the data behind those of the model as a whole; then estimates in the model's order."""
    return [g for g in (*_drawn(fit), *_estimated(fit)) if not names or g.name in names]


def _drawn(fit: Fit) -> Iterator[FigureGroup]:
    for name in draws_in_order(fit):
        draws = fit.draws[name]
        axes = tuple(zip(fit.draw_axes.get(name, ()), draws.shape[2:], strict=True))
        variable = fit.model.by_name.get(name)
        means = partial(_means, fit, name)

        if variable is not None and _is_listed(variable, [n for _, n in axes]):
            yield _simplexes(fit, name, axes, means, is_drawn=True)
        else:
            yield _scalars(
                fit, name, axes, means, partial(draw_rows, fit, name),
                is_discrete=is_discrete(fit, name),
            )  # fmt: skip


def _means(fit: Fit, name: str) -> np.ndarray:
    return np.asarray(np.mean(fit.draws[name], axis=(0, 1), dtype=float))


def _estimated(fit: Fit) -> Iterator[FigureGroup]:
    tables = {t.name: t for t in learned_tables(fit.model)}
    counts = {t.counts_name for t in tables.values()}
    nets = {n.name for n in fit.model.nets}
    order = {v.name: i for i, v in enumerate(fit.model.variables)}
    values = {**fit.parameters, **fit.deterministic}
    yield from (_network(fit, name) for name in sorted(nets & {k.split(".")[0] for k in fit.parameters}))
    for name in sorted(values, key=lambda n: order.get(n.rsplit(".", 1)[0], -1)):
        if name.split(".")[0] in nets or name in counts or name in fit.draws:
            continue
        array = np.asarray(values[name])
        if name in tables:
            yield _table(fit, tables[name], array)
            continue
        variable = fit.model.by_name.get(name)
        named = fit.model.array_axes(variable) if variable is not None else ()
        if len(named) != array.ndim:
            named = ("",) * array.ndim
        axes = tuple(zip(named, array.shape, strict=True))
        if variable is not None and variable.type.kind == "simplex" and array.ndim:
            yield _simplexes(fit, name, axes, partial(np.asarray, array), is_drawn=False)
        else:
            yield _scalars(
                fit, name, axes, partial(np.asarray, array),
                partial(plain_rows, fit, name, array),
            )  # fmt: skip


def _is_listed(variable: Variable, shape: Sequence[int]) -> bool:
    """Whether draws are of shares that are shown as rows of probabilities: several rows of them, or many labels."""
    return variable.type.kind == "simplex" and bool(shape) and (len(shape) > 1 or shape[-1] > MOST_ACROSS)


def _shape(axes: Sequence[tuple[str, int]]) -> str:
    return " x ".join(f"{size:,} {axis}".rstrip() for axis, size in axes)


def _range(values: np.ndarray, digits: int = 3) -> str:
    known = values[np.isfinite(values)]
    if not known.size:
        return "none known"
    low, high = float(known.min()), float(known.max())
    return f"{low:.{digits}g}" if low == high else f"{low:.{digits}g} to {high:.{digits}g}"


def _scalars(
    fit: Fit, name: str, axes: Sequence[tuple[str, int]], means: Callable[[], np.ndarray],
    rows: Callable[[], list[dict[str, Any]]], is_discrete: bool = False,
) -> FigureGroup:  # fmt: skip
    def values() -> str:
        return "labels" if is_discrete else _range(means())

    return FigureGroup(name, math.prod(n for _, n in axes), _shape(axes), values, scalars=rows)


def _network(fit: Fit, net: str) -> FigureGroup:
    """A network in one line: how many weights, and their range."""
    weights = [v for k, v in fit.parameters.items() if k.split(".")[0] == net]
    size = sum(v.size for v in weights)
    return FigureGroup(net, 1, f"{size:,} weights", lambda: _range(np.concatenate([v.ravel() for v in weights])))


def _simplexes(
    fit: Fit, name: str, axes: Sequence[tuple[str, int]], means: Callable[[], np.ndarray], *, is_drawn: bool
) -> FigureGroup:
    """Rows of shares: of topics over words, of states over the next ones."""
    *heads, (last, _) = [(axis, axis_labels(fit, axis, size)) for axis, size in axes]
    shape = tuple(size for _, size in axes)

    def table(limit: int | None, is_whole: bool) -> DisplayTable:
        share = means()
        errors, beside = (
            _figures(fit, name, share, limit if heads else None)
            if is_drawn
            else _standard_errors(fit, name, share)
        )
        root = fit.model.root_axis
        rows = ProbabilityRows(
            f"{name}[{', '.join(axis for axis, _ in axes)}]", last, _told_apart([h for h, _ in heads], heads),
            axis_labels(fit, last, shape[-1]), share, errors, beside,
            is_square=root(last) in {root(h) for h, _ in heads},
        )  # fmt: skip
        return probability_table(rows, limit, is_whole=is_whole)

    num_rows = math.prod(shape[:-1]) if heads else shape[-1]
    return FigureGroup(name, num_rows, _shape(axes), lambda: _range(means()), table=table)


def _told_apart(
    names: Sequence[str], heads: Sequence[tuple[str, tuple[str, ...]]]
) -> list[tuple[str, tuple[str, ...]]]:
    """Heads of which no two have one name."""
    return [
        (name if name not in names[:i] else f"{name} ({names[: i + 1].count(name)})", labels)
        for i, (name, (_, labels)) in enumerate(zip(names, heads, strict=True))
    ]


Beside = list[tuple[str, np.ndarray, Any]]


def _figures(fit: Fit, name: str, share: np.ndarray, limit: int | None) -> tuple[np.ndarray | None, Beside]:
    """The Monte Carlo errors of mean shares, and the worst figures of each row; NaN of rows after the first ``limit``."""
    if fit.draws[name].size > JUDGED:
        return None, []
    shape = share.shape
    figures = figures_of(fit, name, None if limit is None else limit * shape[-1])
    if len(figures) < share.size:
        rest = np.full(share.size - len(figures), np.nan)
        figures = Convergence(
            **{n: np.concatenate([getattr(figures, n), rest]) for n in Convergence.__dataclass_fields__}
        )
    out: Beside = []
    for heading, values, worst, text in (
        ("largest sd", figures.sd, np.fmax, lambda v: f"{v:.2g}"),
        ("least ess", np.fmin(figures.ess_bulk, figures.ess_tail), np.fmin, lambda v: f"{v:,.0f}"),
        ("r_hat", figures.r_hat, np.fmax, r_hat_text),
    ):
        by_row = worst.reduce(np.asarray(values).reshape(shape), axis=-1)
        # many shares have many spreads, and room is for the labels
        is_told = len(shape) > 1 and (heading != "largest sd" or shape[-1] <= MOST_ACROSS)
        if is_told and not np.isnan(by_row).all():
            out.append((heading, by_row, text))
    return np.asarray(figures.mcse).reshape(shape), out


def _standard_errors(fit: Fit, name: str, share: np.ndarray) -> tuple[np.ndarray | None, Beside]:
    if name not in fit.standard_errors:
        return None, []
    errors = np.asarray(fit.standard_errors[name], dtype=float)
    told = spread(errors, share.shape[-1]) if share.ndim > 1 else None
    return errors, [told] if told else []


def _told_by(table: Table) -> tuple[object, ...]:
    """What names the rows of a table."""
    return (*table.distribution.by, *((p.name, p.lag) for p in table.distribution.parents))


def _table(fit: Fit, table: Table, array: np.ndarray) -> FigureGroup:
    """A conditional probability table."""
    heads, labels = table_labels(fit, table, array.shape)
    names = [head for head, _ in heads]
    title = f"P({table.target}{' | ' + ', '.join(names) if names else ''})"
    title += ", first rows" if is_of_first_rows(fit.model, table) else ""
    # tables of one statement that are told by the same names, as of both ways of an `if`
    like = [t for t in learned_tables(fit.model) if t.target == table.target and _told_by(t) == _told_by(table)]
    title += f", table {like.index(table) + 1} of {len(like)}" if len(like) > 1 else ""

    def shown(limit: int | None, is_whole: bool) -> DisplayTable:
        errors = table_errors(fit, table, array)
        counts = fit.parameters.get(table.counts_name)
        beside: Beside = []
        told = spread(errors, array.shape[-1]) if heads else None
        if told:
            beside.append(told)
        if counts is not None:
            beside.append(counted(counts.sum(axis=-1) if heads else counts))
        root = fit.model.root_axis
        by_axis = {p.type.axis for p in table.distribution.parents}
        own = fit.model.by_name[table.target].type.axis
        is_square = table.target in {p.name for p in table.distribution.parents if p.lag} or (
            own is not None and root(own) in {root(a) for a in by_axis if a}
        )
        return probability_table(
            ProbabilityRows(
                title, table.target, _told_apart(names, heads), labels, array, errors, beside, is_square
            ),
            limit,
            is_whole=is_whole,
        )

    num_rows = math.prod(array.shape[:-1]) if heads else array.shape[-1]
    shape = f"{num_rows:,} rows of {len(labels):,} labels" if heads else f"{len(labels):,} labels"
    return FigureGroup(table.target, num_rows, shape, lambda: f"p {_range(array)}", table=shown)

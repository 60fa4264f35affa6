"""Rows of probabilities as tables: what a row is told by down, labels across; of many labels the most probable ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from pgmlang.display import DisplayColumn, DisplayTable, column, printable
from pgmlang.results.precision import count_text, fixed

MOST_ACROSS = 12
"""More labels than this are not set across; a square matrix (of transitions) may have SQUARE."""
SQUARE = 24
SMALLEST = 1e-4
"""Shares below this one are said to be, and none has more decimals."""
TOP = 12
"""How many of many labels are listed, the most probable first."""


@dataclass(frozen=True, eq=False)
class ProbabilityRows:
    """``title``: what the rows are of; ``heads``: what tells rows apart and its labels; ``labels`` of the cells; ``share``:
    probabilities, shape (labels of each head, ..., labels); ``errors``: of each, NaN or None where there is none;
    ``beside``: columns of one figure a row, ``(name, values, text)``. ``target``: the variable whose labels these are."""

    title: str
    target: str
    heads: Sequence[tuple[str, tuple[str, ...]]]
    labels: tuple[str, ...]
    share: np.ndarray
    errors: np.ndarray | None
    beside: Sequence[tuple[str, np.ndarray, Any]] = ()
    is_square: bool = False

    @property
    def num_rows(self) -> int:
        """Lines of the whole table."""
        return int(np.prod(self.share.shape[:-1])) if self.heads else min(len(self.labels), self.share.size)


def probability_table(rows: ProbabilityRows, limit: int | None = None, *, is_whole: bool = True) -> DisplayTable:
    """The first ``limit`` rows; without any heads the labels stand down (the most probable first, where they are many).
    ``is_whole``: with the share of each listed label, on as many lines as it takes."""
    if not rows.heads:
        return _labels_down(rows, limit)
    shape = rows.share.shape
    indices = list(islice(np.ndindex(shape[:-1]), limit))
    columns = [
        column(head, [names[index[i]] for index in indices], is_head=True)
        for i, (head, names) in enumerate(rows.heads)
    ]
    share = rows.share.reshape(-1, shape[-1])[: len(indices)]
    errors = None if rows.errors is None else rows.errors.reshape(-1, shape[-1])[: len(indices)]
    beside = [
        column(name, [_known(v) for v in values.reshape(-1)[: len(indices)]], text)
        for name, values, text in rows.beside
    ]
    if shape[-1] <= (SQUARE if rows.is_square else MOST_ACROSS):
        for k, label in enumerate(rows.labels):
            texts = tuple(_text(share[i, k], None if errors is None else errors[i, k]) for i in range(len(share)))
            columns.append(DisplayColumn(printable(label), texts, tuple(share[:, k].tolist()), is_number=True))
        return DisplayTable((*columns, *beside), rows.title)
    # figures first: the list takes what is left of the width
    order = np.argsort(-share, axis=1, kind="stable")[:, :TOP]
    names = tuple(tuple(rows.labels[k] for k in line) for line in order)
    lists = tuple(
        tuple(
            printable(rows.labels[k]) if not is_whole else f"{printable(rows.labels[k])} ({share[i, k]:.2g})"
            for k in line
        )
        for i, line in enumerate(order)
    )
    most = DisplayColumn("most probable", (), names, lists=lists, is_wrapped=is_whole)
    return DisplayTable((*columns, *beside, most), rows.title)


def _labels_down(rows: ProbabilityRows, limit: int | None) -> DisplayTable:
    share = rows.share.reshape(-1)
    errors = None if rows.errors is None else rows.errors.reshape(-1)
    is_long = limit is not None and len(share) > limit
    order = np.argsort(-share, kind="stable")[:limit] if is_long else np.arange(len(share))
    texts = tuple(_text(share[k], None if errors is None else errors[k]) for k in order)
    columns = [
        column(rows.target, [rows.labels[k] for k in order], is_head=True),
        DisplayColumn("p", texts, tuple(share[order].tolist()), is_number=True),
    ]
    if errors is not None and not np.isnan(errors).all():
        columns.append(column("sd", [_known(errors[k]) for k in order], lambda v: fixed(v, v)))
    for name, values, text in rows.beside:
        if values.size == share.size:
            columns.append(column(name, [_known(values.reshape(-1)[k]) for k in order], text))
    return DisplayTable(tuple(columns), rows.title)


def _known(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _text(value: float, error: float | None) -> str:
    if value in (0.0, 1.0):
        return f"{value:.0f}"
    if value < SMALLEST:
        return f"<{SMALLEST:.4f}"
    has_error = error is not None and error > 0 and np.isfinite(error)
    return fixed(float(value), max(float(error), 10 * SMALLEST) if has_error and error is not None else None)


def spread(errors: np.ndarray, num_labels: int) -> tuple[str, np.ndarray, Any] | None:
    """The column of the error of each row of shares: both of two labels have the same, of more the largest is told."""
    if np.isnan(errors).all():
        return None
    largest = np.where(np.isnan(errors).all(axis=-1), np.nan, np.nanmax(np.nan_to_num(errors, nan=-1.0), axis=-1))
    return ("sd" if num_labels == 2 else "largest sd"), largest, lambda v: fixed(v, v)


def counted(counts: np.ndarray) -> tuple[str, np.ndarray, Any]:
    """The column of how many rows of the data each row of a table rests on."""
    return "count", counts, count_text

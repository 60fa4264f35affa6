"""Whether a column seems to say how many rows each row stands for, or how much it weighs: by its name, or because all others
together never come twice."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from pgmlang.data import Frame
from pgmlang.data.frame import Column, NumberColumn, TextColumn
from pgmlang.data.numbers import parse_numbers

_COUNT = re.compile(
    r"(n|count|counts|cnt|freq|frequency|frequencies|num|number|cases|num_rows|n_obs|nobs|anzahl)", re.I
)
_WEIGHT = re.compile(r"(weights|wt|wgt|sample_weight|sampling_weight|survey_weight|fnlwgt)", re.I)
_MOST_LABELS = 12


class Counting(NamedTuple):
    """``option``: ``counts`` or ``weights``; ``why``: in words; ``is_named``: by its name, which a response seldom has."""

    name: str
    option: str
    why: str
    is_named: bool = True


def counting_column(frame: Frame, candidates: Collection[str]) -> Counting | None:
    """The column among ``candidates`` that seems to count or weigh rows; None where none does."""
    for name in candidates:
        numbers = _numbers(frame.columns[name])
        if numbers is None or not len(numbers) or np.isnan(numbers).any() or (numbers < 0).any():
            continue
        is_whole, varies = bool((numbers == np.floor(numbers)).all()), bool(numbers.max() > numbers.min())
        if not varies or len(frame.columns) < 2:
            continue
        is_row = bool(np.all(np.diff(numbers) == 1))
        if is_whole and not is_row and _COUNT.fullmatch(name) and _others_are_labels(frame, name):
            return Counting(name, "counts", "the number of rows that each row stands for (by its name)")
        if _WEIGHT.fullmatch(name):
            return Counting(name, "weights", "the weight of each row (by its name)")
    return _by_structure(frame, candidates)


def _numbers(column: Column) -> np.ndarray | None:
    """The cells as numbers; None where one is none."""
    if isinstance(column, NumberColumn):
        return None if column.kind == "bool" or np.isinf(column.values).any() else column.values
    if not isinstance(column, TextColumn):
        return None
    dictionary, codes = column.encoded
    values, bad = parse_numbers(dictionary, column.number_format)
    return None if bad.any() else np.append(values, np.nan)[codes]


def _others_are_labels(frame: Frame, name: str) -> bool:
    """Whether all other columns take few values: a table of combinations."""
    return all(
        isinstance(c, (TextColumn, NumberColumn)) and len(set(np.unique(c.codes).tolist()) - {-1}) <= max(_MOST_LABELS, len(c) // 10)
        for n, c in frame.columns.items()
        if n != name
    )  # fmt: skip


def _by_structure(frame: Frame, candidates: Collection[str]) -> Counting | None:
    """A column of whole numbers beside a full table of combinations: the others take few values each, and none comes twice."""
    if not 4 <= frame.num_rows <= 100_000 or len(frame.columns) < 3:
        return None
    for name in candidates:
        numbers = _numbers(frame.columns[name])
        if (
            numbers is None
            or np.isnan(numbers).any()
            or (numbers < 0).any()
            or (numbers != np.floor(numbers)).any()
        ):
            continue
        if len(np.unique(numbers)) < 3 or numbers.max() < 5 or bool(np.all(np.diff(numbers) == 1)):
            continue
        codes = [
            c.codes for n, c in frame.columns.items() if n != name and isinstance(c, (TextColumn, NumberColumn))
        ]
        if len(codes) != len(frame.columns) - 1:
            return None
        sizes = [len(np.unique(c)) for c in codes]
        combinations = float(np.prod([float(s) for s in sizes]))
        if max(sizes) > _MOST_LABELS or min(sizes) < 2 or combinations > 2 * frame.num_rows:
            continue
        if len(np.unique(np.stack(codes, axis=1), axis=0)) == frame.num_rows:
            return Counting(
                name,
                "counts",
                "the number of rows that each row stands for (every combination of the other columns comes once)",
                False,
            )
    return None

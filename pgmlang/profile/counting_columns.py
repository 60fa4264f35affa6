"""Whether a column seems to say how many rows each row stands for, or how much it weighs: by what the other columns are beside
it (a table of combinations), and by its name."""

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
_NEARLY = 0.95
"""The share of rows whose combination comes once, from which the rows are a table of combinations."""
_MORE = 3
"""A table of counts stands for at least so many rows for each of its own."""


class Counting(NamedTuple):
    """``option``: ``counts`` or ``weights``; ``why``: in words; ``is_sure``: its name and the other columns say so both, or
    a label to be predicted comes as often as every other one (which rows as they were drawn do not do)."""

    name: str
    option: str
    why: str
    is_sure: bool = True


def counting_column(frame: Frame, candidates: Collection[str], target: str | None = None) -> Counting | None:
    """The column among ``candidates`` that seems to count or weigh rows; None where none does. ``target``: what is to be
    predicted, and so counts nothing itself."""
    suspects: list[Counting] = []
    for name in candidates:
        if name == target or len(frame.columns) < 2:
            continue
        numbers = _numbers(frame.columns[name])
        if numbers is None or not len(numbers) or np.isnan(numbers).any() or (numbers < 0).any():
            continue
        suspect = _suspicion(frame, name, numbers, target)
        if suspect is not None:
            suspects.append(suspect)
    return max(suspects, key=lambda s: (s.is_sure, s.option == "counts"), default=None)


def _suspicion(frame: Frame, name: str, numbers: np.ndarray, target: str | None) -> Counting | None:
    if numbers.max() == numbers.min():
        return None
    rows = "the number of rows that each row stands for"
    is_counts = bool((numbers == np.floor(numbers)).all()) and numbers.sum() >= _MORE * len(numbers)
    if is_counts and not bool(np.all(np.diff(numbers) == 1)):
        is_named = bool(_COUNT.fullmatch(name))
        combinations = _combinations(frame, name, is_named)
        if combinations is not None and is_named:
            return Counting(
                name, "counts", f"{rows} (by its name, and since no combination of the others comes twice)"
            )
        if combinations == len(numbers) and len(np.unique(numbers)) >= 3 and numbers.max() >= _MOST_LABELS:
            is_sure = _is_label(frame, target)
            unless = "" if is_sure else ", unless it was measured in each"
            return Counting(
                name, "counts", f"{rows} (every combination of the other columns comes once){unless}", is_sure
            )
    if _WEIGHT.fullmatch(name):
        return Counting(
            name, "weights", "the weight of each row (by its name alone: it may as well be measured)", False
        )
    return None


def _numbers(column: Column) -> np.ndarray | None:
    """The cells as numbers; None where one is none."""
    if isinstance(column, NumberColumn):
        return None if column.kind == "bool" or np.isinf(column.values).any() else column.values
    if not isinstance(column, TextColumn):
        return None
    dictionary, codes = column.encoded
    values, bad = parse_numbers(dictionary, column.number_format)
    return None if bad.any() else np.append(values, np.nan)[codes]


def _is_label(frame: Frame, target: str | None) -> bool:
    """Whether the target has labels: texts, or two numbers."""
    column = None if target is None else frame.columns.get(target)
    if not isinstance(column, (TextColumn, NumberColumn)):
        return False
    return _numbers(column) is None or len(np.unique(column.codes)) == 2


def _combinations(frame: Frame, name: str, is_named: bool) -> int | None:
    """How many combinations the values of the other columns have, where these take few values each and (nearly) no combination
    comes twice; None else."""
    if not 4 <= frame.num_rows <= 100_000:
        return None
    others = [c for n, c in frame.columns.items() if n != name]
    codes = [c.codes for c in others if isinstance(c, (TextColumn, NumberColumn))]
    if len(codes) != len(others):
        return None
    sizes = [len(np.unique(c)) for c in codes]
    most = max(_MOST_LABELS, frame.num_rows // 10) if is_named else _MOST_LABELS
    if max(sizes) > most or min(sizes) < 2 or (len(sizes) < 2 and not is_named):
        return None
    different = len(np.unique(np.stack(codes, axis=1), axis=0))
    if different < _NEARLY * frame.num_rows:
        return None
    return int(np.prod([float(s) for s in sizes]))

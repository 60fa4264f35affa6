"""Labels that are intervals of numbers, ``< 18``, ``[18, 30)``, ``>= 65``: a number finds its label among them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

import numpy as np

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_BOUNDED = re.compile(rf"([\[(])\s*({_NUMBER})\s*,\s*({_NUMBER})\s*([\])])")
_OPEN = re.compile(rf"(<=?|>=?|≤|≥)\s*({_NUMBER})")

Interval = tuple[float, bool, float, bool]
"""The lower end and whether it belongs to it, the upper end and whether that does."""


def interval_of(label: str) -> Interval | None:
    """The interval that a label names; None of another text."""
    text = label.strip()
    if bounded := _BOUNDED.fullmatch(text):
        low, high = float(bounded[2]), float(bounded[3])
        is_one = low < high or (low == high and bounded[1] == "[" and bounded[4] == "]")
        return (low, bounded[1] == "[", high, bounded[4] == "]") if is_one else None
    if half := _OPEN.fullmatch(text):
        end, is_closed = float(half[2]), half[1] in ("<=", ">=", "≤", "≥")
        return (
            (-math.inf, False, end, is_closed)
            if half[1] in ("<", "<=", "≤")
            else (end, is_closed, math.inf, False)
        )
    return None


def intervals_of(labels: Sequence[str]) -> list[Interval] | None:
    """The intervals of labels, where every one names an interval and no two overlap; else None."""
    intervals = [i for i in map(interval_of, labels) if i is not None]
    if not intervals or len(intervals) != len(labels):
        return None
    ordered = sorted(intervals)
    for (_, _, high, closed_above), (low, closed_below, _, _) in itertools.pairwise(ordered):
        if low < high or (low == high and closed_above and closed_below):
            return None
    return intervals


def codes_of_numbers(values: np.ndarray, intervals: Sequence[Interval], outside: int) -> np.ndarray:
    """The position of each number's interval (int64), -1 for NaN, ``outside`` where none holds it."""
    codes = np.full(len(values), outside, np.int64)
    for i, (low, is_low_in, high, is_high_in) in enumerate(intervals):
        above = values >= low if is_low_in else values > low
        codes[above & (values <= high if is_high_in else values < high)] = i
    codes[np.isnan(values)] = -1
    return codes


def label_of_number(text: str, labels: Sequence[str]) -> str | None:
    """The label of the interval that holds the number ``text``, where the labels are intervals; None otherwise."""
    try:
        number = float(text)
    except ValueError:
        return None
    intervals = intervals_of(list(labels))
    if intervals is None:
        return None
    code = int(codes_of_numbers(np.array([number]), intervals, -1)[0])
    return labels[code] if code >= 0 else None


def interval_labels(cuts: Sequence[float]) -> tuple[str, ...]:
    """The labels of the bins between cut points: the first and the last are open."""
    ends = [f"{c:.12g}" for c in cuts]
    inner = [f"[{a}, {b})" for a, b in itertools.pairwise(ends)]
    return (f"< {ends[0]}", *inner, f">= {ends[-1]}")

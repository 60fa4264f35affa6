"""Labels that have an order which their text does not show: known scales of words, and ranges of numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pgmlang.data.intervals import intervals_of

SCALES: tuple[tuple[str, ...], ...] = (
    ("none", "very low", "low", "medium low", "moderate", "medium", "medium high", "high", "very high", "extreme"),
    ("never", "rarely", "seldom", "sometimes", "occasionally", "often", "usually", "very often", "always"),
    ("strongly disagree", "disagree", "somewhat disagree", "neither agree nor disagree", "neutral", "undecided", "somewhat agree",
     "agree", "strongly agree"),
    ("very dissatisfied", "dissatisfied", "somewhat dissatisfied", "neutral", "somewhat satisfied", "satisfied", "very satisfied"),
    ("terrible", "very bad", "very poor", "bad", "poor", "fair", "ok", "average", "medium", "good", "very good", "excellent", "perfect"),
    ("not at all", "slightly", "a little", "somewhat", "moderately", "quite", "very", "extremely"),
    ("none", "slight", "mild", "moderate", "marked", "severe", "very severe", "critical"),
    ("xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl"),
    ("tiny", "very small", "small", "medium", "big", "large", "very large", "huge"),
    ("very short", "short", "medium", "long", "very long"),
    ("cold", "cool", "mild", "warm", "hot"),
    ("young", "middle", "middle-aged", "old"),
    ("no schooling", "none", "primary", "elementary", "middle school", "secondary", "high school", "some college", "college", "associate",
     "bachelor", "bachelors", "bachelor's", "graduate", "master", "masters", "master's", "phd", "doctorate"),
    ("beginner", "junior", "intermediate", "advanced", "senior", "expert"),
    ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    ("1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th"),
    ("bronze", "silver", "gold", "platinum"),
    ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"),
)  # fmt: skip
"""Each from the lowest up."""

_RANGE = re.compile(
    r"(?:<|<=|under|below|up to|over|>|>=|from)?\s*(\d+(?:\.\d+)?)\s*(?:(?:-|\u2013|to|\.\.)\s*(\d+(?:\.\d+)?)|\+|and over|or more|plus)?"
)
_UNDER = re.compile(r"(<|under|below|up to).*")


def ordered_labels(labels: Sequence[str]) -> tuple[str, ...] | None:
    """Labels from the lowest up, where their words or ranges say an order; None where they do not."""
    keys = [" ".join(t.replace("_", " ").lower().split()) for t in labels]
    if len(set(keys)) != len(keys) or len(keys) < 3:
        return None
    intervals = intervals_of(list(labels))
    if intervals is not None:
        return tuple(labels[i] for i in sorted(range(len(labels)), key=intervals.__getitem__))
    for scale in SCALES:
        if set(keys) <= set(scale):
            return tuple(labels[keys.index(step)] for step in scale if step in keys)
    ranges = [_RANGE.fullmatch(k) for k in keys]
    if all(ranges) and any(m[2] for m in ranges if m):
        ends = [(float(m[1]), not _UNDER.fullmatch(k)) for m, k in zip(ranges, keys, strict=True) if m]
        return tuple(labels[i] for i in sorted(range(len(labels)), key=ends.__getitem__))
    return None

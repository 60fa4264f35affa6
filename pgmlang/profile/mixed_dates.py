"""Dates of which not all are written in one form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgmlang.data.bridge import strings_of
from pgmlang.data.date_formats import FORMATS, ISO, parse_dates

_PROBED = 40


def mixed_formats_of(texts: Sequence[str]) -> list[str]:
    """The forms that together fit all texts, taken one after the other by how many they fit; none where some are no dates."""
    if len(texts) < 2 or not all(
        any(c.isdigit() for c in t) and 6 <= len(t.strip()) <= 40 for t in texts[:_PROBED]
    ):
        return []
    bad = {f: parse_dates(strings_of(texts[:_PROBED]), f)[1] for f in (*FORMATS, ISO)}
    if np.logical_and.reduce(list(bad.values())).any():
        return []
    chosen: list[str] = []
    left = list(texts)
    while left:
        wrong = {f: parse_dates(strings_of(left), f)[1] for f in bad}
        best = min(wrong, key=lambda f: int(wrong[f].sum()))
        if wrong[best].all():
            return []
        chosen.append(best)
        left = [t for t, is_bad in zip(left, wrong[best], strict=True) if is_bad]
    return chosen

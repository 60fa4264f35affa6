"""The kinds of columns, a row each, in the order in which they are asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pgmlang.data import Column
from pgmlang.data.frame import OtherColumn
from pgmlang.profile.column import MAX_LABELS, ColumnProfile

_ID_NAME = re.compile(
    r"(^|[\W_])(id|ids|uuid|guid|key|index|idx|nr\.?|no\.?|number|row|rownames?|record|unnamed.*)$", re.I
)
_CODE_NAME = re.compile(
    r"(^|[\W_])(code|zip|zipcode|postcode|postal|plz|phone|region|area_code|type|class|group|cluster|category)([\W_]|$)",
    re.I,
)
_TIME_NAME = re.compile(
    r"(year|jahr|time|date|day|week|month|hour|minute|second|step|period|wave|age|dose|temp)", re.I
)
_MANY = 20
"""Rows from which uniqueness of numbers says something."""
_FEW = 5
"""Rows from which names that are all different are names of the rows."""


_NAMES = 20
"""Labels up to which a column is a category; more that come again are names of groups."""


class ColumnKind(NamedTuple):
    """``holds``: whether a column is of the kind; ``says``: what it is, in words."""

    name: str
    says: str
    holds: Callable[[ColumnProfile], bool]


def _is_id_of_numbers(c: ColumnProfile) -> bool:
    if not (c.is_whole and c.distinct == c.present and not c.missing and len(c.strays) == 0):
        return False
    values = c.sorted_numbers
    if _ID_NAME.search(c.name):
        return True
    if len(values) < _MANY or len(np.unique(np.diff(c.numbers))) > 1:
        return len(values) >= _MANY and values[0] in (0, 1) and bool((np.diff(values) == 1).all())
    if (
        values[0] < 0
        or c.numbers[0] > c.numbers[1]
        or (c.is_text and not all(t.strip().isdigit() for t in c.labels))
    ):
        return False
    # a step that never changes, from row to row: row numbers, unless it is time that goes by, or a scale that was set
    is_year = values[0] >= 1500 and values[-1] <= 2200 and values[1] - values[0] == 1
    return values[0] in (0, 1) or not (is_year or _TIME_NAME.search(c.name) or len(c.name) == 1)


def _is_id_of_texts(c: ColumnProfile) -> bool:
    if c.distinct != c.present or c.missing > 0.5 * len(c.codes):
        return False
    if _ID_NAME.search(c.name):
        return c.present > 2
    return c.present >= _FEW and _are_names(c)


def _are_names(c: ColumnProfile) -> bool:
    """Whether labels are as short as names and codes are, not sentences."""
    return all(len(t) <= 40 and t.strip().count(" ") <= 2 for t in c.labels[:200])


def _is_code(c: ColumnProfile) -> bool:
    """Whole numbers that stand for names: few of them, apart from each other or so named; never amounts of something."""
    if c.number_format.unit or c.number_format.magnitudes:
        return False
    if not c.is_whole or c.distinct > MAX_LABELS:
        return c.has_leading_zeros and c.is_whole
    values = np.unique(c.sorted_numbers)
    often = c.present >= 5 * c.distinct
    apart = (
        bool((np.diff(values) > 1).any())
        and values[0] > 1
        and values[-1] >= 100
        and not _TIME_NAME.search(c.name)
        and c.distinct <= 12
        and c.present >= 20 * c.distinct
    )
    return c.has_leading_zeros or (often and bool(_CODE_NAME.search(c.name)) and not _is_scale(c)) or apart


def _is_scale(c: ColumnProfile) -> bool:
    """Whole numbers from one up without a gap, few and often: a rating."""
    if not c.is_whole or not 3 <= c.distinct <= 11 or c.present < 2 * c.distinct:
        return False
    values = np.unique(c.sorted_numbers)
    return values[0] == 1 and values[-1] == c.distinct


def _is_count(c: ColumnProfile) -> bool:
    values = c.sorted_numbers
    if not c.is_whole or values[0] < 0 or c.distinct < 3:
        return False
    return bool(values[0] <= 1 and (values.mean() < 30 or c.skewness > 1)) or bool(values.mean() < 15)


def _is_skewed(c: ColumnProfile) -> bool:
    values = c.sorted_numbers
    return len(values) > 4 and bool(values[0] > 0) and c.skewness > 1 and values[-1] > 4 * np.median(values)


def _is_category(c: ColumnProfile) -> bool:
    is_named = bool(_ID_NAME.search(c.name)) and c.distinct >= 5
    return 2 <= c.distinct <= _NAMES and not is_named and (c.distinct <= 12 or c.present >= 3 * c.distinct)


def _is_group(c: ColumnProfile) -> bool:
    repeat = int((c.counts > 1).sum())
    return _are_names(c) and c.present >= 2 * c.distinct and 2 * repeat > c.distinct


def _is_number_group(c: ColumnProfile) -> bool:
    """Ids of numbers that come again: so named, many of them, several rows each."""
    return (
        c.is_whole
        and bool(_ID_NAME.search(c.name))
        and c.present >= 2 * c.distinct
        and c.distinct > 2
        and not c.strays
    )


KINDS: tuple[ColumnKind, ...] = (
    ColumnKind("other", "neither text nor numbers", lambda c: isinstance(c.column, OtherColumn)),
    ColumnKind("empty", "no value at all", lambda c: c.present == 0),
    ColumnKind("constant", "one value only", lambda c: c.distinct == 1),
    ColumnKind("bins", "numbers cut into bins", lambda c: c.is_binned),
    ColumnKind("ordinal", "steps of a scale", lambda c: 2 <= len(c.column.declared) <= MAX_LABELS),
    ColumnKind("date", "dates", lambda c: bool(c.date_formats or (not c.is_numeric and c.mixed_date_formats))),
    ColumnKind("id", "a name of each row", lambda c: c.is_numeric and _is_id_of_numbers(c)),
    ColumnKind(
        "binary", "0 and 1", lambda c: c.is_numeric and set(c.sorted_numbers[[0, -1]]) == {0.0, 1.0} and c.is_whole
    ),
    ColumnKind("group", "names that come again", lambda c: c.is_numeric and _is_number_group(c)),
    ColumnKind("code", "numbers that stand for names", lambda c: c.is_numeric and _is_code(c)),
    ColumnKind("ordinal", "steps of a scale", lambda c: c.is_numeric and _is_scale(c)),
    ColumnKind("count", "counts", lambda c: c.is_numeric and _is_count(c)),
    ColumnKind("skewed", "positive numbers with a long tail", lambda c: c.is_numeric and _is_skewed(c)),
    ColumnKind("number", "numbers", lambda c: c.is_numeric),
    ColumnKind("ordinal", "steps of a scale", lambda c: c.distinct <= MAX_LABELS and c.scale is not None),
    ColumnKind("id", "a name of each row", _is_id_of_texts),
    ColumnKind("category", "labels", _is_category),
    ColumnKind("group", "names that come again", _is_group),
    ColumnKind("text", "free text", lambda c: True),
)
"""The first that holds is the column's. A name comes again where numbers, text and what the source declares tell it apart."""


def profiled(column: Column, table_decimal: str = "") -> ColumnProfile:
    """A column with its kind; ``table_decimal``: the decimal mark of the columns beside it, where they say one."""
    seen = ColumnProfile(column, table_decimal=table_decimal)
    kind = next(k.name for k in KINDS if k.holds(seen))
    # what was worked out on the way stays
    object.__setattr__(seen, "kind", kind)
    return seen


def words_of(kind: str) -> str:
    """What a kind is, in words."""
    return next(k.says for k in KINDS if k.name == kind)

"""The kinds of remarks, a row each: another one is a file of `remarks/` and a row here, or `register` from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

from pgmlang.data import Reading
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.remarks import (
    coded_numbers,
    constant_columns,
    dates,
    duplicate_columns,
    encodings,
    forgotten_counts,
    identifiers,
    missing_codes,
    missing_words,
    names,
    near_labels,
    number_marks,
    one_hot,
    outliers,
    stray_texts,
)
from pgmlang.profile.table import TableProfile

REMARKS: dict[str, RemarkKind] = {
    module.KIND.name: module.KIND
    for module in (
        encodings, names, duplicate_columns, constant_columns, missing_words, missing_codes, number_marks, stray_texts, near_labels,
        outliers, dates, identifiers, coded_numbers, one_hot, forgotten_counts,
    )
}  # fmt: skip
"""By name, in the order in which they are said."""


def remarks_on(table: TableProfile) -> tuple[Remark, ...]:
    """What every kind of remark has to say, in the order of the registry."""
    return tuple(remark for kind in REMARKS.values() for remark in kind.look(table))


def sure_options(remarks: Iterable[Remark]) -> Reading:
    """The options of all remarks that are sure."""
    reading = Reading()
    for remark in remarks:
        if remark.is_sure:
            reading = reading.plus(remark.options)
    return reading


def register(kind: RemarkKind) -> None:
    """Adds a kind of remark. Raises ValueError for a name that is taken."""
    if kind.name in REMARKS:
        raise ValueError(f"there is a remark named {kind.name!r}")
    REMARKS[kind.name] = kind

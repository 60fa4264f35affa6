"""The kinds of remarks, a row each: another one is a file of `remarks/` and a row here, or `register` from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

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
    zeros,
)
from pgmlang.profile.table import TableProfile

REMARKS: dict[str, RemarkKind] = {
    module.KIND.name: module.KIND
    for module in (
        encodings, names, duplicate_columns, constant_columns, missing_words, missing_codes, number_marks, stray_texts, near_labels,
        outliers, dates, identifiers, coded_numbers, one_hot, zeros, forgotten_counts,
    )
}  # fmt: skip
"""By name, in the order in which they are said."""


def remarks_on(table: TableProfile) -> tuple[Remark, ...]:
    """What every kind of remark has to say, in the order of the registry."""
    return tuple(remark for kind in REMARKS.values() for remark in kind.look(table))


def sure_options(remarks: Iterable[Remark], table: TableProfile) -> Reading:
    """The options of all remarks that are sure; a text that means missing in several columns, and is in no other, is said once."""
    reading = Reading()
    for remark in remarks:
        if remark.is_sure:
            reading = reading.plus(remark.options)
    columns = {text: {c for c, t in reading.na if t == text} for _, text in reading.na}
    once = {text for text, named in columns.items() if len(named) > 1 and _is_only_in(text, named, table)}
    rows = tuple(dict.fromkeys(("", text) if text in once else (column, text) for column, text in reading.na))
    return replace(reading, na=rows)


def _is_only_in(text: str, names: set[str], table: TableProfile) -> bool:
    """Whether no other column has a cell of this text, or of a number that it is."""
    return not any(c.has_label(text) for name, c in table.columns.items() if name not in names)


def register(kind: RemarkKind) -> None:
    """Adds a kind of remark. Raises ValueError for a name that is taken."""
    if kind.name in REMARKS:
        raise ValueError(f"there is a remark named {kind.name!r}")
    REMARKS[kind.name] = kind

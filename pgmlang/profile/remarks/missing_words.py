"""Words that often mean that a value is not known: `NA`, `?`, `-`."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.data.problems import quoted
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.remarks.doubtful_cells import doubtful_cells
from pgmlang.profile.table import TableProfile

LABELS_TOO = frozenset(("none", "unknown", "unk", "missing"))
"""Words that may as well be labels where the column holds labels."""


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.columns.values():
        if not column.is_text or column.is_binned:
            continue
        for place in [
            i for i in range(min(len(column.labels), 5000)) if column.counts[i] and column.is_missing_word(i)
        ]:
            text = column.labels[place]
            is_sure = column.is_numeric or column.kind == "date" or text.strip().lower() not in LABELS_TOO
            yield doubtful_cells(
                "missing-words", table, column, [place], f"{quoted(text)}: a word for missing?", is_sure=is_sure
            )


KIND = RemarkKind("missing-words", "cells that say in words that there is no value", _look)

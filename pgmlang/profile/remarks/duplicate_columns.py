"""Columns that say the same: equal cells, in the same or other words, or names that differ in case and marks alone."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile


def _look(table: TableProfile) -> Iterator[Remark]:
    for first, *others in duplicates(table):
        for other in others:
            yield Remark("duplicates", (other, first), "the same cells in both", cure="leave one of them out")
    by_word: dict[str, list[str]] = defaultdict(list)
    for name in table.columns:
        by_word[re.sub(r"[\W_]", "", name).casefold()].append(name)
    for names in by_word.values():
        if len(names) > 1:
            listed = " and ".join(f"`{n}`" for n in names)
            yield Remark("duplicates", tuple(names), f"names that are nearly equal: {listed}",
                         cure="rename one of them, or say which is meant: `--map VARIABLE=COLUMN`")  # fmt: skip


def duplicates(table: TableProfile) -> list[list[str]]:
    """Names of columns that say the same, in the same or in other labels (`yes` for 1)."""
    by_cells: dict[bytes, list[str]] = defaultdict(list)
    for column in table.columns.values():
        if column.distinct > 1:
            # codes are in order of appearance: where labels come again, equal codes are the same in other words
            digest = hashlib.sha256(np.ascontiguousarray(column.codes, np.int64).tobytes())
            if 2 * column.distinct > column.present:
                values = column.label_values if column.is_numeric and not column.strays else np.zeros(0)
                digest.update(
                    values.tobytes() if len(values) else "\0".join(column.labels).encode("utf-8", "replace")
                )
            by_cells[digest.digest()].append(column.name)
    return [names for names in by_cells.values() if len(names) > 1]


KIND = RemarkKind("duplicates", "columns that say the same", _look)

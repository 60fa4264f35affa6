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
            is_equal = table.columns[other].labels == table.columns[first].labels
            message = (
                "the same cells in both"
                if is_equal
                else "each value of the one stands beside one of the other alone"
            )
            yield Remark("duplicates", (other, first), message, cure="leave one of them out: they say the same")
    for first, other in affine_pairs(table):
        yield Remark("duplicates", (other, first), f"`{first}` times a number, plus a number: they say the same",
                     cure="leave one of them out: effects of both cannot be told apart")  # fmt: skip
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


def affine_pairs(table: TableProfile) -> list[tuple[str, str]]:
    """Pairs (the first, a later one) of columns of numbers of which each is a multiple of the other, plus a constant."""
    several = [c for c in table.columns.values()
               if c.is_numeric and c.kind in ("number", "skewed", "count") and not c.missing and not c.strays and c.distinct > 4]  # fmt: skip
    same = {name for names in duplicates(table) for name in names[1:]}
    several = [c for c in several if c.name not in same][:_MOST]
    if len(several) < 2:
        return []
    values = np.stack([c.numbers for c in several])
    values = values - values.mean(axis=1, keepdims=True)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    pairs: dict[str, str] = {}
    for i, first in enumerate(several):
        # a correlation of one to the last digits says little: the differences themselves are looked at
        signs = np.sign(values @ values[i])[:, None]
        is_same = np.abs(values - signs * values[i]).max(axis=1) < 1e-9
        for j in np.flatnonzero(is_same):
            if j > i and first.name not in pairs:
                pairs.setdefault(several[j].name, first.name)
    return [(first, other) for other, first in pairs.items()]


_MOST = 200
"""Columns of numbers that are compared for being multiples."""

KIND = RemarkKind("duplicates", "columns that say the same", _look)

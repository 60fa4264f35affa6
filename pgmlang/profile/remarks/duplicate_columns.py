"""Columns that say the same: equal cells, in the same or other words, or names that differ in case and marks alone."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile


def _look(table: TableProfile) -> Iterator[Remark]:
    for first, *others in duplicates(table):
        for other in others:
            yield Remark("duplicates", (other, first), "the same cells in both", cure="leave one of them out")
    for first, *others in renamings(table):
        for other in others:
            yield Remark(
                "duplicates",
                (other, first),
                f"it tells the same rows apart as `{first}`",
                cure="leave one of them out",
            )
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
    """Names of columns with the same cells: equal numbers, or equal texts."""
    by_cells: dict[bytes, list[str]] = defaultdict(list)
    for column in table.columns.values():
        if column.distinct > 1:
            by_cells[_cells(column)].append(column.name)
    return [names for names in by_cells.values() if len(names) > 1]


def _cells(column: ColumnProfile) -> bytes:
    """Equal where all cells are: as numbers, or as texts."""
    if is_quantity(column):
        return _digest(np.ascontiguousarray(column.numbers).tobytes())
    rank, places = _ranked(column)
    return _digest(rank.tobytes(), *(column.labels[i].encode("utf-8", "replace") for i in places))


def renamings(table: TableProfile) -> list[list[str]]:
    """Names of columns that tell the same rows apart, a column of labels first (`yes` for 1). Two columns of numbers that do so need
    not say the same: 1, 2, 3 and 1, 10, 100. Of equal columns the first alone."""
    same = {name for names in duplicates(table) for name in names[1:]}
    by_rows: dict[bytes, list[ColumnProfile]] = defaultdict(list)
    for column in table.columns.values():
        # where most values come once, nearly all columns tell the same rows apart
        if column.distinct > 1 and 2 * column.distinct <= column.present and column.name not in same:
            by_rows[_digest(_ranked(column)[0].tobytes())].append(column)
    groups = []
    for columns in by_rows.values():
        first = next((c for c in columns if not is_quantity(c)), None)
        if first is not None and len(columns) > 1:
            groups.append([first.name, *(c.name for c in columns if c is not first)])
    return groups


def is_quantity(column: ColumnProfile) -> bool:
    """Whether cells are quantities, not names written in digits."""
    return column.is_numeric and not column.strays and column.kind not in ("code", "group", "id")


def _ranked(column: ColumnProfile) -> tuple[np.ndarray, list[int]]:
    """Which rows have equal cells: the rank of each by first appearance, -1 for missing; and the label of each rank."""
    codes = column.codes
    places, first, inverse = np.unique(codes[codes >= 0], return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(places), np.int64)
    rank[order] = np.arange(len(places))
    out = np.full(len(codes), -1, np.int64)
    out[codes >= 0] = rank[inverse]
    return out, [int(i) for i in places[order]]


def _digest(*cells: bytes) -> bytes:
    return hashlib.sha256(b"\0".join(cells)).digest()


def affine_pairs(table: TableProfile) -> list[tuple[str, str]]:
    """Pairs (the first, a later one) of columns of numbers of which each is a multiple of the other, plus a constant."""
    several = [c for c in table.columns.values()
               if c.kind in ("number", "skewed", "count", "ordinal", "binary") and is_quantity(c) and c.distinct > 1]  # fmt: skip
    same = {name for names in duplicates(table) for name in names[1:]}
    several = [c for c in several if c.name not in same][:_MOST]
    if len(several) < 2:
        return []
    values = np.stack([c.numbers for c in several])
    is_missing = np.isnan(values)
    values = np.where(is_missing, 0.0, values - np.nanmean(values, axis=1, keepdims=True))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    pairs: dict[str, str] = {}
    for i, first in enumerate(several):
        # a correlation of one to the last digits says little: the differences themselves are looked at
        signs = np.sign(values @ values[i])[:, None]
        is_same = (np.abs(values - signs * values[i]).max(axis=1) < 1e-9) & (is_missing == is_missing[i]).all(
            axis=1
        )
        for j in np.flatnonzero(is_same):
            if j > i and first.name not in pairs:
                pairs.setdefault(several[j].name, first.name)
    return [(first, other) for other, first in pairs.items()]


_MOST = 200
"""Columns of numbers that are compared for being multiples."""

KIND = RemarkKind("duplicates", "columns that say the same", _look)

"""Columns of 0 and 1 of which each row has exactly one: one variable written out wide."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile

_PARTS = re.compile(r"(.+?)[\W_]+(.+)", re.S)


class OneHot(NamedTuple):
    """``name``: what the names of the columns begin with."""

    name: str
    columns: tuple[str, ...]


def one_hot_groups(table: TableProfile) -> list[OneHot]:
    """Groups of at least three columns of 0 and 1, of one beginning, that sum to one in every row."""
    begun: dict[str, list[ColumnProfile]] = defaultdict(list)
    for column in table.of_kind("binary", "constant"):
        # a label that no row has is a column of zeros
        is_zero = column.kind == "constant" and column.is_numeric and column.sorted_numbers[0] == 0
        if (
            (column.kind == "binary" or is_zero)
            and not column.missing
            and (match := _PARTS.fullmatch(column.name))
        ):
            begun[match[1]].append(column)
    groups = []
    for name, columns in begun.items():
        if len(columns) >= 3 and bool((np.sum([c.numbers for c in columns], axis=0) == 1).all()):
            groups.append(OneHot(name, tuple(c.name for c in columns)))
    return groups


def _look(table: TableProfile) -> Iterator[Remark]:
    for group in one_hot_groups(table):
        ends = [c[len(group.name) :].strip("_. -") for c in group.columns]
        shown = ", ".join(ends[:6]) + (", ..." if len(ends) > 6 else "")
        yield Remark(
            "one-hot", group.columns, f"exactly one of {len(group.columns)} columns is 1 in every row: `{group.name}` written out wide",
            cure=f"one column `{group.name}` of labels {shown} says the same",
        )  # fmt: skip


KIND = RemarkKind("one-hot", "one variable written out as columns of 0 and 1", _look)

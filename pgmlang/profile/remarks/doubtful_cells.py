"""A remark on cells of a column, which reading them as missing may mend."""

from __future__ import annotations

from collections.abc import Sequence

from pgmlang.data.problems import cells
from pgmlang.data.reading import Reading
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.remark import Remark
from pgmlang.profile.table import TableProfile

_MOST = 12
"""Labels that are named by options; more are for the person who has the table."""


def doubtful_cells(
    kind: str, table: TableProfile, column: ColumnProfile, places: Sequence[int], says: str, *, cure: str = "", is_sure: bool = False
) -> Remark:  # fmt: skip
    """``places``: of the labels of these cells; ``says``: what they are, behind their number."""
    named = [column.labels[i] for i in places] if len(places) <= _MOST else []
    return Remark(
        kind, (column.name,), f"{cells(int(column.counts[list(places)].sum()))} {says}", table.lines(column.rows_of(places)),
        Reading(na=tuple((column.name, text) for text in named)), cure, is_sure,
    )  # fmt: skip

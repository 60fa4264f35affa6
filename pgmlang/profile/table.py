"""A table as it is seen: its columns."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgmlang.data import Frame
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.decimal_marks import decimal_mark_of
from pgmlang.profile.kinds import profiled


@dataclass(frozen=True, eq=False)
class TableProfile:
    """``columns``: by name, in the order of the table."""

    frame: Frame = field(repr=False)
    columns: dict[str, ColumnProfile]

    @property
    def num_rows(self) -> int:
        return self.frame.num_rows

    def of_kind(self, *kinds: str) -> list[ColumnProfile]:
        """The columns of these kinds."""
        return [c for c in self.columns.values() if c.kind in kinds]

    def lines(self, rows: list[int]) -> tuple[int, ...]:
        """The numbers of rows as messages count them."""
        return tuple(self.frame.place.lines(rows)) if rows else ()


def profile(frame: Frame, before: TableProfile | None = None) -> TableProfile:
    """A table's columns, each with its kind. ``before``: of the same table read otherwise: what it says of columns that were
    read alike is taken over."""
    mark = decimal_mark_of(frame)
    known = before.columns if before is not None else {}
    return TableProfile(
        frame,
        {
            name: known[name]
            if name in known and (known[name].column, known[name].table_decimal) == (column, mark)
            else profiled(column, mark)
            for name, column in frame.columns.items()
        },
    )

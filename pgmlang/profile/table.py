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


def profile(frame: Frame) -> TableProfile:
    """A table's columns, each with its kind."""
    mark = decimal_mark_of(frame)
    return TableProfile(frame, {name: profiled(column, mark) for name, column in frame.columns.items()})

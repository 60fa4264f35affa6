"""A table as it is seen: its columns and the remarks on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from pgmlang.data import Frame
from pgmlang.data.reading import Reading
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.remark import Remark


@dataclass(frozen=True, eq=False)
class TableProfile:
    """``columns``: by name, in the order of the table."""

    frame: Frame = field(repr=False)
    columns: dict[str, ColumnProfile]

    @cached_property
    def remarks(self) -> tuple[Remark, ...]:
        """What every kind of remark has to say, in the order of the registry."""
        from pgmlang.profile.registry import REMARKS

        return tuple(remark for kind in REMARKS.values() for remark in kind.look(self))

    @property
    def num_rows(self) -> int:
        return self.frame.num_rows

    def of_kind(self, *kinds: str) -> list[ColumnProfile]:
        """The columns of these kinds."""
        return [c for c in self.columns.values() if c.kind in kinds]

    def lines(self, rows: list[int]) -> tuple[int, ...]:
        """The numbers of rows as messages count them."""
        return tuple(self.frame.place.lines(rows)) if rows else ()

    @cached_property
    def mending(self) -> Reading:
        """The options of all remarks that are sure."""
        reading = Reading()
        for remark in self.remarks:
            if remark.is_sure:
                reading = reading.plus(remark.options)
        return reading


def profile(frame: Frame) -> TableProfile:
    """A table's columns and what is to be said of them."""
    return TableProfile(frame, {name: ColumnProfile.of(column) for name, column in frame.columns.items()})

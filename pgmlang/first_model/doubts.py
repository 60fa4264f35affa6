"""What a table's profile suspects of its cells and is not sure of: said beside the model, which takes them as they stand."""

from __future__ import annotations

from dataclasses import replace

from pgmlang.display.text import printable
from pgmlang.profile.registry import remarks_on
from pgmlang.profile.table import TableProfile

MOST = 12
"""Lines that are read."""


def doubts_about(table: TableProfile) -> tuple[str, ...]:
    """A line on each remark that is not sure and that options of reading would mend, of columns that are left out for it too; dates
    are said where their columns are left out. Of more than ``MOST``, how many there are."""
    doubts = [
        f"{', '.join(map(printable, remark.columns))}: {printable(remark.message)} (`{printable(remark.flags)}`)"
        for remark in remarks_on(table)
        if not remark.is_sure and replace(remark.options, dates=()).flags()
    ]
    more = [f"{len(doubts) - MOST:,} more of the kind: `pgmc describe` says them"] if len(doubts) > MOST else []
    return (*doubts[:MOST], *more)

"""A table of results: columns with their values and the text of each cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from pgmlang.display.frames import as_frame
from pgmlang.display.html import table_html
from pgmlang.display.text import display_width, fitted, padded, printable, screen_width, shortened, wrapped

GAP = "  "
Paint = Callable[[str, str], str]
"""A line and its kind to what is printed."""
SHORTEST = 16
"""A head column that does not fit is cut, but not below this width."""


def _plain(line: str, kind: str) -> str:
    return line


@dataclass(frozen=True)
class DisplayColumn:
    """``texts`` of the cells, and the ``values`` behind them. ``is_head``: tells rows apart, so it stays beside every
    block of columns of a table that is wider than the screen. ``lists``: the items of each cell, in place of texts, as many
    of which are shown as fit, or all on several lines (``is_wrapped``)."""

    name: str
    texts: tuple[str, ...]
    values: tuple[Any, ...]
    is_number: bool = False
    is_head: bool = False
    lists: tuple[tuple[str, ...], ...] = ()
    is_wrapped: bool = False


def column(
    name: str, values: Sequence[Any], text: Callable[[Any], str] = str, *, is_head: bool = False
) -> DisplayColumn:
    """A column of values, None for an empty cell; numbers stand to the right."""
    texts = tuple("" if v is None else printable(text(v)) for v in values)
    is_number = not is_head and not any(isinstance(v, str) for v in values)
    return DisplayColumn(name, texts, tuple(values), is_number, is_head)


@dataclass(frozen=True)
class DisplayTable:
    """``title`` above, ``notes`` below (what was left out, what the figures are). `str` fits the screen's width, a notebook
    shows HTML, ``frame`` has all values."""

    columns: tuple[DisplayColumn, ...]
    title: str = ""
    notes: tuple[str, ...] = ()

    @property
    def num_rows(self) -> int:
        return len(self.columns[0].texts) if self.columns else 0

    def to_dict(self) -> dict[str, list[Any]]:
        """The values by column."""
        return {c.name: list(c.values) for c in self.columns}

    @property
    def frame(self) -> Any:
        """The values as a frame: pandas where it is installed, else an Arrow table."""
        return as_frame(self.to_dict())

    def with_notes(self, *notes: str) -> DisplayTable:
        return replace(self, notes=(*self.notes, *notes))

    def text(self, width: int | None = None, paint: Paint = _plain) -> str:
        """``paint``: what is done to a line of a kind (``title``, ``heading``, ``row``, ``note``). Lines of at most ``width`` columns (those of the screen): columns that do not fit stand in blocks below each
        other, each with the head columns."""
        limit = width or screen_width()
        lines = [paint(printable(self.title), "title")] if self.title else []
        for i, block in enumerate(_blocks(self.columns, limit)):
            lines += [""] if i else []
            shown = _lines(block, limit)
            lines += [paint(line, "heading") for line in shown[:1]] + [paint(line, "row") for line in shown[1:]]
        return "\n".join([*lines, *(paint(printable(note), "note") for note in self.notes)])

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        columns = [
            (c.name, c.texts if not c.lists else [", ".join(items) for items in c.lists], c.is_number)
            for c in self.columns
        ]
        return table_html(columns, self.title, self.notes)


def _natural_width(one: DisplayColumn) -> int:
    cells = one.texts if not one.lists else [items[0] if items else "" for items in one.lists]
    return max([display_width(printable(one.name)), *map(display_width, cells)])


def _blocks(columns: Sequence[DisplayColumn], limit: int) -> list[list[DisplayColumn]]:
    """Columns in blocks that fit, each behind the head columns."""
    heads = [c for c in columns if c.is_head]
    taken = sum(min(_natural_width(c), max(SHORTEST, limit // 3)) + len(GAP) for c in heads)
    blocks: list[list[DisplayColumn]] = []
    used = limit + 1
    for one in (c for c in columns if not c.is_head):
        width = _natural_width(one) + len(GAP)
        if used + width > limit + len(GAP):
            blocks.append([*heads])
            used = taken
        blocks[-1].append(one)
        used += width
    return blocks or [heads]


def _lines(columns: Sequence[DisplayColumn], limit: int) -> list[str]:
    """One block; head columns are cut where they would push the others out, lists filled up to the width."""
    widths = [_natural_width(c) for c in columns]
    over = sum(widths) + len(GAP) * (len(columns) - 1) - limit
    for i, one in enumerate(columns):
        if one.is_head and over > 0:
            shorter = max(min(SHORTEST, widths[i]), widths[i] - over)
            over -= widths[i] - shorter
            widths[i] = shorter
    cells: list[list[list[str]]] = []
    for i, one in enumerate(columns):
        texts = [[shortened(t, widths[i]) if one.is_head else t] for t in one.texts]
        if one.lists:
            spare = limit - sum(w for j, w in enumerate(widths) if j != i) - len(GAP) * (len(columns) - 1)
            texts = [wrapped(items, spare) if one.is_wrapped else [fitted(items, spare)] for items in one.lists]
            widths[i] = max([display_width(one.name), *(display_width(t) for lines in texts for t in lines)])
        cells.append([[shortened(printable(one.name), widths[i])], *texts])
    return [
        GAP.join(
            padded(cell, w, is_right=c.is_number) for cell, w, c in zip(line, widths, columns, strict=True)
        ).rstrip()
        for row in zip(*cells, strict=True)
        for line in zip_longest(*row, fillvalue="")
    ]


def table_of_rows(
    rows: Sequence[Mapping[str, Any]], text: Callable[[Mapping[str, Any], str], str], title: str = ""
) -> DisplayTable:
    """A table of dicts, the columns in the order in which they occur; ``text(row, column)`` of a cell that is there."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = []
    for name in names:
        values = tuple(row.get(name) for row in rows)
        texts = tuple(printable(text(row, name)) if row.get(name) is not None else "" for row in rows)
        is_number = not any(isinstance(v, str) for v in values)
        columns.append(DisplayColumn(name, texts, values, is_number, is_head=not is_number))
    return DisplayTable(tuple(columns), title)

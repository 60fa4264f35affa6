"""`describe`: a table's columns in one table, and the remarks below, each with the option that mends it."""

from __future__ import annotations

import json
import shlex
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pgmlang.data import Frame
from pgmlang.data.bridge import strings_of
from pgmlang.data.date_formats import parse_dates
from pgmlang.diagnostics.python_spelling import in_python
from pgmlang.display import DisplayTable, column
from pgmlang.display.text import PIPED_WIDTH, count_of, display_width, padded, printable, shortened
from pgmlang.profile.column import ColumnProfile
from pgmlang.profile.kinds import words_of
from pgmlang.profile.registry import remarks_on, sure_options
from pgmlang.profile.remark import Remark
from pgmlang.profile.table import TableProfile, profile

_LABELS = 6


@dataclass(frozen=True, eq=False, repr=False)
class Description:
    """A table's profile, to be read: it shows itself as `pgmc describe` prints it."""

    profile: TableProfile

    @cached_property
    def remarks(self) -> tuple[Remark, ...]:
        """What there is to be said, with the option that mends each."""
        return remarks_on(self.profile)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """A row a column: its name, kind, missing cells, different values, and labels or range in words."""
        return [
            {"column": c.name, "kind": c.kind, "says": words_of(c.kind), "missing": c.missing, "distinct": c.distinct, "values": values_of(c)}
            for c in self.profile.columns.values()
        ]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain data: ``rows``, ``columns`` and ``remarks``."""
        return {
            "name": self.profile.frame.name,
            "rows": self.profile.num_rows,
            "read": list(self.profile.frame.notes),
            "columns": self.rows,
            "remarks": [r.to_dict() for r in self.remarks],
            "options": " ".join(map(shlex.quote, sure_options(self.remarks, self.profile).flags())),
        }

    @property
    def _head(self) -> str:
        frame = self.profile.frame
        return f"{frame.name}: {count_of(frame.num_rows, 'row')}, {count_of(len(frame.columns), 'column')}"

    def __str__(self) -> str:
        frame = self.profile.frame
        # lines without a screen are as long as they are: one remark can be searched for in one line
        width = shutil.get_terminal_size((0, 24)).columns
        notes = [line for n in frame.notes for line in _prose(f"read: {printable(n)}", "", width)]
        lines = [self._head, *notes, "", *self._table(width or PIPED_WIDTH)]
        if self.remarks:
            lines += ["", "remarks"]
        for remark in self.remarks:
            lines += self._remark_lines(remark, width)
        mending = sure_options(self.remarks, self.profile).flags()
        if mending:
            words = "what is sure of these, to be typed behind any command that reads the table:"
            lines += ["", *_prose(words, "", width), "  " + " ".join(map(shlex.quote, mending))]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    @property
    def display(self) -> DisplayTable:
        """A row a column of the table."""
        names = ("column", "kind", "missing", "distinct", "values")
        columns = {name: [row[name] for row in self.rows] for name in names}
        return DisplayTable(
            tuple(column(n, values, lambda v: f"{v:,}" if isinstance(v, int) else v, is_head=n == "column") for n, values in columns.items()),
            title=self._head,
            notes=tuple(f"read: {note}" for note in self.profile.frame.notes),
        )  # fmt: skip

    @property
    def frame(self) -> Any:
        """A row a column of the table, as a frame: pandas where it is installed, else Arrow."""
        return self.display.frame

    @property
    def remark_display(self) -> DisplayTable:
        """A row a remark, with the keywords of Python that mend it; ``sure``: `init` reads the table so."""
        rows = [
            (
                ", ".join(r.columns),
                r.message,
                ", ".join(map(str, r.rows)),
                _mended_by(r),
                "yes" if r.is_sure else "",
            )
            for r in self.remarks
        ]
        names = ("columns", "remark", f"{self.profile.frame.place.unit}s", "what mends it", "sure")
        return DisplayTable(tuple(column(n, [row[i] for row in rows]) for i, n in enumerate(names)))

    def _repr_html_(self) -> str:
        return self.display._repr_html_() + (self.remark_display._repr_html_() if self.remarks else "")

    def _table(self, width: int) -> list[str]:
        head = ("column", "kind", "missing", "values")
        body = [(shortened(printable(r["column"]), 28), r["kind"], f"{r['missing']:,}" if r["missing"] else "", printable(r["values"]))
                for r in self.rows]  # fmt: skip
        widths = [max(display_width(row[i]) for row in [head, *body]) for i in range(3)]
        room = max(20, width - sum(widths) - 6)
        return [
            "  ".join(
                [*(padded(cell, w, is_right=i == 2) for i, (cell, w) in enumerate(zip(row, widths, strict=False))), shortened(row[3], room)]
            ).rstrip()
            for row in [head, *body]
        ]  # fmt: skip

    def _remark_lines(self, remark: Remark, width: int) -> list[str]:
        names = ", ".join(remark.columns[:3]) + (
            f", … ({len(remark.columns)} columns)" if len(remark.columns) > 3 else ""
        )
        place = ""
        if remark.rows:
            unit = self.profile.frame.place.unit
            more = ", …" if len(remark.rows) >= 5 else ""
            place = f" ({unit}{'s' * (len(remark.rows) > 1)} {', '.join(map(str, remark.rows))}{more})"
        lines = _prose(f"{printable(names)}: {printable(remark.message)}{place}", "  ", width)
        flags, cure, indent = remark.flags, printable(remark.cure), " " * 6
        if not flags or not cure or not width or len(indent + flags + cure) + 2 <= width:
            together = ": ".join(filter(None, (flags, cure)))
            return lines + (_prose(together, indent, 0 if flags else width) if together else [])
        # options are typed, and so stay on one line
        return [*lines, f"{indent}{flags}:", *_prose(cure, indent + "  ", width)]


def _mended_by(remark: Remark) -> str:
    """Its options as keywords of Python, and what else helps."""
    flags = in_python(f"`{remark.flags}`").strip("`") if remark.flags else ""
    return in_python(": ".join(filter(None, (flags, remark.cure))))


def values_of(column: ColumnProfile) -> str:
    """Labels or range, in words."""
    if not column.present:
        return ""
    if column.kind in ("number", "skewed", "count"):
        low, middle, high = np.quantile(column.sorted_numbers, (0, 0.5, 1))
        return f"{low:.6g} to {high:.6g}, half below {middle:.6g}"
    if column.kind in ("id", "text", "date"):
        return _dates(column) if column.kind == "date" else _ends(column, range(len(column.labels)))
    labels = shown_labels(column)
    shown = ", ".join(
        shortened(json.dumps(t, ensure_ascii=False) if "," in t else t, 20) for t in labels[:_LABELS]
    )
    return shown + (f", … ({column.distinct:,} labels)" if len(labels) > _LABELS else "")


def _ends(column: ColumnProfile, places: Sequence[int]) -> str:
    """The first and the last of these labels, and how many there are."""
    several = [column.labels[i] for i in places if column.counts[i]]
    return f"{shortened(several[0], 24)} … {shortened(several[-1], 24)}, {len(several):,} different"


def _dates(column: ColumnProfile) -> str:
    """From the earliest to the latest, words for missing apart, and on how many days; by place where they have no one form."""
    places = [i for i in range(len(column.labels)) if column.counts[i] and not column.is_missing_word(i)]
    if not column.date_formats:
        return _ends(column, places)
    days, _ = parse_dates(strings_of([column.labels[i] for i in places]), column.date_formats[0])
    whole = len(np.unique(np.floor(days)))
    on_days = count_of(whole, "day")
    if (days == np.floor(days)).all():
        first, last = (shortened(column.labels[places[int(i)]], 24) for i in (days.argmin(), days.argmax()))
        return f"{first} … {last}, {on_days}"
    return f"{_ends(column, [places[int(i)] for i in np.argsort(days, kind='stable')])}, on {on_days}"


def shown_labels(column: ColumnProfile) -> list[str]:
    """In the order of their scale, of numbers, or of how often they come."""
    if column.kind == "ordinal" and column.scale is not None:
        return list(column.scale)
    labels = [t for i, t in enumerate(column.labels) if column.counts[i]]
    if column.is_numeric and not column.strays:
        return sorted(labels, key=lambda t: float(column.label_values[column.labels.index(t)]))
    if column.is_binned:
        return list(column.labels)
    counts = {t: int(column.counts[i]) for i, t in enumerate(column.labels)}
    return sorted(labels, key=lambda t: -counts[t])


def _prose(text: str, indent: str, width: int) -> list[str]:
    """A sentence on as many lines as it takes; on one where the width is 0."""
    if not width or display_width(indent + text) <= width:
        return [indent + text]
    return textwrap.wrap(text, max(width, 24), initial_indent=indent, subsequent_indent=indent + "  ",
                         break_long_words=False, break_on_hyphens=False)  # fmt: skip


def describe(frame: Frame) -> Description:
    """What a table holds, to be read."""
    return Description(profile(frame))

"""Text that was decoded by the wrong table of characters once: `MÃ¼ller` for `Müller`."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.data.problems import quoted
from pgmlang.profile.remark import Remark
from pgmlang.profile.remark_kind import RemarkKind
from pgmlang.profile.table import TableProfile

_MOST = 5000


def repaired(text: str) -> str | None:
    """The text as it was meant, where its UTF-8 was read as Windows-1252 or Latin-1; None of any other."""
    if text.isascii():
        return None
    for encoding in ("cp1252", "latin-1"):
        try:
            meant = text.encode(encoding).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            continue
        return meant if meant != text else None
    return None


def _look(table: TableProfile) -> Iterator[Remark]:
    for column in table.columns.values():
        if not column.is_text or column.is_binned:
            continue
        wrong = [(i, meant) for i, t in enumerate(column.labels[:_MOST]) if (meant := repaired(t)) is not None]
        if wrong:
            place, meant = wrong[0]
            yield Remark(
                "encodings", (column.name,), f"{quoted(column.labels[place])} seems to be {quoted(meant)}, decoded wrongly once",
                table.lines(column.rows_of([i for i, _ in wrong])),
                cure="save the file as UTF-8 again: `iconv -f UTF-8 -t WINDOWS-1252 old.csv > new.csv` undoes it",
            )  # fmt: skip
    for name in table.columns:
        if (meant := repaired(name)) is not None:
            yield Remark("encodings", (name,), f"the name {quoted(name)} seems to be {quoted(meant)}, decoded wrongly once",
                         cure="save the file as UTF-8 again: `iconv -f UTF-8 -t WINDOWS-1252 old.csv > new.csv` undoes it")  # fmt: skip


KIND = RemarkKind("encodings", "text decoded by the wrong table of characters", _look)

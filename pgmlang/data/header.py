"""The first line of a text table: separator and column names."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pgmlang.data.column_names import named, told_apart
from pgmlang.data.problems import listed, problem, quoted
from pgmlang.data.text_stream import MAX_LINE, TextStream
from pgmlang.diagnostics import PgmError

MAX_COLUMNS = 200_000
_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE = 1 << 18
_SAMPLE_ROWS = 1000
_LINE_END = re.compile(rb"[\r\n]")


@dataclass(frozen=True)
class Header:
    """What the head of a file tells. ``lines``: lines up to the first row. ``varied``: columns whose cells are
    mostly different from each other, so that a dictionary of them would save nothing. ``unnamed``: what to say of columns that
    got their names by their place."""

    names: tuple[str, ...]
    sep: str
    lines: int
    varied: frozenset[str]
    unnamed: dict[str, str] = field(default_factory=dict)


def read_header(stream: TextStream, sep: str | None, suffix: str) -> Header:
    """Reads the header and leaves ``stream`` at the first row. Raises PgmError."""
    record, blank_lines = _first_record(stream)
    sample = _peek(stream)
    if sep is None:
        sep = "\t" if suffix in (".tsv", ".tab") else _sniff(record, sample)
    text = record.rstrip("\r\n")
    names, unnamed = named(_records(text, sep, stream.name, 1)[0])
    lines = blank_lines + max(record.count("\n"), record.count("\r"), 1)
    _check(names, stream.name, blank_lines + 1, sep)
    return Header(names, sep, lines, _varied(names, sample, sep), unnamed)


def _first_record(stream: TextStream) -> tuple[str, int]:
    """The first line that is not blank, its line end included, and the number of blank lines before it."""
    data = b""
    want = 1 << 16
    while True:
        more = stream.read(want)
        data += more
        start = len(data) - len(data.lstrip(b"\r\n"))
        end = _record_end(data, start)
        if end is not None or not more:
            break
        if len(data) > MAX_LINE:
            raise problem(
                "PGM0702", f"the header is longer than {MAX_LINE >> 20} MB", place=f"{stream.name}:1",
                cure="check for an unclosed quote, or for a file that is not a table",
            )  # fmt: skip
        want = len(data)
    if start == len(data):
        cure = "a header line and at least one row are needed"
        raise problem("PGM0702", "the file is empty", place=stream.name, cure=cure)
    end = len(data) if end is None else end
    stream.unread(data[end:])
    return data[start:end].decode(), max(data[:start].count(b"\n"), data[:start].count(b"\r"))


def _record_end(data: bytes, start: int) -> int | None:
    """Where the record that begins at ``start`` ends, behind its line end; None if the data stops first."""
    position, quotes = start, 0
    while True:
        line_end = _LINE_END.search(data, position)
        if not line_end:
            return None
        quotes += data.count(b'"', position, line_end.start())
        position = line_end.start()
        if quotes % 2 == 0:
            if data[position : position + 1] == b"\r" and position + 1 == len(data):
                return None  # the next byte tells whether the line end is \r or \r\n
            return position + 2 if data[position : position + 2] == b"\r\n" else position + 1
        position += 1


def _peek(stream: TextStream) -> str:
    """Whole lines of the rows that follow, left unread."""
    data = b""
    while len(data) < _SAMPLE and (more := stream.read(_SAMPLE - len(data))):
        data += more
    stream.unread(data)
    complete = data if len(data) < _SAMPLE else data[: max(data.rfind(b"\n"), data.rfind(b"\r")) + 1]
    return complete.decode()


def _records(text: str, sep: str, name: str, limit: int) -> list[list[str]]:
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=sep)
        return [row for row, _ in zip((r for r in rows if r), range(limit), strict=False)]
    except csv.Error as error:
        raise problem("PGM0702", f"the header is not understood: {error}", place=f"{name}:1") from None


def _sniff(header: str, sample: str) -> str:
    """The separator: one that cuts the header and the first rows into the same number of cells; else the comma."""
    counts: dict[str, int] = {}
    head = header + (sample if len(sample) < 1 << 14 else sample[: 1 << 14].rpartition("\n")[0])
    for sep in _SEPARATORS:
        if sep not in header:
            continue
        try:
            rows = _records(head, sep, "", 6)
        except PgmError:
            continue
        widths = {len(row) for row in rows}
        if len(widths) == 1 and widths != {1}:
            counts[sep] = widths.pop()
    if not counts or "," in counts:
        return ","
    return max(counts, key=lambda s: counts[s])


def _check(names: Sequence[str], file: str, line: int, sep: str) -> None:
    if len(names) > MAX_COLUMNS:
        raise problem(
            "PGM0719", f"{len(names):,} columns; at most {MAX_COLUMNS:,} are read", place=f"{file}:{line}",
            cure="give the data in long form, one row per observation, or as an array in a `.npz` file",
        )  # fmt: skip
    repeated = [n for n, count in Counter(names).items() if count > 1 and n.strip()]
    empty = [i + 1 for i, n in enumerate(names) if not n.strip()]
    if empty:
        one = len(empty) == 1
        where = f"column {empty[0]}" if one else f"columns {', '.join(map(str, empty[:5]))}"
        raise problem(
            "PGM0702", f"{where} of the header {'has' if one else 'have'} no name", place=f"{file}:{line}",
            cure="the first line names the columns: take out titles above it, and name every column",
        )  # fmt: skip
    if repeated:
        notes = ["the first line holds numbers: is the header missing?"] if all(map(is_number, names)) else []
        positions = [i + 1 for i, n in enumerate(names) if n == repeated[0]]
        raise problem(
            "PGM0704", f"{len(positions)} columns are named {listed(repeated[:1])}", place=f"{file}:{line}",
            notes=[f"columns {', '.join(map(str, positions[:5]))}", *notes]
            + ([f"also repeated: {listed(repeated[1:], 5)}"] if len(repeated) > 1 else []),
            cure=_renamed(names, sep),
        )  # fmt: skip


def _renamed(names: Sequence[str], sep: str) -> str:
    """What the header may say in place of names twice."""
    apart = told_apart(names)
    if len(names) > 12:
        changed = [b for a, b in zip(names, apart, strict=True) if a != b]
        return f"give every column its own name: {listed(changed[:6])} for the later ones"
    return f"give every column its own name: {quoted(sep.join(apart), 200)} as the first line"


def is_number(text: str) -> bool:
    """Whether a text is a number as Python writes one."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _varied(names: Sequence[str], sample: str, sep: str) -> frozenset[str]:
    try:
        rows = _records(sample, sep, "", _SAMPLE_ROWS)
    except PgmError:
        return frozenset()
    rows = [r for r in rows if len(r) == len(names)]
    if len(rows) < 50:
        return frozenset()
    cells = zip(names, zip(*rows, strict=True), strict=True)
    return frozenset(name for name, column in cells if 2 * len(set(column)) > len(rows))

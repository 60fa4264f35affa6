"""The slow, careful reading of a text table: lines of rows, and the cause when the fast one failed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from pgmlang.data.header import Header, read_header
from pgmlang.data.problems import problem, quoted
from pgmlang.data.source import Source
from pgmlang.data.text_stream import MAX_LINE, TextStream
from pgmlang.diagnostics import PgmError


class TextRows:
    """The rows of a text table one by one, with the lines they begin on."""

    def __init__(self, source: Source, header: Header) -> None:
        self.source, self.header = source, header
        self.line = header.lines
        """Last line looked at."""

    def read(self, strict: bool) -> Iterator[tuple[int, list[str]]]:
        """Lines and cells. ``strict``: csv.Error on wrong quotes."""
        with TextStream(self.source.open(), self.source.name, self.source.encoding) as stream:
            header = read_header(stream, self.header.sep, self.source.suffix)
            text = io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8", newline="")
            reader = csv.reader(text, delimiter=header.sep, strict=strict)
            begin = header.lines + 1
            while True:
                self.line = begin
                try:
                    row = next(reader)
                except StopIteration:
                    return
                if row or len(header.names) == 1:
                    yield begin, row
                begin = reader.line_num + header.lines + 1

    def lines_of(self, rows: list[int]) -> list[int]:
        """Lines on which rows begin, by reading the file again; estimates if it is gone."""
        wanted, line_of = set(rows), dict[int, int]()
        try:
            for row, (line, _) in enumerate(self.read(strict=False)):
                if row in wanted:
                    line_of[row] = line
                    if len(line_of) == len(wanted):
                        break
        except (PgmError, OSError, csv.Error):
            pass
        return [line_of.get(r, r + self.header.lines + 1) for r in rows]


def find_fault(rows: TextRows, strict: bool) -> None:
    """Looks for the first fault. Raises PgmError PGM0702 or PGM0703 if there is one."""
    expected = len(rows.header.names)
    try:
        for line, row in rows.read(strict):
            if len(row) != expected and (row or expected > 1):
                raise _ragged(rows, line, row)
    except csv.Error as error:
        if "field larger" in str(error):
            return
        unclosed = "end of data" in str(error)
        what = "a double quote is never closed" if unclosed else "text stands behind a closing quote"
        raise problem(
            "PGM0702", what, place=f"{rows.source.name}:{rows.line}",
            cure='close the quote; a quote inside a quoted cell is written twice: `"say ""no"""`',
        ) from None  # fmt: skip


def _ragged(rows: TextRows, line: int, row: list[str]) -> PgmError:
    got, expected, sep = len(row), len(rows.header.names), rows.header.sep
    notes = [f"the line holds {', '.join(quoted(c, 20) for c in row[:6])}" + (", …" if got > 6 else "")]
    if any("\n" in cell or "\r" in cell for cell in row):
        notes.append("a quote that opens on this line closes on a later one: is one missing?")
    elif got > expected:
        notes.append(f"a cell that holds the separator {quoted(sep)} must stand in double quotes")
    return problem(
        "PGM0703", f"expected {expected:,} cell{'s' if expected > 1 else ''}, got {got:,}",
        place=f"{rows.source.name}:{line}", notes=notes,
        cure=f"correct the line, or say which separator the file has (`--sep`; taken: {quoted(sep)})",
    )  # fmt: skip


def explain(rows: TextRows, error: Exception) -> PgmError:
    """The cause of Arrow's complaint, found by reading again."""
    try:
        find_fault(rows, strict=False)
        find_fault(rows, strict=True)
    except PgmError as fault:
        return fault
    if "straddling" in str(error) or "block" in str(error):
        return problem(
            "PGM0702", f"a line is too long (at most {MAX_LINE >> 20} MB, in batches 8 MB)",
            place=rows.source.name,
            cure="check for a quote that is never closed, or for a file that is not a table",
        )  # fmt: skip
    return problem(
        "PGM0702", "the file is not understood", place=rows.source.name, notes=[str(error).split("\n")[0]],
        cure="save the table as CSV in UTF-8 again",
    )  # fmt: skip

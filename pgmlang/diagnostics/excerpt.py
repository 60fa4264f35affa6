"""A line of source as a terminal shows it, with a mark under the place in question."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from pgmlang.diagnostics.source import Span

TAB = 4


def printable(text: str) -> str:
    """Text with control characters written out, so that no input can steer the terminal."""
    if text.isprintable():
        return text
    return "".join(ch if ch.isprintable() or ch in "\n\u200d" else _escaped(ch) for ch in text)


def _escaped(ch: str) -> str:
    return f"\\x{ord(ch):02x}" if ord(ch) < 256 else f"\\u{ord(ch):04x}"


def cells(ch: str) -> int:
    """How many columns a character takes."""
    if unicodedata.combining(ch) or unicodedata.category(ch) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(ch) in "WF" else 1


@dataclass(frozen=True)
class Excerpt:
    """What to print: the line, and where the mark begins and how long it is, in columns."""

    text: str
    mark: int
    length: int


def excerpt(span: Span, width: int) -> Excerpt:
    """The (first) line of a span, cropped to ``width`` columns around the place."""
    shown, mark, length = _expand(span, 2 * width)
    total = sum(cells(ch) for ch in shown)
    if total <= width:
        return Excerpt(shown, mark, length)
    before = min(mark, max(width // 4, width - length - 10))
    return _crop(shown, mark, length, max(0, mark - before), max(width, 8))


def _expand(span: Span, reach: int) -> tuple[str, int, int]:
    """The line, at most ``reach`` characters to either side of the place, with tabs as blanks and control characters
    replaced; column and length of the mark in it."""
    whole, at = span.file.line(span.line), span.column - 1
    start = max(0, at - reach)
    line, first = whole[start : at + reach], at - start
    last = min(len(line), first + max(1, span.end - span.start))
    out: list[str] = []
    column, mark, end = 0, -1, 0
    for i, ch in enumerate(line):
        if i == first:
            mark = column
        piece = " " * (TAB - column % TAB) if ch == "\t" else printable(ch)
        out.append(piece)
        column += sum(cells(c) for c in piece)
        if i == last - 1:
            end = column
    if mark < 0:
        mark, end = column, column + 1
    return "".join(out), mark, max(1, end - mark)


def _crop(shown: str, mark: int, length: int, begin: int, width: int) -> Excerpt:
    """The columns ``[begin, begin + width)``, with dots where something is left out."""
    out: list[str] = []
    column, cut = 0, False
    for ch in shown:
        size = cells(ch)
        if column >= begin + bool(begin):
            if column + size > begin + width - 1:
                cut = True
                break
            out.append(ch)
        elif column + size > begin + bool(begin):
            out.append(" ")
        column += size
    lead = "…" if begin else ""
    where = mark - begin
    return Excerpt(lead + "".join(out) + ("…" if cut else ""), where, max(1, min(length, width - 1 - where)))

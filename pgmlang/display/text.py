"""Text on a screen: its width, what may be printed of a stranger's words, lists cut to fit."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence

PIPED_WIDTH = 100
"""Columns of a line where there is no screen to ask."""


def screen_width() -> int:
    """Columns of the terminal (or of ``COLUMNS``), PIPED_WIDTH where there is none."""
    return shutil.get_terminal_size((PIPED_WIDTH, 24)).columns


def printable(text: str) -> str:
    """The text with what would break the line or steer the terminal escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def display_width(text: str) -> int:
    """How many columns of a terminal a text takes: two for wide characters of East Asia, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def padded(text: str, width: int, *, is_right: bool) -> str:
    """The text filled with blanks to a width."""
    blanks = " " * (width - display_width(text))
    return blanks + text if is_right else text + blanks


def shortened(text: str, width: int) -> str:
    """The beginning of a text that fits, its end replaced by an ellipsis."""
    if display_width(text) <= width:
        return text
    out, used = "", 0
    for c in text:
        used += display_width(c)
        if used > width - 1:
            break
        out += c
    return f"{out}…"


def fitted(items: Sequence[str], width: int, separator: str = ", ") -> str:
    """As many items as fit, at least one, and an ellipsis for the others."""
    text = ""
    for i, item in enumerate(items):
        longer = f"{text}{separator}{item}" if i else item
        is_last = i == len(items) - 1
        if i and display_width(longer) + (0 if is_last else len(separator) + 1) > width:
            return f"{text}{separator}…"
        text = longer
    return text


def wrapped(items: Sequence[str], width: int, separator: str = ", ") -> list[str]:
    """All items on as many lines as it takes."""
    lines = [""]
    for i, item in enumerate(items):
        piece = item + (separator if i < len(items) - 1 else "")
        if lines[-1] and display_width(lines[-1] + piece.rstrip()) > width:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += piece
    return lines


def count_of(number: int, noun: str, plural: str = "") -> str:
    """How many things, in words: ``1 row``, ``2,000 rows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"

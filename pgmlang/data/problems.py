"""Diagnostics of reading data, in one wording."""

from __future__ import annotations

from collections.abc import Sequence

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.display.text import count_of


def problem(code: str, message: str, *, place: str = "", notes: Sequence[str] = (), cure: str = "") -> PgmError:
    """One error as an exception."""
    return PgmError(Diagnostic(code, message, place=place, notes=tuple(notes), help=cure))


def cells(count: int) -> str:
    """How many cells, in words."""
    return count_of(count, "cell")


def quoted(text: str, limit: int = 60) -> str:
    """A cell or name for a message: in backticks, on one line, cut when long."""
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    # Line ends and other controls would break the message's layout; spaces are kept, they may be the cause.
    shown = "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in shown)
    return f"`{shown}`"


def listed(names: Sequence[str], limit: int = 12) -> str:
    """Names for a message, the first ``limit`` of them."""
    shown = ", ".join(quoted(n) for n in names[:limit])
    return shown if len(names) <= limit else f"{shown}, … ({len(names):,} in all)"

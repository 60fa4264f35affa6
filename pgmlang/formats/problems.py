"""Collects the problems of one file, so that one run shows them all."""

from __future__ import annotations

from collections.abc import Iterable

from pgmlang.diagnostics import Diagnostic, Label, PgmError, SourceFile, Span
from pgmlang.diagnostics.suggest import did_you_mean

MAX_SHOWN = 50
"""More than this many problems of one file tell a user nothing new."""


class FormatProblems:
    """The problems found so far in one file; ``code`` is the one used where none is named."""

    def __init__(self, file: SourceFile, code: str) -> None:
        self.file = file
        self.code = code
        self.diagnostics: list[Diagnostic] = []
        self.left_out = 0

    def __bool__(self) -> bool:
        return bool(self.diagnostics)

    def near(self, word: str, known: Iterable[str]) -> str:
        """A did-you-mean sentence; none for what is too long to be a slip, nor after the first dozen problems."""
        return did_you_mean(word, known) if len(word) <= 60 and len(self.diagnostics) < 12 else ""

    @property
    def count(self) -> int:
        """All problems so far, those left out too."""
        return len(self.diagnostics) + self.left_out

    def span(self, start: int, end: int) -> Span:
        return Span(self.file, start, max(end, start + 1))

    def add(
        self,
        message: str,
        start: int,
        end: int,
        code: str = "",
        *,
        label: str = "",
        also: tuple[tuple[int, int, str], ...] = (),
        notes: tuple[str, ...] = (),
        help: str = "",
    ) -> None:
        """One problem at ``[start, end)``; ``also`` are further places, each with its words."""
        if len(self.diagnostics) >= MAX_SHOWN:
            self.left_out += 1
            return
        secondary = tuple(Label(self.span(a, b), words) for a, b, words in also)
        where = self.span(start, end)
        self.diagnostics.append(Diagnostic(code or self.code, message, where, label, secondary, notes, help))

    def stop_if_any(self) -> None:
        """Raises all problems in the order of the text, if there are any."""
        if self.diagnostics:
            raise self.error()

    def error(self) -> PgmError:
        """All problems in the order of the text."""
        diagnostics = sorted(self.diagnostics, key=lambda d: d.span.start if d.span else -1)
        if self.left_out:
            diagnostics.append(
                Diagnostic(self.code, f"{self.left_out} more problems not shown", place=self.file.name)
            )
        return PgmError(diagnostics)

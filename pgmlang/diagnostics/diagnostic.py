"""The record of one error or warning, and the exceptions that carry them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from pgmlang.diagnostics.codes import code_row, exit_code
from pgmlang.diagnostics.python_spelling import in_python
from pgmlang.diagnostics.source import Span


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Label:
    """A second place that explains the first, with a few words."""

    span: Span
    text: str


@dataclass(frozen=True)
class Edit:
    """A replacement that would cure the problem, for editors."""

    span: Span
    text: str


@dataclass(frozen=True)
class Diagnostic:
    """One problem.

    ``message``: what is wrong, lower case, no full stop, names in backticks. ``label``: a few words under the
    caret. ``notes``: causes in words. ``help``: the cure. ``span`` is None where there is no place in a model
    text; data problems then say row and column through ``place`` (``days.csv:17:rain``).
    """

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str = ""
    fix: Edit | None = None
    place: str = ""

    def __post_init__(self) -> None:
        code_row(self.code)

    @property
    def severity(self) -> Severity:
        return Severity.WARNING if code_row(self.code).is_warning else Severity.ERROR

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    def for_python(self) -> Diagnostic:
        """The same for a reader in Python: options of the command line as keywords."""
        notes = tuple(map(in_python, self.notes))
        return replace(self, message=in_python(self.message), notes=notes, help=in_python(self.help))

    def __str__(self) -> str:
        """As an exception shows it: on one line, options as keywords of Python (`pgmc` shows a diagnostic by `render`)."""
        where = f"{self.span}: " if self.span else f"{self.place}: " if self.place else ""
        # of data there is no picture with a caret that would say the rest
        about = [*(self.notes if self.span is None else ()), *([f"help: {self.help}"] if self.help else [])]
        cure = f" ({'; '.join(about)})" if about else ""
        return f"{where}{self.severity.value}[{self.code}]: {in_python(self.message + cure)}"


class PgmWarning(UserWarning):
    """What Python is warned of where a result is a frame, which has no room for messages."""


class PgmError(Exception):
    """One or more problems that stop the work; ``diagnostics`` holds them all, errors and warnings."""

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        if isinstance(diagnostics, Diagnostic):
            diagnostics = (diagnostics,)
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n".join(str(d) for d in self.diagnostics))

    @property
    def exit_code(self) -> int:
        """The exit status of ``pgmc`` for these problems: that of the first error, or else of the
        first warning."""
        errors = [d for d in self.diagnostics if d.is_error] or list(self.diagnostics)
        return exit_code(errors[0].code) if errors else 65


class CompileError(PgmError):
    """The model text is wrong."""

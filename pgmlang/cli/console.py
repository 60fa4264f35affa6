"""Where output goes: results to stdout, messages to stderr, files atomically; and in which colours."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, TextIO

import click

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.whole_files import whole_file

_CHOICE: ContextVar[str] = ContextVar("color", default="auto")
_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)


def begin_run() -> None:
    """What a command line before this one chose holds no more."""
    _CHOICE.set("auto")
    _QUIET.set(False)


def choose_color(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Takes what ``--color`` says: auto, always or never."""
    if value is not None:
        _CHOICE.set(value)
    return value


def choose_quiet(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    """Takes ``--quiet``: from here on only errors and results are printed."""
    if value:
        _QUIET.set(True)
    return value


def in_color(stream: TextIO) -> bool:
    """Whether to print in colour: as ``--color`` says, else NO_COLOR, FORCE_COLOR, then whether it is a terminal that
    knows colours."""
    if _CHOICE.get() != "auto":
        return _CHOICE.get() == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def is_live(stream: TextIO) -> bool:
    """Whether lines can be written over: on a terminal that people watch, where colours are not refused."""
    wants_plain = any(os.environ.get(name) for name in ("NO_COLOR", "CI")) or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not wants_plain and _CHOICE.get() != "never"


def print_json(value: Any) -> None:
    """One JSON document on stdout; numbers that are not finite become null, as JSON has none."""
    click.echo(json.dumps(_finite(value), ensure_ascii=False, indent=2))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return value


def print_diagnostics(diagnostics: Iterable[Diagnostic], stream: TextIO | None = None) -> None:
    """Messages for people, on stderr, in colour on a terminal; errors alone with ``--quiet``."""
    from pgmlang.diagnostics.render import WIDTH, render

    stream = stream or sys.stderr
    color = in_color(stream)
    shown = [d for d in diagnostics if d.is_error or not _QUIET.get()]
    text = render(shown, color=color, width=min(WIDTH, get_terminal_size((WIDTH, 24)).columns))
    if text:
        click.echo(text.rstrip("\n"), file=stream, color=color)


def print_styled(text: str, **style: Any) -> None:
    """A line of a result on stdout, in ``click.style``'s colours where they are shown."""
    color = in_color(sys.stdout)
    click.echo(click.style(text, **style) if color else text, color=color)


STYLES: dict[str, dict[str, Any]] = {"title": {"bold": True}, "heading": {"fg": "cyan"}, "note": {"dim": True}}
"""How the lines of a table look, by their kind."""
SEVERITIES: dict[str, dict[str, Any]] = {
    "problem": {"fg": "red"},
    "warning": {"fg": "yellow"},
    "ok": {"fg": "green"},
}
"""And the rows of findings."""


def print_result(result: Any, before: str = "") -> None:
    """A result on stdout: a table (or what is shown as one, by ``display``) with its headings in colour where colours are
    shown; anything else as it is."""
    color = in_color(sys.stdout)
    table = result if hasattr(result, "columns") else getattr(result, "display", None)
    text = str(result)
    if color and table is not None and text == table.text():
        rows = SEVERITIES if table.columns and table.columns[0].name == "severity" else {}

        def painted(line: str, kind: str) -> str:
            style = rows.get(line.partition(" ")[0], {}) if kind == "row" else STYLES.get(kind, {})
            return click.style(line, **style) if style and line else line

        text = table.text(paint=painted)
    click.echo(f"{before}{text}", color=color)


def listed(rows: Iterable[tuple[str, str]]) -> str:
    """Names with what is said of each, in two columns; what is too long for the screen goes on under itself."""
    from textwrap import wrap

    pairs = list(rows)
    width = max(len(name) for name, _ in pairs)
    room = max(24, get_terminal_size((120, 24)).columns - width - 4)
    lines = []
    for name, says in pairs:
        first, *more = wrap(says, room) or [""]
        lines += [f"  {name:<{width}}  {first}".rstrip(), *(f"  {'':<{width}}  {line}" for line in more)]
    return "\n".join(lines)


def say(text: str, quiet: bool = False) -> None:
    """A line for people, on stderr."""
    if not (quiet or _QUIET.get()):
        click.echo(text, err=True)


def write_text(path: str, text: str, force: bool = True) -> None:
    """Writes a file whole or not at all; ``-`` is stdout.

    Raises PgmError PGM0901 when it cannot be written, PGM0902 when it exists and ``force`` is not set.
    """
    if path == "-":
        click.echo(text, nl=not text.endswith("\n"))
        return
    target = Path(path)
    try:
        if target.exists() and not force:
            raise PgmError(Diagnostic("PGM0902", f"`{path}` exists already", help="give `--force` to replace it"))
        with whole_file(target) as whole:
            whole.write_text(text, encoding="utf-8")
    except OSError as error:
        raise cannot_write(path, error) from None


CSV_ENDINGS = ("csv", "txt", "")
"""Of files that results are written to as CSV; a name without one is a pipe's or a device's, or its author's wish."""


def ending_of(path: str, known: Sequence[str]) -> str:
    """The ending of a file's name, without its dot and in small letters; ``-`` has none.

    Raises PgmError PGM0907 for one that is not among ``known`` (where these hold ``""``, a name may have none).
    """
    ending = "" if path == "-" else Path(path).suffix.lower().removeprefix(".")
    if path != "-" and ending not in known:
        *others, last = [f"`.{one}`" for one in known if one]
        listing = f"{', '.join(others)} or {last}" if others else last
        message = f"`{path}`: unknown format `{ending or 'none'}`"
        raise PgmError(Diagnostic("PGM0907", message, help=f"end the name in {listing}"))
    return ending


def check_csv_name(path: str | None) -> None:
    """Raises PgmError PGM0907 for a name that says another format than CSV: before the work, not after it."""
    if path:
        ending_of(path, CSV_ENDINGS)


def cannot_write(path: object, error: OSError) -> PgmError:
    """The error for an operating system's refusal."""
    import errno

    code = "PGM0908" if error.errno in (errno.ENOSPC, errno.EIO) else "PGM0901"
    reason = (error.strerror or str(error)).lower()
    return PgmError(Diagnostic(code, f"cannot write `{path}`: {reason}", help="choose another place with `-o`"))

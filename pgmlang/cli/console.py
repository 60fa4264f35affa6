"""Where output goes: results to stdout, messages to stderr, files atomically."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import click

from pgmlang.diagnostics import Diagnostic, PgmError


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
    """Messages for people, on stderr; in colour on a terminal."""
    from pgmlang.diagnostics.render import render

    stream = stream or sys.stderr
    color = stream.isatty() and not os.environ.get("NO_COLOR")
    text = render(list(diagnostics), color=color)
    if text:
        click.echo(text.rstrip("\n"), file=stream, color=color)


def say(text: str, quiet: bool = False) -> None:
    """A line for people, on stderr."""
    if not quiet:
        click.echo(text, err=True)


def write_text(path: str, text: str, force: bool = True) -> None:
    """Writes a file whole or not at all; ``-`` is stdout.

    Raises PgmError PGM0901 when it cannot be written, PGM0902 when it exists and ``force`` is not set.
    """
    if path == "-":
        click.echo(text, nl=not text.endswith("\n"))
        return
    target = Path(path)
    temporary = target.parent / f".pgmc.{os.getpid()}.tmp"
    try:
        if target.exists() and not force:
            raise PgmError(Diagnostic("PGM0902", f"`{path}` exists already", help="give `--force` to replace it"))
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, target)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error) from None


def cannot_write(path: object, error: OSError) -> PgmError:
    """The error for an operating system's refusal."""
    import errno

    code = "PGM0908" if error.errno in (errno.ENOSPC, errno.EIO) else "PGM0901"
    reason = (error.strerror or str(error)).lower()
    return PgmError(Diagnostic(code, f"cannot write `{path}`: {reason}", help="choose another place with `-o`"))

"""``pgmc`` within this process, with what it says and how it ends."""

from __future__ import annotations

import io
import os
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from pgmlang.cli.main import run

KNOWN_EXITS = frozenset({0, 64, 65, 66, 69, 73, 74, 75})
"""Documented ends but internal errors (70) and Ctrl-C (130)."""


@dataclass(frozen=True)
class End:
    """``code``: exit status, 70 with the trace in ``stderr`` where an exception came through."""

    code: int
    stdout: str
    stderr: str


def pgmc(arguments: Sequence[str], stdin: str = "") -> End:
    """Runs a command line; one that ends with 70 is run again to see where."""
    end = _run(arguments, stdin, {})
    return _run(arguments, stdin, {"PGMLANG_DEBUG": "1"}) if end.code == 70 else end


def _run(arguments: Sequence[str], stdin: str, environment: dict[str, str]) -> End:
    out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        patch.dict(os.environ, environment),
        patch("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()))),
    ):
        try:
            code = run(list(arguments))
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except Exception:
            return End(70, _text(out), traceback.format_exc())
    return End(code, _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()

"""A file as text: compressed or not, in whatever encoding, or a Diagnostic that says why not."""

from __future__ import annotations

import codecs
import gzip
import os
import re
import zlib
from pathlib import Path
from typing import BinaryIO, NoReturn

from pgmlang.data.packed import RATIO, is_bomb
from pgmlang.diagnostics import Diagnostic, PgmError, SourceFile
from pgmlang.diagnostics.suggest import did_you_mean

MAX_BYTES = 512 * 2**20
_CHUNK = 2**20
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")


def open_text(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> SourceFile:
    """The text of a file, gzip undone. UTF-8, UTF-16 with its mark, else Latin-1; at most ``max_bytes`` unpacked.

    PGM0701 no such file, PGM0908 cannot be read, PGM0108 not text, PGM0109 too large.
    """
    name = os.fspath(path)
    raw = _read(name, max_bytes)
    text = _decode(raw)
    # Tabs, line ends and form feeds occur in texts; other control characters only where the bytes are no text.
    if text is None or (control := _CONTROL.search(text)):
        detail = "an encoding mark that the bytes belie" if text is None else _where(text, control)
        _refuse("PGM0108", f"`{name}` is not a text file", name, notes=(f"it holds {detail}",))
    return SourceFile(name, text)


def control_character(text: str) -> re.Match[str] | None:
    """The first character that no text file holds, or None."""
    return _CONTROL.search(text)


def _where(text: str, control: re.Match[str] | None) -> str:
    if control is None:
        return "control characters"
    return f"the control character {ord(control[0]):#04x} on line {text.count(chr(10), 0, control.start()) + 1}"


def _refuse(code: str, message: str, name: str, notes: tuple[str, ...] = (), help: str = "") -> NoReturn:
    raise PgmError(Diagnostic(code, message, place=name, notes=notes, help=help)) from None


def _read(name: str, max_bytes: int) -> bytes:
    try:
        with open(name, "rb") as file:
            packed = file.peek(2)[:2] == b"\x1f\x8b"  # by content, and no seek: a pipe has none
            stream: BinaryIO = gzip.GzipFile(fileobj=file) if packed else file  # type: ignore[assignment]
            parts: list[bytes] = []
            size = 0
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > max_bytes:
                    _refuse("PGM0109", f"`{name}` holds more than {max_bytes:,} bytes of text", name)
                if packed and is_bomb(size, os.fstat(file.fileno()).st_size):
                    cure = "unpack it, if it is what it should be, and give that file"
                    _refuse("PGM0109", f"`{name}` unpacks to more than {RATIO} times its size", name, help=cure)
                parts.append(chunk)
            return b"".join(parts)
    except (FileNotFoundError, NotADirectoryError):
        _refuse("PGM0701", f"no file `{name}`", name, help=_near_file(name))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        _refuse("PGM0108", f"`{name}` is a broken gzip file", name, notes=(str(error),))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        _refuse("PGM0908", f"cannot read `{name}`: {reason}", name)


def _near_file(name: str) -> str:
    try:
        return did_you_mean(Path(name).name, [p.name for p in Path(name).parent.iterdir()][:10_000])
    except OSError:
        return ""


def _decode(raw: bytes) -> str | None:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if raw.startswith(mark):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError:
                return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")

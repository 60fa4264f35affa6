"""Where bytes come from: files, standard input, open streams."""

from __future__ import annotations

import io
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO, cast

from pgmlang.data.problems import problem
from pgmlang.diagnostics.suggest import near_names


@dataclass(frozen=True)
class Source:
    """A file that can be opened as often as needed. ``suffix``: what its name says it is (`.csv`); ``encoding``: of its text,
    UTF-8 where it is empty; a byte order mark says it before."""

    name: str
    suffix: str
    open: Callable[[], BinaryIO]
    path: Path | None = None
    encoding: str = ""


def file_source(path: Path, name: str | None = None) -> Source:
    """A path as a source. Raises PgmError PGM0701 or PGM0702 if it cannot be opened."""
    shown = name or str(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise problem("PGM0702", "this is a folder, not a file", place=shown, cure="give a file in it")
        if not stat.S_ISREG(mode):
            with path.open("rb") as pipe:
                return spooled(pipe, shown)
        path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        raise problem("PGM0701", f"no file `{path}`", place=shown, cure=_cure(path)) from None
    except PermissionError:
        cure = "give yourself the right to read it (`chmod u+r`)"
        raise problem("PGM0702", "no permission to read this file", place=shown, cure=cure) from None
    except (OSError, ValueError) as error:
        raise problem("PGM0702", f"cannot open this file: {error}", place=shown) from None
    suffixes = [s.lower() for s in path.suffixes]
    suffix = suffixes[-1] if suffixes else ""
    if suffix == ".gz":
        suffix = suffixes[-2] if len(suffixes) > 1 and suffixes[-2] in (".csv", ".tsv", ".txt", ".tab") else ".csv"
    return Source(shown, suffix, lambda: path.open("rb"), path)


def _cure(path: Path) -> str:
    text = str(path)
    if "://" in text or text.startswith(("http:", "https:", "s3:")):
        return "addresses are not read; download the file first"
    slashed = Path(text.replace("\\", "/"))
    try:
        if slashed != path and slashed.exists():
            return f"did you mean `{slashed}`?"
        near = near_names(path.name, [p.name for p in path.parent.iterdir() if p.is_file()])
    except (OSError, ValueError):
        return "" if path.parent.exists() else f"there is no folder `{path.parent}`"
    return "did you mean " + " or ".join(f"`{path.parent / n}`" for n in near) + "?" if near else "check the path"


def spooled(stream: BinaryIO, name: str) -> Source:
    """A stream that can be read only once, copied to where it can be read again (memory, or disk when large)."""
    store = tempfile.SpooledTemporaryFile(max_size=1 << 26)  # noqa: SIM115 - lives as long as the source
    try:
        shutil.copyfileobj(stream, store, 1 << 20)
    except OSError as error:
        raise problem("PGM0908", f"reading failed: {error.strerror or error}", place=name) from None

    lock = Lock()

    def reopen() -> BinaryIO:
        return cast(BinaryIO, _Unclosed(cast(BinaryIO, store), lock))

    return Source(name, ".csv", reopen)


def standard_input(name: str | None = None) -> Source:
    """Standard input as a source of CSV."""
    return spooled(sys.stdin.buffer, name or "<stdin>")


class _Unclosed(io.RawIOBase):
    """Reads a store that must outlive each reading of it, from a position of its own: Arrow may still read ahead for a
    reading that was given up while the next one has begun."""

    def __init__(self, store: BinaryIO, lock: Lock) -> None:
        self._store = store
        self._lock = lock
        self._offset = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with self._lock:
            self._store.seek(self._offset)
            data = self._store.read(size)
            self._offset = self._store.tell()
        return data

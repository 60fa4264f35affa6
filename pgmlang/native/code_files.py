"""Compiled programs on disk: a folder a program, named by its text; in it the text for people, and a file of machine code a function.

What is read from there is run, so only what this user wrote is read: the folder is made for its owner alone (0700), and a folder
or a file that belongs to someone else, or that others can write, is left alone. Nothing here imports numba.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = "PGMLANG_CACHE"
"""The variable of the environment that says where they are."""
MOST_BYTES = 250_000_000
"""Size of all programs beyond which those that were not used for longest are thrown away."""
TEXT = "program.py"
_HEAD = b"pgmlang code 1\n"


def cache_folder() -> Path:
    """Where things are kept that may be thrown away: ``PGMLANG_CACHE``, else the user's folder for such. Raises RuntimeError where
    there is no home."""
    given = os.environ.get(FOLDER)
    if given:
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/pgmlang"
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pgmlang"


def programs_folder() -> Path:
    """Where compiled programs are."""
    return cache_folder() / "native"


@dataclass(frozen=True)
class KeptProgram:
    """A program on disk: the ``name`` of its model, ``bytes`` of all its files, seconds since it was last ``used``."""

    key: str
    name: str
    bytes: int
    used: float


def why_not_kept() -> str | None:
    """Why compiled programs are neither read nor written, in words; None where they are. Makes no folder."""
    try:
        folder = programs_folder()
    except RuntimeError:
        return "there is no home folder to keep them in"
    try:
        distrust = _distrust(os.lstat(folder))
    except OSError:
        there = next(p for p in folder.parents if p.exists())
        is_possible = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
        return None if is_possible else f"`{folder}` cannot be made"
    if distrust is None and not os.access(folder, os.W_OK | os.X_OK):
        distrust = "cannot be written"
    return None if distrust is None else f"`{folder}` {distrust}"


def _distrust(status: os.stat_result) -> str | None:
    """Why a folder or file is not this user's alone."""
    if stat.S_ISLNK(status.st_mode):
        return "is a link"
    if hasattr(os, "geteuid"):
        if status.st_uid != os.geteuid():
            return "belongs to another user"
        if status.st_mode & 0o022:
            return "can be written by others"
    return None


def read_code(key: str, name: str) -> bytes | None:
    """The code of a function of a program; None where there is none, where it is not whole, and where it is not this user's."""
    if not _is_trusted():
        return None
    folder = programs_folder() / key
    try:
        if _distrust(os.lstat(folder)) is not None:
            return None
        handle = os.open(folder / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        # of the very file that is read: another cannot be put in its place in between
        if _distrust(os.fstat(handle)) is not None:
            return None
        whole = file.read()
    with suppress(OSError):  # of a disk that is read alone
        os.utime(folder)
    start = len(_HEAD) + 32
    is_whole = whole.startswith(_HEAD) and whole[len(_HEAD) : start] == _digest(key, name, whole[start:])
    return whole[start:] if is_whole else None


def write_code(key: str, name: str, code: bytes) -> None:
    """Keeps the code of a function, where it can be kept."""
    _write(key, name, _HEAD + _digest(key, name, code) + code)


def write_text(key: str, source: str) -> None:
    """Keeps a program's text beside its code, for people, and makes room for it; a program that is there already is marked as used."""
    try:
        folder = programs_folder() / key
        if _is_trusted() and (folder / TEXT).is_file():
            os.utime(folder)
            return
    except (OSError, RuntimeError):
        return
    _write(key, TEXT, source.encode())
    _evict(MOST_BYTES, but=key)


def kept_programs() -> list[KeptProgram]:
    """All programs on disk, the last used first."""
    try:
        folders = [f for f in programs_folder().iterdir() if f.is_dir() and not f.is_symlink()]
    except (OSError, RuntimeError):
        return []
    programs = [_kept(folder) for folder in folders]
    return sorted((p for p in programs if p is not None), key=lambda p: p.used)


def clear_programs() -> int:
    """Throws all programs away; gives how many are gone."""
    programs = kept_programs()
    for program in programs:
        shutil.rmtree(programs_folder() / program.key, ignore_errors=True)
    return len(programs) - len(kept_programs())


def _kept(folder: Path) -> KeptProgram | None:
    """A program's folder; None where another process has just thrown it away."""
    try:
        status = folder.stat()
        sizes = [entry.stat().st_size for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
        name = _name(folder / TEXT)
    except OSError:
        return None
    return KeptProgram(folder.name, name, sum(sizes), max(0.0, time.time() - status.st_mtime))


def _name(path: Path) -> str:
    """What a program's text begins with: the name of its model."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            words = file.readline().split()
    except FileNotFoundError:
        return ""
    return words[1] if len(words) > 1 and words[0] == "#" else ""


def _is_trusted() -> bool:
    """Whether the folder of all programs is there, and this user's alone."""
    try:
        return _distrust(os.lstat(programs_folder())) is None
    except (OSError, RuntimeError):
        return False


def _digest(key: str, name: str, code: bytes) -> bytes:
    return hashlib.sha256(f"{key}/{name}\n".encode() + code).digest()


def _write(key: str, name: str, content: bytes) -> None:
    """A file put in place whole; processes that write the same one at once each do. Where it cannot be written nothing is kept, which
    costs the next process the compilation alone."""
    if why_not_kept() is not None:
        return
    folder = programs_folder() / key
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _is_trusted():
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, folder / name)
    except OSError:  # the disk is full, or the folder was thrown away meanwhile
        Path(temporary).unlink(missing_ok=True)


def _evict(most: int, but: str) -> None:
    """Throws away what was not used for longest until all that is left has at most ``most`` bytes."""
    programs = kept_programs()
    total = sum(p.bytes for p in programs)
    for program in reversed(programs):
        if total <= most:
            return
        if program.key != but:
            shutil.rmtree(programs_folder() / program.key, ignore_errors=True)
            total -= program.bytes

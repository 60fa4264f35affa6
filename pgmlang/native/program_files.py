"""Native programs on disk, so that each is compiled once on a machine: a folder a program, named by its text."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

FOLDER = "PGMLANG_CACHE"
"""The variable of the environment that says where they are."""


def cache_folder() -> Path:
    """Where compiled programs are kept: ``PGMLANG_CACHE``, else the user's folder for what may be thrown away."""
    given = os.environ.get(FOLDER)
    if given:
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/pgmlang"
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pgmlang"


def load_program(source: str) -> ModuleType:
    """A program as a module: from its file where one can be written, else from memory. Processes that write the same program at once
    each put a whole file in place."""
    key = hashlib.sha256(f"{_versions()}\n{source}".encode()).hexdigest()[:32]
    module = sys.modules.get(f"pgmlang_native_{key}")
    if module is not None:
        return module
    path = cache_folder() / "native" / key / "program.py"
    try:
        _write(path, source)
    except OSError:
        module = ModuleType(f"pgmlang_native_{key}")
        exec(compile(source, f"<pgmlang native {key}>", "exec"), module.__dict__)
    else:
        spec = importlib.util.spec_from_file_location(f"pgmlang_native_{key}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    sys.modules[module.__name__] = module
    return module


def clear_programs() -> int:
    """Throws all programs away; gives their number."""
    folder = cache_folder() / "native"
    programs = [p for p in folder.glob("*") if p.is_dir()] if folder.is_dir() else []
    for program in programs:
        shutil.rmtree(program, ignore_errors=True)
    return len(programs)


def _write(path: Path, source: str) -> None:
    if path.is_file() and path.read_text(encoding="utf-8") == source:
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(source)
    os.replace(name, path)


@cache
def _versions() -> str:
    import numba

    from pgmlang.versions import __version__

    # what programs call becomes part of them
    runtime = sorted((Path(__file__).parent / "runtime").glob("*.py"))
    called = hashlib.sha256(b"".join(file.read_bytes() for file in runtime)).hexdigest()
    return f"pgmlang {__version__}, numba {numba.__version__}, {called}"

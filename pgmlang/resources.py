"""Finds ``grammar/``, ``stdlib/`` and ``examples/``: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

_MODULE_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def _root(folder: str) -> Traversable | Path:
    packed = files("pgmlang") / "_data" / folder
    if packed.is_dir():
        return packed
    beside = Path(__file__).resolve().parents[1] / folder
    if beside.is_dir():
        return beside
    raise FileNotFoundError(f"pgmlang: {folder}/ is missing from this installation")


def grammar_text(file: str = "pgm.lark") -> str:
    """The text of a grammar file."""
    return (_root("grammar") / file).read_text(encoding="utf-8")


def stdlib_text(module: str) -> str | None:
    """Source of the standard library module with this dotted name (without ``std.``), or None."""
    if not _MODULE_NAME.fullmatch(module):
        return None
    file = _root("stdlib") / (module.replace(".", "/") + ".pgm")
    return file.read_text(encoding="utf-8") if file.is_file() else None


def stdlib_modules() -> list[str]:
    """Names of the standard library's modules, sorted."""
    return sorted(f.name[:-4] for f in _root("stdlib").iterdir() if f.name.endswith(".pgm"))


SHIPPED = (".pgm", ".csv", ".md")
"""Endings of the files of an example that a wheel has: models, data, and the story."""


def example_names() -> list[str]:
    """Names of the examples, a folder each, sorted."""
    return sorted(f.name for f in _root("examples").iterdir() if f.is_dir() and not f.name.startswith(("_", ".")))


def example_files(name: str) -> dict[str, Traversable | Path]:
    """The files of an example by name: models first, then data, then its README."""
    folder = _root("examples") / name
    files_of = {f.name: f for f in folder.iterdir() if f.is_file() and f.name.endswith(SHIPPED)}
    return dict(sorted(files_of.items(), key=lambda item: (SHIPPED.index(Path(item[0]).suffix), item[0])))

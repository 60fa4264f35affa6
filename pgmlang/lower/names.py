"""Names of the model as Python identifiers: kept where they can be, mangled where they cannot."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from pgmlang.families import FAMILIES

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_DEFINED = re.compile(r"^(?:def |class |(?=[A-Z_]+ = ))(\w+)", re.MULTILINE)
"""What a file of the runtime gives a meaning at its top."""
_OURS = {"torch", "dist", "pyro", "math", "constraints", "biject_to", "values", "data", "layout", "params", "nets",
         "annotations", "out", "terms", "log_q", "q", "t", "now", "drawn", "missing", "given", "shape", "factors", "propose",
         "deterministic", "FACTORS", "GUIDE_FACTORS", "SUPPORTS", "RANKS", "LABELS", "example", "log_joint", "model",
         "guide", "simulate", "main", "build_nets"}  # fmt: skip
"""Names of modules, of the program's own functions and tables, and of their arguments and locals."""
RUNTIME = (
    "support",
    "vector_maps",
    "special",
    "mills",
    "hypergeometric",
    "noncentral",
    "saddle",
    "simulated",
    "elementwise",
    "combined",
    "labels",
    "vectors",
    "student_vectors",
    "neighbours",
    "layout",
    "recurrences",
    "equations",
    "pyro_model",
    "pyro_missing",
)
"""The files of functions, classes and constants that programs may bring along."""
_BUILTINS = (
    {n for n in dir(__builtins__) if not n.startswith("_")}
    if not isinstance(__builtins__, dict)
    else set(__builtins__)
)


def runtime_names() -> frozenset[str]:
    """The functions, classes and constants that programs may bring along."""
    return _names_with(tuple(FAMILIES))


@cache
def _names_with(families: tuple[str, ...]) -> frozenset[str]:
    classes = {FAMILIES[f].class_name(v) for f in families for v in range(len(FAMILIES[f].variants))}
    return runtime_pieces() | classes


@cache
def runtime_pieces() -> frozenset[str]:
    """The functions, classes and constants of ``RUNTIME``; the tables there that a program has its own of are none."""
    sources = ((files("pgmlang.lower") / "runtime" / f"{name}.py").read_text(encoding="utf-8") for name in RUNTIME)
    return frozenset(n for source in sources for n in _DEFINED.findall(source)) - _OURS


def is_identifier(word: str) -> bool:
    """Whether a word can be a name in an emitted program."""
    return bool(_PLAIN.fullmatch(word)) and not keyword.iskeyword(word) and not keyword.issoftkeyword(word)


class Names:
    """Identifiers for the model's names, each its own."""

    def __init__(self, names: Iterable[str]) -> None:
        self._of: dict[str, str] = {}
        self._taken = set(_OURS | runtime_names() | _BUILTINS)
        for name in names:
            self[name]

    def __getitem__(self, name: str) -> str:
        if name not in self._of:
            self._of[name] = self._fresh(name)
            self._taken.add(self._of[name])
        return self._of[name]

    def reserved(self) -> set[str]:
        """Identifiers that a new local may not have."""
        return set(self._taken)

    def _fresh(self, name: str) -> str:
        word = name.replace(".", "_").replace(" ", "_").replace("-", "")
        good = is_identifier(word)
        if good and word not in self._taken:
            return word
        if good and f"{word}_" not in self._taken:
            return f"{word}_"
        number = len(self._of)
        while f"v_{number}" in self._taken:
            number += 1
        return f"v_{number}"


def comment(text: str) -> str:
    """Text that is safe behind ``#``: one line, printable."""
    return "".join(ch if ch.isprintable() else "\ufffd" for ch in text)[:200]

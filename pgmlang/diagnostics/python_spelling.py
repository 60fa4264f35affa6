"""Options of the command line in a message as Python takes them: `--missing drop` is `missing='drop'`. Messages are written for the
shell; an exception, whose reader is in Python, shows them so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

_SPAN = re.compile(r"`(--[a-z][^`]*)`(?:([^`(]*) ?\((?:in Python )?`([a-z_]+=[^`]*)`\))?")
"""Options in backticks; behind them, where the message says it itself, what Python takes."""

METHOD_OPTIONS = frozenset(
    ("max_iterations", "tolerance", "restarts", "chains", "warmup", "draws", "max_draws", "temperatures", "particles", "guide", "epochs", "batch",
     "learning_rate", "validation", "patience", "optimizer", "k", "dtype", "backend",
     "max_time")
)  # fmt: skip
"""What Python takes within ``options``."""


def in_python(text: str) -> str:
    """The text with every option as a keyword argument; an option that Python has not stays."""
    return _SPAN.sub(_respelled, text) if "`--" in text else text


def _respelled(match: re.Match[str]) -> str:
    written, between, said = match.groups()
    if said:
        return f"`{said}`{(between or '').rstrip()}"
    try:
        words = shlex.split(written)
    except ValueError:
        return match[0]
    keywords: dict[str, Any] = {}
    names: list[str] = []
    while words:
        flag = words.pop(0)
        keyword = _NAMES.get(flag[2:], flag[2:].replace("-", "_"))
        value = words.pop(0) if words and not words[0].startswith("--") else None
        if not flag.startswith("--") or (keyword not in _VALUES and keyword not in METHOD_OPTIONS):
            return match[0]
        if keyword in ("strip", "fold_case"):
            keywords[keyword] = True
        elif value is None:
            names.append(f'options["{keyword}"]' if keyword in METHOD_OPTIONS else keyword)
        elif keyword in METHOD_OPTIONS:
            keywords.setdefault("options", {})[keyword] = _number(value)
        else:
            keywords[keyword] = _joined(keywords.get(keyword), _VALUES[keyword](value))
    shown = [*names, *(f"{name}={value!r}" for name, value in keywords.items())]
    return f"`{', '.join(shown)}`"


def _joined(before: Any, value: Any) -> Any:
    """Two values of one keyword: mappings and lists are joined."""
    if isinstance(before, dict) and isinstance(value, dict):
        return before | {k: _joined(before.get(k), v) for k, v in value.items()}
    return before + value if isinstance(before, list) and isinstance(value, list) else value


class _Bare(str):
    """A placeholder, which stands for what the reader writes: shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _number(text: str) -> Any:
    """A number, a placeholder (``VALUE``, ``...``), or a text."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?\d*\.\d+(e-?\d+)?|-?\d+e-?\d+", text):
        return float(text)
    return _Bare("..." if text == "VALUE" else text) if text in ("VALUE", "...") else text


def _of_column(value: Callable[[str], Any], alone: Callable[[str], Any] = str) -> Callable[[str], Any]:
    """``COLUMN=VALUE`` as a mapping, a value by itself as ``alone`` has it."""

    def read(text: str) -> Any:
        column, equals, rest = text.partition("=")
        return {column: value(rest)} if equals and column else alone(text)

    return read


def _merge(text: str) -> Any:
    label, _, to = text.rpartition("=")
    column, mark, rest = label.partition(":")
    return {column: {rest: to}} if mark and column and rest else {label: to}


def _bins(text: str) -> Any:
    if re.fullmatch(r"\[[-\d., e]+\]", text):
        return [_number(t.strip()) for t in text[1:-1].split(",")]
    return _number(text)


def _names(text: str) -> list[str]:
    return text.split(",")


_NAMES = {"map": "mapping", "fix": "fixed", "set": "settings"}
_VALUES: dict[str, Callable[[str], Any]] = {
    "sep": str, "encoding": str, "decimal": _of_column(str), "thousands": _of_column(str), "na": _of_column(lambda t: [t], lambda t: [t]),
    "strip": str, "fold_case": str, "merge": _merge, "unit": _of_column(str), "accounting": _names, "magnitudes": _names,
    "dates": _of_column(str, _names), "bins": _of_column(_bins), "missing": str, "mapping": _of_column(str), "observe": _of_column(_number),
    "fixed": _of_column(_number), "hide": _names, "counts": lambda t: t or None, "weights": lambda t: t or None, "new_labels": str,
    "method": str, "device": str, "seed": _number, "classifier": str, "targets": _names, "target": str, "start": str,
}  # fmt: skip
"""The keywords of Python's functions, and what each makes of an option's value."""

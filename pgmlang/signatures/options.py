"""Options of methods: what each may be, said once for the command line, Python and ``-O``."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pgmlang.diagnostics import Diagnostic
from pgmlang.signatures.kernels import kernel_names


@dataclass(frozen=True)
class OptionRow:
    """``least``: the smallest value (``is_above``: itself excluded); ``most``: the largest; ``choices``: of a word, or
    ``named``: what gives them when they are asked for;
    ``says``: the help of its flag, empty for options that only ``-O`` sets."""

    says: str = ""
    least: float = 0
    most: float = math.inf
    is_above: bool = False
    choices: tuple[str, ...] = ()
    named: Callable[[], tuple[str, ...]] | None = None
    kind: type = float


OPTIONS: dict[str, OptionRow] = {
    "max_iterations": OptionRow("Most iterations of an iterative method.", 1, kind=int),
    "tolerance": OptionRow("Converged when the objective gains less than this a row."),
    "restarts": OptionRow("Random starts of em with latent variables.", 1, kind=int),
    "chains": OptionRow("Chains of a sampler, run side by side.", 1, 100_000, kind=int),
    "warmup": OptionRow("Steps of each chain that adapt the sampler and are not kept.", kind=int),
    "draws": OptionRow("Draws kept of each chain: 500, and more until they settle, if not given.", 1, kind=int),
    "max_draws": OptionRow("Draws of each chain at the most, where they do not settle: ten times as many, or `--draws`.", 1, kind=int),
    "temperatures": OptionRow("Temperatures of tempering and ais.", 2, kind=int),
    "particles": OptionRow("Draws of a guide a step (elbo), or annealed side by side (ais).", 1, kind=int),
    "guide": OptionRow("The automatic guide of elbo.", choices=("meanfield", "fullrank"), kind=str),
    "epochs": OptionRow("Passes over the data of a trained method.", 1, kind=int),
    "batch": OptionRow("Rows of a training step (default: all).", 1, kind=int),
    "learning_rate": OptionRow("Adam's learning rate at the beginning.", is_above=True),
    "validation": OptionRow("Share of the rows kept apart for early stopping.", most=1),
    "patience": OptionRow("Epochs without gain on those rows before training stops.", 1, kind=int),
    "optimizer": OptionRow("The optimiser of map.", choices=("lbfgs", "adam"), kind=str),
    "k": OptionRow("Sweeps of the negative phase (cd, pcd, ml).", 1, kind=int),
    "dtype": OptionRow("Numbers of a sampler or of a trained method.", choices=("float32", "float64"), kind=str),
    "backend": OptionRow(
        "What works out densities and sums over labels: torch, compiled loops (native), or what pays (auto).",
        choices=("auto", "native", "torch"), kind=str,
    ),
    "kind": OptionRow(choices=("denoising", "sliced"), kind=str),
    "noise": OptionRow(is_above=True),
    "step_size": OptionRow(is_above=True),
    "inner": OptionRow(kind=str, named=kernel_names),
    "length": OptionRow(is_above=True),
    "lowest": OptionRow(is_above=True, most=1),
    "max_time": OptionRow(),
}  # fmt: skip
"""Options by name, those with a flag first; a name means the same in every method that has it. The options of a
plug-in that are not here are checked against their annotations only."""


def typed_value(name: str, annotation: Any, value: Any) -> tuple[Any, Diagnostic | None]:
    """The value as the option's own type, or PGM0612: an ``int`` also from ``1e3``, a ``float`` from an ``int``, None
    (or the word) where the option may be left to the method."""
    kinds = set(_kinds(annotation))
    if value is None or (isinstance(value, str) and value.lower() == "none"):
        return (None, None) if type(None) in kinds else (None, _wrong(name, value, kinds))
    row = OPTIONS.get(name, OptionRow())
    if isinstance(value, bool) or hasattr(value, "dtype"):
        value = value if isinstance(value, bool) else value.item() if getattr(value, "ndim", 0) == 0 else value
    if isinstance(value, bool):
        return (value, None) if bool in kinds else (None, _wrong(name, value, kinds))
    if isinstance(value, str):
        if str not in kinds:
            return None, _wrong(name, value, kinds)
        choices = row.named() if row.named else row.choices
        if choices and value not in choices:
            return None, _refused(name, value, "one of " + ", ".join(choices))
        return value, None
    if not isinstance(value, int | float) or not kinds & {int, float}:
        return None, _wrong(name, value, kinds)
    if not math.isfinite(value) or value < row.least or value > row.most or (row.is_above and value == row.least):
        return None, _refused(name, value, _range(row))
    if float in kinds:
        return float(value), None
    return (int(value), None) if value == int(value) else (None, _wrong(name, value, kinds))


def _kinds(annotation: Any) -> Iterable[type]:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        for one in typing.get_args(annotation):
            yield from _kinds(one)
    elif isinstance(annotation, type):
        yield annotation


_WORDS: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}


def _wrong(name: str, value: Any, kinds: set[type]) -> Diagnostic:
    return _refused(name, value, " or ".join(w for k, w in _WORDS.items() if k in kinds) or "something else")


def _refused(name: str, value: Any, wanted: str) -> Diagnostic:
    return Diagnostic("PGM0612", f"the option `{name}` cannot be {value}", help=f"it is {wanted}")


def _range(row: OptionRow) -> str:
    low = f"a number above {row.least:g}" if row.is_above else f"a number from {row.least:g}"
    return low + (f" to {row.most:g}" if math.isfinite(row.most) else "")

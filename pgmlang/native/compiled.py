"""How functions of native programs are compiled: numba, without the interpreter's lock, kept on disk where that can be written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

REORDERED = {"reassoc", "contract", "arcp", "nsz"}
"""Sums may be taken in another order and quotients as products with reciprocals, always in the same one; what is infinite or no number
stays so."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function as machine code at its first call, its operations in the order in which they are written."""
    return _compiled(function, fastmath=False)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that becomes part of whoever calls it: as a function of its own it would be optimised once more for each caller, and
    which of these is run, and in which order its sums are taken, would hang on what was loaded first."""
    return njit(inline="always", error_model="numpy")(function)  # type: ignore[no-any-return]


def compiled_sums(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `compiled`, with REORDERED sums and quotients: for loops over rows."""
    return _compiled(function, fastmath=REORDERED)


def _compiled(function: Callable[..., Any], fastmath: Any) -> Callable[..., Any]:
    given = {"error_model": "numpy", "nogil": True, "fastmath": fastmath}
    if Path(function.__code__.co_filename).is_file():
        try:
            return njit(cache=True, **given)(function)  # type: ignore[no-any-return]
        except RuntimeError:  # no folder can be written
            pass
    return njit(**given)(function)  # type: ignore[no-any-return]

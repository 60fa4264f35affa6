"""pgmlang: a small declarative language for probabilistic graphical models, and its compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgmlang.versions import LANGUAGE_VERSION, __version__

if TYPE_CHECKING:
    from pgmlang.api import CompiledModel, FittedModel, compare_fits, compile, describe, init, load, rank_fits
    from pgmlang.diagnostics import CompileError, Diagnostic, PgmError, PgmWarning

__all__ = [
    "LANGUAGE_VERSION",
    "CompileError",
    "CompiledModel",
    "Diagnostic",
    "FittedModel",
    "PgmError",
    "PgmWarning",
    "__version__",
    "compare_fits",
    "compile",
    "describe",
    "init",
    "load",
    "rank_fits",
]

_HOMES = {
    "CompileError": "pgmlang.diagnostics",
    "CompiledModel": "pgmlang.api",
    "Diagnostic": "pgmlang.diagnostics",
    "FittedModel": "pgmlang.api",
    "PgmError": "pgmlang.diagnostics",
    "PgmWarning": "pgmlang.diagnostics",
    "compare_fits": "pgmlang.api",
    "compile": "pgmlang.api",
    "describe": "pgmlang.api",
    "init": "pgmlang.api",
    "load": "pgmlang.api",
    "load_ipython_extension": "pgmlang.notebook",
    "rank_fits": "pgmlang.api",
}


def __getattr__(name: str) -> Any:
    """Public names are loaded when first used, so that ``import pgmlang`` costs nothing."""
    if name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'pgmlang' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])

"""The texts of compiled loops that are the same for all models."""

from __future__ import annotations

from importlib.resources import files


def runtime_text(name: str) -> str:
    """The text of a module of `native/runtime`."""
    return files("pgmlang.native.runtime").joinpath(f"{name}.py").read_text(encoding="utf-8")

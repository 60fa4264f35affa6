"""What packages beside pgmlang add to it: entry points, loaded when their name is asked for.

    [project.entry-points."pgmlang.methods"]
    mine = "my_package.mine:METHOD"

Groups: ``pgmlang.methods`` (``plan.Method``), ``pgmlang.kernels`` (``signatures.kernels.SamplerKernel``),
``pgmlang.codes`` (``diagnostics.Code`` under its code), ``pgmlang.checks`` (``results.trust.Check``),
``pgmlang.plots`` (``plots.Kind``) and ``pgmlang.verbs`` (a ``click.Command``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

METHODS = "pgmlang.methods"
KERNELS = "pgmlang.kernels"
CODES = "pgmlang.codes"
CHECKS = "pgmlang.checks"
PLOTS = "pgmlang.plots"
VERBS = "pgmlang.verbs"

T = TypeVar("T")


def entries(group: str) -> list[EntryPoint]:
    """The entry points of a group, by name."""
    from importlib.metadata import entry_points  # not needed by most commands

    return sorted(entry_points(group=group), key=lambda e: e.name)


def plugin(group: str, name: str, kind: type[T]) -> T | None:
    """The object of a name, None where no package adds it. Raises TypeError for one of another kind."""
    for entry in entries(group):
        if entry.name == name:
            loaded = entry.load()
            if not isinstance(loaded, kind):
                raise TypeError(f"the plug-in `{entry.value}` of `{group}` is no {kind.__name__}")
            return loaded
    return None


def plugin_modules() -> set[str]:
    """Modules whose records a method's state may hold."""
    return {entry.module for group in (METHODS, KERNELS) for entry in entries(group)}

"""The kinds of pictures by name; those of other packages come by the entry points ``pgmlang.plots``."""

from __future__ import annotations

from pgmlang import plugins
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.plots import estimates, filters, images, objective, of_draws, predictive, tables, topics
from pgmlang.plots.kind import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        *of_draws.KINDS,
        estimates.KIND,
        topics.KIND,
        filters.KIND,
        images.KIND,
        tables.KIND,
        predictive.KIND,
        objective.KIND,
    )
}
"""By name."""


def every_kind() -> dict[str, Kind]:
    """Those here and those that packages beside pgmlang add. Raises PgmError PGM0612 for an entry point that is no kind."""
    added: dict[str, Kind] = {}
    for entry in plugins.entries(plugins.PLOTS):
        try:
            kind = plugins.plugin(plugins.PLOTS, entry.name, Kind)
        except TypeError as error:
            raise PgmError(Diagnostic("PGM0612", str(error))) from error
        if kind is not None:
            added[kind.name] = kind
    return {**KINDS, **added}


def kind_named(name: str) -> Kind:
    """Raises PgmError PGM0612 for a name that no kind has."""
    kinds = every_kind()
    by_name = {spelling: kind for kind in kinds.values() for spelling in (kind.name, *kind.spellings)}
    if name not in by_name:
        cure = did_you_mean(name, by_name) or "there are " + ", ".join(f"`{k}`" for k in kinds)
        raise PgmError(Diagnostic("PGM0612", f"there is no kind of picture `{name}`", help=cure))
    return by_name[name]

"""What of a model belongs to a row, and what the fit has values of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgmlang.results.fit import Fit


def rows_of(fit: Fit, *, inner: bool = False) -> set[str]:
    """Variables and inputs that a row of data has for itself, or that its groups have. ``inner``: of the rows alone."""
    rows = {p.name for p in fit.model.plates if p.is_rows}
    if inner:
        rows -= {q for p in rows for q in fit.model.enclosing(p)[:-1]}
    return {v.name for v in fit.model.variables if rows & set(fit.model.array_axes(v))}


def known_to(fit: Fit) -> set[str]:
    """Variables that the fit has values of."""
    return {n for n in (*fit.draws, *fit.parameters, *fit.deterministic) if n in fit.model.by_name}


def of_a_row(fit: Fit) -> set[str]:
    """What a question may give or ask as part of a fresh row: what a row has for itself, and globals that the fit has no
    values of."""
    return rows_of(fit) | {v.name for v in fit.model.of_role("random", "field", "derived")} - known_to(fit)


def base(name: str) -> str:
    """The variable of ``x[b]``."""
    return name.partition("[")[0]

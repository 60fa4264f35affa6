"""The numbers of a fit that a picture shows, by the names of its summary."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.results.fit import Fit
from pgmlang.results.scalars import is_discrete, scalar_names


class Scalars(NamedTuple):
    """``values``: draws ``[chain, draw]`` by name; ``number``: how many there were to choose from."""

    values: dict[str, np.ndarray]
    number: int

    @property
    def note(self) -> str:
        """What is left out."""
        shown = len(self.values)
        return "" if shown == self.number else f"{shown} of {self.number:,} numbers; variables= chooses others"


def real_names(fit: Fit) -> list[str]:
    """Variables with draws of numbers."""
    return [n for n in fit.draws if not is_discrete(fit, n)]


def refuse_unknown(wanted: tuple[str, ...], known: list[str], what: str) -> None:
    """Raises PgmError PGM0612 for a name that is none of those known."""
    for name in wanted:
        if name not in known:
            cure = did_you_mean(name, known) or "there are " + ", ".join(f"`{k}`" for k in known[:12])
            raise PgmError(Diagnostic("PGM0612", f"no {what} is named `{name}`", help=cure))


def chosen_scalars(fit: Fit, variables: tuple[str, ...], most: int) -> Scalars:
    """The first ``most`` numbers of the variables (or elements: ``effect[0]``) named; without names those of `usual_names`.
    Raises PgmError PGM0612 for a name that there is not."""
    names = real_names(fit)
    elements = {n: list(scalar_names(fit, n)) for n in names if fit.draws[n][0, 0].size <= 10_000}
    single = [e for n in names for e in elements.get(n, ()) if e != n]
    refuse_unknown(variables, [*names, *single], "variable or element with draws of numbers")
    wanted = variables or usual_names(fit, most)
    values: dict[str, np.ndarray] = {}
    number = 0
    for name in wanted:
        owner = name if name in names else name.partition("[")[0]
        draws = fit.draws[owner].reshape(*fit.draws[owner].shape[:2], -1)
        every = elements.get(owner) or list(scalar_names(fit, owner))
        chosen = range(len(every)) if owner == name else [every.index(name)]
        number += len(chosen)
        for i in chosen:
            if len(values) < most:
                values[every[i]] = np.asarray(draws[:, :, i], dtype=float)
    return Scalars(values, number if variables else sum(fit.draws[n][0, 0].size for n in names))


def usual_names(fit: Fit, most: int) -> tuple[str, ...]:
    """Variables that are drawn where none is named, the smallest first: without what each row of the data has for itself, if
    that is more than there is room for, or follows from others and the row has no name of its own. Where nothing else is
    known, all."""

    def size(name: str) -> int:
        return int(fit.draws[name][0, 0].size)

    def is_read(name: str) -> bool:
        variable = fit.model.by_name.get(name)
        if variable is None:
            return True
        of_rows = [a for a in fit.model.batch_axes(variable.plates) if a in rows]
        is_named = all(fit.layout.labels.get(a) or fit.row_names.get(fit.model.root_axis(a)) for a in of_rows)
        return not of_rows or (size(name) <= most and (variable.role != "derived" or is_named))

    rows = {p.name for p in fit.model.plates if p.is_rows}
    names = sorted(real_names(fit), key=size)
    return tuple([n for n in names if is_read(n)] or names)

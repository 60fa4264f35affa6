"""Inputs that data must give: those that have no column, no value or missing cells are refused, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.binding.columns import Matches, unused_columns
from pgmlang.binding.outside import at_rows
from pgmlang.binding.problems import BindingProblems
from pgmlang.data import Column, Frame
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.layout import MissingMask, close_sizes
from pgmlang.model import Model, Variable
from pgmlang.model.show import quoted

_DISTRIBUTIONS = {
    "labels": "Table(prior = 1)",
    "bit": "Bernoulli(p)",
    "spin": "Table(prior = 1)",
    "count": "Poisson(rate)",
    "integer": "Skellam(a, b)",
    "positive": "LogNormal(m, s)",
    "unit": "Beta(a, b)",
    "simplex": "Dirichlet(a)",
}
"""One that has a kind of values; `Normal(m, s)` of others."""


def as_modelled(variable: Variable) -> str:
    """The statement that gives an input a distribution, as one writes it."""
    kind, declared = variable.type.kind, ""
    if kind in ("labels", "spin"):
        own = variable.type.labels
        declared = f" : {variable.type if own is None else '{' + ', '.join(map(quoted, own)) + '}'}"
    if len(declared) > 60:  # the labels are the data's
        declared = " : {...}"
    axes = f"[{', '.join(variable.axes)}]" if variable.axes else ""
    return f"{variable.name}{axes}{declared} ~ {_DISTRIBUTIONS.get(kind, 'Normal(m, s)')}"


@dataclass
class Inputs:
    """What the tables ``frames`` gave: ``values`` of variables, ``gaps`` in them."""

    matches: Matches
    frames: Mapping[str, Frame]
    values: Mapping[str, np.ndarray]
    gaps: Mapping[str, MissingMask]
    problems: BindingProblems

    def check(self, closed: Model, hide: Collection[str], columns_of: Callable[[str], list[Column]]) -> None:
        """PGM0718 for each input without data, PGM0710 for one with missing cells. ``columns_of``: the cells of a bound variable."""
        for variable in closed.of_role("input"):
            name = variable.name
            if name in self.problems.troubled:
                continue
            if name in hide:
                self.problems.error("PGM0718", f"the input `{name}` is hidden, and an input is given", self._source,
                                    f"leave `--hide` out, or give the variable a distribution: `{as_modelled(variable)}`")  # fmt: skip
            elif name not in self.values and not at_rows(closed, variable).plates and variable.axes:
                axes = ", ".join(variable.axes)
                self.problems.error("PGM0718", f"the input `{name}` has no values", self._source,
                                    f"it is outside of every plate: give a table of its own, `data.csv {name}={name}.csv` (columns {axes}, "
                                    f"{name}), an array `{name}` in an `.npz` file, or write it out: `{name}[{axes}] = [...]`")  # fmt: skip
            elif name not in self.values and not at_rows(closed, variable).plates:
                self.problems.error("PGM0718", f"the input `{name}` has no value", self._source,
                                    f"it is outside of every plate: write `--observe {name}=VALUE`")  # fmt: skip
            elif name not in self.values and not self.matches.bound(name):
                self._lacks_column(name)
            elif name in self.gaps:
                count = self.gaps[name].number
                self.problems.error(
                    "PGM0710", f"the input `{name}` has {count:,} missing cell{'s' if count > 1 else ''}",
                    self._first_gap(columns_of(name)),
                    f"model it (`{as_modelled(variable)}`), or leave those rows out: `--missing drop`",
                )  # fmt: skip

    def of_no_rows(self, closed: Model, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
        """Inputs of plates that have no table and no rows (``sizes``), which no column needs to tell: arrays without values."""
        known = close_sizes(closed, sizes)
        return {
            v.name: np.zeros(
                [known.get(a, 0) for a in closed.array_axes(v)], np.int64 if v.type.is_discrete else float
            )
            for v in closed.of_role("input")
            if any(sizes.get(p) == 0 and p not in self.frames for p in v.plates) and v.name not in self.values
        }

    @property
    def _source(self) -> str:
        return ", ".join(f.name for f in self.frames.values())

    def _lacks_column(self, name: str) -> None:
        scalars = [f for f in self.frames.values() if name in f.arrays and not f.arrays[name].ndim]
        if scalars:
            self.problems.error("PGM0718", f"the input `{name}` is one value in the data, not a column", self._source,
                                f"give one value a row, in Python `{{{name!r}: [{scalars[0].arrays[name]}]}}` for a single row")  # fmt: skip
            return
        near = did_you_mean(name, unused_columns(self.matches, self.frames))
        self.problems.error("PGM0718", f"the input `{name}` has no column", self._source,
                            f"{near + ' ' if near else ''}add a column `{name}`, or say `--map {name}=COLUMN` "
                            f"(in Python `mapping={{{name!r}: 'COLUMN'}}`)")  # fmt: skip

    def _first_gap(self, columns: list[Column]) -> str:
        for column in columns:
            gaps = np.flatnonzero(np.asarray(column.missing))
            if len(gaps):
                return column.cell(int(gaps[0]))
        return self._source

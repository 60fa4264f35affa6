"""A summary to be read: the figures of a fit in as many lines as a screen holds, the rest folded with the way to see it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, overload

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.display import DisplayTable, as_frame, column, mime_bundle, printable, text_as_html
from pgmlang.results.figure_groups import FigureGroup, figure_groups
from pgmlang.results.fit import Fit
from pgmlang.results.headline import titled_headline
from pgmlang.results.scalar_table import scalar_table
from pgmlang.results.summary import element_names, owner_of, row_name, summary_rows


@dataclass(frozen=True)
class Budget:
    """``lines`` of figures in all, ``table``: of one table that is cut, ``folded``: lines that name what is folded."""

    lines: int
    table: int
    folded: int = 12

    def with_every_head(self, groups: Sequence[FigureGroup]) -> Budget:
        """The budget that shows of each table as many lines as leave room for the heads of all; this one, where not even two
        lines of each have room."""
        for limit in range(self.table, 1, -1):
            shorter = replace(self, table=limit)
            scalars = sum(g.num_rows for g in groups if g.scalars and g.num_rows <= self.lines // 2)
            if scalars + sum(_lines(g, shorter) for g in groups if g.table) <= self.lines:
                return shorter
        return self

    def limit_of(self, num_rows: int) -> int | None:
        """How many lines of a table stand; all of one that is hardly longer."""
        return self.table if num_rows > self.table + self.table // 2 else None


SCREEN = Budget(lines=60, table=12)
"""Of `pgmc summary` and `FittedModel.summary`."""
GLANCE = Budget(lines=28, table=4, folded=4)
"""Of the end of `pgmc fit`."""


@dataclass(frozen=True)
class More:
    """The commands that show what is folded: of one name (``{name}`` in it stands for that) and of everything."""

    one: str
    everything: str


PYTHON = More('fit.summary("{name}")', "fit.summary().frame")


def commands_for(folder: str) -> More:
    """Of a terminal."""
    place = shlex.quote(folder)
    return More(f"pgmc summary {place} {{name}}", f"pgmc summary {place} --all")


def summary_tables(
    fit: Fit, names: Sequence[str] = (), budget: Budget | None = SCREEN, more: More = PYTHON
) -> list[DisplayTable]:
    """The tables in order: scalars, tables of probabilities, and one line for each group that is folded. Without a
    ``budget``, and of the groups that are named, everything."""
    if names:
        check_names(fit, names)
        budget = None
    elements = element_names(fit, names)
    whole = [n for n in names if n not in elements]
    every = figure_groups(fit, whole) if whole or not names else []
    budget = budget and budget.with_every_head(every)
    shown = _within(every, budget)
    tables = []
    rows = [row for group in every if group in shown and group.scalars for row in group.scalars()]
    rows += summary_rows(fit, names=elements) if elements else []
    if rows:
        tables.append(scalar_table(rows))
    tables += [_cut(group, budget, more) for group in every if group in shown and group.table]
    folded = [group for group in every if group not in shown]
    if folded:
        tables.append(_folded(folded, budget.folded if budget else None, more))
    reason = fit.provenance.get("no_standard_errors")
    if reason and tables:
        tables[-1] = tables[-1].with_notes(f"no standard errors: {reason}")
    return tables


def _within(every: Sequence[FigureGroup], budget: Budget | None) -> set[FigureGroup]:
    """Whole groups, the small ones first, as long as they fit."""
    can_stand = [b for b in every if b.scalars or b.table]
    if budget is None:
        return set(can_stand)
    left = budget.lines
    shown = set()
    for group in sorted(can_stand, key=lambda b: _lines(b, budget)):
        left -= _lines(group, budget)
        if left < 0:
            break
        shown.add(group)
    return shown


def _lines(group: FigureGroup, budget: Budget) -> int:
    return group.num_rows if group.scalars else (budget.limit_of(group.num_rows) or group.num_rows) + 3


def _cut(group: FigureGroup, budget: Budget | None, more: More) -> DisplayTable:
    assert group.table is not None, "only tables are cut"
    table = group.table(budget.limit_of(group.num_rows) if budget else None, budget is None)
    left_out = group.num_rows - table.num_rows
    if left_out <= 0:
        return table
    return table.with_notes(f"... and {left_out:,} more: {more.one.format(name=group.name)}")


def _folded(folded: Sequence[FigureGroup], limit: int | None, more: More) -> DisplayTable:
    shown = folded[:limit]
    table = DisplayTable((
        column("folded", [b.name for b in shown], is_head=True),
        column("size", [b.shape for b in shown]),
        column("values", [b.values() for b in shown]),
    ))  # fmt: skip
    if len(folded) > len(shown):
        table = table.with_notes(f"... and {len(folded) - len(shown):,} more")
    first = next((b for b in folded if b.scalars or b.table), None)
    if first is None:
        return table
    return table.with_notes(f"to see one: {more.one.format(name=first.name)}; all: {more.everything}")


def check_names(fit: Fit, names: Sequence[str]) -> None:
    """Raises PgmError PGM0607 for a name that the fit has no figures of."""
    known = [b.name for b in figure_groups(fit)]
    elements = element_names(fit, names)
    for name in names:
        if name not in known and name not in elements:
            near = (
                elements_near(fit, name)
                if owner_of(name) in known
                else did_you_mean(name, known) or "there are " + ", ".join(f"`{n}`" for n in known[:20])
            )
            raise PgmError(Diagnostic("PGM0607", f"the fit has no figures of `{name}`", help=near))


def elements_near(fit: Fit, name: str) -> str:
    """Elements of the variable of one that there is not."""
    names = [row_name(r) for r in summary_rows(fit, names=(owner_of(name),))]
    listed = ", ".join(f"`{n}`" for n in names[:6])
    return did_you_mean(name, names) or f"there are {listed}" + (" and more" if len(names) > 6 else "")


@dataclass(frozen=True, eq=False)
class Summary(Sequence[dict[str, Any]]):
    """The figures of a fit: a sequence of one dict a number (``name``, ``mean``, ``sd`` and what it belongs to, see
    `summary_rows`), which prints as tables that fit a screen. ``names``: only these variables, whole."""

    fit: Fit
    names: tuple[str, ...] = ()

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        return summary_rows(self.fit, names=self.names)

    @property
    def frame(self) -> Any:
        """Every number in a row of a frame (pandas where it is installed, else Arrow): its name, figures, label and
        count; the parents of a table's cell in columns of their own."""
        flat = [
            {"name": r["name"], **r.get("given", {}), **{k: v for k, v in r.items() if k not in ("name", "given", "shares")}}
            for r in self.rows
        ]  # fmt: skip
        keys = list(dict.fromkeys(k for row in flat for k in row))
        return as_frame({k: [row.get(k) for row in flat] for k in keys})

    @property
    def tables(self) -> list[DisplayTable]:
        """What is printed, a table each."""
        return summary_tables(self.fit, self.names)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __eq__(self, other: object) -> bool:
        return self.rows == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @property
    def _head(self) -> str:
        warnings = [f"warning[{w.code}]: {printable(w.message)}" for w in self.fit.warnings]
        return "\n".join([titled_headline(self.fit), *warnings])

    def text(self, budget: Budget = SCREEN) -> str:
        """Headline, warnings and the tables that a budget holds."""
        return "\n\n".join([self._head, *map(str, summary_tables(self.fit, self.names, budget))])

    def html(self, budget: Budget = SCREEN) -> str:
        """The same for a page."""
        tables = (t._repr_html_() for t in summary_tables(self.fit, self.names, budget))
        return text_as_html(self._head) + "".join(tables)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return mime_bundle(str(self), self.html())

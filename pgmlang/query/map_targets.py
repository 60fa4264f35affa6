"""What `MAP(*)` asks of a fresh row, and what no `MAP` can tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pgmlang.diagnostics import Diagnostic, PgmError, SourceFile, Span
from pgmlang.query.parse import Event, Query, QueryVariable
from pgmlang.query.row_names import base, of_a_row

if TYPE_CHECKING:
    from pgmlang.results.fit import Fit


def with_targets(fit: Fit, query: Query) -> Query:
    """`MAP(*)` with its targets named: every random variable of the row that is not given."""
    if query.kind != "MAP" or query.targets:
        return query
    told = {base(e.variable.name) for e in (*query.evidence, *query.interventions) if e.value is not None}
    rows, span = of_a_row(fit), Span(SourceFile("question", query.text), 0, len(query.text))
    open_names = [v.name for v in fit.model.of_role("random", "field") if v.name in rows and v.name not in told]
    return replace(query, targets=tuple(Event(QueryVariable(n, span)) for n in open_names))


def refuse_numbers(fit: Fit, query: Query) -> None:
    """Raises PgmError PGM0606 where a `MAP` is asked of a number, which has a density and no probability."""
    by_name = fit.model.by_name
    asked = [(t, by_name[base(t.variable.name)]) for t in query.targets if base(t.variable.name) in by_name]
    labels = [t.variable.name for t, v in asked if v.type.is_discrete]
    for target, variable in asked:
        if not variable.type.is_discrete:
            message = f"`{variable.name}` is a number: where its density is greatest hangs on the units it is measured in"
            cure = (
                f"ask for the labels alone: `MAP({', '.join(labels)} | ...)`"
                if labels
                else f"ask for `E({variable.name} | ...)`"
            )
            raise PgmError(Diagnostic("PGM0606", message, target.variable.span, help=cure))

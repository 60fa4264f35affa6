"""New rows in which something below their fields is not said: the fields are labels that hang together, summed out as hidden
ones are. (log Z is the same whatever the rows say, and cancels.)"""

from __future__ import annotations

from dataclasses import replace

from pgmlang.binding.record import Binding
from pgmlang.graph.summable import elimination_steps
from pgmlang.query.new_rows import NewRows, new_rows_of, unknown_above
from pgmlang.results.fit import Fit


def unsaid_below(rows: Binding) -> tuple[str, ...]:
    """Directed variables that hang on a field and that the rows do not say, or not in every cell."""
    model = rows.model
    fields = [v.name for v in model.of_role("field")]
    unsaid = [c.target for c in model.conditionals if c.target not in rows.values or c.target in rows.missing]
    everything = [v.name for v in model.variables]
    return tuple(n for n in unsaid if set(fields) & unknown_above(model, n, everything))


def rows_below_fields(fit: Fit, rows: Binding, seed: int = 0) -> NewRows | None:
    """The rows with their unsaid fields hidden; None where these are not to be summed out one after the other: real ones,
    and grids."""
    new = new_rows_of(fit, rows, seed)
    fields = tuple(
        v.name
        for v in rows.model.of_role("field")
        if v.name not in new.joint.observed or v.name in new.joint.missing
    )
    if any(not rows.model.by_name[n].type.is_discrete for n in fields):
        return None
    hidden = (*fields, *(n for n in new.hidden if n not in fields))
    labels = [n for n in hidden if rows.model.by_name[n].type.is_discrete]
    if elimination_steps(rows.model, labels)[1]:
        return None
    return replace(new, hidden=hidden, forward=tuple(n for n in new.forward if n not in hidden))

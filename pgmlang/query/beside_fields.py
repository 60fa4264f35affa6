"""New rows in which something beside their fields is not said: the fields are labels that hang together, summed out as hidden
ones are. (log Z is the same whatever the rows say, and cancels.)"""

from __future__ import annotations

from dataclasses import replace

from pgmlang.binding.record import Binding
from pgmlang.graph.summable import elimination_steps
from pgmlang.model.row_plates import row_plate
from pgmlang.query.new_rows import NewRows, new_rows_of
from pgmlang.results.fit import Fit


def unsaid_beside_fields(rows: Binding) -> tuple[str, ...]:
    """Directed variables of the innermost rows that these do not say, or not in every cell."""
    model, plate = rows.model, row_plate(rows.model)
    targets = [c.target for c in model.conditionals if plate in model.by_name[c.target].plates]
    return tuple(n for n in targets if n not in rows.values or n in rows.missing)


def rows_beside_fields(fit: Fit, rows: Binding, seed: int = 0) -> NewRows | None:
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

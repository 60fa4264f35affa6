"""A model in a screen: its variables, what they hang on and where they live."""

from __future__ import annotations

from pgmlang.display import DisplayTable, column, printable
from pgmlang.display.text import count_of
from pgmlang.model.model import Model, Variable
from pgmlang.model.statements import statement_lines

MOST = 24
"""Variables that are listed."""
WIDEST = 56
"""Columns of a statement."""


def outline(model: Model, most: int = MOST) -> DisplayTable:
    """A row for each variable: its role, type, plates and statement; potentials are counted below."""
    variables, statements = model.variables[:most], statement_lines(model)
    notes = []
    if len(model.variables) > most:
        notes.append(f"... and {len(model.variables) - most:,} more")
    count = len(model.potentials)
    if count:
        notes.append(f"{count:,} log-potential{'s' if count > 1 else ''}")
    return DisplayTable((
        column("variable", [_with_axes(v) for v in variables], is_head=True),
        column("role", [v.role for v in variables]),
        column("type", [str(v.type) for v in variables]),
        column("plate", [v.plates[-1] if v.plates else "" for v in variables]),
        column("statement", [_shortened(statements.get(v.name, "")) for v in variables]),
    ), notes=tuple(notes))  # fmt: skip


def title(model: Model) -> str:
    """``model titanic: 4 variables in 1 plate``."""
    plates, variables = len(model.plates), len(model.variables)
    inside = f" in {count_of(plates, 'plate')}" if plates else ""
    return f"model {printable(model.name)}: {count_of(variables, 'variable')}{inside}"


def _with_axes(variable: Variable) -> str:
    return f"{variable.name}[{', '.join(variable.axes)}]" if variable.axes else variable.name


def _shortened(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"

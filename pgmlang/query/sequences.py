"""Rows of a chain in questions: ``x[2]`` is the third row of a fresh sequence, ``x`` alone its first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model
from pgmlang.model.row_plates import row_chain
from pgmlang.query.parse import Evidence, Query, QueryVariable
from pgmlang.query.row_names import base

LONGEST = 1_000
"""Most rows of a sequence that a question speaks of."""


def chain_of_rows(model: Model) -> str | None:
    """The plate of the rows, where they follow each other."""
    has_fields = any(True for _ in model.of_role("field"))
    return None if has_fields else row_chain(model)


def position_of(model: Model, name: str) -> int | None:
    """Which row of the sequence a name is of; None where it does not say, or is no variable of the chain."""
    chain = chain_of_rows(model)
    variable = model.by_name.get(base(name))
    if chain is None or variable is None or chain not in model.array_axes(variable) or "[" not in name:
        return None
    words = name.partition("[")[2].removesuffix("]").split(", ")
    rows = {p.name for p in model.plates if p.is_rows}
    elements = [a for a in model.array_axes(variable) if a not in rows]
    is_row = len(words) == len(elements) + 1 and words[0].isdecimal() and int(words[0]) < LONGEST
    return int(words[0]) if is_row else None


def name_in_sequence(model: Model, name: str) -> str:
    """The name of an element of the one fresh sequence: ``s[2]`` of ``s[0, 2]``, outer elements left out."""
    words = name.partition("[")[2].removesuffix("]").split(", ")
    outer = {p.name for p in model.plates if p.is_rows} - {chain_of_rows(model)}
    told = [a in outer for a in model.by_name[base(name)].plates]
    left = [w for w, is_outer in zip(words, told + [False] * len(words), strict=False) if w and not is_outer]
    return f"{base(name)}[{', '.join(left)}]" if left else base(name)


def length_of(model: Model, names: Iterable[str]) -> int:
    """Rows of the sequence that these names speak of, one where none says which."""
    return 1 + max((p for n in names if (p := position_of(model, n)) is not None), default=0)


def names_of(query: Query) -> list[str]:
    """Every name in a question, with its element."""
    return [t.variable.name for t in query.targets] + [
        e.variable.name for e in (*query.evidence, *query.interventions)
    ]


def with_rows(model: Model, query: Query) -> Query:
    """The question with the row said for every variable of the chain, where it is said for one. Raises PgmError PGM0606 for a
    row that no question reaches."""
    for variable in (
        *(t.variable for t in query.targets),
        *(e.variable for e in (*query.evidence, *query.interventions)),
    ):
        _need_near(model, variable)
    if not any(position_of(model, n) is not None for n in names_of(query)):
        return query
    return replace(
        query,
        targets=tuple(replace(t, variable=_at_row(model, t.variable)) for t in query.targets),
        evidence=evidence_at_rows(model, query.evidence),
        interventions=evidence_at_rows(model, query.interventions),
    )


def _need_near(model: Model, variable: QueryVariable) -> None:
    """Raises PgmError PGM0606 for a row past the longest sequence."""
    chain, known = chain_of_rows(model), model.by_name.get(base(variable.name))
    word = variable.name.partition("[")[2].removesuffix("]").split(", ")[0]
    if known is not None and chain in model.array_axes(known) and word.isdecimal() and int(word) >= LONGEST:
        message = f"`{variable.name}`: questions speak of the first {LONGEST:,} rows of a sequence"
        raise PgmError(
            Diagnostic("PGM0606", message, variable.span, help="`pgmc predict` answers for rows of a table")
        )


def in_sequence(model: Model, items: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Evidence with the row said for every variable of the chain, where it is said for one."""
    is_said = any(position_of(model, e.variable.name) is not None for e in items)
    return evidence_at_rows(model, items) if is_said else items


def evidence_at_rows(model: Model, items: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Evidence with the row said for every variable of the chain."""
    return tuple(replace(e, variable=_at_row(model, e.variable)) for e in items)


def _at_row(model: Model, variable: QueryVariable) -> QueryVariable:
    name = variable.name
    chain, known = chain_of_rows(model), model.by_name.get(base(name))
    if known is None or chain not in model.array_axes(known) or position_of(model, name) is not None:
        return variable
    inner = name.partition("[")[2].removesuffix("]")
    return replace(variable, name=f"{base(name)}[0, {inner}]" if inner else f"{base(name)}[0]")

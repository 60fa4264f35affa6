"""Elements as questions spell them and as answers name them: ``x[2, 2]`` of a lattice is its ninth element, ``x[8]``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model
from pgmlang.query.answer import Answer
from pgmlang.query.parse import Event, Evidence, Query, QueryVariable


def spelled_evidence(model: Model, items: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Evidence whose elements are named as answers name them. Raises PgmError PGM0607 outside of a lattice."""
    return tuple(replace(e, variable=_spelled(model, e.variable)) for e in items)


def spelled_query(model: Model, query: Query) -> Query:
    """A question whose elements are named as answers name them. Raises PgmError PGM0607 outside of a lattice."""
    targets = tuple(Event(_spelled(model, t.variable), t.op, t.value) for t in query.targets)
    given = spelled_evidence(model, query.evidence)
    return replace(
        query, targets=targets, evidence=given, interventions=spelled_evidence(model, query.interventions)
    )


def as_asked(answer: Answer, query: Query, spelled: Query) -> Answer:
    """An answer in the names of the question."""
    names = {
        b.variable.name: a.variable.name for a, b in zip(query.targets, spelled.targets, strict=True)
        if a.variable.name != b.variable.name
    }  # fmt: skip
    if not names:
        return answer
    table = tuple(
        {names.get(k, k): names.get(v, v) if k == "variable" else v for k, v in row.items()}
        for row in answer.table
    )
    return replace(answer, variables=tuple(names.get(v, v) for v in answer.variables), table=table)


def _spelled(model: Model, variable: QueryVariable) -> QueryVariable:
    name, bracket, inner = variable.name.partition("[")
    record = model.by_name.get(name)
    if not bracket or record is None:
        return variable
    rows = {p.name for p in model.plates if p.is_rows}
    shapes = [_shape(model, axis) for axis in model.array_axes(record) if axis not in rows]
    told = [t.strip() for t in inner.removesuffix("]").split(",")]
    if all(len(s) <= 1 for s in shapes) or len(told) != sum(max(1, len(s)) for s in shapes):
        return variable
    out = []
    for shape in shapes:
        here, told = told[: max(1, len(shape))], told[max(1, len(shape)) :]
        out.append(here[0] if len(shape) <= 1 else _flat(here, shape, variable))
    return replace(variable, name=f"{name}[{', '.join(out)}]")


def _shape(model: Model, axis: str) -> tuple[int, ...]:
    """The shape of a lattice; nothing of another axis."""
    plate = model.plate_by_name.get(axis)
    structure = plate.structure if plate is not None else None
    return structure.shape if structure is not None and structure.kind == "grid" else ()


def _flat(told: list[str], shape: tuple[int, ...], variable: QueryVariable) -> str:
    inside = all(t.isdigit() and int(t) < n for t, n in zip(told, shape, strict=True))
    if not inside:
        last = ", ".join(str(n - 1) for n in shape)
        raise PgmError(Diagnostic("PGM0607", f"`{variable.name}` is outside of the lattice", variable.span,
                                  help=f"its elements go from {', '.join('0' for _ in shape)} to {last}"))  # fmt: skip
    return str(int(np.ravel_multi_index(tuple(map(int, told)), shape)))

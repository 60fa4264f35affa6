"""Fresh rows as a binding: no data but the sizes that a fit has, and what evidence must give of their inputs."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.binding.values import single_value
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.layout import close_layout
from pgmlang.model import Model, Variable
from pgmlang.model.row_plates import row_chain, unit_plate
from pgmlang.model.show import quoted
from pgmlang.results.fit import Fit

MOST_SHOWN = 12
"""Most elements of an input that a cure writes out."""


def fresh_binding(fit: Fit, rows: int) -> Binding:
    """A binding of rows that nothing is known of; those of a chain follow each other, in one sequence. Raises PgmError
    PGM0602 where rows hang on inputs or on outer elements, which only data can give."""
    model: Model = fit.model
    plates = [p.name for p in model.plates if p.is_rows]
    fields = any(True for _ in model.of_role("field"))
    chain = None if fields else row_chain(model)
    around = [p for p in model.enclosing(chain)[:-1] if p in plates] if chain else []
    plate = chain or unit_plate(model)
    if not plates:
        return Binding(model, close_layout(model, fit.sizes, fit.labels), fit.labels, {}, plate="")
    if plate is None or {*plates} != {*around, plate}:
        raise PgmError(Diagnostic("PGM0602", "fresh rows are drawn for models with one plate of rows, or a chain of them",
                                  help="`predict` on a table of rows draws what it leaves open"))  # fmt: skip
    need_inputs(model, ())
    sizes = {**fit.sizes, **dict.fromkeys(around, 1), plate: rows}
    labels = {k: v for k, v in fit.labels.items() if k != plate and k not in around}
    membership = {(plate, p): np.zeros(rows, dtype=np.int64) for p in around}
    return Binding(model, close_layout(model, sizes, labels, membership), labels, {}, plate=plate)


def is_drawn_forwards(fit: Fit) -> bool:
    """Whether fresh rows are drawn by `fresh_rows`: one plate of rows without inputs, or a chain of them; fields."""
    model = fit.model
    plates = [p.name for p in model.plates if p.is_rows]
    if any(True for _ in model.of_role("field")) or row_chain(model):
        return True
    return len(plates) == 1 and not any(v.plates for v in model.of_role("input"))


def need_inputs(model: Model, given: Collection[str]) -> None:
    """Raises PgmError PGM0602 for an input of rows that is not given."""
    for variable in model.of_role("input"):
        if variable.plates and variable.name not in given:
            name = variable.name
            message = f"rows hang on the input `{name}`, and no value of it is given"
            raise PgmError(Diagnostic("PGM0602", message, variable.span,
                                      help=cure_of_input(model, variable)))  # fmt: skip


def cure_of_input(model: Model, variable: Variable) -> str:
    """How evidence gives an input a value: one of its labels, or a number; along an axis each element one."""
    labels = model.labels_of(variable.type)
    rows = {p.name for p in model.plates if p.is_rows}
    axes = [a for a in model.array_axes(variable) if a not in rows]
    value = quoted(labels[-1]) if labels else "1"
    elements = itertools.product(
        *([quoted(t) for t in model.axis_labels(model.root_axis(a)) or ("0",)] for a in axes)
    )
    texts = [f"{variable.name}[{', '.join(e)}] = {value}" if e else f"{variable.name} = {value}" for e in elements]
    shown = ", ".join(texts[:MOST_SHOWN]) + (", ..." if len(texts) > MOST_SHOWN else "")
    return f"give it (`{shown}`), or `predict` on a table with its column"


def observed_outside(binding: Binding, observed: Mapping[str, str]) -> Binding:
    """A binding with values, as text, of variables outside of plates. Raises PgmError 07xx for values they cannot have."""
    if not observed:
        return binding
    model = binding.model
    read = {n: single_value(model, model.by_name[n], text) for n, text in observed.items()}
    random = tuple(n for n in read if model.by_name[n].role in ("random", "field"))
    return replace(binding, values={**binding.values, **read}, observed=(*binding.observed, *random))

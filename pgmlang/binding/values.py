"""Cells of a variable as codes or numbers of its type, each checked against its support."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pgmlang.data import Column, Frame, NumberColumn, RowOrigin, encode, encode_bit, encode_spin, read_frame
from pgmlang.data.source_kind import Holds
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.diagnostics.suggest import did_you_mean
from pgmlang.model import Model, Variable
from pgmlang.model.types import SORTED_KINDS

_SUPPORT = {
    "positive": (lambda x: x > 0, "a positive number"),
    "unit": (lambda x: (x >= 0) & (x <= 1), "between 0 and 1"),
    "simplex": (lambda x: (x >= 0) & (x <= 1), "between 0 and 1"),
    "ordered positive": (lambda x: x > 0, "a positive number"),
    "count": (lambda x: (x >= 0) & (x == np.floor(x)), "a whole number from 0"),
    "integer": (lambda x: x == np.floor(x), "a whole number"),
}
_SUM = 1e-4
"""How far the sum of a simplex may be from one: shares are often written with a few decimals."""


@dataclass(frozen=True, eq=False)
class ArrayOrigin(RowOrigin):
    """Where cells of a flattened array come from: each row of it is ``width`` cells."""

    width: int = 1

    def lines(self, rows: Sequence[int]) -> list[int]:
        original = rows if self.kept is None else self.kept[list(rows)]
        return [int(r) // self.width + self.first for r in original]


def array_column(frame: Frame, name: str, array: np.ndarray, is_labels: bool) -> Column:
    """The cells of an array, one after the other, as a column."""
    width = max(1, math.prod(array.shape[1:]))
    place = ArrayOrigin(frame.name, width=width)
    flat = array.reshape(-1)
    kind = flat.dtype.kind
    if kind in "iufb":
        values = flat.astype(np.float64)
        with np.errstate(invalid="ignore"):
            whole = is_labels and kind == "f" and bool((np.isnan(values) | (values == np.floor(values))).all())
        named: Holds = "bool" if kind == "b" else "int" if kind in "iu" or whole else "float"
        return NumberColumn(name, place, values, named)
    texts = flat.astype(str) if kind == "S" else flat
    column = read_frame({name: texts.astype(object)}, name=frame.name).columns[name]
    object.__setattr__(column, "place", place)
    return column


def column_values(model: Model, variable: Variable, column: Column, labels: tuple[str, ...] | None) -> np.ndarray:
    """A column as int64 codes (-1 missing) or float64 (NaN missing). Raises PgmError PGM0705, PGM0706, PGM0721."""
    kind = variable.type.kind
    if kind == "bit":
        return encode_bit(column)
    if kind == "spin":
        return encode_spin(column)
    if kind == "labels":
        known = labels if labels is not None else model.labels_of(variable.type)
        # a set that is still open here had no value to take its labels from
        return np.full(len(column), -1, dtype=np.int64) if known is None else encode(column, known)
    numbers = column.numbers()
    bad, words = cells_outside(kind, numbers)
    if len(bad):
        raise _outside(variable, f"`{numbers[bad[0]]:g}` is not {words}", column, bad)
    return numbers


def cells_outside(kind: str, numbers: np.ndarray) -> tuple[np.ndarray, str]:
    """Where numbers ``[cells]`` are outside of a kind's support, and what they should be in words. Of missing cells nothing is said."""
    if kind not in _SUPPORT:
        return np.zeros(0, dtype=np.int64), ""
    inside, words = _SUPPORT[kind]
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(~np.isnan(numbers) & ~inside(numbers)), words


def outside_support(variable: Variable, array: np.ndarray, is_closed: bool = False) -> str:
    """What is wrong with values of a variable, in words; empty where they lie in its support. ``array``: all of its
    elements, the event's axes last. ``is_closed``: the support's bounds, which estimates may reach by rounding, are in it."""
    kind = variable.type.kind
    if kind in _SUPPORT:
        inside, words = _SUPPORT[kind]
        bad = array[~(inside(array) | (is_closed & (array == 0)))]
        if bad.size:
            return f"`{bad.flat[0]:g}` is not {words}"
    if kind == "simplex" and array.ndim and (np.abs(array.sum(axis=-1) - 1) > _SUM).any():
        return "its values do not sum to 1"
    if kind == "zerosum" and array.ndim and (np.abs(array.sum(axis=-1)) > _SUM * np.abs(array).sum(axis=-1)).any():
        return "its values do not sum to 0"
    if kind == "unitvector" and array.ndim and (np.abs((array * array).sum(axis=-1) - 1) > _SUM).any():
        return "its squares do not sum to 1"
    if (
        kind in SORTED_KINDS
        and array.ndim
        and (np.diff(array, axis=-1) < (0 if is_closed else np.nextafter(0, 1))).any()
    ):
        return "its values do not ascend"
    if kind == "cholesky_corr" and array.ndim > 1:
        is_lower = np.allclose(array, np.tril(array)) and (np.diagonal(array, axis1=-2, axis2=-1) > 0).all()
        if not is_lower or not np.allclose((array**2).sum(axis=-1), 1):
            return "the value is not lower triangular with rows of length one"
    if kind in ("cov", "corr") and array.ndim > 1:
        symmetric = np.allclose(array, np.swapaxes(array, -1, -2))
        if not symmetric or (not is_closed and (np.linalg.eigvalsh(array) <= 0).any()):
            return "the value is not symmetric and positive definite"
        if kind == "corr" and not np.allclose(np.diagonal(array, axis1=-2, axis2=-1), 1):
            return "its diagonal is not one"
    return ""


def _outside(variable: Variable, what: str, column: Column, bad: np.ndarray) -> PgmError:
    more = (f"{len(bad):,} cells are outside",) if len(bad) > 1 else ()
    message = f"{what}, and `{variable.name}` is declared {variable.type.kind}"
    cure = "correct the cell, or declare the variable `real`"
    return PgmError(Diagnostic("PGM0706", message, place=column.cell(int(bad[0])), notes=more, help=cure))


def check_vectors(variable: Variable, array: np.ndarray, column: Column) -> None:
    """The last axis of a simplex sums to one, that of a zerosum to zero, the squares of a unitvector to one; that of an ordered variable
    ascends. Raises PgmError PGM0706."""
    kind = variable.type.kind
    if not variable.axes or kind not in ("simplex", "zerosum", "unitvector", *SORTED_KINDS):
        return
    with np.errstate(invalid="ignore"):
        match kind:
            case "simplex":
                wrong = np.abs(array.sum(axis=-1) - 1) > _SUM
            case "zerosum":
                wrong = np.abs(array.sum(axis=-1)) > _SUM * np.abs(array).sum(axis=-1)
            case "unitvector":
                wrong = np.abs((array * array).sum(axis=-1) - 1) > _SUM
            case _:
                wrong = (np.diff(array, axis=-1) <= 0).any(axis=-1)
    bad = np.flatnonzero(wrong.reshape(-1))
    if len(bad):
        vector = array.reshape(-1, array.shape[-1])[bad[0]]
        what = {
            "simplex": f"the values sum to {vector.sum():g}, not to 1",
            "zerosum": f"the values sum to {vector.sum():g}, not to 0",
            "unitvector": f"the squares of the values sum to {(vector * vector).sum():g}, not to 1",
        }.get(kind, "the values do not ascend")
        raise _outside(variable, what, column, bad)


def first_cells(column: Column, shape: tuple[int, ...]) -> Column:
    """The first cell of each vector of a flattened array."""
    width = shape[-1] if shape else 1
    return column.take(np.arange(0, len(column), max(1, width)))


def check_shape(
    variable: Variable, array: np.ndarray, shape: tuple[int | None, ...], place: str, axes: Sequence[str]
) -> None:
    """Raises PgmError PGM0717 unless the array has this shape (None: any length)."""
    if array.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        message = f"the array `{variable.name}` has shape {array.shape}, the model says {wanted}"
        cure = f"its axes are, in this order: {', '.join(axes)}"
        raise PgmError(Diagnostic("PGM0717", message, place=place, help=cure))


def single_value(model: Model, variable: Variable, text: str, place: str = "") -> np.ndarray:
    """A value given as text (``--observe mu=3``; ``place``: where). Raises PgmError PGM0705, PGM0706 or PGM0721."""
    place = place or f"--observe {variable.name}"
    if not text.strip():
        raise PgmError(Diagnostic("PGM0721", "no value is given", place=place, help=f"write `{place}=VALUE`"))
    column = read_frame({variable.name: [text]}, name=place).columns[variable.name]
    try:
        return column_values(model, variable, column, None)[0].copy()
    except PgmError as error:
        labels = model.labels_of(variable.type) or ()
        cure = did_you_mean(text, labels)
        # the place is the option, not a row of it
        raise PgmError(
            Diagnostic(
                d.code, d.message, place=place, notes=d.notes, help=cure or f"give another value: `{place}=...`"
            )
            for d in error.diagnostics
        ) from None

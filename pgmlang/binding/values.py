"""Cells of a variable as codes or numbers of its type, each checked against its support."""

from __future__ import annotations

import numpy as np

from pgmlang.data import Column, encode, encode_bit, encode_spin
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.model import Model, Variable

_SUPPORT = {
    "positive": (lambda x: x > 0, "a positive number"),
    "unit": (lambda x: (x >= 0) & (x <= 1), "between 0 and 1"),
    "simplex": (lambda x: (x >= 0) & (x <= 1), "between 0 and 1"),
    "count": (lambda x: (x >= 0) & (x == np.floor(x)), "a whole number from 0"),
}


def column_values(model: Model, variable: Variable, column: Column, labels: tuple[str, ...] | None) -> np.ndarray:
    """A column as int64 codes (-1 missing) or float64 (NaN missing). Raises PgmError PGM0705, PGM0706, PGM0721."""
    kind = variable.type.kind
    if kind == "bit":
        return encode_bit(column)
    if kind == "spin":
        return encode_spin(column)
    if kind == "labels":
        known = labels if labels is not None else model.labels_of(variable.type)
        assert known is not None
        return encode(column, known)
    numbers = column.numbers()
    if kind in _SUPPORT:
        inside, words = _SUPPORT[kind]
        with np.errstate(invalid="ignore"):
            bad = np.flatnonzero(~np.isnan(numbers) & ~inside(numbers))
        if len(bad):
            row = int(bad[0])
            more = (f"{len(bad):,} cells are outside",) if len(bad) > 1 else ()
            raise PgmError(
                Diagnostic(
                    "PGM0706",
                    f"`{numbers[row]:g}` is not {words}, and `{variable.name}` is declared {kind}",
                    place=column.cell(row),
                    notes=more,
                    help="correct the cell, or declare the variable `real`",
                )
            )
    return numbers


def array_values(
    model: Model,
    variable: Variable,
    array: np.ndarray,
    shape: tuple[int | None, ...],
    labels: tuple[str, ...] | None,
) -> np.ndarray:
    """An array as codes or numbers. Raises PgmError PGM0717 for a wrong shape, PGM0705/0706 for a wrong value."""
    if array.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise PgmError(
            Diagnostic(
                "PGM0717",
                f"the array `{variable.name}` has shape {array.shape}, the model says {wanted}",
                place=variable.name,
                help="the first axis are the rows, then the variable's axes in order",
            )
        )
    kind = variable.type.kind
    if kind in ("bit", "spin"):
        low = 0 if kind == "bit" else -1
        numbers = array.astype(float)
        codes = np.where(numbers == 1, 1, np.where(numbers == low, 0, np.where(np.isnan(numbers), -1, -2))).astype(
            np.int64
        )
        if (codes == -2).any():
            at = tuple(int(i) for i in np.argwhere(codes == -2)[0])
            raise PgmError(
                Diagnostic(
                    "PGM0706",
                    f"`{numbers[at]:g}` is not a {kind}",
                    place=f"{variable.name}{list(at)}",
                    help=f"a {kind} is {low} or 1; binarise the array first",
                )
            )
        return codes
    if kind == "labels":
        known = labels if labels is not None else model.labels_of(variable.type)
        assert known is not None
        position = {x: i for i, x in enumerate(known)}
        distinct, inverse = np.unique(array, return_inverse=True)
        texts = [str(int(x)) if array.dtype.kind in "iub" or (array.dtype.kind == "f" and float(x).is_integer()) else str(x)
                 for x in distinct]  # fmt: skip
        bad = [t for t in texts if t not in position]
        if bad:
            raise PgmError(
                Diagnostic("PGM0705", f"`{bad[0]}` is not a label of `{variable.name}`", place=variable.name)
            )
        coded: np.ndarray = np.array([position[t] for t in texts], dtype=np.int64)[inverse].reshape(array.shape)
        return coded
    numbers = array.astype(float)
    if kind in _SUPPORT:
        inside, words = _SUPPORT[kind]
        bad_at = np.argwhere(~np.isnan(numbers) & ~inside(numbers))
        if len(bad_at):
            at = tuple(int(i) for i in bad_at[0])
            raise PgmError(
                Diagnostic("PGM0706", f"`{numbers[at]:g}` is not {words}", place=f"{variable.name}{list(at)}")
            )
    return numbers

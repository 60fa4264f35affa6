"""A hash of what a binding gives a model, to tell whether data are those of a fit, whatever kind of table holds them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from pgmlang.binding.record import Binding

DIGITS = 12
"""Significant digits of numbers that are compared: readers of text differ in the last ones."""
LEAST_POWER = -150
POWERS = np.power(10.0, np.arange(LEAST_POWER, 170))
"""Powers of ten, from the least one that half a number's size asks for."""
BLOCK = 2**14
"""Numbers that are rounded at a time, in the processor's cache."""


def bound_fingerprint(binding: Binding) -> str:
    """SHA-256 (hex) of values, weights and groups of rows, by name. The table's other columns and their order do not count, nor
    whether a number was text."""
    digest = BoundDigest()
    digest.add(binding)
    return digest.hexdigest()


class BoundDigest:
    """The fingerprint of a table that is bound block by block: that of the table bound whole, however it was cut."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[str, int, hashlib._Hash]] = {}
        self._others: dict[str, np.ndarray] = {}

    def add(self, binding: Binding) -> None:
        """The next rows."""
        for name, array, row_axis in _arrays(binding):
            plain = _rounded(array) if array.dtype.kind == "f" else array.astype("<i8")
            if row_axis is None:
                self._others[name] = _filled(self._others.get(name), plain)
                continue
            rows = np.moveaxis(plain, row_axis, 0)
            _, count, digest = self._rows.get(name, ("", 0, hashlib.sha256()))
            digest.update(np.ascontiguousarray(rows).tobytes())
            self._rows[name] = (f"{rows.shape[1:]} {plain.dtype.str}", count + len(rows), digest)

    def hexdigest(self) -> str:
        """Of all rows so far."""
        whole = {
            name: (f"{a.shape} {a.dtype.str}", hashlib.sha256(np.ascontiguousarray(a).tobytes()))
            for name, a in self._others.items()
        }
        whole |= {name: (f"{count} {what}", digest) for name, (what, count, digest) in self._rows.items()}
        total = hashlib.sha256(b"pgm-bound-2")
        for name, (shape, digest) in sorted(whole.items()):
            total.update(f"{name} {shape} {digest.hexdigest()}".encode())
        return total.hexdigest()


def _arrays(binding: Binding) -> Iterator[tuple[str, np.ndarray, int | None]]:
    """What a binding gives a model, by name, with the axis of its innermost rows; None where it has none of them."""
    model, plate = binding.model, binding.plate
    for name, values in binding.values.items():
        axes = model.array_axes(model.by_name[name])
        yield name, np.asarray(values), axes.index(plate) if plate in axes else None
    parents = binding.layout.parents
    for (inner, outer), parent in parents.items():
        # where the rows tell it, an outer element's own parent is no more than that (a block does not know all of them)
        if inner == plate or (plate, outer) not in parents:
            yield f"{outer} of {inner}", np.asarray(parent), 0 if inner == plate else None
    if binding.weights is not None:
        yield "weights of rows", np.asarray(binding.weights, dtype=float), 0


def _filled(before: np.ndarray | None, now: np.ndarray) -> np.ndarray:
    """Values outside of the innermost rows: a block has those of the elements that its rows belong to."""
    if before is None or before.shape != now.shape:
        return now
    absent = np.isnan(now) if now.dtype.kind == "f" else now < 0
    return np.where(absent, before, now)


def _rounded(array: np.ndarray) -> np.ndarray:
    """Numbers to so many significant digits, one NaN and one zero."""
    flat = np.ascontiguousarray(array, dtype="<f8").reshape(-1)
    out = np.empty_like(flat)
    for begin in range(0, len(flat), BLOCK):
        out[begin : begin + BLOCK] = _rounded_block(flat[begin : begin + BLOCK])
    return out.reshape(array.shape)


def _rounded_block(array: np.ndarray) -> np.ndarray:
    is_finite = np.isfinite(array)
    values = np.where(is_finite, array, 0.0)
    size = np.abs(values)
    places = DIGITS - 1 - np.floor(np.log10(np.where(size > 0, size, 1.0))).astype(np.int64)
    # both factors of a power of ten are exact where the power itself would overflow
    half, rest = POWERS[places // 2 - LEAST_POWER], POWERS[places - places // 2 - LEAST_POWER]
    rounded = np.rint(values * half * rest) / rest / half
    rounded = np.where(is_finite, rounded, array)
    return np.where(np.isnan(array), np.nan, rounded + 0.0)

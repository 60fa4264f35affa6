"""A hash of what a binding gives a model, to tell whether data are those of a fit, whatever kind of table holds them."""

from __future__ import annotations

import hashlib

import numpy as np

from pgmlang.binding.record import Binding

DIGITS = 12
"""Significant digits of numbers that are compared: readers of text differ in the last ones."""


def bound_fingerprint(binding: Binding) -> str:
    """SHA-256 (hex) of values, weights and groups of rows, by name. The table's other columns and their order do not count, nor
    whether a number was text."""
    digest = hashlib.sha256(b"pgm-bound-1")
    arrays = dict(binding.values)
    arrays |= {f"{outer} of {inner}": np.asarray(p) for (outer, inner), p in binding.layout.parents.items()}
    if binding.weights is not None:
        arrays["weights of rows"] = np.asarray(binding.weights, dtype=float)
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        plain = _rounded(array) if array.dtype.kind == "f" else array.astype("<i8")
        digest.update(f"{name} {plain.shape} {plain.dtype.str}".encode())
        digest.update(np.ascontiguousarray(plain).tobytes())
    return digest.hexdigest()


def _rounded(array: np.ndarray) -> np.ndarray:
    """Numbers to so many significant digits, one NaN and one zero."""
    values = np.where(np.isfinite(array), array, 0.0).astype("<f8")
    size = np.abs(values)
    places = DIGITS - 1 - np.floor(np.log10(np.where(size > 0, size, 1.0)))
    # both factors of a power of ten are exact where the power itself would overflow
    half = np.power(10.0, np.floor(places / 2))
    rest = np.power(10.0, places - np.floor(places / 2))
    rounded = np.rint(values * half * rest) / rest / half
    rounded = np.where(np.isfinite(array), rounded, array)
    return np.where(np.isnan(array), np.nan, rounded + 0.0).astype("<f8")

"""As many digits as a Monte Carlo error allows: those that leave the error itself two."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

EXACT = 22
"""Powers of ten up to this one are floats."""
READ = 6
"""Digits of a number that is printed for people."""
ALONGSIDE = ("", ".sd", ".q5", ".q95")
"""Endings of the columns of a number that the error ``NAME.mcse`` is of."""


def decimals(error: float | None) -> int | None:
    """How many decimals leave the error two digits, negative for tens and hundreds; None where there is no error."""
    if error is None or not 0 < error < math.inf:
        return None
    return 1 - math.floor(math.log10(error))


def rounded(value: float, error: float | None) -> float:
    """The number to the digits that its error allows."""
    places = decimals(error)
    return value if places is None or not math.isfinite(value) else round(value, min(places, 300))


def figure(value: float, error: float | None, most: int = 6) -> str:
    """The number as text, of ``most`` digits at most."""
    return f"{rounded(value, error):.{most}g}"


def fixed(value: float, error: float | None, most: int = 4) -> str:
    """The number as text for a column of them: as many decimals as its error allows, zeros at the end too, ``most`` digits
    at most; as `figure` where there is no error, and for numbers beyond fixed notation."""
    places = decimals(error)
    if places is None or not math.isfinite(value):
        return f"{value:.{most}g}"
    lead = math.floor(math.log10(abs(value))) if value else 0
    shown = min(places, most - 1 - lead)
    if not 0 <= shown <= 8:
        return figure(value, error, most)
    text = f"{value:.{shown}f}"
    return text if float(text) else text.removeprefix("-")


def with_error(value: float, error: float | None) -> str:
    """A number with six decimals, or with its Monte Carlo error and as many decimals as that has of two digits."""
    places = decimals(error)
    if error is None or places is None or places > 7:
        return f"{value:.6f}"
    shown = min(max(places, 0), 6)
    return f"{value:.{shown}f} (mcse {error:.{shown}f})"


def r_hat_text(value: float) -> str:
    """R-hat for the eye: below one it tells the same as one."""
    return f"{max(value, 1.0):.3f}"


def count_text(value: float) -> str:
    """How many, in whole numbers with thousands separators; expected counts to a tenth."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def rounded_columns(columns: Mapping[str, list[str] | np.ndarray]) -> dict[str, list[str] | np.ndarray]:
    """Columns of results for the eye: each number, its spread and the probabilities of each label to the digits that the
    error of their row, ``NAME.mcse``, allows."""
    out = dict(columns)
    for error_name, errors in columns.items():
        name = error_name.removesuffix(".mcse")
        if name == error_name or not isinstance(errors, np.ndarray):
            continue
        told = [f"{name}{ending}" for ending in ALONGSIDE] + [k for k in columns if k.startswith(f"P({name} = ")]
        for column in (*told, error_name):
            values = columns.get(column)
            if isinstance(values, np.ndarray) and values.dtype.kind == "f":
                out[column] = _rounded_array(values, errors)
    return out


def shortened_columns(columns: Mapping[str, list[str] | np.ndarray]) -> dict[str, list[str] | np.ndarray]:
    """As `rounded_columns`, and of whatever has no error as many digits as people read."""
    return {
        name: np.array([float(f"{x:.{READ}g}") for x in values.ravel().tolist()]).reshape(values.shape)
        if isinstance(values, np.ndarray) and values.dtype.kind == "f"
        else values
        for name, values in rounded_columns(columns).items()
    }


def _rounded_array(values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """As `rounded`, of many; what has more decimals than a float tells of stays."""
    has_error = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    places = 1 - np.floor(np.log10(np.where(has_error, errors, 1.0)))
    has_error &= places <= EXACT
    scale = 10.0 ** np.where(has_error, np.abs(places), 0)
    shorter = np.where(places >= 0, np.rint(values * scale) / scale, np.rint(values / scale) * scale)
    return np.where(has_error, shorter, values)

"""Arrays with named axes, and the NumPy of every function of the language."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError

MAX_CELLS = 2**28
"""No array of more cells than this is ever allocated here."""

Axes = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class NamedArray:
    """An array whose dimensions have names."""

    values: np.ndarray
    axes: Axes = ()

    def to(self, axes: Axes) -> np.ndarray:
        """The values with dimensions in the order ``axes``; length 1 where this array has no such axis."""
        order = [self.axes.index(a) for a in axes if a in self.axes]
        values = self.values.transpose(order)
        return values.reshape([self.values.shape[self.axes.index(a)] if a in self.axes else 1 for a in axes])

    def renamed(self, old: str, new: str) -> NamedArray:
        return NamedArray(self.values, tuple(new if a == old else a for a in self.axes))


def named(values: object, axes: Axes = ()) -> NamedArray:
    return NamedArray(np.asarray(values), axes)


def align(arrays: Iterable[NamedArray], what: str = "this expression") -> tuple[list[np.ndarray], Axes]:
    """The arrays with common dimensions (ready to broadcast) and their names. Sizes are refused beforehand."""
    arrays = list(arrays)
    sizes: dict[str, int] = {}
    for array in arrays:
        for axis, size in zip(array.axes, array.values.shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                raise ValueError(f"axis {axis} has sizes {sizes[axis]} and {size}")
    check_cells(sizes.values(), what)
    axes = tuple(sizes)
    return [a.to(axes) for a in arrays], axes


def check_cells(sizes: Iterable[int], what: str) -> None:
    """Refuses an array of more than MAX_CELLS cells."""
    cells = math.prod(int(s) for s in sizes)
    if cells > MAX_CELLS:
        shown = f"{cells:.3g}" if cells < 1e300 else f"2^{cells.bit_length() - 1}"
        raise PgmError(
            Diagnostic(
                "PGM0406",
                f"a table for {what} would have {shown} cells, the limit is 2^28",
                help="give it fewer parents or labels, or split it by latent variables",
            )
        )


def take(array: NamedArray, indices: Mapping[str, NamedArray]) -> NamedArray:
    """``array`` with some axes indexed by integer arrays; axes of the indices and those left align by name."""
    if not indices:
        return array
    every = [
        indices[a] if a in indices else NamedArray(np.arange(n), (a,))
        for a, n in zip(array.axes, array.values.shape, strict=True)
    ]
    index, axes = align(every)
    return NamedArray(array.values[tuple(index)], axes)


# ---- functions


def elementwise(function: Callable[..., np.ndarray], *arguments: NamedArray) -> NamedArray:
    values, axes = align(arguments)
    with np.errstate(all="ignore"):
        result = np.asarray(function(*values))
    return NamedArray(result, axes)


def reduce_axis(function: str, array: NamedArray, axis: str) -> NamedArray:
    position = array.axes.index(axis)
    return NamedArray(REDUCERS[function](array.values, position), tuple(a for a in array.axes if a != axis))


def along_axis(function: str, array: NamedArray, axis: str) -> NamedArray:
    position = array.axes.index(axis)
    if function == "cumsum":
        return NamedArray(np.cumsum(array.values, axis=position), array.axes)
    shifted = np.exp(array.values - np.max(array.values, axis=position, keepdims=True))
    return NamedArray(shifted / shifted.sum(axis=position, keepdims=True), array.axes)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    e = np.exp(-np.abs(x))
    return np.where(np.asarray(x) >= 0, 1 / (1 + e), e / (1 + e))


def _logsumexp(x: np.ndarray, axis: int) -> np.ndarray:
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.sum(np.exp(x - top), axis=axis)) + np.squeeze(top, axis)


def _pointwise(function: Callable[[float], float]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.vectorize(function, otypes=[float])(x)


def _log_gamma(x: float) -> float:
    """Infinite at zero and the negative whole numbers, where the Gamma function has its poles."""
    return math.inf if x <= 0 and float(x).is_integer() else math.lgamma(x)


lgamma = _pointwise(_log_gamma)

OPERATIONS: dict[str, Callable[..., np.ndarray]] = {
    "add": lambda a, b: np.add(a * 1, b * 1), "sub": lambda a, b: np.subtract(a * 1, b * 1),
    "mul": lambda a, b: np.multiply(a * 1, b * 1), "div": np.true_divide,
    "pow": lambda a, b: np.power(np.asarray(a, float), b), "neg": lambda a: np.negative(a * 1),
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "not": np.logical_not,
    "and": np.logical_and, "or": np.logical_or, "elementwise_min": np.minimum, "elementwise_max": np.maximum,
    "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "sqrt": np.sqrt, "square": np.square,
    "abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil, "round": np.round, "sigmoid": sigmoid,
    "logit": lambda p: np.log(p) - np.log1p(-np.asarray(p, float)), "softplus": lambda x: np.logaddexp(0.0, x),
    "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "atan": np.arctan, "atan2": np.arctan2, "lgamma": lgamma, "erf": _pointwise(math.erf),
    "Phi": _pointwise(lambda x: 0.5 * math.erfc(-x / math.sqrt(2.0))),
}  # fmt: skip
"""NumPy of every elementwise function of ``signatures.functions`` (``* 1``: truth values count as 0 and 1)."""

MATRIX_OPERATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "inverse": np.linalg.inv,
    "cholesky": np.linalg.cholesky,
    "det": np.linalg.det,
    "logdet": lambda x: np.linalg.slogdet(x)[1],
}
"""NumPy of the functions of square matrices, along the last two dimensions."""

REDUCERS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "sum": lambda x, axis: np.sum(x, axis=axis),
    "mean": lambda x, axis: np.mean(x, axis=axis),
    "prod": lambda x, axis: np.prod(x, axis=axis),
    "min": lambda x, axis: np.min(x * 1.0, axis=axis, initial=np.inf),
    "max": lambda x, axis: np.max(x * 1.0, axis=axis, initial=-np.inf),
    "logsumexp": _logsumexp,
}

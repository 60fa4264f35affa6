"""Functions that make matrices, or numbers and vectors of them, one row each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MatrixFunction:
    """``parameters`` in order, the values of those that may be left out, and what it ``says`` of itself. ``over`` names the axis of a vector that has
    several."""

    name: str
    parameters: tuple[str, ...]
    says: str
    defaults: tuple[tuple[str, float], ...] = ()
    takes_axis: bool = False

    @property
    def call(self) -> str:
        """How it is called, for the manual."""
        defaults = dict(self.defaults)
        return (
            f"{self.name}({', '.join(f'{p} = {defaults[p]:g}' if p in defaults else p for p in self.parameters)})"
        )


_KERNEL = (("noise", 0.0), ("jitter", 1e-10))

MATRIX_FUNCTIONS: dict[str, MatrixFunction] = {
    f.name: f
    for f in (
        MatrixFunction("diag", ("x",), "the matrix with a vector or number on its diagonal; of a matrix the diagonal", takes_axis=True),
        MatrixFunction("outer", ("u", "v"), "the matrix of all products `u[i] * v[j]`", takes_axis=True),
        MatrixFunction("transpose", ("a",), "rows and columns exchanged"),
        MatrixFunction("inverse", ("a",), "the inverse of a square matrix"),
        MatrixFunction("cholesky", ("a",), "the lower triangular factor L of a covariance: `L @ transpose(L)` is the matrix"),
        MatrixFunction("det", ("a",), "the determinant of a square matrix"),
        MatrixFunction("logdet", ("a",), "the logarithm of the size of the determinant, without overflow"),
        MatrixFunction(
            "exp_quad", ("x", "scale", "length", "noise", "jitter"),
            "the covariance `scale^2 exp(-d^2 / (2 length^2))` of points at distance d", _KERNEL, takes_axis=True,
        ),
        MatrixFunction(
            "matern", ("x", "scale", "length", "nu", "noise", "jitter"),
            "the Matern covariance, `nu` 1/2, 3/2 or 5/2: rougher than `exp_quad`", (("nu", 1.5), *_KERNEL), takes_axis=True,
        ),
        MatrixFunction(
            "periodic", ("x", "scale", "length", "period", "noise", "jitter"),
            "the covariance `scale^2 exp(-2 sin^2(pi d / period) / length^2)` of what repeats", _KERNEL, takes_axis=True,
        ),
    )
}  # fmt: skip
"""``noise`` adds its square to the diagonal of a kernel, ``jitter`` that many parts of ``scale^2``: without it points that lie
near each other would make a matrix without a Cholesky factor in rounded arithmetic."""

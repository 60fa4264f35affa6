"""Vectors and matrices of constants: the numbers that are written out in an expression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pgmlang.model.expr import Apply, Const, Expr, Stack


def numbers_of(expr: Expr) -> Any:
    """The number of a constant, or nested lists of those of a vector or matrix written out; None for anything else."""
    match expr:
        case Const(value=value, axes=()) if not isinstance(value, str):
            return float(value)
        case Apply(function="neg" | "div", arguments=arguments) if not expr.axes:
            parts = [numbers_of(a) for a in arguments]
            if None in parts or (len(parts) == 2 and parts[1] == 0):
                return None
            return -parts[0] if len(parts) == 1 else parts[0] / parts[1]
        case Stack(entries=entries):
            inner = [numbers_of(e) for e in entries]
            return None if any(i is None for i in inner) else inner
    return None


def is_positive_definite(matrix: Sequence[Sequence[float]]) -> bool:
    """Whether numbers are a symmetric matrix that has a Cholesky factor."""
    size = len(matrix)
    if any(len(row) != size for row in matrix):
        return False
    root = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            if abs(matrix[i][j] - matrix[j][i]) > 1e-12 * (1 + abs(matrix[i][j])):
                return False
            rest = matrix[i][j] - sum(root[i][m] * root[j][m] for m in range(j))
            if i == j and not 0 < rest < math.inf:
                return False
            root[i][j] = math.sqrt(rest) if i == j else rest / root[j][j]
    return True

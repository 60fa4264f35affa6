"""Of which kinds vectors and matrices of constants are, and why they are not of others."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from pgmlang.model.constants import is_positive_definite, numbers_of
from pgmlang.model.expr import Expr, Stack
from pgmlang.model.types import SORTED_KINDS, VECTOR_KINDS, Type

SUM_TOLERANCE = 1e-6
"""How far the sum of written probabilities may be from one: `[0.333333, 0.333333, 0.333334]`."""


def as_kind(value: Expr, kind: str) -> Expr:
    """Constants written out with the type that they are used at, where they have it."""
    is_known = kind in VECTOR_KINDS and isinstance(value, Stack) and numbers_of(value) is not None
    return (
        replace(value, type=Type(kind))
        if is_known and not constant_problem(value, kind, len(value.axes))
        else value
    )


def constant_problem(value: Expr, kind: str, rank: int) -> str:
    """Why constants written out cannot be of a kind (one of ``VECTOR_KINDS``); empty where they can, and of
    what is not constant."""
    numbers = numbers_of(value)
    if numbers is None or isinstance(numbers, (int, float)):
        return ""
    if rank == 1 and kind == "simplex":
        total = sum(numbers)
        if min(numbers) < 0 or abs(total - 1) > SUM_TOLERANCE:
            return (
                f"these sum to {total:.6g}, not to one" if min(numbers) >= 0 else "a probability is not below zero"
            )
    if rank == 1 and kind == "zerosum" and abs(sum(numbers)) > SUM_TOLERANCE * sum(map(abs, numbers)):
        return f"these sum to {sum(numbers):.6g}, not to zero"
    if rank == 1 and kind == "unitvector" and abs(sum(x * x for x in numbers) - 1) > SUM_TOLERANCE:
        return f"the squares of these sum to {sum(x * x for x in numbers):.6g}, not to one"
    if rank == 1 and kind == "ordered positive" and min(numbers) <= 0:
        return "these are not all above zero"
    if rank == 1 and kind in SORTED_KINDS and not all(a < b for a, b in pairwise(numbers)):
        return "these do not increase"
    if rank == 2 and kind == "cholesky_corr":
        is_lower = all(x == 0 for i, row in enumerate(numbers) for x in row[i + 1 :])
        if not is_lower or any(
            row[i] <= 0 or abs(sum(x * x for x in row) - 1) > SUM_TOLERANCE for i, row in enumerate(numbers)
        ):
            return "this matrix is not lower triangular with rows of length one"
    if rank == 2 and kind in ("cov", "corr"):
        if any(abs(numbers[i][j] - numbers[j][i]) > 1e-12 for i in range(len(numbers)) for j in range(i)):
            return "this matrix is not symmetric"
        if not is_positive_definite(numbers):
            return "this matrix is not positive definite"
        if kind == "corr" and any(row[i] != 1 for i, row in enumerate(numbers)):
            return "the diagonal of correlations is one"
    return ""

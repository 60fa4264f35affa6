"""Diagonal matrices: vectors times the identity."""

from __future__ import annotations

from pgmlang.model.expr import Apply, Expr, Identity


def diagonal_of(expr: Expr, rows: str | None, columns: str | None) -> Expr | None:
    """The vector, along ``rows``, that a matrix has on its diagonal and nothing beside; None for any other value."""
    if not isinstance(expr, Apply) or expr.function != "mul" or rows is None or columns is None:
        return None
    values, identity = expr.arguments
    if (
        isinstance(identity, Identity)
        and {identity.rows, identity.columns} == {rows, columns}
        and columns not in values.axes
    ):
        return values
    return None

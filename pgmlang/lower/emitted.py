"""Syntax of a value with the axes it has, and what is asked of syntax."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase

from pgmlang.diagnostics import Diagnostic, PgmError, Span
from pgmlang.lower import pyast as py

Axes = tuple[str, ...]


def to_come(what: str, span: Span | None) -> PgmError:
    """PGM0601: a construct that no emitted program says yet."""
    return PgmError(
        Diagnostic(
            "PGM0601",
            f"{what} cannot be lowered yet",
            span,
            help="`pgmc check` and `pgmc graph` work for it today",
        )
    )


def is_number(node: ast.expr) -> bool:
    """Whether syntax is made of numbers alone, ``float('inf')`` and comparisons among them, which broadcast by themselves."""
    kinds = (
        ast.Constant,
        ast.UnaryOp,
        ast.BinOp,
        ast.Compare,
        ast.operator,
        ast.unaryop,
        ast.cmpop,
        ast.Call,
        ast.Load,
    )
    return all(isinstance(n, kinds) or (isinstance(n, ast.Name) and n.id == "float") for n in ast.walk(node))


def as_tensor(node: ast.expr) -> ast.expr:
    """The syntax of a tensor, where it may be that of a number or truth value of Python."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return node if names - {"float"} else py.call("torch.as_tensor", node)


def axis_letters(axes: Axes) -> dict[str, str]:
    """A letter of ``einsum`` for each axis: its first where that is free."""
    out: dict[str, str] = {}
    for axis in dict.fromkeys(axes):
        wanted = [c for c in axis if c in ascii_lowercase]
        out[axis] = next(c for c in (*wanted, *ascii_lowercase, *ascii_uppercase) if c not in out.values())
    return out


@dataclass
class Emitted:
    """Syntax of a value and the frame axes it has, in the frame's order."""

    node: ast.expr
    axes: Axes

"""Python expressions with a few names filled in, multiplications by one left out."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from functools import cache

from pgmlang.lower import pyast as py


@cache
def _template(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def filled(text: str, values: Mapping[str, ast.expr]) -> ast.expr:
    """The expression of a template."""
    node: ast.expr = _Filled(values).visit(copy.deepcopy(_template(text)))
    return node


@cache
def used_names(text: str) -> frozenset[str]:
    """The names in a template."""
    return frozenset(n.id for n in ast.walk(_template(text)) if isinstance(n, ast.Name))


def is_plain(node: ast.expr) -> bool:
    """Whether an expression may be said twice."""
    return isinstance(node, ast.Name | ast.Constant) or (
        minus(node) is not None and isinstance(minus(node), ast.Name | ast.Constant)
    )


def minus(node: ast.expr) -> ast.expr | None:
    """What a negative expression is the negative of."""
    return node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else None


def row_major(index: Sequence[ast.expr], sizes: Sequence[ast.expr]) -> ast.expr | None:
    """The number of an element in row-major order; None where there are no axes."""
    number: ast.expr | None = None
    for i, size in zip(index, sizes, strict=True):
        number = i if number is None else py.binary("add", py.binary("mul", number, size), i)
    return number


def moved_on(start: ast.expr, offset: ast.expr | None) -> ast.expr:
    """A place and an offset added up, as far as there is something to add."""
    if offset is None:
        return start
    return offset if isinstance(start, ast.Constant) and start.value == 0 else py.binary("add", start, offset)


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1.0


class _Filled(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        left, right = node.left, node.right
        if isinstance(node.op, ast.Mult | ast.Div):
            if isinstance(node.op, ast.Mult) and _is_one(left):
                return right
            if _is_one(right):
                return left
            inner = minus(left)
            if inner is not None:
                return _negative(self._simple(ast.BinOp(inner, node.op, right)))
            other = minus(right)
            if other is not None and isinstance(node.op, ast.Mult):
                return _negative(self._simple(ast.BinOp(left, node.op, other)))
        return node

    def _simple(self, node: ast.BinOp) -> ast.expr:
        if isinstance(node.op, ast.Mult) and _is_one(node.left):
            return node.right
        return node.left if _is_one(node.right) else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return _negative(node.operand) if isinstance(node.op, ast.USub) else node


def _negative(node: ast.expr) -> ast.expr:
    inner = minus(node)
    return inner if inner is not None else ast.UnaryOp(ast.USub(), node)

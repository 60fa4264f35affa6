"""A few words for building Python syntax; text is only ever made by unparsing it."""

from __future__ import annotations

import ast
from typing import Any, TypeVar

Node = TypeVar("Node", bound=ast.AST)


def name(identifier: str) -> ast.expr:
    """A name, dotted ones as attributes. The identifier has been checked by the caller."""
    first, *rest = identifier.split(".")
    node: ast.expr = ast.Name(first, ast.Load())
    for attribute in rest:
        node = ast.Attribute(node, attribute, ast.Load())
    return node


def constant(value: Any) -> ast.expr:
    """A number, text or truth value; nothing in it can become code."""
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return call("float", ast.Constant(str(value)))
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def call(function: str | ast.expr, *arguments: ast.expr, **keywords: ast.expr) -> ast.Call:
    callee = name(function) if isinstance(function, str) else function
    return ast.Call(callee, list(arguments), [ast.keyword(k, v) for k, v in keywords.items()])


def method(of: ast.expr, attribute: str, *arguments: ast.expr, **keywords: ast.expr) -> ast.Call:
    return call(ast.Attribute(of, attribute, ast.Load()), *arguments, **keywords)


def item(of: ast.expr, *indices: ast.expr) -> ast.expr:
    index = indices[0] if len(indices) == 1 else ast.Tuple(list(indices), ast.Load())
    return ast.Subscript(of, index, ast.Load())


def entry(of: str, key: str) -> ast.expr:
    """``of["key"]``."""
    return item(name(of), ast.Constant(key))


def tuple_of(*items: ast.expr) -> ast.expr:
    return ast.Tuple(list(items), ast.Load())


def list_of(*items: ast.expr) -> ast.expr:
    return ast.List(list(items), ast.Load())


def dict_of(pairs: list[tuple[str, ast.expr]]) -> ast.expr:
    return ast.Dict([ast.Constant(k) for k, _ in pairs], [v for _, v in pairs])


_BINARY: dict[str, Any] = {"add": ast.Add, "sub": ast.Sub, "mul": ast.Mult, "div": ast.Div, "pow": ast.Pow,
                           "and": ast.BitAnd, "or": ast.BitOr}  # fmt: skip
_COMPARE: dict[str, Any] = {
    "eq": ast.Eq,
    "ne": ast.NotEq,
    "lt": ast.Lt,
    "le": ast.LtE,
    "gt": ast.Gt,
    "ge": ast.GtE,
}


def binary(op: str, left: ast.expr, right: ast.expr) -> ast.expr:
    if op in _COMPARE:
        return ast.Compare(left, [_COMPARE[op]()], [right])
    return ast.BinOp(left, _BINARY[op](), right)


def assign(target: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(target, ast.Store())], value)


def returns(value: ast.expr) -> ast.stmt:
    return ast.Return(value)


def hinted(node: Node, hint: str) -> Node:
    """The node, with the name that it would have as a local."""
    node.hint = hint  # type: ignore[attr-defined]
    return node


def text(node: ast.AST) -> str:
    """The source of a node, which stays as it is from then on."""
    known: str | None = getattr(node, "source_text", None)
    if known is None:
        known = ast.unparse(node if isinstance(node, ast.expr) else ast.fix_missing_locations(node))
        node.source_text = known  # type: ignore[attr-defined]
    return known

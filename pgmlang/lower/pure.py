"""Which emitted expressions give the same value each time they are said, and are long enough for a name."""

from __future__ import annotations

import ast

from pgmlang.lower import pyast as py
from pgmlang.lower.names import runtime_pieces

_LENGTH = 16
"""Characters below which saying it again is plainer than a name."""
_RANDOM = frozenset({"rand", "randn", "randint", "zeros", "ones", "full", "manual_seed", "Size"})
"""What torch draws, or makes to be changed in place."""
_IMPURE = frozenset({"improper", "observed"})
_METHODS = frozenset({
    "sum", "mean", "prod", "amin", "amax", "any", "all", "softmax", "cumsum", "clamp", "index_select", "squeeze", "add",
    "logsumexp", "log_prob",
})  # fmt: skip


def is_pure(call: ast.Call) -> bool:
    """Whether a call, its arguments apart, is a function of its arguments."""
    match call.func:
        case ast.Name(id=name):
            return name in runtime_pieces() and name[0].islower() and name not in _IMPURE
        case ast.Attribute(value=ast.Name(id="torch"), attr=name):
            return name not in _RANDOM
        case ast.Attribute(value=ast.Name(id="dist" | "pyro" | "constraints")):
            return False
        case ast.Attribute(value=ast.Name(id="layout")):
            return True
        case ast.Attribute(attr=name):
            return name in _METHODS
        case ast.Subscript(value=ast.Name(id="nets")):
            return True
        case _:
            return False


def is_lookup(node: ast.AST) -> bool:
    """Whether a node only asks the layout something."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="layout"))):
            return True
        case _:
            return False


def is_worth_a_name(node: ast.AST) -> bool:
    """Whether an expression is pure and says more than a name would."""
    if not isinstance(node, ast.Call | ast.Compare | ast.BinOp):
        return False
    inside = list(ast.walk(node))
    if any(isinstance(n, ast.Lambda | ast.IfExp | ast.Starred | ast.comprehension) for n in inside):
        return False
    calls = [n for n in inside if isinstance(n, ast.Call)]
    if is_lookup(node):
        return False
    if not calls and not any(isinstance(n, ast.Subscript) for n in inside):
        return False
    has_names = any(isinstance(n, ast.Name) and n.id not in ("torch", "math") for n in inside)
    # a leaf and what parts it from the next are two characters at least
    is_long = 2 * sum(isinstance(n, ast.Name | ast.Constant) for n in inside) > _LENGTH
    return has_names and all(map(is_pure, calls)) and (is_long or len(py.text(node)) >= _LENGTH)

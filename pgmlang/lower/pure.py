"""Which emitted calls give the same value each time they are said."""

from __future__ import annotations

import ast

from pgmlang.lower.names import runtime_pieces

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

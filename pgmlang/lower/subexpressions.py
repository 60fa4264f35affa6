"""What is known of each node of emitted expressions, worked out once and upwards: equal ones have equal numbers (value
numbering: Muchnick, Advanced Compiler Design, 12.4)."""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from pgmlang.lower import pyast as py
from pgmlang.lower.pure import is_lookup, is_pure

_LENGTH = 16
"""Characters below which saying it again is plainer than a name."""
_BARRIERS = (ast.Lambda, ast.IfExp, ast.Starred, ast.comprehension)
_PLAIN = frozenset({"torch", "math"})
_NONE: frozenset[str] = frozenset()


class NodeFacts(NamedTuple):
    """``number``: equal for equal expressions; ``names`` in it; ``depth``: how deep calls stand in arguments of calls (a
    method called on a call's result is no deeper); ``leaves``: names and constants in it; whether it is a function of its
    names without a branch (``is_pure``), calls something, picks from something, does more than to look something up, and
    ``is_worth_a_name``: pure, and says more than a name would."""

    number: int
    names: frozenset[str]
    depth: int
    leaves: int
    is_pure: bool
    has_call: bool
    has_subscript: bool
    does_more: bool
    is_worth_a_name: bool


class Subexpressions:
    """The facts of nodes, which are shared and never changed."""

    def __init__(self) -> None:
        self._facts: dict[int, tuple[ast.AST, NodeFacts]] = {}
        self._numbers: dict[Any, int] = {}

    def __call__(self, node: ast.AST) -> NodeFacts:
        known = self._facts.get(id(node))
        if known is None:
            # the node is held, so that no other comes to have its id
            known = self._facts[id(node)] = node, self._of(node)
        return known[1]

    def _of(self, node: ast.AST) -> NodeFacts:
        match node:
            case ast.Name(id=name):
                return NodeFacts(
                    self._number(("name", name)), frozenset({name}), 0, 1, True, False, False, False, False
                )
            case ast.Constant(value=value):
                return NodeFacts(
                    self._number(("constant", repr(value))), _NONE, 0, 1, True, False, False, False, False
                )
            case ast.Call(func=function, args=arguments, keywords=keywords):
                inside = max((self(a).depth for a in arguments), default=0)
                inside = max((inside, *(self(k.value).depth for k in keywords)))
                depth = max(self(function).depth, 1 + inside)
                is_own_pure, is_operation = is_pure(node), True
            case _:
                depth, is_own_pure = -1, not isinstance(node, _BARRIERS)
                is_operation = isinstance(node, ast.BinOp | ast.Compare)
        key: list[Any] = [type(node)]
        inner: list[NodeFacts] = []
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                facts = [self(v) for v in value if isinstance(v, ast.AST)]
                key.append(tuple(f.number for f in facts) if len(facts) == len(value) else repr(value))
                inner += facts
            elif not isinstance(value, ast.AST):
                key.append(repr(value))
            elif value._fields:
                inner.append(self(value))
                key.append(inner[-1].number)
            elif not isinstance(value, ast.expr_context):
                key.append(type(value))
        names = _NONE.union(*[f.names for f in inner])
        lookup = is_lookup(node)
        if depth < 0:
            depth = max([0, *(f.depth for f in inner)])
        has_call = isinstance(node, ast.Call) or any(f.has_call for f in inner)
        has_subscript = isinstance(node, ast.Subscript) or any(f.has_subscript for f in inner)
        leaves = sum([f.leaves for f in inner])
        pure = is_own_pure and all(f.is_pure for f in inner)
        is_candidate = (
            is_operation and not lookup and pure and (has_call or has_subscript) and bool(names - _PLAIN)
        )
        # a leaf and what parts it from the next are two characters at least
        is_worth = is_candidate and (2 * leaves > _LENGTH or len(py.text(node)) >= _LENGTH)
        return NodeFacts(
            self._number(tuple(key)), names, 0 if lookup or isinstance(node, ast.Lambda | ast.IfExp) else depth, leaves, pure,
            has_call, has_subscript, (is_operation and not lookup) or any(f.does_more for f in inner), is_worth,
        )  # fmt: skip

    def _number(self, key: Any) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

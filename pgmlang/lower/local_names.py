"""What a person would call an expression of an emitted program."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from pgmlang.families import FAMILIES

_LONGEST = 28
_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "plus", ast.Sub: "minus", ast.Mult: "times", ast.Div: "over", ast.Pow: "to", ast.BitAnd: "and",
    ast.BitOr: "or", ast.Eq: "is", ast.NotEq: "is_not", ast.Lt: "below", ast.LtE: "at_most", ast.Gt: "above",
    ast.GtE: "at_least",
}  # fmt: skip
_TRANSPARENT = frozenset(
    {"as_tensor", "spin", "broadcast_to", "movedim", "real", "squeeze", "expand", "to_event", "tensor"}
)
"""Calls that change the form of their first argument, not what it is."""


def describe(node: ast.AST, target: str) -> str:
    """A name that says what the expression is, or where that would be long, what it is for: a term of ``target``."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="dist"))):
            return f"{target}_distribution"
        case ast.Call(func=ast.Name(id=name)) if name in _parameters(tuple(FAMILIES)):
            return f"{target}_distribution"
        case ast.Call(func=ast.Attribute(value=of, attr="expand" | "to_event" | "mask")):
            return describe(of, target)
        case ast.Call(func=ast.Attribute(attr="sample" | "rsample")):
            return f"fresh_{target}"
        case ast.Call(func=ast.Attribute(attr="log_prob")):
            return f"log_p_{target}"
    words = _words(node)
    return words if words is not None and len(words) <= _LONGEST else f"{target}_term"


def _words(node: ast.AST) -> str | None:
    if hasattr(node, "hint"):
        return str(node.hint)
    match node:
        case ast.Name(id=name):
            return name
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return re.sub(r"\W", "_", f"{value:g}")
        case ast.Subscript(
            value=ast.Name(id="data" | "values" | "params" | "nets"), slice=ast.Constant(value=key)
        ):
            return re.sub(r"\W+", "_", str(key))
        case ast.Subscript(value=of) | ast.Attribute(value=of, attr="T" | "mT" | "values"):
            return _words(of)
        case ast.UnaryOp(op=ast.USub(), operand=of):
            return _joined("minus", of)
        case ast.BinOp(left=left, op=op, right=right):
            return _joined(left, _OPERATORS.get(type(op), "with"), right)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _joined(left, _OPERATORS.get(type(op), "with"), right)
        case ast.Call(func=function, args=arguments):
            return _call_words(function, arguments)
        case _:
            return None


def _call_words(function: ast.expr, arguments: list[ast.expr]) -> str | None:
    match function, arguments:
        case ast.Name(id="take"), [of, *codes]:
            return _joined(of, "of", *codes)
        case ast.Name(id="looked_at"), [_, _, *codes]:
            return _joined("looked_at_by", *codes)
        case ast.Attribute(value=ast.Name(id="torch"), attr="einsum"), [_, *sides]:
            return _joined(sides[0], "dot", *sides[1:])
        case ast.Attribute(value=ast.Name(id="torch"), attr="where"), [_, a, b]:
            return _joined(a, "or", b)
        case ast.Attribute(value=ast.Name(id="torch"), attr="logical_not"), [of]:
            return _joined("not", of)
        case ast.Attribute(value=ast.Name(id="layout"), attr="parent"), [ast.Constant(value=outer), _]:
            return re.sub(r"\W+", "_", str(outer))
        case ast.Attribute(value=ast.Name(id="layout"), attr=name), _:
            return name
        case ast.Attribute(value=ast.Name(id="dist" | "pyro")), _:
            return None
        case ast.Attribute(attr="index_select"), [_, *_]:
            assert isinstance(function, ast.Attribute)
            return _joined(function.value, "of", arguments[-1])
        case ((ast.Name(id=name) | ast.Attribute(value=ast.Name(id="torch"), attr=name)), [of, *_]):
            return _words(of) if name in _TRANSPARENT else _joined(name, of)
        case ast.Attribute(value=of, attr=name), _:
            return _words(of) if name in _TRANSPARENT else _joined(name, of)
        case ast.Subscript(value=ast.Name(id="nets"), slice=ast.Constant(value=net)), [*inputs]:
            return _joined(re.sub(r"\W+", "_", str(net)), "of", *inputs)
        case _:
            return None


def _joined(*parts: ast.AST | str) -> str | None:
    words = [piece if isinstance(piece, str) else _words(piece) for piece in parts]
    if any(w is None for w in words):
        return None
    return "_".join(w for w in words if w)


@lru_cache(1)
def _parameters(families: tuple[str, ...]) -> dict[str, list[str]]:
    """Names of the parameters of distribution classes, in the order of their arguments: the program's own classes, and
    torch's and Pyro's."""
    out: dict[str, list[str]] = {}
    for family in map(FAMILIES.__getitem__, families):
        for variant, parameters in enumerate(family.variants):
            if family.formulas or (family.runtime and family.runtime[variant]):
                out[family.class_of(variant)] = [p.name for p in parameters]
            for text in (*family.torch[variant : variant + 1], *family.pyro[variant : variant + 1]):
                if isinstance(call := ast.parse(text or "0", mode="eval").body, ast.Call):
                    out.setdefault(ast.unparse(call.func), [ast.unparse(a) for a in call.args])
    return out


def role_of_argument(parent: ast.AST, node: ast.AST) -> str | None:
    """What an argument is to a distribution: ``loc``, ``p``; a logarithm is taken of a ``prob``; else None."""
    if not isinstance(parent, ast.Call):
        return None
    name = ast.unparse(parent.func)
    if name == "torch.log":
        return "prob"
    names = _parameters(tuple(FAMILIES)).get(name)
    if names is None:
        return None
    for keyword in parent.keywords:
        if keyword.value is node:
            return keyword.arg
    position = next((i for i, a in enumerate(parent.args) if a is node), None)
    return names[position] if position is not None and position < len(names) else None

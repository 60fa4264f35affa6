"""Arguments of a family's other spellings as those of its record: ``Normal(m, precision = t)`` has the sd ``1 / sqrt(t)``."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from pgmlang.diagnostics import Span
from pgmlang.families import Spelling
from pgmlang.model.expr import Apply, Const, Expr
from pgmlang.model.types import REAL, Type
from pgmlang.sema.arithmetic import number_type, operator_type
from pgmlang.sema.expression_scope import merge
from pgmlang.signatures.functions import FUNCTIONS

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
}


def spelled_arguments(spelling: Spelling, values: Mapping[str, Expr], span: Span) -> list[tuple[str, Expr]]:
    """The arguments of the first variant, from the values of a spelling's parameters. Raises ValueError for a formula that is none."""

    def visit(node: ast.expr) -> Expr:
        match node:
            case ast.Name(id=name):
                return values[name]
            case ast.Constant(value=int() | float() as value):
                return Const(number_type(value), (), span, value)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                turned = visit(operand)
                return Apply(REAL, turned.axes, span, "neg", (turned,))
            case ast.BinOp(left=left, op=op, right=right):
                a, b, function = visit(left), visit(right), _OPERATORS[type(op)]
                return Apply(operator_type(function, a, b), merge(a.axes, b.axes), span, function, (a, b))
            case ast.Call(func=ast.Name(id=function), args=arguments):
                inner = tuple(visit(a) for a in arguments)
                return Apply(
                    Type(FUNCTIONS[function].result), merge(*(i.axes for i in inner)), span, function, inner
                )
        raise ValueError(f"a spelling's formula: {ast.unparse(node)}")

    return [(name, visit(ast.parse(text, mode="eval").body)) for name, text in spelling.arguments.items()]

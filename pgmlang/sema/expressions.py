"""Syntax to typed Model expressions: a function for each form of syntax."""

from __future__ import annotations

from pgmlang.model.expr import Const, Expr
from pgmlang.model.types import TRUTH
from pgmlang.sema.arithmetic import number_type
from pgmlang.sema.calls import call
from pgmlang.sema.expression_scope import ExpressionScope, unknown
from pgmlang.sema.operators import binary, choice, unary
from pgmlang.sema.references import indexed, variable
from pgmlang.sema.scope import ExpressionContext
from pgmlang.sema.vectors import vector
from pgmlang.syntax import ast


class ExpressionBuilder(ExpressionScope):
    """Builds expressions in a scope."""

    def build(self, node: ast.Expr, context: ExpressionContext) -> Expr:
        """The Model expression of a syntax expression; problems are reported in the scope."""
        match node:
            case ast.Number():
                value = int(node.value) if node.value.is_integer() and abs(node.value) < 1e15 else node.value
                return Const(number_type(node.value), (), node.span, value)
            case ast.Truth():
                return Const(TRUTH, (), node.span, node.value)
            case ast.String():
                self.error("PGM0307", f'the label "{node.value}" stands alone', node.span,
                            help='compare with it: `x == "..."`, or index an axis by it')  # fmt: skip
                return unknown(node.span)
            case ast.Name():
                return variable(self, node, context)
            case ast.UnaryOperation():
                return unary(self, node, context)
            case ast.Binary():
                return binary(self, node, context)
            case ast.If():
                return choice(self, node, context)
            case ast.Index():
                return indexed(self, node, context)
            case ast.Vector():
                return vector(self, node, context)
            case ast.Call():
                return call(self, node, context)

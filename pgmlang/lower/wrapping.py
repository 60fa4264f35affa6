"""Statements as text no wider than the page: what is too wide goes over several lines, an argument each.

Text is made by unparsing alone; only brackets, commas and line breaks between unparsed pieces are added, and the text
of a statement parses to the same tree again.
"""

from __future__ import annotations

import ast

from pgmlang.lower import pyast as py

WIDTH = 110
_INDENT = 4
_SHORT = 50
"""Characters of a method's arguments that stay on its line."""
_PRIMARY = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.List, ast.Tuple, ast.Dict)
"""What binds as tightly as a trailer does."""


def statement_lines(node: ast.AST, indent: int) -> list[str]:
    """The lines of an assignment, a return or an expression, without the indent of the first ``indent`` columns."""
    text = py.text(node)
    if indent + len(text) <= WIDTH and "\n" not in text:
        return [text]
    match node:
        case ast.Assign(targets=[target], value=value):
            return _behind(f"{py.text(target)} = ", value, indent, "")
        case ast.Return(value=ast.expr() as value):
            return _behind("return ", value, indent, "")
        case ast.Expr(value=value):
            return _behind("", value, indent, "")
        case _:
            return text.splitlines()


def head_lines(head: str, indent: int) -> list[str]:
    """The lines of the head of a compound statement. Raises SyntaxError where the text is none."""
    statement = ast.parse(f"{head}\n    pass").body[0]
    if indent + len(head) <= WIDTH:
        return [head]
    match statement:
        case ast.With(items=[ast.withitem(context_expr=context, optional_vars=None)]):
            return _behind("with ", context, indent, ":")
        case ast.For(target=target, iter=elements):
            return _behind(f"for {py.text(target)} in ", elements, indent, ":")
        case ast.If(test=test):
            return _behind("if ", test, indent, ":")
        case _:
            return [head]


def _behind(prefix: str, node: ast.expr, indent: int, suffix: str) -> list[str]:
    """The lines of ``prefix node suffix``; the first starts at column ``indent``."""
    text = py.text(node)
    if indent + len(prefix) + len(text) + len(suffix) <= WIDTH:
        return [prefix + text + suffix]
    match node:
        case ast.Dict(keys=keys, values=values) if values:
            items = [("**" if k is None else f"{py.text(k)}: ", v) for k, v in zip(keys, values, strict=True)]
            return _bracketed(prefix + "{", items, "}" + suffix, indent)
        case ast.List(elts=elements) if elements:
            return _sequence(prefix + "[", elements, "]" + suffix, indent)
        case ast.Tuple(elts=elements) if elements:
            return _sequence(prefix + "(", elements, ")" + suffix, indent)
        case ast.Call(func=ast.Attribute(value=ast.Call() as of), args=[_, *_]) if len(_own(node)) < _SHORT:
            return _before(prefix, of, indent, _own(node) + suffix)
        case ast.Call(func=function, args=arguments, keywords=keywords) if arguments or keywords:
            items = [("*", a.value) if isinstance(a, ast.Starred) else ("", a) for a in arguments]
            items += [(f"{k.arg}=" if k.arg else "**", k.value) for k in keywords]
            head, callee = _called(prefix, function, indent)
            return [*head, *_bracketed(callee + "(", items, ")" + suffix, indent)]
        case ast.Call(func=ast.Attribute(value=of, attr=name)):
            return _before(prefix, of, indent, f".{name}(){suffix}")
        case ast.Attribute(value=of, attr=name):
            return _before(prefix, of, indent, f".{name}{suffix}")
        case ast.Subscript(value=of, slice=index):
            picked = py.text(ast.Subscript(ast.Name("_", ast.Load()), index, ast.Load()))[1:]
            return _before(prefix, of, indent, picked + suffix)
        case ast.Compare(left=left, ops=[_], comparators=[right]) if isinstance(left, _PRIMARY):
            compared = py.text(ast.Compare(ast.Name("_", ast.Load()), node.ops, [right]))[1:]
            return _behind(prefix, left, indent, compared + suffix)
        case ast.BinOp():
            inner = " " * _INDENT
            operands = [inner + line for line in _operands(node, indent + _INDENT)]
            return [prefix + "(", *operands, ")" + suffix]
        case _:
            return [prefix + text + suffix]


def _before(prefix: str, node: ast.expr, indent: int, trailer: str) -> list[str]:
    """The lines of ``prefix node trailer``, where the trailer (an attribute, a call, an index) is of the node as a whole."""
    fits = indent + len(prefix) + len(py.text(node)) + len(trailer) <= WIDTH
    # operators over several lines bring brackets of their own
    if isinstance(node, _PRIMARY) or (isinstance(node, ast.BinOp) and not fits):
        return _behind(prefix, node, indent, trailer)
    return _behind(f"{prefix}(", node, indent, f"){trailer}")


def _own(call: ast.Call) -> str:
    """``.method(arguments)`` of a call of a method."""
    assert isinstance(call.func, ast.Attribute)
    shown = ast.Call(
        ast.Attribute(ast.Name("_", ast.Load()), call.func.attr, ast.Load()), call.args, call.keywords
    )
    return py.text(shown)[1:]


def _called(prefix: str, function: ast.expr, indent: int) -> tuple[list[str], str]:
    """What stands before a call's bracket: whole lines, and the beginning of the line of the bracket."""
    *head, last = _before(prefix, function, indent, "(")
    return head, last.removesuffix("(")


def _operands(node: ast.BinOp, indent: int) -> list[str]:
    """Operands of one operator, a line each; those bound less tightly have been bracketed by the unparser."""
    sign = py.text(ast.BinOp(ast.Name("a", ast.Load()), node.op, ast.Name("b", ast.Load())))[2:-2]
    left = node.left
    same = isinstance(left, ast.BinOp) and type(left.op) is type(node.op) and not isinstance(node.op, ast.Pow)
    before = _operands(left, indent) if same and isinstance(left, ast.BinOp) else _operand(left, "", indent)
    return [*before, *_operand(node.right, f"{sign} ", indent)]


def _operand(node: ast.expr, prefix: str, indent: int) -> list[str]:
    if isinstance(node, ast.BinOp | ast.Compare | ast.UnaryOp | ast.IfExp | ast.Lambda):
        return _behind(f"{prefix}(", node, indent, ")")
    return _behind(prefix, node, indent, "")


def _bracketed(opening: str, items: list[tuple[str, ast.expr]], closing: str, indent: int) -> list[str]:
    inner = indent + _INDENT
    lines = [
        " " * _INDENT + line
        for prefix, value in items
        for line in _behind(prefix, value, inner, ",")
    ]  # fmt: skip
    return [opening, *lines, closing]


def _sequence(opening: str, elements: list[ast.expr], closing: str, indent: int) -> list[str]:
    """Constants many to a line, other elements one to a line."""
    if not all(isinstance(e, ast.Constant | ast.UnaryOp) for e in elements):
        return _bracketed(opening, [("", e) for e in elements], closing, indent)
    lines: list[str] = []
    for element in elements:
        text = py.text(element) + ","
        if lines and indent + len(lines[-1]) + 1 + len(text) <= WIDTH:
            lines[-1] += " " + text
        else:
            lines.append(" " * _INDENT + text)
    return [opening, *lines, closing]

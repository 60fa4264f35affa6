"""Syntax objects to the pieces of text the formatter lays out: words, brackets, operators, line breaks.

A piece knows where in the source it came from (``at``), so that comments find their place between pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pgmlang.diagnostics.source import Span
from pgmlang.syntax import ast

_PLAIN_LABEL = re.compile(r"[^\W\d]\w*|-?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d+)?")
_QUOTED_WORDS = {"if", "then", "else", "and", "or", "not"}

_IF, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGNED, _POWER, _POSTFIX = range(10)
_BINARY = {
    "or": (_OR, _OR, _AND),
    "and": (_AND, _AND, _NOT),
    **dict.fromkeys(("==", "!=", "<=", ">=", "<", ">"), (_COMPARE, _SUM, _SUM)),
    **dict.fromkeys("+-", (_SUM, _SUM, _PRODUCT)),
    **dict.fromkeys("*/@", (_PRODUCT, _PRODUCT, _SIGNED)),
    "^": (_POWER, _POSTFIX, _SIGNED),
}
"""Operator to its own level and the lowest levels its left and right operands have without brackets."""


@dataclass(frozen=True)
class Piece:
    """A word of the output.

    ``role``: ``(`` ``)`` ``{`` ``}`` brackets, ``,`` a comma, ``operator`` or ``sign`` after which a line may end,
    ``branch`` (then, else) before which it may, or empty.
    """

    text: str
    space: bool = False
    at: int | None = None
    role: str = ""


@dataclass(frozen=True)
class Break:
    """A line ends here; the next is indented by ``indent`` more than the statement, comments by ``inner``."""

    indent: int
    inner: int
    at: int | None
    blank: bool = False


Item = Piece | Break


def quote(label: str) -> str:
    """A label as it is written: bare if it is a plain word or number."""
    if _PLAIN_LABEL.fullmatch(label) and label not in _QUOTED_WORDS:
        return label
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def on_one_line(span: Span) -> bool:
    """Whether something was written on one line; what was written nowhere was not."""
    text = span.text
    return bool(text) and "\n" not in text and "\r" not in text


def blank_before(span: Span) -> bool:
    """Whether an empty line precedes a place in the source."""
    text, position, ends = span.file.text, span.start, 0
    while position > 0 and text[position - 1] in " \t\f\r\n":
        position -= 1
        if text[position] == "\n" or (text[position] == "\r" and text[position + 1 : position + 2] != "\n"):
            ends += 1
    return ends > 1 and position > 0


class PieceWriter:
    """Collects the pieces of one statement. ``tables``: on one ``line``, as a ``block``, or ``kept``."""

    def __init__(self, tables: str = "kept") -> None:
        self.items: list[Item] = []
        self.tables = tables
        self.has_line_table = False

    def add(self, text: str, space: bool = False, at: int | None = None, role: str = "") -> None:
        self.items.append(Piece(text, space, at, role))

    def comma(self) -> None:
        self.add(",", role=",")

    def operator(self, text: str) -> None:
        self.add(text, True, role="operator")

    # ---- expressions

    def expression(self, node: ast.Expr, space: bool, level: int = _IF) -> None:
        """Writes an expression; brackets around it when it binds less than ``level``."""
        if _level(node) < level:
            self.add("(", space, role="(")
            self._bare(node, False)
            self.add(")", role=")")
        else:
            self._bare(node, space)

    def _bare(self, node: ast.Expr, space: bool) -> None:
        start = node.span.start
        match node:
            case ast.Number():
                self.add(node.text or repr(node.value), space, start)
            case ast.String():
                escaped = node.value.replace("\\", "\\\\").replace('"', '\\"')
                self.add(f'"{escaped}"', space, start)
            case ast.Truth():
                self.add("true" if node.value else "false", space, start)
            case ast.Name():
                self.add(node.name, space, start)
            case ast.UnaryOperation():
                self.add(node.op, space, start, "sign")
                self.expression(node.operand, node.op == "not", _NOT if node.op == "not" else _SIGNED)
            case ast.Binary():
                self._binary(node, space)
            case ast.If():
                self._if(node, space)
            case ast.Index():
                self.expression(node.base, space, _POSTFIX)
                self.add("[", role="(")
                self._listed(node.indices)
                self.add("]", at=_last(node.span), role=")")
            case ast.Vector():
                self.add("[", space, start, role="(")
                self._listed(node.entries)
                self.add("]", at=_last(node.span), role=")")
            case ast.Call():
                self.call(node, space)

    def _binary(self, node: ast.Binary, space: bool) -> None:
        # operators that bind as tightly, one after the other from the left, need no brackets
        same = [op for op, row in _BINARY.items() if row[1] <= _BINARY[node.op][0] == row[0]]
        first, spine = ast.left_spine(node, same) if node.op in same else (node.left, (node,))
        self.expression(first, space, _BINARY[spine[0].op][1])
        for operation in spine:
            self.operator(operation.op)
            self.expression(operation.right, True, _BINARY[operation.op][2])

    def _if(self, node: ast.If, space: bool) -> None:
        self.add("if", space, node.span.start, "sign")
        self.expression(node.condition, True, _OR)
        self.add("then", True, role="branch")
        self.expression(node.then, True)
        self.add("else", True, role="branch")
        self.expression(node.otherwise, True)

    def _listed(self, nodes: Iterable[ast.Expr]) -> None:
        for i, node in enumerate(nodes):
            if i:
                self.comma()
            self.expression(node, bool(i))

    def call(self, node: ast.Call, space: bool, bare: bool = False) -> None:
        """``f(a, b, c = d) { table }``; with ``bare``, empty brackets are left out."""
        self.add(node.function, space, node.span.start)
        if not (bare and not node.arguments and not node.keywords):
            self.add("(", role="(")
            self._listed(node.arguments)
            for i, keyword in enumerate(node.keywords):
                if i or node.arguments:
                    self.comma()
                self.add(keyword.name, bool(i or node.arguments), keyword.span.start)
                self.operator("=")
                self.expression(keyword.value, True)
            self.add(")", at=_last(node.span) if node.table is None else None, role=")")
        if node.table is not None:
            self._table(node, node.table)

    # ---- tables

    def _table(self, node: ast.Call, rows: tuple[ast.TableRow, ...]) -> None:
        self.add("{", True, role="{")
        if self.tables == "line" or (self.tables == "kept" and on_one_line(_between(rows[0].span, node.span))):
            self.has_line_table = True
            for i, row in enumerate(rows):
                if i:
                    self.add(";", True)
                self._row(row, True, {}, {})
            self.add("}", True, _last(node.span), "}")
            return
        keys, cells = _widths([tuple(map(quote, r.keys)) for r in rows]), _widths([r.cell_texts for r in rows])
        if sum(keys.values()) + sum(cells.values()) + 2 * (len(keys) + len(cells)) > 90:
            keys, cells = {}, {}
        for i, row in enumerate(rows):
            self.items.append(Break(2, 2, row.span.start, bool(i) and blank_before(row.span)))
            self._row(row, False, keys, cells)
        self.items.append(Break(0, 2, _last(node.span)))
        self.add("}", role="}")

    def _row(self, row: ast.TableRow, space: bool, keys: dict[int, int], cells: dict[int, int]) -> None:
        """One row; a key is padded behind its comma (``no,  yes :``), a cell in front."""
        pad = ""
        for i, key in enumerate(map(quote, row.keys)):
            if i:
                self.comma()
            self.add(pad + key, space or bool(i), role="label")
            pad = " " * max(0, keys.get(i, 0) - len(key))
        if row.keys:
            self.add(pad + ":", True)
        for i, text in enumerate(row.cell_texts or map(repr, row.cells)):
            if i:
                self.comma()
            self.add(text.rjust(cells.get(i, 0)), space or bool(i or row.keys), role="label")

    # ---- declarations

    def declared(self, node: ast.Declared, space: bool, with_type: bool = True) -> None:
        """``x[a, b] : type``."""
        self.add(node.name, space, node.span.start)
        if node.axes:
            self.add("[", role="(")
            self.identifiers(node.axes, False)
            self.add("]", role=")")
        if node.type is not None and with_type:
            self.operator(":")
            self._type(node.type)

    def _type(self, node: ast.TypeExpr) -> None:
        if isinstance(node, ast.TypeName):
            self.add(node.name, True, node.span.start)
        else:
            self.label_set(node)

    def label_set(self, node: ast.LabelSet) -> None:
        """``{no, yes}``."""
        if node.is_open:
            self.add("{...}", True, node.span.start)
            return
        self.add("{", True, node.span.start, "{")
        for i, label in enumerate(node.labels):
            if i:
                self.comma()
            where = node.label_spans[i].start if i < len(node.label_spans) else None
            self.add(quote(label), bool(i), where, "label")
        self.add("}", at=_last(node.span), role="}")

    def identifiers(self, nodes: tuple[ast.Identifier, ...], space: bool) -> None:
        """``a, b``."""
        for i, node in enumerate(nodes):
            if i:
                self.comma()
            self.add(node.name, space or bool(i), node.span.start)


def _level(node: ast.Expr) -> int:
    if isinstance(node, ast.Binary):
        return _BINARY[node.op][0]
    if isinstance(node, ast.UnaryOperation):
        return _NOT if node.op == "not" else _SIGNED
    return _IF if isinstance(node, ast.If) else _POSTFIX


def _last(span: Span) -> int:
    """Where the closing bracket at a node's end stands."""
    return max(span.start, span.end - 1)


def _between(first: Span, whole: Span) -> Span:
    """From the first row to the end of a table, which decides whether it was on one line."""
    opener = whole.file.text.rfind("{", whole.start, first.start)
    return Span(whole.file, opener, whole.end) if opener >= 0 else Span(whole.file, 0, 0)


def _widths(rows: list[tuple[str, ...]]) -> dict[int, int]:
    """Width of each column."""
    widths: dict[int, int] = {}
    for row in rows:
        for i, text in enumerate(row):
            widths[i] = max(widths.get(i, 0), len(text))
    return widths

"""The syntax of a `.pgm` file as objects, one class a form. Spans take no part in equality."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from pgmlang.diagnostics.source import Span


@dataclass(frozen=True, kw_only=True)
class SyntaxNode:
    """Anything that stands in the text. Two nodes are equal when they say the same, wherever they stand."""

    span: Span = field(compare=False, repr=False)


# ---- expressions


@dataclass(frozen=True)
class Number(SyntaxNode):
    """A nonnegative number; ``text`` is how it was written (``0.10`` and ``0.1`` are the same number)."""

    value: float
    text: str = field(compare=False)


@dataclass(frozen=True)
class String(SyntaxNode):
    """A quoted label."""

    value: str


@dataclass(frozen=True)
class Truth(SyntaxNode):
    value: bool


@dataclass(frozen=True)
class Name(SyntaxNode):
    """A name; dotted (``v.W``) for the parameters of a ``def``'s call."""

    name: str


@dataclass(frozen=True)
class UnaryOperation(SyntaxNode):
    """``op`` is ``-`` or ``not``."""

    op: str
    operand: Expr


@dataclass(frozen=True)
class Binary(SyntaxNode):
    """``op``: + - * / ^ @, == != < <= > >=, and, or."""

    op: str
    left: Expr
    right: Expr


FLAT = (frozenset("+-"), frozenset("*/"), frozenset({"and"}), frozenset({"or"}))
"""Operators that may stand one after the other without being levels: where brackets stand makes no difference."""


def left_spine(node: Binary, ops: Collection[str] | None = None) -> tuple[Expr, tuple[Binary, ...]]:
    """``a + b - c`` as its first operand and its operators from the left, each of which has its operand at the right: a long
    sum is a loop, and not so many levels. ``ops``: only as far as these operators go."""
    spine: list[Binary] = []
    inner: Expr = node
    while isinstance(inner, Binary) and (ops is None or inner.op in ops):
        spine.append(inner)
        inner = inner.left
    return inner, tuple(reversed(spine))


@dataclass(frozen=True)
class If(SyntaxNode):
    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True)
class Index(SyntaxNode):
    base: Expr
    indices: tuple[Expr, ...]


@dataclass(frozen=True)
class Vector(SyntaxNode):
    """``[a, b]``: an entry for each element of an axis; ``[[a, b], [c, d]]`` is a matrix, row by row."""

    entries: tuple[Expr, ...]


@dataclass(frozen=True)
class Keyword(SyntaxNode):
    name: str
    value: Expr


@dataclass(frozen=True)
class TableRow(SyntaxNode):
    """Labels of the parents and the numbers after the colon; a table without parents has no keys."""

    keys: tuple[str, ...]
    cells: tuple[float, ...]
    cell_texts: tuple[str, ...] = field(compare=False)


@dataclass(frozen=True)
class Call(SyntaxNode):
    """A distribution, function, ``def`` or network applied; ``table`` are the rows after ``Table(...)``."""

    function: str
    arguments: tuple[Expr, ...]
    keywords: tuple[Keyword, ...] = ()
    table: tuple[TableRow, ...] | None = None
    function_span: Span | None = field(default=None, compare=False, repr=False)


Expr = Number | String | Truth | Name | UnaryOperation | Binary | If | Index | Vector | Call


# ---- declarations


@dataclass(frozen=True)
class TypeName(SyntaxNode):
    name: str


@dataclass(frozen=True)
class LabelSet(SyntaxNode):
    """``{no, yes}``; ``is_open`` for ``{...}``."""

    labels: tuple[str, ...]
    is_open: bool = False
    label_spans: tuple[Span, ...] = field(default=(), compare=False, repr=False)


TypeExpr = TypeName | LabelSet


@dataclass(frozen=True)
class Identifier(SyntaxNode):
    """A name where it is defined, or an axis between brackets."""

    name: str


@dataclass(frozen=True)
class Declared(SyntaxNode):
    """``x[axis, ...] : type`` on the left of something."""

    name: str
    axes: tuple[Identifier, ...] = ()
    type: TypeExpr | None = None
    name_span: Span | None = field(default=None, compare=False, repr=False)


# ---- statements


@dataclass(frozen=True)
class Version(SyntaxNode):
    number: str


@dataclass(frozen=True)
class Setting(SyntaxNode):
    name: str
    default: Expr


@dataclass(frozen=True)
class ModelHeader(SyntaxNode):
    name: str
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class Import(SyntaxNode):
    """``import std.layers``: its definitions are reached as ``layers.NAME``."""

    path: str


@dataclass(frozen=True)
class DimItem(SyntaxNode):
    """One of: open (nothing given), ``size``, ``labels``, ``like`` another axis."""

    name: str
    size: Expr | None = None
    labels: LabelSet | None = None
    like: str | None = None
    name_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Dims(SyntaxNode):
    items: tuple[DimItem, ...]


@dataclass(frozen=True)
class PlateBlock(SyntaxNode):
    """``plate NAME(indices)[size] in a, b = structure(...) { body }``."""

    name: str
    body: tuple[Statement, ...]
    indices: tuple[Identifier, ...] = ()
    size: Expr | None = None
    within: tuple[Identifier, ...] = ()
    structure: Call | None = None
    name_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Variables(SyntaxNode):
    """``param``, ``input`` or ``field`` with what it declares."""

    kind: str
    items: tuple[Declared, ...]


@dataclass(frozen=True)
class Random(SyntaxNode):
    """Each of ``targets`` is a draw of its own."""

    targets: tuple[Declared, ...]
    distribution: Expr


@dataclass(frozen=True)
class Assign(SyntaxNode):
    targets: tuple[Declared, ...]
    value: Expr


@dataclass(frozen=True)
class Factor(SyntaxNode):
    name: str | None
    value: Expr


@dataclass(frozen=True)
class NetDeclaration(SyntaxNode):
    """``net NAME : inputs -> outputs = block(...)``; inputs and outputs name axes or ``real``."""

    name: str
    inputs: tuple[Identifier, ...]
    outputs: tuple[Identifier, ...]
    block: Expr


@dataclass(frozen=True)
class GuideBlock(SyntaxNode):
    plate: str | None
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Def(SyntaxNode):
    name: str
    parameters: tuple[Declared, ...]
    body: tuple[Statement, ...]
    name_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Return(SyntaxNode):
    value: Expr


Statement = (
    Version
    | ModelHeader
    | Import
    | Dims
    | PlateBlock
    | Variables
    | Random
    | Assign
    | Factor
    | NetDeclaration
    | GuideBlock
    | Def
    | Return
)


@dataclass(frozen=True)
class SyntaxTree(SyntaxNode):
    """A whole file. ``broken_names``: words of statements that did not parse; nobody should complain of them."""

    statements: tuple[Statement, ...]
    broken_names: frozenset[str] = field(default=frozenset(), compare=False)

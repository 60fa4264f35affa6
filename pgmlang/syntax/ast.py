"""The syntax of a `.pgm` file as objects, one class a form. Spans take no part in equality."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgmlang.diagnostics.source import Span


@dataclass(frozen=True, kw_only=True)
class Node:
    """Anything that stands in the text. Two nodes are equal when they say the same, wherever they stand."""

    span: Span = field(compare=False, repr=False)


# ---- expressions


@dataclass(frozen=True)
class Number(Node):
    """A nonnegative number; ``text`` is how it was written (``0.10`` and ``0.1`` are the same number)."""

    value: float
    text: str = field(compare=False)


@dataclass(frozen=True)
class String(Node):
    """A quoted label."""

    value: str


@dataclass(frozen=True)
class Truth(Node):
    value: bool


@dataclass(frozen=True)
class Name(Node):
    """A name; dotted (``v.W``) for the parameters of a ``def``'s call."""

    name: str


@dataclass(frozen=True)
class Unary(Node):
    """``op`` is ``-`` or ``not``."""

    op: str
    operand: Expr


@dataclass(frozen=True)
class Binary(Node):
    """``op``: + - * / ^ @, == != < <= > >=, and, or."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class If(Node):
    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True)
class Index(Node):
    base: Expr
    indices: tuple[Expr, ...]


@dataclass(frozen=True)
class Keyword(Node):
    name: str
    value: Expr


@dataclass(frozen=True)
class TableRow(Node):
    """Labels of the parents and the numbers after the colon; a table without parents has no keys."""

    keys: tuple[str, ...]
    cells: tuple[float, ...]
    cell_texts: tuple[str, ...] = field(compare=False)


@dataclass(frozen=True)
class Call(Node):
    """A distribution, function, ``def`` or network applied; ``table`` are the rows after ``Table(...)``."""

    function: str
    arguments: tuple[Expr, ...]
    keywords: tuple[Keyword, ...] = ()
    table: tuple[TableRow, ...] | None = None
    function_span: Span | None = field(default=None, compare=False, repr=False)


Expr = Number | String | Truth | Name | Unary | Binary | If | Index | Call


# ---- declarations


@dataclass(frozen=True)
class TypeName(Node):
    name: str


@dataclass(frozen=True)
class LabelSet(Node):
    """``{no, yes}``; ``is_open`` for ``{...}``."""

    labels: tuple[str, ...]
    is_open: bool = False
    label_spans: tuple[Span, ...] = field(default=(), compare=False, repr=False)


TypeExpr = TypeName | LabelSet


@dataclass(frozen=True)
class Identifier(Node):
    """A name where it is defined, or an axis between brackets."""

    name: str


@dataclass(frozen=True)
class Declared(Node):
    """``x[axis, ...] : type`` on the left of something."""

    name: str
    axes: tuple[Identifier, ...] = ()
    type: TypeExpr | None = None
    name_span: Span | None = field(default=None, compare=False, repr=False)


# ---- statements


@dataclass(frozen=True)
class Version(Node):
    number: str


@dataclass(frozen=True)
class Setting(Node):
    name: str
    default: Expr


@dataclass(frozen=True)
class ModelHeader(Node):
    name: str
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class Import(Node):
    """``import std.layers``: its definitions are reached as ``layers.NAME``."""

    path: str


@dataclass(frozen=True)
class DimItem(Node):
    """One of: open (nothing given), ``size``, ``labels``, ``like`` another axis."""

    name: str
    size: Expr | None = None
    labels: LabelSet | None = None
    like: str | None = None
    name_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Dims(Node):
    items: tuple[DimItem, ...]


@dataclass(frozen=True)
class Plate(Node):
    """``plate NAME(indices)[size] in a, b = structure(...) { body }``."""

    name: str
    body: tuple[Statement, ...]
    indices: tuple[Identifier, ...] = ()
    size: Expr | None = None
    within: tuple[Identifier, ...] = ()
    structure: Call | None = None
    name_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Variables(Node):
    """``param``, ``input`` or ``field`` with what it declares."""

    kind: str
    items: tuple[Declared, ...]


@dataclass(frozen=True)
class Random(Node):
    target: Declared
    distribution: Expr


@dataclass(frozen=True)
class Assign(Node):
    targets: tuple[Declared, ...]
    value: Expr


@dataclass(frozen=True)
class Factor(Node):
    name: str | None
    value: Expr


@dataclass(frozen=True)
class Net(Node):
    """``net NAME : inputs -> outputs = block(...)``; inputs and outputs name axes or ``real``."""

    name: str
    inputs: tuple[Identifier, ...]
    outputs: tuple[Identifier, ...]
    block: Expr


@dataclass(frozen=True)
class Guide(Node):
    plate: str | None
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Def(Node):
    name: str
    parameters: tuple[Declared, ...]
    body: tuple[Statement, ...]
    name_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Return(Node):
    value: Expr


Statement = (
    Version
    | ModelHeader
    | Import
    | Dims
    | Plate
    | Variables
    | Random
    | Assign
    | Factor
    | Net
    | Guide
    | Def
    | Return
)


@dataclass(frozen=True)
class Program(Node):
    """A whole file. ``broken_names``: words of statements that did not parse; nobody should complain of them."""

    statements: tuple[Statement, ...]
    broken_names: frozenset[str] = field(default=frozenset(), compare=False)

"""What expressions are built in: the scope, the names of a ``def``'s body, and how problems are reported."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from pgmlang.diagnostics import Diagnostic, Span
from pgmlang.model.expr import Const, Element, Expr, Ref, Rename
from pgmlang.model.types import UNKNOWN, Type
from pgmlang.sema.scope import PRIME, ExpressionContext, Scope, Symbol
from pgmlang.syntax import ast

if TYPE_CHECKING:
    from pgmlang.sema.supports import Supports


def unknown(span: Span) -> Const:
    """Stands for an expression with an error in it; stops further complaints."""
    return Const(UNKNOWN, (), span, 0)


def merge(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """Axes of an elementwise result: the union, in the order of first appearance."""
    return tuple(dict.fromkeys(a for group in groups for a in group))


def renamed(expr: Expr, old: str, new: str) -> Expr:
    """A value with an axis by another name."""
    if old == new:
        return expr
    axes = tuple(new if a == old else a for a in expr.axes)
    return Rename(expr.type, axes, expr.span, expr, old, new)


class CallExpander(Protocol):
    """What knows the definitions that a call may name, and puts them in its place. ``calls``: the first call of each name that owns some."""

    calls: dict[str, ast.Call]

    def knows(self, name: str) -> bool: ...

    def expand(self, node: ast.Call, context: ExpressionContext) -> Expr: ...


class ExpressionScope(ABC):
    """What expressions are built in. ``infer`` gives the type and axes of a variable on demand. ``aliases``: the names of
    the ``def`` whose body is built; ``in_module``: it is a module's, which sees no name of the model."""

    def __init__(self, scope: Scope, infer: Callable[[Symbol], tuple[Type, tuple[str, ...]]]) -> None:
        self.scope = scope
        self.infer = infer
        self.expander: CallExpander
        self.supports: Supports
        self.aliases: dict[str, Expr] = {}
        self.axis_aliases: dict[str, str] = {}
        self.in_module = False

    @abstractmethod
    def build(self, node: ast.Expr, context: ExpressionContext) -> Expr:
        """The Model expression of a syntax expression; problems are reported in the scope."""

    def axis(self, name: str) -> str | None:
        """The axis a name means here (a ``def``'s formal axis is the caller's), None if it is no axis."""
        plain = name.rstrip(PRIME)
        if self.in_module and plain not in self.axis_aliases:
            return None
        name = self.axis_aliases.get(plain, plain) + name[len(plain) :]
        if self.scope.is_axis(name):
            self.scope.used.add(name)
            return name
        return None

    def symbol(self, name: str, context: ExpressionContext) -> Symbol | None:
        """The variable that a name means here, None if it is none."""
        return None if self.in_module else self.scope.symbol(name, context)

    def is_setting(self, name: str) -> bool:
        """Whether a name is a setting of the model here."""
        return name in self.scope.settings and not self.in_module

    def is_net(self, name: str) -> bool:
        """Whether a name is a network here."""
        return name in self.scope.nets and not self.in_module

    def error(self, code: str, message: str, span: Span | None, help: str = "", **more: object) -> None:
        """Reports a problem."""
        self.scope.report(Diagnostic(code, message, span, help=help, **more))  # type: ignore[arg-type]

    def need_number(self, expr: Expr) -> None:
        """Reports an expression that is no number."""
        if not expr.type.is_numeric:
            self.error(
                "PGM0307", f"a number is needed here, this has labels of {expr.type}", expr.span, label_cure(expr)
            )

    def need_kind(self, expr: Expr, kind: str, what: str) -> None:
        """Reports an expression that is not of a kind, for ``what`` needs it."""
        if expr.type.kind not in (kind, "bit", "unknown"):
            self.error("PGM0307", f"{what} needs true or false, this is {expr.type}", expr.span,
                       help="compare: `x > 0`, `rain == yes`")  # fmt: skip


def label_cure(expr: Expr) -> str:
    """What to do with labels where numbers are needed."""
    of = (
        expr.axis
        if isinstance(expr, Element)
        else expr.name
        if isinstance(expr, Ref) and not expr.index and expr.type.axis
        else ""
    )
    position = f"write `position({of})`, " if of else ""
    return f"{position}compare them with `==`, or index an axis by them: `effect[x]`"


def wrong_arity(builder: ExpressionScope, node: ast.Call, wanted: int) -> None:
    """Reports a call with another number of arguments."""
    builder.error("PGM0305", f"`{node.function}` takes {wanted} argument{'s' if wanted != 1 else ''}, "
                f"{len(node.arguments)} given", node.span)  # fmt: skip


def listed_axes(axes: tuple[str, ...]) -> str:
    """Axes in words."""
    return "[" + ", ".join(axes) + "]" if axes else "no axes"


def listed_names(names: object) -> str:
    """The first of some names, in words."""
    listed = [f"`{n}`" for n in names]  # type: ignore[attr-defined]
    return ", ".join(listed[:12]) + (", ..." if len(listed) > 12 else "") if listed else "none"

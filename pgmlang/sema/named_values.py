"""Values inside of an expression that are deterministic variables of their own, since they are of other plates than it."""

from __future__ import annotations

from collections.abc import Iterable

from pgmlang.model import Definition
from pgmlang.model.expr import Expr, Ref, references
from pgmlang.model.show import show_expr
from pgmlang.sema.expression_scope import ExpressionScope
from pgmlang.sema.scope import Scope, Symbol


def with_name(builder: ExpressionScope, value: Expr, name: str, plates: tuple[str, ...]) -> Ref:
    """A value as a deterministic variable in these plates, called ``name`` (``x.mean``), or with a number behind where another
    value is; the same value there is the same variable."""
    scope, span = builder.scope, value.span
    assert span is not None
    text = show_expr(value)
    symbol = next((s for s in scope.owned_parameters.values() if _is_value(s, text, plates)), None)
    if symbol is None:
        base, number = name, 1
        while name in scope.owned_parameters or name in scope.variables:
            number += 1
            name = f"{base}{number}"
        symbol = scope.owned_parameters[name] = Symbol(name, "derived", plates, span)
    symbol.type, symbol.axes, symbol.stated = value.type, value.axes, value
    return Ref(value.type, value.axes, span, symbol.name)


def _is_value(symbol: Symbol, text: str, plates: tuple[str, ...]) -> bool:
    is_here = symbol.role == "derived" and symbol.plates == plates
    return is_here and isinstance(symbol.stated, Expr) and show_expr(symbol.stated) == text


def named_values(scope: Scope, stated: Iterable[Expr]) -> tuple[list[Definition], set[str]]:
    """The definitions of those that expressions use, and the names of the others: what was built while types were inferred
    may have come to nothing."""
    unused = {n: s for n, s in scope.owned_parameters.items() if s.role == "derived"}
    definitions: list[Definition] = []
    pending = list(stated)
    while pending:
        for ref in references(pending.pop()):
            symbol = unused.pop(ref.name, None)
            if symbol is not None and isinstance(symbol.stated, Expr):
                definitions.append(Definition(ref.name, symbol.stated, symbol.span))
                pending.append(symbol.stated)
    return definitions, set(unused)

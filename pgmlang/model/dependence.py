"""What factors and expressions rest on, through deterministic names: each definition is looked at once, however often it
is named, and cycles end."""

from __future__ import annotations

from collections.abc import Iterator

from pgmlang.model.expr import Expr, NetCall, Ref, walk
from pgmlang.model.model import Conditional, Definition, Factor, Model, Potential

Item = Factor | Definition | Expr


def definitions_behind(model: Model, *items: Item) -> tuple[Definition, ...]:
    """The definitions that the items name, directly or through one another."""
    out: dict[str, Definition] = {}
    pending = list(items)
    while pending:
        for node in _nodes(model, pending.pop()):
            if isinstance(node, Ref) and node.name in model.definition_of and node.name not in out:
                out[node.name] = model.definition_of[node.name]
                pending.append(out[node.name])
    return tuple(out.values())


def nodes_behind(model: Model, *items: Item) -> Iterator[Expr]:
    """Every node of the items' expressions and of those of the definitions behind them."""
    for item in (*items, *definitions_behind(model, *items)):
        yield from _nodes(model, item)


def names_behind(model: Model, *items: Item) -> set[str]:
    """Every name in the items and in the definitions behind them; targets of factors are left out."""
    return {node.name for node in nodes_behind(model, *items) if isinstance(node, Ref)}


def networks_behind(model: Model, *items: Item) -> set[str]:
    """The networks that the items call, or the definitions behind them do."""
    return {node.net for node in nodes_behind(model, *items) if isinstance(node, NetCall)}


def _nodes(model: Model, item: Item) -> Iterator[Expr]:
    expressions = model.expressions(item) if isinstance(item, Conditional | Potential | Definition) else (item,)
    for expr in expressions:
        yield from walk(expr)

"""Cycles in the text: a value or draw that needs itself in the same row has no type, so it is looked for before types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgmlang.diagnostics import Diagnostic
from pgmlang.graph.acyclic import directed_cycle, shortest_cycles
from pgmlang.sema.scope import Scope, Symbol
from pgmlang.syntax import ast


def value_cycles(scope: Scope, symbols: Mapping[str, Symbol]) -> Iterator[tuple[frozenset[str], Diagnostic]]:
    """The names of each cycle among deterministic and random variables, and its error."""
    arrows: dict[str, list[str]] = {}
    for symbol in symbols.values():
        match symbol.statement:
            case ast.Assign(value=value) | ast.Random(distribution=value):
                for name in dict.fromkeys(needed_names(value, scope.definitions)):
                    if name in symbols and symbols[name].role in ("derived", "random"):
                        arrows.setdefault(name, []).append(symbol.name)
    for cycle in shortest_cycles(arrows):
        spans = {n: (s.span if (s := symbols[n].statement) is not None else symbols[n].span) for n in cycle}
        yield frozenset(cycle), directed_cycle(cycle, spans)


def needed_names(node: ast.Expr, definitions: Mapping[str, ast.Def]) -> Iterator[str]:
    """Names whose values of this row an expression needs: those under ``prev`` are of earlier rows."""
    match node:
        case ast.Name(name=name):
            yield name
        case ast.Unary(operand=operand):
            yield from needed_names(operand, definitions)
        case ast.Binary(left=left, right=right):
            yield from needed_names(left, definitions)
            yield from needed_names(right, definitions)
        case ast.If(condition=condition, then=then, otherwise=otherwise):
            for inner in (condition, then, otherwise):
                yield from needed_names(inner, definitions)
        case ast.Index(base=base, indices=indices):
            for inner in (base, *indices):
                yield from needed_names(inner, definitions)
        case ast.Call(function="prev"):
            return
        case ast.Call(function=function, arguments=arguments, keywords=keywords):
            for inner in (*arguments, *(k.value for k in keywords if k.name != "over")):
                yield from needed_names(inner, definitions)
            if function in definitions:
                yield from _free_names(definitions[function], definitions)


def _free_names(definition: ast.Def, definitions: Mapping[str, ast.Def]) -> Iterator[str]:
    """Names of the model that a ``def``'s body needs; those of definitions it calls are found without this one."""
    local = {f.name for f in definition.parameters}
    rest = {name: other for name, other in definitions.items() if other is not definition}
    for statement in definition.body:
        match statement:
            case ast.Variables(items=items):
                local |= {i.name for i in items}
            case ast.Assign(targets=targets, value=value):
                yield from (n for n in needed_names(value, rest) if n not in local)
                local |= {t.name for t in targets}
            case ast.Return(value=value):
                yield from (n for n in needed_names(value, rest) if n not in local)

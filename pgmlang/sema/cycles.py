"""Cycles in the text: a value or draw that needs itself in the same row has no type, so it is looked for before types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgmlang.diagnostics import Diagnostic
from pgmlang.graph.acyclic import directed_cycle, shortest_cycles
from pgmlang.sema.scope import Scope, Symbol
from pgmlang.syntax import ast


def value_needs(scope: Scope, symbols: Mapping[str, Symbol]) -> dict[str, list[str]]:
    """For each deterministic or random variable those others that its statement needs in the same row."""
    free = _free_of_definitions(scope.definitions)
    needs: dict[str, list[str]] = {}
    for symbol in symbols.values():
        match symbol.statement:
            case ast.Assign(value=value) | ast.Random(distribution=value):
                names = dict.fromkeys(needed_names(value, free))
                needs[symbol.name] = [
                    n for n in names if n in symbols and symbols[n].role in ("derived", "random")
                ]
    return needs


def in_order_of_need(needs: Mapping[str, list[str]]) -> list[str]:
    """Every name after those that it needs; names on a cycle in some order. No recursion, however long the chain."""
    done: dict[str, None] = {}
    for first in needs:
        work = [first]
        entered: set[str] = set()
        while work:
            name = work[-1]
            open_ = (
                [n for n in needs.get(name, ()) if n not in done and n not in entered]
                if name not in entered
                else []
            )
            entered.add(name)
            if open_:
                work += open_
                continue
            done[work.pop()] = None
    return list(done)


def value_cycles(
    needs: Mapping[str, list[str]], symbols: Mapping[str, Symbol]
) -> Iterator[tuple[frozenset[str], Diagnostic]]:
    """The names of each cycle among deterministic and random variables, and its error."""
    arrows: dict[str, list[str]] = {}
    for target, sources in needs.items():
        for source in sources:
            arrows.setdefault(source, []).append(target)
    for cycle in shortest_cycles(arrows):
        spans = {n: (s.span if (s := symbols[n].statement) is not None else symbols[n].span) for n in cycle}
        yield frozenset(cycle), directed_cycle(cycle, spans)


def needed_names(node: ast.Expr, free: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Names whose values of this row an expression needs: those under ``prev`` are of earlier rows. ``free``: the names of
    the model that each ``def`` needs."""
    work: list[ast.Expr] = [node]
    while work:
        inner: tuple[ast.Expr, ...] = ()
        match work.pop():
            case ast.Name(name=name):
                yield name
            case ast.UnaryOperation(operand=operand):
                inner = (operand,)
            case ast.Binary(left=left, right=right):
                inner = (left, right)
            case ast.If(condition=condition, then=then, otherwise=otherwise):
                inner = (condition, then, otherwise)
            case ast.Index(base=base, indices=indices):
                inner = (base, *indices)
            case ast.Vector(entries=entries):
                inner = entries
            case ast.Call(function=function, arguments=arguments, keywords=keywords) if function != "prev":
                yield from free.get(function, ())
                inner = (*arguments, *(k.value for k in keywords if k.name != "over"))
        work += reversed(inner)


def _free_of_definitions(definitions: Mapping[str, ast.Def]) -> dict[str, frozenset[str]]:
    """Names of the model that each ``def`` needs, those of the definitions that it calls among them."""
    free_names: dict[str, set[str]] = {}
    calls: dict[str, set[str]] = {}
    marks = {name: frozenset({f"{_CALL}{name}"}) for name in definitions}
    for name, definition in definitions.items():
        mentions = set(_free_names(definition, marks))
        calls[name] = {n.removeprefix(_CALL) for n in mentions if n.startswith(_CALL)}
        free_names[name] = {n for n in mentions if not n.startswith(_CALL)}
    changed = True
    while changed:
        changed = False
        for name, called in calls.items():
            wider = free_names[name].union(*(free_names[c] for c in called))
            changed |= len(wider) > len(free_names[name])
            free_names[name] = wider
    return {name: frozenset(names) for name, names in free_names.items()}


_CALL = "def "
"""Before a definition's name among names: no name of the language holds a space."""


def _free_names(definition: ast.Def, calls: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Names that a ``def``'s body needs and does not make."""
    local = {f.name for f in definition.parameters}
    for statement in definition.body:
        match statement:
            case ast.Variables(items=items):
                local |= {i.name for i in items}
            case ast.Assign(targets=targets, value=value):
                yield from (n for n in needed_names(value, calls) if n not in local)
                local |= {t.name for t in targets}
            case ast.Return(value=value):
                yield from (n for n in needed_names(value, calls) if n not in local)

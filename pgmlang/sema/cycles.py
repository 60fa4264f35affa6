"""Cycles in the text: a value or draw that needs itself in the same row has no type, so it is looked for before types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgmlang.diagnostics import Diagnostic
from pgmlang.graph.acyclic import directed_cycle, shortest_cycles
from pgmlang.sema.rates import equation_of
from pgmlang.sema.scope import Scope, Symbol
from pgmlang.signatures.equations import ODE, RATE
from pgmlang.syntax import ast


def value_needs(scope: Scope, symbols: Mapping[str, Symbol]) -> dict[str, list[str]]:
    """For each deterministic or random variable those others that its statement needs in the same row."""
    free = _free_of_definitions(scope.definitions)
    needs: dict[str, list[str]] = {}
    has_equations = not (ODE in scope.definitions or ODE in scope.nets)
    for symbol in symbols.values():
        match symbol.statement:
            case ast.Assign(value=value) | ast.Random(distribution=value):
                names = dict.fromkeys(needed_names(value, free))
                solved = names_in_rate(symbol, symbols, free) if has_equations else frozenset[str]()
                if has_equations and equation_of(symbol) is None and calls(value, ODE):
                    continue  # out of place, which is told of where it is built
                needs[symbol.name] = [
                    n for n in names if n in symbols and symbols[n].role in ("derived", "random") and n not in solved
                ]  # fmt: skip
    return needs


def names_in_rate(
    symbol: Symbol, symbols: Mapping[str, Symbol], free: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    """The names of its own plate that the rate of a name's differential equation takes in: what they are at the present time is no
    value of the row."""
    node = equation_of(symbol)
    if node is None:
        return frozenset()
    rate = node.arguments[:1] or tuple(k.value for k in node.keywords if k.name == RATE)
    inside = frozenset(n for e in rate for n in needed_names(e, free))
    rest = (*node.arguments[1:], *(k.value for k in node.keywords if k.name not in (RATE, "solver")))
    outside = {n for e in rest for n in needed_names(e, free)}
    return frozenset(n for n in inside - outside if n in symbols and symbols[n].plates == symbol.plates)


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
        part = work.pop()
        if isinstance(part, ast.Name):
            yield part.name
        if isinstance(part, ast.Call):
            if part.function == "prev":
                continue
            yield from free.get(part.function, ())
        work += reversed(_parts(part))


def calls(node: ast.Expr, function: str) -> bool:
    """Whether a function is called anywhere in an expression."""
    work = [node]
    while work:
        part = work.pop()
        if isinstance(part, ast.Call) and part.function == function:
            return True
        work += _parts(part)
    return False


def _parts(node: ast.Expr) -> tuple[ast.Expr, ...]:
    """The expressions directly inside of one; what a reduction is over is none."""
    match node:
        case ast.UnaryOperation(operand=operand):
            return (operand,)
        case ast.Binary(left=left, right=right):
            return (left, right)
        case ast.If(condition=condition, then=then, otherwise=otherwise):
            return (condition, then, otherwise)
        case ast.Index(base=base, indices=indices):
            return (base, *indices)
        case ast.Vector(entries=entries):
            return entries
        case ast.Call(arguments=arguments, keywords=keywords):
            return (*arguments, *(k.value for k in keywords if k.name != "over"))
    return ()


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

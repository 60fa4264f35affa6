"""Cycles of the template graph: directed ones, and partly directed ones through a field component.

A chain graph (Lauritzen and Wermuth 1989; Frydenberg 1990) has no cycle with an arrow in it. Arrows from an earlier
row of a chain (``prev``) point back in time and close no cycle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgmlang.diagnostics import Diagnostic, Label, Span
from pgmlang.model import Conditional, Definition, Model, Potential


def cycle_errors(model: Model) -> list[Diagnostic]:
    """One error for each strongly connected set of nodes that holds an arrow."""
    component = field_components(model)
    arrows = _arrows(model, component)
    errors = []
    for cycle in shortest_cycles(arrows):
        errors.append(_cycle_error(model, cycle, component))
    return errors


def field_components(model: Model) -> dict[str, str]:
    """Each field to the first-named field of its connected component (fields that share a factor)."""
    parent = {v.name: v.name for v in model.of_role("field")}

    def find(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    order = list(parent)
    for potential in model.potentials:
        fields = [n for n in _direct(model, potential) if n in parent]
        for other in fields[1:]:
            a, b = sorted((find(fields[0]), find(other)), key=order.index)
            parent[b] = a
    return {name: find(name) for name in parent}


def _direct(model: Model, item: Conditional | Potential | Definition) -> list[str]:
    """Names an item depends on in the same row, fields looked for through definitions."""
    out: dict[str, None] = {}
    seen: set[str] = set()

    def visit(current: Conditional | Potential | Definition) -> None:
        for ref in model.mentions(current):
            if ref.lag:
                continue
            out.setdefault(ref.name)
            if isinstance(item, Potential) and ref.name in model.definition_of and ref.name not in seen:
                seen.add(ref.name)
                visit(model.definition_of[ref.name])

    visit(item)
    return list(out)


def _arrows(model: Model, component: dict[str, str]) -> dict[str, list[str]]:
    """From each node (a field stands for its component) to its children."""
    arrows: dict[str, list[str]] = {}

    def add(source: str, target: str) -> None:
        arrows.setdefault(component.get(source, source), []).append(component.get(target, target))

    for conditional in model.conditionals:
        for name in _direct(model, conditional):
            add(name, conditional.target)
    for definition in model.definitions:
        for name in _direct(model, definition):
            add(name, definition.target)
    for potential in model.potentials:
        names = _direct(model, potential)
        fields = [n for n in names if n in component]
        for name in names:
            if fields and name not in component and model.by_name[name].role in ("random", "derived"):
                if model.by_name[name].role == "derived" and _rests_on_own_field(model, name, component, fields):
                    continue
                add(name, fields[0])
    return arrows


def _rests_on_own_field(model: Model, name: str, component: dict[str, str], fields: list[str]) -> bool:
    """A derived value of the component's own fields is part of the factor, not a parent of it."""
    field_components = {component[f] for f in fields}
    seen = {name}
    pending = [name]
    while pending:
        for other in _direct(model, model.definition_of[pending.pop()]):
            if component.get(other) in field_components:
                return True
            if other in model.definition_of and other not in seen:
                seen.add(other)
                pending.append(other)
    return False


MOST = 20
"""Most cycles told of one strongly connected set."""


def shortest_cycles(arrows: dict[str, list[str]]) -> list[list[str]]:
    """A shortest cycle through the first node of each strongly connected set, and through further ones that it leaves
    out; found by breadth-first search within the set."""
    cycles: list[list[str]] = []
    for members in _strongly_connected(arrows):
        covered: set[str] = set()
        starts = [n for n in arrows if n in members] if len(members) < len(arrows) else list(arrows)
        for start in starts if len(members) > 1 else members:
            if start in covered or (len(covered) and len(cycles) >= MOST):
                continue
            cycle = _cycle_through(start, arrows, members - covered)
            if cycle:
                cycles.append(cycle)
                covered.update(cycle)
    return cycles


def _cycle_through(start: str, arrows: dict[str, list[str]], members: set[str]) -> list[str]:
    previous: dict[str, str] = {}
    queue = [start]
    for node in queue:
        for child in arrows.get(node, ()):
            if child == start:
                path = [node]
                while path[-1] != start:
                    path.append(previous[path[-1]])
                return path[::-1]
            if child in members and child not in previous:
                previous[child] = node
                queue.append(child)
    return []


def _strongly_connected(arrows: dict[str, list[str]]) -> Iterator[set[str]]:
    """The sets of nodes on common cycles, a node with an arrow to itself among them (Tarjan 1972, without recursion)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    is_open: set[str] = set()
    for root in arrows:
        if root in order:
            continue
        work = [(root, iter(arrows.get(root, ())))]
        order[root] = low[root] = len(order)
        stack.append(root)
        is_open.add(root)
        while work:
            node, children = work[-1]
            child = next(children, None)
            if child is not None:
                if child not in order:
                    order[child] = low[child] = len(order)
                    stack.append(child)
                    is_open.add(child)
                    work.append((child, iter(arrows.get(child, ()))))
                elif child in is_open:
                    low[node] = min(low[node], order[child])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == order[node]:
                members: set[str] = set()
                while node not in members:
                    members.add(stack.pop())
                is_open -= members
                if len(members) > 1 or node in arrows.get(node, ()):
                    yield members


def _cycle_error(model: Model, cycle: list[str], component: dict[str, str]) -> Diagnostic:
    path = " -> ".join(f"`{n}`" for n in [*cycle, cycle[0]])
    stated: tuple[Conditional | Definition, ...] = (*model.conditionals, *model.definitions)
    spans = {f.target: f.span for f in stated}
    where = [(n, spans.get(n) or model.by_name[n].span) for n in cycle]
    secondary = tuple(Label(span, f"`{name}` is defined here") for name, span in where[1:] if span is not None)
    fields = [n for n in cycle if n in component]
    if fields:
        return Diagnostic(
            "PGM0502",
            f"partly directed cycle through the field `{fields[0]}`: {path}",
            where[0][1],
            secondary=secondary,
            notes=("what a field's factors mention is a parent of the whole field component",),
            help="make the directed variable a field too, or take it out of the factor",
        )
    return directed_cycle(cycle, dict(where))


def directed_cycle(cycle: list[str], spans: Mapping[str, Span | None]) -> Diagnostic:
    """PGM0501, with the cycle's path and where each of its names gets its value."""
    path = " -> ".join(f"`{n}`" for n in [*cycle, cycle[0]])
    return Diagnostic(
        "PGM0501",
        f"directed cycle: {path}",
        spans[cycle[0]],
        secondary=tuple(Label(s, f"`{n}` is defined here") for n in cycle[1:] if (s := spans[n]) is not None),
        help="remove one of the arrows; in a chain, `prev(x)` looks at the row before",
    )

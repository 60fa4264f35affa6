"""Cycles of the template graph: directed ones, and partly directed ones through a field component.

A chain graph (Lauritzen and Wermuth 1989; Frydenberg 1990) has no cycle with an arrow in it. Arrows from an earlier
row of a chain (``prev``) point back in time and close no cycle.
"""

from __future__ import annotations

from collections.abc import Mapping

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
    own = {component[f] for f in fields}
    seen = {name}
    pending = [name]
    while pending:
        for other in _direct(model, model.definition_of[pending.pop()]):
            if component.get(other) in own:
                return True
            if other in model.definition_of and other not in seen:
                seen.add(other)
                pending.append(other)
    return False


def shortest_cycles(arrows: dict[str, list[str]]) -> list[list[str]]:
    """A shortest cycle of each strongly connected set, found by breadth-first search from its first node."""
    found: list[list[str]] = []
    covered: set[str] = set()
    for start in arrows:
        if start in covered:
            continue
        previous: dict[str, str] = {}
        queue = [start]
        for node in queue:
            for child in arrows.get(node, ()):
                if child == start:
                    path = [node]
                    while path[-1] != start:
                        path.append(previous[path[-1]])
                    cycle = path[::-1]
                    found.append(cycle)
                    covered.update(cycle)
                    queue = []
                    break
                if child not in previous and child not in covered:
                    previous[child] = node
                    queue.append(child)
            else:
                continue
            break
    return found


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

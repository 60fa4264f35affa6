"""The foot of an emitted program: what it uses of the runtime and the classes of its families, as text."""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import cache
from importlib.resources import files

from pgmlang.families import FAMILIES
from pgmlang.lower.family_classes import class_text
from pgmlang.lower.names import RUNTIME, runtime_pieces


def foot_pieces(uses: Collection[str], *, has_moments: bool = False) -> list[str]:
    """The text of every function, class and constant used, and of those that they use, in one order; the classes of
    families come last, in alphabetical order. ``has_moments``: with all that is known of a family, moments too."""
    runtime, names = _runtime(), _family_names()
    wanted, pending = set(uses), list(uses)
    classes: dict[str, str] = {}
    while pending:
        name = pending.pop()
        others: set[str] = set()
        if name in runtime:
            others = runtime[name][1]
        elif name in names:
            classes[name] = class_text(
                FAMILIES[names[name][0]], names[name][1], others.add, is_emitted=not has_moments
            )
        pending += others - wanted
        wanted |= others
    return [text for name, (text, _) in runtime.items() if name in wanted] + [classes[n] for n in sorted(classes)]


def _family_names() -> dict[str, tuple[str, int]]:
    """The class of each family and variant that has formulas."""
    return {f.class_name(v): (f.name, v) for f in FAMILIES.values() for v in range(len(f.formulas))}


@cache
def _runtime() -> dict[str, tuple[str, set[str]]]:
    """The text of each runtime function, class and constant, and the others it uses."""
    sources = [(files("pgmlang.lower") / "runtime" / f"{name}.py").read_text(encoding="utf-8") for name in RUNTIME]
    pieces = {
        name: (statement, source.splitlines())
        for source in sources
        for statement in ast.parse(source).body
        if (name := _defined(statement)) in runtime_pieces()
    }
    return {
        name: (
            "\n".join(lines[node.lineno - 1 : node.end_lineno]),
            {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in pieces and n.id != name},
        )
        for name, (node, lines) in pieces.items()
    }


def _defined(statement: ast.stmt) -> str:
    """The name that a statement of the runtime gives a meaning, or nothing."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return ""

"""What a function of the runtime does with its arguments, from its syntax tree: where it looks in arrays, and by how many indices."""

from __future__ import annotations

import ast


def places(function: ast.FunctionDef) -> set[str]:
    """Names that say where elements of arrays are, or how many: of arguments those that are whole numbers."""
    inside = [n.slice for n in ast.walk(function) if isinstance(n, ast.Subscript)]
    inside += [
        a
        for n in ast.walk(function)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "range"
        for a in n.args
    ]
    names = {n.id for place in inside for n in ast.walk(place) if isinstance(n, ast.Name)}
    while True:
        behind = {
            n.id
            for s in ast.walk(function)
            if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name) and s.targets[0].id in names
            for n in ast.walk(s.value)
            if isinstance(n, ast.Name)
        }
        if behind <= names:
            return names
        names |= behind


def sizes(function: ast.FunctionDef, array: str) -> list[ast.expr]:
    """The sizes of the axes of an argument, by how many indices its elements have."""
    ranks = [
        len(n.slice.elts) if isinstance(n.slice, ast.Tuple) else 1
        for n in ast.walk(function)
        if isinstance(n, ast.Subscript) and isinstance(n.value, ast.Name) and n.value.id == array
    ]
    shape = ast.Attribute(ast.Name(array, ast.Load()), "shape", ast.Load())
    return [
        ast.Constant(0),
        *(ast.Subscript(shape, ast.Constant(i), ast.Load()) for i in range(1, max(ranks, default=1))),
    ]

"""The pieces of each statement, up to the block it opens."""

from __future__ import annotations

from pgmlang.syntax import ast
from pgmlang.syntax.pieces import PieceWriter


def block_of(statement: ast.Statement) -> tuple[ast.Statement, ...] | None:
    """The statements in a statement's block; None for one that has no block."""
    return statement.body if isinstance(statement, ast.PlateBlock | ast.GuideBlock | ast.Def) else None


def header_pieces(out: PieceWriter, statement: ast.Statement) -> None:
    """Writes a statement without its block."""
    match statement:
        case ast.Version():
            out.add(f"pgm {statement.number}")
        case ast.ModelHeader():
            _model(out, statement)
        case ast.Import():
            out.add(f"import {statement.path}")
        case ast.Dims():
            _dims(out, statement)
        case ast.PlateBlock():
            _plate(out, statement)
        case ast.Variables():
            _variables(out, statement)
        case ast.Random():
            _typed_list(out, statement.targets, False)
            out.operator("~")
            out.expression(statement.distribution, True)
        case ast.Assign():
            _declared_list(out, statement.targets, False)
            out.operator("=")
            out.expression(statement.value, True)
        case ast.Factor():
            out.add("factor")
            if statement.name is not None:
                out.add(statement.name, True)
                out.operator("=")
            out.expression(statement.value, True)
        case ast.NetDeclaration():
            _net(out, statement)
        case ast.GuideBlock():
            out.add("guide" if statement.plate is None else f"guide {statement.plate}")
        case ast.Def():
            out.add(f"def {statement.name}")
            out.add("(", role="(")
            _declared_list(out, statement.parameters, False)
            out.add(")", role=")")
        case ast.Return():
            out.add("return")
            out.expression(statement.value, True)


def _declared_list(out: PieceWriter, items: tuple[ast.Declared, ...], space: bool, with_type: bool = True) -> None:
    for i, item in enumerate(items):
        if i:
            out.comma()
        out.declared(item, space or bool(i), with_type)


def _typed_list(out: PieceWriter, items: tuple[ast.Declared, ...], space: bool) -> None:
    """A type that all items share is written once, at the end."""
    shared = all(item.type == items[0].type for item in items)
    *others, last = items
    _declared_list(out, tuple(others), space, with_type=not shared)
    if others:
        out.comma()
    out.declared(last, space or bool(others))


def _model(out: PieceWriter, statement: ast.ModelHeader) -> None:
    out.add(f"model {statement.name}")
    if not statement.settings:
        return
    out.add("(", role="(")
    for i, setting in enumerate(statement.settings):
        if i:
            out.comma()
        out.add(setting.name, bool(i), setting.span.start)
        out.operator("=")
        out.expression(setting.default, True)
    out.add(")", at=max(statement.span.start, statement.span.end - 1), role=")")


def _dims(out: PieceWriter, statement: ast.Dims) -> None:
    out.add("dim")
    for i, item in enumerate(statement.items):
        if i:
            out.comma()
        out.add(item.name, True, item.span.start)
        if item.size is not None:
            out.add("[", role="(")
            out.expression(item.size, False)
            out.add("]", at=max(item.span.start, item.span.end - 1), role=")")
        elif item.labels is not None:
            out.operator("=")
            out.label_set(item.labels)
        elif item.like is not None:
            out.add(f"like {item.like}", True)


def _plate(out: PieceWriter, statement: ast.PlateBlock) -> None:
    out.add(f"plate {statement.name}")
    if statement.indices:
        out.add("(", role="(")
        out.identifiers(statement.indices, False)
        out.add(")", role=")")
    if statement.size is not None:
        out.add("[", role="(")
        out.expression(statement.size, False)
        out.add("]", role=")")
    if statement.within:
        out.add("in", True)
        out.identifiers(statement.within, True)
    if statement.structure is not None:
        out.operator("=")
        out.call(statement.structure, True, bare=True)


def _variables(out: PieceWriter, statement: ast.Variables) -> None:
    out.add(statement.kind)
    _typed_list(out, statement.items, True)


def _net(out: PieceWriter, statement: ast.NetDeclaration) -> None:
    out.add(f"net {statement.name}")
    out.operator(":")
    out.identifiers(statement.inputs, True)
    out.operator("->")
    out.identifiers(statement.outputs, True)
    out.operator("=")
    out.expression(statement.block, True)

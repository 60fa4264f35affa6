"""Tree to syntax objects: one function a rule, no meaning yet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from lark import Tree

from pgmlang.diagnostics import Diagnostic, SourceFile, Span
from pgmlang.syntax import ast
from pgmlang.syntax.layout import span_of

MAX_TREE_DEPTH = 200
MAX_OPERATORS = 10_000
"""Most operators of one level one after the other: terms of a sum."""
_ESCAPE = re.compile(r"\\(.)")


def too_deep(file: SourceFile, tree: Tree) -> Diagnostic | None:
    """An error when the tree nests deeper than later stages (which recurse) accept, or has a sum of too many terms, which
    are no levels. Does not recurse itself."""
    stack: list[tuple[Any, int, int]] = [(tree, 0, 0)]
    while stack:
        node, depth, operators = stack.pop()
        if operators > MAX_OPERATORS:
            message = f"more than {MAX_OPERATORS:,} operators one after the other"
            span = _tree_span(file, node) or Span(file, 0, 1)
            return Diagnostic("PGM0107", message, span, help="sum a plate or an axis: `sum(x, over = item)`")
        if depth > MAX_TREE_DEPTH:
            span = _tree_span(file, node) or Span(file, 0, 1)
            return Diagnostic(
                "PGM0107",
                f"expression nested more than {MAX_TREE_DEPTH} deep",
                span,
                help="split it: give its parts names with `=`",
            )
        for child in node.children:
            if child is node.children[0] and _continues(node, child):
                stack.append((child, depth, operators + 1))
            elif isinstance(child, Tree):
                stack.append((child, depth + 1, 0))
    return None


def _is_binary(tree: Any) -> bool:
    return isinstance(tree, Tree) and tree.data == "binary"


def _continues(tree: Tree, first: Any) -> bool:
    """Whether an operation goes on from one of operators that it may stand beside."""
    if not (_is_binary(tree) and _is_binary(first)):
        return False
    ops = {str(tree.children[1]), str(first.children[1])}
    return any(ops <= group for group in ast.FLAT)


def _tree_span(file: SourceFile, tree: Tree) -> Span | None:
    if tree.meta.empty:
        return None
    return Span(file, tree.meta.start_pos, max(tree.meta.end_pos, tree.meta.start_pos + 1))


def unquote(text: str) -> str:
    """The label in a quoted string; a backslash keeps the character after it."""
    return _ESCAPE.sub(r"\1", text[1:-1])


class Builder:
    """Builds the syntax of one file."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file

    def program(self, tree: Tree, broken_names: frozenset[str]) -> ast.SyntaxTree:
        span = _tree_span(self.file, tree) or Span(self.file, 0, 0)
        return ast.SyntaxTree(self._statements(tree.children), broken_names, span=span)

    def _statements(self, children: list[Any]) -> tuple[ast.Statement, ...]:
        return tuple(self._node(c) for c in children if isinstance(c, Tree))

    def _node(self, tree: Tree) -> Any:
        build: Callable[[Tree, Span], Any] = getattr(self, f"_{tree.data}")
        return build(tree, _tree_span(self.file, tree) or Span(self.file, 0, 0))

    def _optional(self, tree: Tree | None) -> Any:
        return None if tree is None else self._node(tree)

    def _where(self, token: Any) -> Span:
        return span_of(self.file, token)

    def _identifier(self, token: Any) -> ast.Identifier:
        return ast.Identifier(str(token), span=span_of(self.file, token))

    # ---- statements

    def _version(self, tree: Tree, span: Span) -> ast.Version:
        return ast.Version(str(tree.children[1]), span=span)

    def _model(self, tree: Tree, span: Span) -> ast.ModelHeader:
        settings = tuple(self._node(c) for c in tree.children[2:] if c is not None)
        return ast.ModelHeader(str(tree.children[1]), settings, span=span)

    def _setting(self, tree: Tree, span: Span) -> ast.Setting:
        return ast.Setting(str(tree.children[0]), self._node(tree.children[1]), span=span)

    def _import_module(self, tree: Tree, span: Span) -> ast.Import:
        return ast.Import(self._dotted(tree.children[1]), span=span)

    @staticmethod
    def _dotted(tree: Tree) -> str:
        return ".".join(str(t) for t in tree.children)

    def _dims(self, tree: Tree, span: Span) -> ast.Dims:
        return ast.Dims(tuple(self._node(c) for c in tree.children[1:]), span=span)

    def _dim_open(self, tree: Tree, span: Span) -> ast.DimItem:
        return ast.DimItem(str(tree.children[0]), name_span=self._where(tree.children[0]), span=span)

    def _dim_sized(self, tree: Tree, span: Span) -> ast.DimItem:
        name = tree.children[0]
        return ast.DimItem(str(name), self._node(tree.children[1]), name_span=self._where(name), span=span)

    def _dim_labels(self, tree: Tree, span: Span) -> ast.DimItem:
        name, labels = tree.children
        return ast.DimItem(str(name), labels=self._node(labels), name_span=self._where(name), span=span)

    def _dim_like(self, tree: Tree, span: Span) -> ast.DimItem:
        name, _, like = tree.children
        return ast.DimItem(str(name), like=str(like), name_span=self._where(name), span=span)

    def _block(self, tree: Tree, span: Span) -> tuple[ast.Statement, ...]:
        return self._statements(tree.children)

    def _plate(self, tree: Tree, span: Span) -> ast.PlateBlock:
        _, name, indices, size, within, structure, block = tree.children
        head_end = self._where(name)
        return ast.PlateBlock(
            str(name),
            self._node(block),
            tuple(self._identifier(t) for t in indices.children) if indices else (),
            self._node(size.children[0]) if size else None,
            tuple(self._identifier(t) for t in within.children[1:]) if within else (),
            self._node(structure) if structure else None,
            name_span=head_end,
            span=span,
        )

    def _structure(self, tree: Tree, span: Span) -> ast.Call:
        positional, keywords = self._arguments_of(tree.children[1])
        return ast.Call(self._dotted(tree.children[0]), positional, keywords, span=span)

    def _variables(self, tree: Tree, span: Span) -> ast.Variables:
        return ast.Variables(str(tree.children[0]), self._declared_list(tree.children[1:]), span=span)

    def _declared_list(self, trees: Iterable[Tree]) -> tuple[ast.Declared, ...]:
        """A type written once at the end of a list holds for the ones before it that have none."""
        items = [self._node(t) for t in trees]
        following: ast.TypeExpr | None = None
        for i in range(len(items) - 1, -1, -1):
            item = items[i]
            if item.type is not None:
                following = item.type
            elif following is not None:
                items[i] = ast.Declared(item.name, item.axes, following, item.name_span, span=item.span)
        return tuple(items)

    def _declared(self, tree: Tree, span: Span) -> ast.Declared:
        name, axes, declared_type = tree.children
        return ast.Declared(
            str(name),
            tuple(self._identifier(t) for t in axes.children) if axes else (),
            self._optional(declared_type),
            self._where(name),
            span=span,
        )

    def _type_name(self, tree: Tree, span: Span) -> ast.TypeName:
        return ast.TypeName(" ".join(map(str, filter(None, tree.children))), span=span)

    def _labels_closed(self, tree: Tree, span: Span) -> ast.LabelSet:
        labels = tuple(self._label_text(c) for c in tree.children)
        spans = tuple(_tree_span(self.file, c) or span for c in tree.children)
        return ast.LabelSet(labels, False, spans, span=span)

    def _labels_open(self, tree: Tree, span: Span) -> ast.LabelSet:
        return ast.LabelSet((), True, span=span)

    @staticmethod
    def _label_text(tree: Tree) -> str:
        first: Any = tree.children[0]
        if len(tree.children) == 1 and first.type == "STRING":
            return unquote(str(first))
        return "".join(str(t) for t in tree.children)

    def _random(self, tree: Tree, span: Span) -> ast.Random:
        *targets, distribution = [c for c in tree.children if isinstance(c, Tree)]
        return ast.Random(self._declared_list(targets), self._node(distribution), span=span)

    def _assign(self, tree: Tree, span: Span) -> ast.Assign:
        *targets, value = [c for c in tree.children if isinstance(c, Tree)]
        return ast.Assign(tuple(self._node(t) for t in targets), self._node(value), span=span)

    def _factor(self, tree: Tree, span: Span) -> ast.Factor:
        _, name, value = tree.children
        return ast.Factor(str(name.children[0]) if name else None, self._node(value), span=span)

    def _net(self, tree: Tree, span: Span) -> ast.NetDeclaration:
        _, name, inputs, _, outputs, block = tree.children
        return ast.NetDeclaration(
            str(name), self._names(inputs), self._names(outputs), self._node(block), span=span
        )

    def _names(self, tree: Tree) -> tuple[ast.Identifier, ...]:
        return tuple(self._identifier(t) for t in tree.children)

    def _guide(self, tree: Tree, span: Span) -> ast.GuideBlock:
        _, plate, block = tree.children
        return ast.GuideBlock(str(plate) if plate else None, self._node(block), span=span)

    def _def_(self, tree: Tree, span: Span) -> ast.Def:
        _, name, *parameters, block = tree.children
        declared = tuple(self._node(p) for p in parameters if p is not None)
        return ast.Def(str(name), declared, self._node(block), self._where(name), span=span)

    def _return_(self, tree: Tree, span: Span) -> ast.Return:
        return ast.Return(self._node(tree.children[1]), span=span)

    # ---- expressions

    def _number(self, tree: Tree, span: Span) -> ast.Number:
        text = str(tree.children[0])
        return ast.Number(float(text), text, span=span)

    def _string(self, tree: Tree, span: Span) -> ast.String:
        return ast.String(unquote(str(tree.children[0])), span=span)

    def _truth(self, tree: Tree, span: Span) -> ast.Truth:
        return ast.Truth(str(tree.children[0]) == "true", span=span)

    def _name(self, tree: Tree, span: Span) -> ast.Name:
        return ast.Name(self._dotted(tree.children[0]), span=span)

    def _parenthesis(self, tree: Tree, span: Span) -> ast.Expr:
        inner: ast.Expr = self._node(tree.children[0])
        return inner

    def _unary(self, tree: Tree, span: Span) -> ast.UnaryOperation:
        return ast.UnaryOperation(str(tree.children[0]), self._node(tree.children[1]), span=span)

    def _binary(self, tree: Tree, span: Span) -> ast.Binary:
        levels = [tree]
        while _is_binary(levels[-1].children[0]):
            levels.append(levels[-1].children[0])
        node = self._node(levels[-1].children[0])
        for level in reversed(levels):
            _, op, right = level.children
            node = ast.Binary(str(op), node, self._node(right), span=_tree_span(self.file, level) or span)
        assert isinstance(node, ast.Binary)
        return node

    def _if_(self, tree: Tree, span: Span) -> ast.If:
        condition, then, otherwise = (self._node(c) for c in tree.children if isinstance(c, Tree))
        return ast.If(condition, then, otherwise, span=span)

    def _index(self, tree: Tree, span: Span) -> ast.Index:
        base, *indices = (self._node(c) for c in tree.children)
        return ast.Index(base, tuple(indices), span=span)

    def _vector(self, tree: Tree, span: Span) -> ast.Vector:
        return ast.Vector(tuple(self._node(c) for c in tree.children), span=span)

    def _call(self, tree: Tree, span: Span) -> ast.Call:
        dotted, arguments, table = tree.children
        positional, keywords = self._arguments_of(arguments)
        rows = tuple(self._row(r) for r in table.children if isinstance(r, Tree)) if table else None
        where = _tree_span(self.file, dotted)
        return ast.Call(self._dotted(dotted), positional, keywords, rows, where, span=span)

    def _arguments_of(self, tree: Tree | None) -> tuple[tuple[ast.Expr, ...], tuple[ast.Keyword, ...]]:
        nodes = [self._node(c) for c in tree.children] if tree else []
        positional = tuple(n for n in nodes if not isinstance(n, ast.Keyword))
        return positional, tuple(n for n in nodes if isinstance(n, ast.Keyword))

    def _keyword(self, tree: Tree, span: Span) -> ast.Keyword:
        return ast.Keyword(str(tree.children[0]), self._node(tree.children[1]), span=span)

    def _row(self, tree: Tree) -> ast.TableRow:
        first, second = tree.children
        span = _tree_span(self.file, tree) or Span(self.file, 0, 0)
        keys = tuple(self._label_text(e) for e in first.children) if second else ()
        cells = (second or first).children
        texts = tuple("".join(str(t) for t in e.children) for e in cells)
        return ast.TableRow(keys, tuple(_cell(t) for t in texts), texts, span=span)


def _cell(text: str) -> float:
    """The number a table cell says (``1/3`` is a cell); NaN where it is none, which the checks report."""
    try:
        if "/" in text:
            over, under = text.split("/")
            return float(over) / float(under)
        return float(text)
    except (ValueError, ZeroDivisionError):
        return float("nan")

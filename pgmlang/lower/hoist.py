"""Names for long and repeated expressions of an emitted function, as a person would give them.

A pure expression that a function says twice is said once (common subexpressions, by value numbering within what
dominates their uses; Muchnick, Advanced Compiler Design, 13.1), and what is nested deeper than ``DEPTH`` calls or wider
than the page is cut at its arguments. Nothing is moved into or out of a branch or a loop.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from pgmlang.lower import pyast as py
from pgmlang.lower.local_names import describe, role_of_argument
from pgmlang.lower.names import Names, is_identifier
from pgmlang.lower.pure import is_lookup, is_worth_a_name
from pgmlang.lower.wrapping import WIDTH
from pgmlang.lower.writer import EmittedStatement, Item, Line

DEPTH = 3
"""Calls within arguments of calls that one statement may have."""
_BLOCK = re.compile(r"(if|for|while|with|elif|else|try|except)\b.*:$")


def hoist(items: list[Item], names: Names) -> list[Item]:
    """The items of a whole program with locals for what is long or repeated in its functions."""
    out: list[Item] = []
    reserved = frozenset(names.reserved())
    start = 0
    while start < len(items):
        end = start + 1
        first = items[start]
        if isinstance(first, Line) and first.indent == 0 and first.text.startswith("def "):
            while end < len(items) and _is_inside(items[end]):
                end += 1
            out.extend(_Function(items[start:end], reserved).rewritten())
        else:
            out.append(first)
        start = end
    return out


def _is_inside(item: Item) -> bool:
    return item.indent > 0 or (isinstance(item, Line) and not item.text)


@dataclass
class _Occurrence:
    """A pure expression that may be said again, and the items in which it stands."""

    names: frozenset[str]
    items: list[int] = field(default_factory=list)


class _Function:
    """One function's items: where each stands, what it assigns, and the expressions that occur more than once."""

    def __init__(self, items: list[Item], reserved: frozenset[str]) -> None:
        self.items = items
        self.taken = set(reserved)
        self.paths = list(_paths(items))
        self.assignments: dict[str, list[int]] = {}
        for index, item in enumerate(items):
            for name in _assigned(item):
                self.assignments.setdefault(name, []).append(index)
        self.ends = {head: index + 1 for index, path in enumerate(self.paths) for head in path}
        self.occurrences: dict[str, _Occurrence] = {}
        for index, item in enumerate(items):
            if isinstance(item, EmittedStatement):
                self._count(item.node, index)
        self.repeating = {i for o in self.occurrences.values() if len(o.items) > 1 for i in o.items}

    def _count(self, node: ast.AST, index: int) -> None:
        if isinstance(node, ast.Lambda | ast.IfExp):
            return
        if is_worth_a_name(node):
            key = ast.dump(node)
            is_new = key not in self.occurrences
            known = self.occurrences.setdefault(key, _Occurrence(_names_in(node)))
            known.items.append(index)
            if not is_new:
                return
        for child in ast.iter_child_nodes(node):
            self._count(child, index)

    def _serves(self, occurrence: _Occurrence, here: int, there: int) -> bool:
        """Whether a value worked out just before item ``here`` is that of the expression in item ``there``."""
        if here > there or self.paths[there][: len(self.paths[here])] != self.paths[here]:
            return False
        # what a loop changes further down is changed when it comes round
        until = max((self.ends[head] for head in self.paths[there][len(self.paths[here]) :]), default=there)
        return not any(self._is_assigned(name, here, max(there, until)) for name in occurrence.names)

    def _is_assigned(self, name: str, start: int, end: int) -> bool:
        """Whether an item from ``start`` to before ``end`` binds or changes a name."""
        items = self.assignments.get(name, [])
        position = bisect_left(items, start)
        return position < len(items) and items[position] < end

    def rewritten(self) -> list[Item]:
        """The items, each after the locals that it needs."""
        out: list[Item] = []
        shared: dict[str, tuple[str, int]] = {}
        for index, item in enumerate(self.items):
            if isinstance(item, Line):
                out.append(item)
                continue
            before: list[tuple[str, ast.expr]] = []
            target = _target(item.node)
            node = self._named(item.node, index, shared, before, target) if index in self.repeating else item.node
            for name, value in before:
                out.extend(
                    self._narrowed(EmittedStatement(py.assign(name, value), item.indent, item.span, None), target)
                )
            out.extend(self._narrowed(EmittedStatement(node, item.indent, item.span, item.note), target))
        return out

    def _named(
        self,
        node: ast.AST,
        index: int,
        shared: dict[str, tuple[str, int]],
        before: list[tuple[str, ast.expr]],
        target: str,
    ) -> ast.AST:
        """The node with names for what occurs again; the values of new names are added to ``before``."""
        if isinstance(node, ast.Lambda | ast.IfExp):
            return node
        if is_worth_a_name(node) and isinstance(node, ast.expr):
            key = ast.dump(node)
            occurrence = self.occurrences[key]
            if key in shared and self._serves(occurrence, shared[key][1], index):
                return py.name(shared[key][0])
            later = map(
                occurrence.items.__getitem__, range(bisect_left(occurrence.items, index), len(occurrence.items))
            )
            serves = (True for other in later if self._serves(occurrence, index, other))
            if next(serves, False) and next(serves, False):
                value = _rebuilt(node, lambda child: self._named(child, index, shared, before, target))
                assert isinstance(value, ast.expr)
                shared[key] = (self._fresh(describe(node, target)), index)
                before.append((shared[key][0], value))
                return py.name(shared[key][0])
        return _rebuilt(node, lambda child: self._named(child, index, shared, before, target))

    def _narrowed(self, statement: EmittedStatement, target: str) -> list[Item]:
        """The statement, after locals for arguments that make it too deep or too wide."""
        before: list[Item] = []
        while (chosen := _too_much(statement)) is not None:
            parent, node = chosen
            role = role_of_argument(parent, node)
            name = self._fresh(f"{target}_{role}" if role else describe(node, target))
            local = EmittedStatement(py.assign(name, node), statement.indent, statement.span, None)
            before.extend(self._narrowed(local, target))
            changed = _replaced(statement.node, node, py.name(name))
            statement = EmittedStatement(changed, statement.indent, statement.span, statement.note)
        return [*before, statement]

    def _fresh(self, wish: str) -> str:
        """An identifier that nothing in the function has, numbered where the wish has been granted before."""
        word = wish if is_identifier(wish) else "term"
        number, name = 1, word
        while name in self.taken:
            number += 1
            name = f"{word}_{number}"
        self.taken.add(name)
        return name


def _paths(items: list[Item]) -> Iterator[tuple[int, ...]]:
    """For each item the heads of branches and loops around it; ``with`` is always entered."""
    around: list[tuple[int, int]] = []
    for index, item in enumerate(items):
        if isinstance(item, Line) and not item.text:
            yield tuple(head for _, head in around)
            continue
        around = [(indent, head) for indent, head in around if indent < item.indent]
        yield tuple(head for _, head in around)
        if isinstance(item, Line) and _BLOCK.match(item.text) and not item.text.startswith("with"):
            around.append((item.indent, index))


def _assigned(item: Item) -> frozenset[str]:
    """Names that an item binds or changes."""
    if isinstance(item, Line):
        if not item.text or item.text.startswith(("#", '"', "return")) or item.indent == 0:
            return frozenset()
        try:
            tree = ast.parse(item.text + ("\n    pass" if item.text.endswith(":") else ""))
        except SyntaxError:  # the middle of a docstring
            return frozenset()
        return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    targets = item.node.targets if isinstance(item.node, ast.Assign) else []
    return frozenset(n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))


def _names_in(node: ast.AST) -> frozenset[str]:
    return frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name))


def _target(node: ast.AST) -> str:
    """What a statement is about, for the names of its locals."""
    if isinstance(node, ast.Assign):
        target = node.targets[0]
        if isinstance(target, ast.Name):
            return target.id
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            return re.sub(r"\W+", "_", str(target.slice.value))
    match node:
        case ast.Expr(value=ast.Call(args=[ast.Constant(value=str() as site), *_])):
            return re.sub(r"\W+", "_", site)
    return "result"


def _rebuilt(node: ast.AST, change: object) -> ast.AST:
    """A copy whose children have been changed; nodes are shared between statements and stay as they are."""
    assert callable(change)
    fields: dict[str, object] = {}
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            fields[name] = [change(v) if isinstance(v, ast.AST) else v for v in value]
        else:
            fields[name] = change(value) if isinstance(value, ast.AST) else value
    copy = type(node)(**fields)
    if hasattr(node, "hint"):
        py.hinted(copy, node.hint)
    return copy


def _replaced(node: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST:
    return new if node is old else _rebuilt(node, lambda child: _replaced(child, old, new))


def _depth(node: ast.AST) -> int:
    """How deep calls stand in arguments of calls; a method called on a call's result is no deeper."""
    if isinstance(node, ast.Lambda | ast.IfExp) or is_lookup(node):
        return 0
    if isinstance(node, ast.Call):
        inner = [*node.args, *(k.value for k in node.keywords)]
        return max(_depth(node.func), 1 + max(map(_depth, inner), default=0))
    return max(map(_depth, ast.iter_child_nodes(node)), default=0)


def _arguments(node: ast.AST) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Arguments of the outermost calls and operands of the outermost operators, with what they belong to."""
    match node:
        case ast.Lambda() | ast.IfExp():
            return
        case ast.Call(func=function, args=arguments, keywords=keywords):
            yield from _arguments(function)
            for argument in (*arguments, *(k.value for k in keywords)):
                inner = argument.value if isinstance(argument, ast.Starred) else argument
                if isinstance(inner, ast.Call | ast.BinOp | ast.Compare | ast.Subscript):
                    yield node, inner
                else:
                    yield from _arguments(inner)
        case ast.BinOp(left=left, right=right):
            for operand in (left, right):
                if isinstance(operand, ast.Call | ast.Subscript):
                    yield node, operand
                else:
                    yield from _arguments(operand)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _arguments(child)


def _too_much(statement: EmittedStatement) -> tuple[ast.AST, ast.expr] | None:
    """The argument to be named next, None where the statement is neither too deep nor too wide."""
    if not isinstance(statement.node, ast.Assign | ast.Return | ast.Expr):
        return None
    choices = [(parent, node) for parent, node in _arguments(statement.node) if _names_in(node) and _calls(node)]
    if _depth(statement.node) > DEPTH:
        deepest = [c for c in choices if _depth(c[1]) >= DEPTH]
        if deepest:
            return max(deepest, key=lambda c: _depth(c[1]))
    if 4 * statement.indent + len(py.text(statement.node)) > WIDTH:
        wide = [c for c in choices if len(py.text(c[1])) > 24]
        if wide:
            return max(wide, key=lambda c: len(py.text(c[1])))
    return None


def _calls(node: ast.AST) -> bool:
    """Whether a node does more than look something up."""
    return any(isinstance(n, ast.Call | ast.BinOp | ast.Compare) and not is_lookup(n) for n in ast.walk(node))

"""Names for long and repeated expressions of an emitted function, as a person would give them.

A pure expression that a function says twice is said once (common subexpressions, by value numbering within what
dominates their uses; Muchnick, Advanced Compiler Design, 13.1), and what is nested deeper than ``DEPTH`` calls or wider
than the page is cut at its arguments. Nothing is moved into or out of a branch or a loop.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pgmlang.lower import pyast as py
from pgmlang.lower.local_names import describe, role_of_argument
from pgmlang.lower.names import Names, is_identifier
from pgmlang.lower.subexpressions import Subexpressions
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
        self.taken = set(reserved) | _parameters_of(items)
        self.wishes: dict[str, int] = {}
        self.facts = Subexpressions()
        self.paths = list(_paths(items))
        self.assignments: dict[str, list[int]] = {}
        for index, item in enumerate(items):
            for name in _assigned(item):
                self.assignments.setdefault(name, []).append(index)
        self.ends = {head: index + 1 for index, path in enumerate(self.paths) for head in path}
        self.occurrences: dict[int, _Occurrence] = {}
        for index, item in enumerate(items):
            if isinstance(item, EmittedStatement):
                self._count(item.node, index)
        self.repeating = {i for o in self.occurrences.values() if len(o.items) > 1 for i in o.items}

    def _count(self, node: ast.AST, index: int) -> None:
        if isinstance(node, ast.Lambda | ast.IfExp):
            return
        facts = self.facts(node)
        if facts.is_worth_a_name:
            is_new = facts.number not in self.occurrences
            known = self.occurrences.setdefault(facts.number, _Occurrence(facts.names))
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
        shared: dict[int, tuple[str, int]] = {}
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
        shared: dict[int, tuple[str, int]],
        before: list[tuple[str, ast.expr]],
        target: str,
    ) -> ast.AST:
        """The node with names for what occurs again; the values of new names are added to ``before``."""
        if isinstance(node, ast.Lambda | ast.IfExp):
            return node
        if isinstance(node, ast.expr) and self.facts(node).is_worth_a_name:
            key = self.facts(node).number
            occurrence = self.occurrences[key]
            if key in shared and self._serves(occurrence, shared[key][1], index):
                return py.name(shared[key][0])
            first = bisect_left(occurrence.items, index)
            following = occurrence.items[first : first + 2]
            # what one does not serve, since the block ends or a name is bound anew, it serves nowhere further down
            if len(following) == 2 and all(self._serves(occurrence, index, other) for other in following):
                value = _rebuilt(node, lambda child: self._named(child, index, shared, before, target))
                assert isinstance(value, ast.expr)
                shared[key] = (self._fresh(describe(node, target)), index)
                before.append((shared[key][0], value))
                return py.name(shared[key][0])
        return _rebuilt(node, lambda child: self._named(child, index, shared, before, target))

    def _narrowed(self, statement: EmittedStatement, target: str) -> list[Item]:
        """The statement, after locals for arguments that make it too deep or too wide."""
        before: list[Item] = []
        while (chosen := self._too_much(statement)) is not None:
            parent, node = chosen
            role = role_of_argument(parent, node)
            name = self._fresh(f"{target}_{role}" if role else describe(node, target))
            local = EmittedStatement(py.assign(name, node), statement.indent, statement.span, None)
            before.extend(self._narrowed(local, target))
            changed = _replaced(statement.node, node, py.name(name))
            statement = EmittedStatement(changed, statement.indent, statement.span, statement.note)
        return [*before, statement]

    def _too_much(self, statement: EmittedStatement) -> tuple[ast.AST, ast.expr] | None:
        """The argument to be named next, None where the statement is neither too deep nor too wide."""
        if not isinstance(statement.node, ast.Assign | ast.Return | ast.Expr):
            return None
        is_deep = self.facts(statement.node).depth > DEPTH
        is_wide = 4 * statement.indent + len(py.text(statement.node)) > WIDTH
        if not (is_deep or is_wide):
            return None
        choices = [c for c in _arguments(statement.node) if self.facts(c[1]).names and self.facts(c[1]).does_more]
        if is_deep:
            deepest = [c for c in choices if self.facts(c[1]).depth >= DEPTH]
            if deepest:
                return max(deepest, key=lambda c: self.facts(c[1]).depth)
        if is_wide:
            wide = [c for c in choices if len(py.text(c[1])) > 24]
            if wide:
                return max(wide, key=lambda c: len(py.text(c[1])))
        return None

    def _fresh(self, wish: str) -> str:
        """An identifier that nothing in the function has, numbered where the wish has been granted before."""
        word = wish if is_identifier(wish) else "term"
        number = self.wishes.get(word, 1)
        name = word if number == 1 else f"{word}_{number}"
        while name in self.taken:
            number += 1
            name = f"{word}_{number}"
        self.wishes[word] = number
        self.taken.add(name)
        return name


def _parameters_of(items: list[Item]) -> set[str]:
    """The names that a function's head, of one line or several, gives its arguments."""
    head = ""
    for item in items:
        if not isinstance(item, Line):
            return set()
        head = f"{head} {item.text}".strip()
        if head.endswith(":"):
            function = ast.parse(f"{head} pass").body[0]
            return {a.arg for a in ast.walk(function) if isinstance(a, ast.arg)}
    return set()


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


def _rebuilt(node: ast.AST, change: Callable[[ast.AST], ast.AST]) -> ast.AST:
    """A copy whose children have been changed, the node itself where none was: nodes are shared between statements and stay
    as they are."""
    fields: dict[str, object] = {}
    is_changed = False
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            fields[name] = changed = [change(v) if isinstance(v, ast.AST) else v for v in value]
            is_changed = is_changed or any(a is not b for a, b in zip(changed, value, strict=True))
        else:
            fields[name] = change(value) if isinstance(value, ast.AST) else value
            is_changed = is_changed or fields[name] is not value
    if not is_changed:
        return node
    copy = type(node)(**fields)
    if hasattr(node, "hint"):
        py.hinted(copy, node.hint)
    return copy


def _replaced(node: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST:
    return new if node is old else _rebuilt(node, lambda child: _replaced(child, old, new))


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

"""Functions over numbers as functions over `lanes`, from their syntax trees: programs and the runtime's functions alike.

What hangs on the free vector is lanes, all else stays as it is; which is which follows from what is assigned to what. Elements of arrays of
lanes are read by `lanes_at` and set by `put_lanes`, choices are `choose_lanes`, an ``if`` becomes both of its branches with a choice of what they gave. A function whose
loops end by what is lanes, or that the library of mathematics alone has, is worked out lane by lane.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable
from dataclasses import dataclass, field

from pgmlang.lower import pyast as py
from pgmlang.native.array_arguments import places, sizes
from pgmlang.native.expanded import Renamed

LANES = 8
"""Chains of a group."""
SUFFIX = "_lanes"
"""Ends the name of a function's form over lanes."""
OWN_MATHEMATICS = frozenset({"exp", "expm1", "log", "log1p", "tanh", "sqrt", "floor", "ceil"})
"""Functions of `math` and numpy with forms of their own in ``runtime/lane_mathematics.py``."""
OF_NUMBERS = {"lgamma": 1, "erf": 1, "erfc": 1, "sin": 1, "cos": 1, "tan": 1, "atan": 1, "atan2": 2}
"""Functions of `math` that are run in each lane, and how many arguments they take."""
OF_MATHEMATICS = OWN_MATHEMATICS | OF_NUMBERS.keys()
BUILTINS = {"min": "smaller_lanes", "max": "larger_lanes", "abs": "size_lanes", "round": "rounded_lanes"}
PARTS, LONGEST_SUM = 4, 4
"""Sums that a sum is taken in, and statements of loops that are written out so often."""
MAKERS = frozenset({"empty", "zeros", "full"})
"""Functions that make arrays (``runtime/arrays.py``)."""
IN_ALL = "in_all"
"""The function that gives each number of an array in all lanes."""
FLAT = "flat"
"""The function that gives an array its elements end to end."""
PLAIN = MAKERS | {"range", "float", "int", "bool", "len", FLAT}
"""Other functions that are called, of what is no lanes."""


class NoLanes(Exception):
    """What a function does that no lanes do."""


@dataclass
class LaneForm:
    """One function made over. ``varying``: names of lanes; ``arrays``: the sizes of the axes of arrays of lanes, but the last; ``flattened``: names of
    arrays laid end to end, and of which; ``known``: functions that have, or can be given, a form over lanes; ``used``: those that it asks for."""

    function: ast.FunctionDef
    known: frozenset[str]
    varying: set[str] = field(default_factory=set)
    arrays: dict[str, list[ast.expr]] = field(default_factory=dict)
    made: dict[str, list[ast.expr]] = field(default_factory=dict)
    flattened: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    fresh: int = 0

    def of_program(self, vectors: Iterable[str]) -> ast.FunctionDef:
        """A program's function, whose arguments ``vectors`` are arrays of lanes."""
        for name in vectors:
            self.arrays[name] = [ast.Constant(0)]
        self._refuse_others()
        return self._made_over(self.function.name)

    def _refuse_others(self) -> None:
        """Raises NoLanes for calls of what is not known, which might be handed lanes under another name."""
        for node in ast.walk(self.function):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name not in self.known | BUILTINS.keys() | PLAIN:
                    raise NoLanes(f"`{name}`")
                case ast.Call(func=ast.Attribute(value=ast.Name(id=module))) if module not in ("math", "np"):
                    raise NoLanes(f"a method of `{module}`")

    def of_helper(self, *, has_places: bool = False) -> ast.FunctionDef:
        """A function of the runtime: its arguments are lanes, those that it reads elements of arrays of lanes; with ``has_places`` those
        that say where elements are, or how many, are whole numbers."""
        indexed = {
            n.value.id for n in ast.walk(self.function)
            if isinstance(n, ast.Subscript) and isinstance(n.value, ast.Name)
        }  # fmt: skip
        asked = {
            n.value.id for n in ast.walk(self.function)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
        }  # fmt: skip
        numbers = places(self.function) if has_places else set()
        for argument in self.function.args.args:
            if argument.arg in indexed | asked:
                self.arrays[argument.arg] = sizes(self.function, argument.arg)
            elif argument.arg not in numbers:
                self.varying.add(argument.arg)
        return self._made_over(self.function.name + SUFFIX)

    def _made_over(self, name: str) -> ast.FunctionDef:
        for node in ast.walk(self.function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _maker(node.value):
                shape = node.value.args[0]  # type: ignore[attr-defined]
                self.made[node.targets[0].id] = list(shape.elts) if isinstance(shape, ast.Tuple) else [shape]
            match node:
                case ast.Assign(
                    targets=[ast.Name(id=one)], value=ast.Call(func=ast.Name(id=called), args=[ast.Name(id=of)])
                ) if called == FLAT:
                    self.flattened[one] = of
        while self._spread(self.function.body):
            pass
        whole = copy.copy(self.function)
        whole.name, whole.decorator_list = name, []
        whole.body = self._statements(self.function.body)
        return ast.fix_missing_locations(whole)

    # ---- what is lanes

    def _spread(self, statements: list[ast.stmt]) -> bool:
        """Names that are lanes by what is assigned to them; whether there were new ones."""
        before = len(self.varying) + len(self.arrays)
        for laid_flat, whole in self.flattened.items():
            if whole in self.arrays:
                self.arrays[laid_flat] = [ast.Constant(0)]
        for statement in statements:
            for node in ast.walk(statement):
                match node:
                    case ast.Assign(targets=[target], value=value):
                        parts = _parts(target, value)
                        for one, given in parts:
                            if self.is_lanes(given):
                                self._mark(one)
                    case ast.AugAssign(target=target, value=value) if self.is_lanes(value):
                        self._mark(target)
                    case ast.If(test=test) if self.is_lanes(test):
                        for inner in (*node.body, *node.orelse):
                            self._mark_all(inner)
                    case ast.Call(func=ast.Name(id=name)) if name in self.known and self.is_lanes(node):
                        for argument in node.args:
                            self._mark_array(argument)
        return len(self.varying) + len(self.arrays) > before

    def _mark(self, target: ast.expr) -> None:
        match target:
            case ast.Name(id=name) if name not in self.made and name not in self.flattened:
                self.varying.add(name)
            case ast.Tuple(elts=elements):
                for element in elements:
                    self._mark(element)
            case ast.Subscript():
                self._mark_array(target)

    def _mark_all(self, statement: ast.stmt) -> None:
        """All that is assigned where lanes part."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Assign | ast.AugAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    self._mark(target)

    def _mark_array(self, node: ast.expr) -> None:
        while isinstance(node, ast.Subscript):
            node = node.value
        if isinstance(node, ast.Name) and node.id in self.flattened:
            self.arrays[node.id] = [ast.Constant(0)]
            node = ast.Name(self.flattened[node.id])
        if isinstance(node, ast.Name) and node.id in self.made:
            self.arrays[node.id] = self.made[node.id]

    def is_lanes(self, node: ast.AST) -> bool:
        """Whether an expression is lanes, or an array of them."""
        match node:
            case ast.Name(id=name):
                return name in self.varying or name in self.arrays
            case ast.Attribute() | ast.Constant() | ast.Compare(ops=[ast.Is() | ast.IsNot()]):
                return False
            case ast.Subscript(value=ast.Attribute()):
                return False
            case ast.Subscript(value=value, slice=index):
                if self.is_lanes(value):
                    return True
                if self.is_lanes(index):
                    raise NoLanes("elements picked by what varies")
                return False
        return any(self.is_lanes(child) for child in ast.iter_child_nodes(node))

    # ---- statements

    def _statements(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for i, statement in enumerate(statements):
            if isinstance(statement, ast.If) and self.is_lanes(statement.test):
                return [*out, *self._parted(statement, statements[i + 1 :])]
            out += self._statement(statement)
        return out

    def _statement(self, statement: ast.stmt) -> list[ast.stmt]:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in self.arrays and name in self.made:
                return [self._array(name, value)]
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in self.flattened:
                # what is no lanes, and goes where lanes go, is lanes all alike
                is_plain = name in self.arrays and self.flattened[name] not in self.arrays
                if is_plain:
                    self.used.add(IN_ALL)
                return [ast.Assign(statement.targets, py.call(IN_ALL + SUFFIX, value) if is_plain else value)]
            case ast.Assign(targets=[ast.Subscript() as target], value=value) if self.is_lanes(target):
                return [self._put(target, self.over(value))]
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                held = [self._name() for _ in values]
                first = [
                    ast.Assign([ast.Name(h, ast.Store())], self.over(v)) for h, v in zip(held, values, strict=True)
                ]
                pairs = zip(targets, held, strict=True)
                then = [s for t, h in pairs for s in self._statement_of(t, ast.Name(h, ast.Load()))]
                return [*first, *then]
            case ast.Assign(targets=targets, value=value):
                return [ast.Assign(targets, self.over(value))]
            case ast.AugAssign(target=target, op=op, value=value) if self.is_lanes(target):
                read = copy.deepcopy(target)
                read.ctx = ast.Load()  # type: ignore[union-attr]
                total = ast.BinOp(self.over(read), op, self.over(value))
                return self._statement_of(target, total)
            case ast.Return(value=value) if value is not None:
                return [ast.Return(self.over(value))]
            case ast.For():
                if self.is_lanes(statement.iter):
                    raise NoLanes("loops whose ends vary")
                if self._is_sum(statement):
                    return self._in_parts(statement)
                return [ast.For(statement.target, statement.iter, self._statements(statement.body), [])]
            case ast.While():
                if self.is_lanes(statement.test):
                    raise NoLanes("loops that end by what varies")
                return [ast.While(statement.test, self._statements(statement.body), [])]
            case ast.If():
                orelse = self._statements(statement.orelse) if statement.orelse else []
                return [ast.If(statement.test, self._statements(statement.body), orelse)]
            case ast.Expr(value=value):
                return [ast.Expr(self.over(value))]
        return [statement]

    def _is_sum(self, loop: ast.For) -> bool:
        """Whether a short loop does nothing but add up lanes."""
        *before, last = loop.body
        match loop.iter, last:
            case ast.Call(args=[_]), ast.AugAssign(target=ast.Name(id=name), op=ast.Add()) if name in self.varying:
                names = [s.targets[0] for s in before if isinstance(s, ast.Assign)]
                is_short = len(names) == len(before) < LONGEST_SUM and all(isinstance(n, ast.Name) for n in names)
                return is_short and not any(
                    isinstance(n, ast.Name) and n.id == name for s in (*before, last) for n in _read(s)
                )
        return False

    def _in_parts(self, loop: ast.For) -> list[ast.stmt]:
        """A sum as several, element by element in turn, of which none waits for the other's last addition."""
        total = loop.body[-1].target.id  # type: ignore[attr-defined]
        assert isinstance(loop.target, ast.Name)
        assert isinstance(loop.iter, ast.Call)
        index, size = loop.target.id, loop.iter.args[0]
        turn, parts = self._name(), [total, *(self._name() for _ in range(PARTS - 1))]
        whole = ast.BinOp(size, ast.FloorDiv(), ast.Constant(PARTS))
        inner: list[ast.stmt] = []
        for i, part in enumerate(parts):
            place = py.binary(
                "add", py.binary("mul", ast.Name(turn, ast.Load()), ast.Constant(PARTS)), ast.Constant(i)
            )
            inner.append(ast.Assign([ast.Name(index, ast.Store())], place))
            inner += [Renamed({total: part}).visit(s) for s in map(copy.deepcopy, self._statements(loop.body))]
        done = py.binary("mul", whole, ast.Constant(PARTS))
        rest = ast.For(loop.target, py.call("range", done, size), self._statements(loop.body), [])
        zero = py.call("eight_lanes", ast.Constant(0.0))
        added: ast.expr = ast.Name(total, ast.Load())
        for part in parts[1:]:
            added = py.binary("add", added, ast.Name(part, ast.Load()))
        return [
            *(ast.Assign([ast.Name(part, ast.Store())], zero) for part in parts[1:]),
            ast.For(ast.Name(turn, ast.Store()), py.call("range", whole), inner, []),
            rest,
            ast.Assign([ast.Name(total, ast.Store())], added),
        ]

    def _statement_of(self, target: ast.expr, value: ast.expr) -> list[ast.stmt]:
        """An assignment of what is made over already."""
        if isinstance(target, ast.Subscript) and self.is_lanes(target):
            return [self._put(target, value)]
        return [ast.Assign([target], value)]

    def _array(self, name: str, value: ast.expr) -> ast.stmt:
        assert isinstance(value, ast.Call)
        shape = py.tuple_of(*self.made[name], ast.Constant(LANES))
        return ast.Assign([ast.Name(name, ast.Store())], ast.Call(value.func, [shape, *value.args[1:]], []))

    def _put(self, target: ast.Subscript, value: ast.expr) -> ast.stmt:
        assert isinstance(target.value, ast.Name)
        return ast.Expr(py.call("put_lanes", target.value, self._flat(target), value))

    def _flat(self, node: ast.Subscript) -> ast.expr:
        """The number of an element in row-major order."""
        index = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        sizes = self.arrays[node.value.id]  # type: ignore[attr-defined]
        number: ast.expr = index[0] if index else ast.Constant(0)
        for one, size in zip(index[1:], sizes[1:], strict=True):
            number = ast.BinOp(ast.BinOp(number, ast.Mult(), size), ast.Add(), one)
        return number

    def _name(self) -> str:
        self.fresh += 1
        return f"held_{self.fresh}"

    def _parted(self, statement: ast.If, rest: list[ast.stmt]) -> list[ast.stmt]:
        """Both branches of an ``if``, and what they gave chosen from; where one returns, what follows is the other."""
        test = self._name()
        out: list[ast.stmt] = [ast.Assign([ast.Name(test, ast.Store())], self.over(statement.test))]
        if _returns(statement.body):
            yes, no = statement.body, [*statement.orelse, *rest]
            rest = []
        else:
            yes, no = statement.body, statement.orelse
        sides: list[dict[str, str]] = []
        given: list[ast.expr] = []
        for branch in (yes, no):
            renamed: dict[str, str] = {}
            for inner in self._statements(branch):
                if (
                    isinstance(inner, ast.Expr)
                    and isinstance(inner.value, ast.Call)
                    and _called(inner.value) == "put_lanes"
                ):
                    raise NoLanes("elements set where lanes part")
                if isinstance(inner, ast.Return):
                    if inner.value is None:
                        raise NoLanes("an end where lanes part")
                    given.append(Renamed(renamed).visit(copy.deepcopy(inner.value)))
                    break
                if not isinstance(inner, ast.Assign):
                    raise NoLanes(f"{type(inner).__name__.lower()} where lanes part")
                value = Renamed(renamed).visit(copy.deepcopy(inner.value))
                for name in (n.id for n in ast.walk(inner.targets[0]) if isinstance(n, ast.Name)):
                    renamed[name] = f"{name}_{self._name()}"
                target = Renamed(renamed).visit(copy.deepcopy(inner.targets[0]))
                out.append(ast.Assign([target], value))
            sides.append(renamed)
        if given:
            if len(given) < 2:
                raise NoLanes("a branch without a value")
            out.append(ast.Return(_chosen(test, *given)))
            return out
        for name in sorted(set(sides[0]) | set(sides[1])):
            one, other = (ast.Name(side.get(name, name), ast.Load()) for side in sides)
            out.append(ast.Assign([ast.Name(name, ast.Store())], _chosen(test, one, other)))
        return [*out, *self._statements(rest)]

    # ---- expressions

    def over(self, node: ast.expr) -> ast.expr:
        """An expression made over."""
        if not self.is_lanes(node):
            return node
        match node:
            case ast.IfExp(test=test, body=yes, orelse=no):
                if self.is_lanes(test):
                    return py.call("choose_lanes", self.over(test), self.over(yes), self.over(no))
                return ast.IfExp(test, self.over(yes), self.over(no))
            case ast.BoolOp(op=op, values=values):
                made = [self.over(v) for v in values]
                name, total = "both_lanes" if isinstance(op, ast.And) else "either_lanes", made[0]
                for value in made[1:]:
                    total = py.call(name, total, value)
                return total
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return py.call("not_lanes", self.over(operand))
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                self.used.add("power")
                return py.call("power" + SUFFIX, self.over(left), self.over(right))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return ast.Compare(self.over(left), [op], [self.over(right)])
            case ast.Subscript():
                return self._element(node)
            case ast.Call():
                return self._call(node)
        out = copy.copy(node)
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                setattr(out, name, self.over(value))
            elif isinstance(value, list):
                setattr(out, name, [self.over(v) if isinstance(v, ast.expr) else v for v in value])
        return out

    def _element(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.value, ast.Call):
            return ast.Subscript(self.over(node.value), node.slice, ast.Load())
        if not isinstance(node.value, ast.Name):
            raise NoLanes("elements of what has no name")
        index = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        if node.value.id in self.varying:
            return node
        is_part = isinstance(node.slice, ast.Slice) or (index and len(index) < len(self.arrays[node.value.id]))
        return node if is_part else py.call("lanes_at", node.value, self._flat(node))

    def _call(self, node: ast.Call) -> ast.expr:
        arguments = [self.over(a) for a in node.args]
        name = _called(node)
        if name in BUILTINS:
            plain = [
                py.call("eight_lanes", a) if not self.is_lanes(n) else a
                for n, a in zip(node.args, arguments, strict=True)
            ]
            return py.call(BUILTINS[name], *plain)
        if name is None:
            assert isinstance(node.func, ast.Attribute)
            name = node.func.attr
        if name not in self.known | OF_MATHEMATICS:
            raise NoLanes(f"`{name}`")
        self.used.add(name)
        return py.call(name + SUFFIX, *arguments)


def _read(statement: ast.stmt) -> list[ast.AST]:
    """What stands in the value of an assignment."""
    assert isinstance(statement, ast.Assign | ast.AugAssign)
    return list(ast.walk(statement.value))


def _maker(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS


def _called(node: ast.Call) -> str | None:
    return node.func.id if isinstance(node.func, ast.Name) else None


def _parts(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def _returns(statements: list[ast.stmt]) -> bool:
    return isinstance(statements[-1], ast.Return)


def _chosen(test: str, yes: ast.expr, no: ast.expr) -> ast.expr:
    if isinstance(yes, ast.Tuple) and isinstance(no, ast.Tuple):
        return py.tuple_of(*(_chosen(test, a, b) for a, b in zip(yes.elts, no.elts, strict=True)))
    return py.call("choose_lanes", ast.Name(test, ast.Load()), yes, no)

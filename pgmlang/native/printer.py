"""Terms and stages as the statements of a program: loops, values, and the adjoints in reverse.

A value is worked out in the outermost loop along all of whose loops it varies. The terms that the density is a sum of have derivatives of
one, so values and adjoints of a term's element stand in one pass of its loops; the adjoints of what was worked out further out are added up
until that loop ends (reverse accumulation; Griewank and Walther 2008, ch. 3). A sum inside of a term is run through again for its
derivatives.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from pgmlang.diagnostics import Span
from pgmlang.lower import pyast as py
from pgmlang.lower.writer import Writer
from pgmlang.native.factor_terms import FactorTerm
from pgmlang.native.names import Identifiers
from pgmlang.native.placement import LoopBody, Placement
from pgmlang.native.printed_sequences import SequenceCalls
from pgmlang.native.printed_slices import SliceCalls
from pgmlang.native.printed_solutions import SolutionCalls
from pgmlang.native.scalars import Array, Loop, Scalar
from pgmlang.native.stages import (
    AnyStage,
    OrderStage,
    ProbeStage,
    SequenceStage,
    SliceStage,
    SolutionStage,
    Stage,
    VectorStage,
    arrays_of,
)
from pgmlang.native.templates import filled, is_plain, minus, moved_on, row_major
from pgmlang.native.words import ARGUMENTS, PARTIAL, REDUCTIONS, WORDS


@dataclass
class Printer:
    """Prints one function. ``with_gradient``: adjoints too."""

    out: Writer
    names: Identifiers
    with_gradient: bool
    starts: dict[str, ast.expr]
    guarded: frozenset[int]
    places: Placement = field(init=False)
    adjoints: dict[int, list[ast.expr]] = field(default_factory=dict)
    accumulated: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.places = Placement(self.with_gradient)

    # ---- the function's body

    def body(self, stages: Iterable[AnyStage], terms: Iterable[FactorTerm]) -> None:
        """Everything; stages before terms, their adjoints after, in reverse."""
        pieces: list[tuple[AnyStage | FactorTerm, tuple[LoopBody, ...], int]] = []
        items: list[AnyStage | FactorTerm] = [*stages, *terms]
        for item in items:
            path = self.places.nest(item.loops)
            for scalar in item.scalars:
                self.places.visit(scalar, path)
            pieces.append((item, path, len(self.places.root.nodes)))
        for node in self.places.log_sums.values():
            size = self.size(node.payload.axis)
            self.out.assign(self.names["each", node], py.call("empty", size))
        done = 0
        passed: list[Scalar | tuple[AnyStage, tuple[LoopBody, ...]]] = []
        for item, path, needed in pieces:
            for node in self.places.root.nodes[done:needed]:
                self._forward(self.places.root, [node])
                self._begin_adjoints([node])
                passed.append(node)
            done = needed
            if isinstance(item, FactorTerm):
                self._term(item, path)
            else:
                self._fill(item, path)
                passed.append((item, path))
        if not self.with_gradient:
            return
        for one in reversed(passed):
            if isinstance(one, tuple):
                if one[0].array.is_active:
                    self._return(*one)
            else:
                self._reverse(self.places.root, [one])

    # ---- terms and stages

    def _term(self, term: FactorTerm, path: tuple[LoopBody, ...]) -> None:
        self.out.blank()
        self._comment(term.name, term.span)

        def inside() -> None:
            value = self.value(term.value, path[-1])
            if term.unit is None:
                self._add("total", value)
            else:
                self._add_to(py.item(py.name("values"), self.value(term.unit, path[-1])), value)
            if self.with_gradient and term.value.is_active:
                self._send(term.value, py.constant(1.0))

        self._loops(path, inside)

    def _fill(self, stage: AnyStage, path: tuple[LoopBody, ...]) -> None:
        self.out.blank()
        self._comment(_names_of(stage), stage.span)
        gathered = REDUCTIONS[stage.gathers] if isinstance(stage, Stage) and stage.gathers else None
        # what no row before is read for is a number, though nothing looks at it
        is_zero = isinstance(stage, SequenceStage | ProbeStage) or (isinstance(stage, Stage) and stage.looks_back)
        for array in arrays_of([stage]):
            shape = py.tuple_of(*(self.size(a) for a in array.axes))
            start = py.call("full", shape, py.constant(gathered.start)) if gathered else py.call("empty", shape)
            self.out.assign(self.names[array], py.call("zeros", shape) if is_zero else start)
            if self.with_gradient and array.is_active:
                self.out.assign(self._adjoint_array(array), py.call("zeros", shape))
        if isinstance(stage, SequenceStage):
            SequenceCalls(self.out, self.names, stage, self.size).forward()
        if isinstance(stage, SolutionStage):
            SolutionCalls(self.out, self.names, stage, self.with_gradient).forward()
        if isinstance(stage, OrderStage):
            flat = [py.call("flat", py.name(self.names[a])) for a in (stage.array, *stage.reads)]
            self.out.statement(ast.Expr(py.call("rows_in_order", *flat)), None)
        if isinstance(stage, SequenceStage | ProbeStage | SolutionStage | OrderStage):
            return
        if isinstance(stage, SliceStage):
            calls = SliceCalls(self.out, self.names, stage, self.size)
            calls.flatten(with_adjoints=self.with_gradient)
            self._loops(path, lambda: calls.forward(lambda i: self.value(i, path[-1])), with_adjoints=False)
            return

        def inside() -> None:
            if isinstance(stage, VectorStage):
                free, values = self._stretch("x", stage), self._vector(self.names[stage.array], stage)
                log_det = py.call(stage.support.name, free, values)
                if stage.has_jacobian:
                    self._add("total", log_det)
                else:
                    self.out.statement(ast.Expr(log_det), None)
                return
            index = self._index(stage, path[-1])
            for array, scalar in stage.filled:
                value = self.value(scalar, path[-1])
                if gathered:
                    value = filled(gathered.step, {"a": self._place(array, index, is_stored=False), "b": value})
                self.out.statement(ast.Assign([self._place(array, index)], value), None)

        self._loops(path, inside, with_adjoints=False, is_lower=isinstance(stage, Stage) and stage.is_lower)

    def _vector(self, identifier: str, stage: VectorStage) -> ast.expr:
        """The vector of an array at the loops of a stage."""
        index = [py.name(self.names[loop]) for loop in stage.loops]
        return py.item(py.name(identifier), *index) if index else py.name(identifier)

    def _stretch(self, vector: str, stage: VectorStage) -> ast.expr:
        """The free vector from where a stage's vector begins."""
        width = stage.support.width(self.size(stage.array.axes[-1]))
        index = [py.name(self.names[loop]) for loop in stage.loops]
        number = row_major(index, [self.size(loop.axis) for loop in stage.loops])
        offset = None if number is None else py.binary("mul", number, width)
        place = moved_on(self.starts[stage.of], offset)
        return ast.Subscript(py.name(vector), ast.Slice(place), ast.Load())

    def _return(self, stage: AnyStage, path: tuple[LoopBody, ...]) -> None:
        """The adjoints of a stage's array, handed on to what its elements were made of."""
        if isinstance(stage, ProbeStage | OrderStage):
            return
        self.out.blank()
        self._comment(f"adjoints of {_names_of(stage)}", stage.span)
        if isinstance(stage, SequenceStage):
            SequenceCalls(self.out, self.names, stage, self.size).adjoint()
            return
        if isinstance(stage, SolutionStage):
            SolutionCalls(self.out, self.names, stage, self.with_gradient).adjoint()
            return
        if isinstance(stage, SliceStage):
            calls = SliceCalls(self.out, self.names, stage, self.size)
            self._loops(path, lambda: calls.adjoint(lambda i: self.value(i, path[-1])))
            return

        def inside() -> None:
            assert isinstance(stage, Stage | VectorStage)
            if isinstance(stage, VectorStage):
                given = [
                    self._vector(name, stage)
                    for name in (self.names[stage.array], self._adjoint_array(stage.array))
                ]
                free, gradient = (self._stretch(vector, stage) for vector in ("x", "gradient"))
                share = py.constant(1.0 if stage.has_jacobian else 0.0)
                call = py.call(stage.support.adjoint_name, free, *given, gradient, share)
                self.out.statement(ast.Expr(call), None)
                return
            for array, value in stage.filled:
                self._send(value, py.item(py.name(self._adjoint_array(array)), *self._index(stage, path[-1])))

        is_reversed, is_lower = (
            isinstance(stage, Stage) and stage.looks_back,
            isinstance(stage, Stage) and stage.is_lower,
        )
        self._loops(path, inside, is_reversed=is_reversed, is_lower=is_lower)

    def _index(self, stage: Stage, block: LoopBody) -> list[ast.expr]:
        if stage.places:
            places = [self.value(place, block) for place in stage.places]
        else:
            places = [py.name(self.names[loop]) for loop in stage.loops]
        return places or [py.tuple_of()]

    def _loops(
        self,
        path: tuple[LoopBody, ...],
        inside: object,
        *,
        with_adjoints: bool = True,
        is_reversed: bool = False,
        is_lower: bool = False,
    ) -> None:
        """The loops of a nest, each with what is worked out in it before and the adjoints after; the outermost may run from its last
        element to the first, the innermost up to the element of the one around it."""
        adjoints = with_adjoints and self.with_gradient

        def level(depth: int) -> None:
            if depth == len(path):
                inside()  # type: ignore[operator]
                return
            block = path[depth]
            rows = path[depth - 1].loop if is_lower and depth == len(path) - 1 else None
            self._head(block.loop, is_reversed=is_reversed and depth == 1, rows=rows)
            self._forward(block, block.nodes)
            if adjoints and depth < len(path) - 1:
                self._begin_adjoints(block.nodes)
            level(depth + 1)
            if adjoints:
                self._reverse(block, block.nodes)
            self.out.indent -= 1

        level(1)

    def _head(self, loop: Loop | None, *, is_reversed: bool = False, rows: Loop | None = None) -> None:
        assert loop is not None
        size = py.text(self.size(loop.axis)) if rows is None else f"{self.names[rows]} + 1"
        self.out.line(f"for {self.names[loop]} in range({f'{size} - 1, -1, -1' if is_reversed else size}):")
        self.out.indent += 1

    def _comment(self, name: str, span: Span | None) -> None:
        where = f"{self.out.file_name}:{span.line}  " if span is not None else ""
        self.out.comment(f"{where}{name}")

    # ---- values

    def _forward(self, block: LoopBody, nodes: list[Scalar]) -> None:
        for node in nodes:
            if self.places.is_inlined(node):
                continue
            identifier = self.names[node]
            if node.op == "logsumexp":
                self._log_sum(node, block.sums[id(node)])
            elif node.op in REDUCTIONS:
                inner, reduction = block.sums[id(node)], REDUCTIONS[node.op]
                self.out.assign(identifier, py.constant(reduction.start))
                self._head(inner.loop)
                self._forward(inner, inner.nodes)
                value = self.value(node.args[0], inner)
                if node.op == "sum":
                    self._add(identifier, value)
                else:
                    self.out.assign(identifier, filled(reduction.step, {"a": py.name(identifier), "b": value}))
                self.out.indent -= 1
            else:
                self.out.statement(
                    ast.Assign([ast.Name(identifier, ast.Store())], self._written(node, block)), None
                )

    def _log_sum(self, node: Scalar, inner: LoopBody) -> None:
        """The log of a sum of exponentials, each beside the largest, which their derivatives are said in."""
        largest, rest, each = (self.names[part, node] for part in ("largest", "rest", "each"))
        self.out.assign(largest, py.name("-math.inf"))
        self._head(inner.loop)
        self._forward(inner, inner.nodes)
        element = self._each(node)
        self.out.statement(ast.Assign([element], self.value(node.args[0], inner)), None)
        self.out.assign(largest, py.call("max", py.name(largest), element))
        self.out.indent -= 1
        self.out.assign(rest, py.call("exponentials", py.name(each), py.name(largest)))
        self.out.assign(self.names[node], py.call("log_sum_of", py.name(largest), py.name(rest)))

    def _each(self, node: Scalar) -> ast.expr:
        """Where an element of a sum of exponentials is kept."""
        return py.item(py.name(self.names["each", node]), py.name(self.names[node.payload]))

    def value(self, node: Scalar, block: LoopBody) -> ast.expr:
        """A scalar where it is used."""
        if node.op in ("number", "code"):
            return py.constant(node.payload)
        if node.op == "loop":
            return py.name(self.names[node.payload])
        if node.op == "size":
            return self.size(node.payload)
        return self._written(node, block) if self.places.is_inlined(node) else py.name(self.names[node])

    def _written(self, node: Scalar, block: LoopBody) -> ast.expr:
        arguments = [self.value(a, block) for a in node.args]
        if node.op == "load":
            return self._place(node.payload, arguments, is_stored=False)
        return filled(WORDS[node.op].written, dict(zip(ARGUMENTS, arguments, strict=False)))

    def size(self, axis: str) -> ast.expr:
        """The number of elements of an axis."""
        return py.name(self.names["size", axis])

    def _place(self, array: Array, index: list[ast.expr], *, is_stored: bool = True) -> ast.expr:
        if array.kind == "free":
            return self._free("x", array, index)
        node = py.item(py.name(self.names[array]), *(index or [py.tuple_of()]))
        if is_stored:
            node = ast.Subscript(node.value, node.slice, ast.Store())  # type: ignore[attr-defined]
        return node

    def _free(self, vector: str, array: Array, index: list[ast.expr]) -> ast.expr:
        place = moved_on(self.starts[array.of[0]], row_major(index, [self.size(axis) for axis in array.axes]))
        return py.item(py.name(vector), place)

    # ---- adjoints

    def _adjoint_array(self, array: Array) -> str:
        return self.names["adjoint", array]

    def _begin_adjoints(self, nodes: list[Scalar]) -> None:
        """Adjoints that loops further in add to."""
        if not self.with_gradient:
            return
        for node in nodes:
            if node.is_active and id(node) in self.places.shared:
                self.accumulated.add(id(node))
                self.out.assign(self.names["adjoint", node], py.constant(0.0))

    def _send(self, node: Scalar, adjoint: ast.expr) -> None:
        """Adds to the adjoint of a scalar."""
        if not node.is_active:
            return
        if id(node) in self.accumulated:
            self._add(self.names["adjoint", node], adjoint)
        else:
            self.adjoints.setdefault(id(node), []).append(adjoint)

    def _add(self, name: str, value: ast.expr) -> None:
        self._add_to(ast.Name(name, ast.Load()), value)

    def _add_to(self, target: ast.expr, value: ast.expr) -> None:
        operator: ast.operator = ast.Add()
        if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
            operator, value = ast.Sub(), value.operand
        store = py.text(target)
        node = ast.parse(store, mode="exec").body[0].value  # type: ignore[attr-defined]
        node.ctx = ast.Store()
        self.out.statement(ast.AugAssign(node, operator, value), None)

    def _reverse(self, block: LoopBody, nodes: list[Scalar]) -> None:
        for node in reversed(nodes):
            if not node.is_active:
                continue
            adjoint = self._adjoint(node)
            if adjoint is None:
                continue
            if node.op == "load":
                self._add_to(self._adjoint_place(node, block), adjoint)
                continue
            if node.op in ("sum", "logsumexp"):
                inner = block.sums[id(node)]
                self._accumulate(inner)
                if node.op == "logsumexp":
                    rest, scale = (py.name(self.names[part, node]) for part in ("rest", "scale"))
                    share = filled("d / rest if rest > 0.0 else 0.0", {"d": adjoint, "rest": rest})
                    self.out.assign(py.text(scale), share)
                    adjoint = py.binary("mul", scale, self._each(node))
                self._head(inner.loop)
                self._forward(inner, inner.nodes)
                self._send(node.args[0], adjoint)
                self._reverse(inner, inner.nodes)
                self.out.indent -= 1
                continue
            values = dict(zip(ARGUMENTS, (self.value(a, block) for a in node.args), strict=False))
            for argument, derivative in zip(node.args, WORDS[node.op].derivatives, strict=False):
                if argument.is_active and derivative:
                    is_partial = id(node) in self.guarded and node.op in PARTIAL
                    text = f"({derivative}) if d != 0.0 else 0.0" if is_partial else derivative
                    self._send(argument, filled(text, {**values, "y": self.value(node, block), "d": adjoint}))

    def _adjoint_place(self, node: Scalar, block: LoopBody) -> ast.expr:
        """Where the adjoint of an element of an array is added up."""
        index = [self.value(a, block) for a in node.args]
        array: Array = node.payload
        if array.kind == "free":
            return self._free("gradient", array, index)
        return py.item(py.name(self._adjoint_array(array)), *(index or [py.tuple_of()]))

    def _accumulate(self, inner: LoopBody) -> None:
        """Begins the adjoints of what a loop uses and does not work out itself."""
        pending, inside = [inner], set()
        while pending:
            block = pending.pop()
            inside |= block.members
            pending += block.sums.values()
        used = {id(a): a for node in self._all_nodes(inner) for a in node.args}
        for node in used.values():
            if node.is_active and id(node) not in inside and id(node) not in self.accumulated:
                total = self._sum(self.adjoints.pop(id(node), []))
                self.out.assign(self.names["adjoint", node], total if total is not None else py.constant(0.0))
                self.accumulated.add(id(node))

    def _all_nodes(self, block: LoopBody) -> Iterable[Scalar]:
        yield from block.nodes
        for inner in block.sums.values():
            yield from self._all_nodes(inner)

    def _sum(self, sent: list[ast.expr]) -> ast.expr | None:
        if not sent:
            return None
        total = sent[0]
        for more in sent[1:]:
            inner = minus(more)
            total = py.binary("sub", total, inner) if inner is not None else py.binary("add", total, more)
        return total

    def _adjoint(self, node: Scalar) -> ast.expr | None:
        """What a change of a scalar is worth, once all has been added to it; None where nothing was."""
        if id(node) in self.accumulated:
            self.accumulated.discard(id(node))
            return py.name(self.names["adjoint", node])
        total = self._sum(self.adjoints.pop(id(node), []))
        if total is None:
            return None
        if node.op == "load":
            return total
        if is_plain(total):
            return total
        identifier = self.names["adjoint", node]
        self.out.statement(ast.Assign([ast.Name(identifier, ast.Store())], total), None)
        return py.name(identifier)


def _names_of(stage: AnyStage) -> str:
    return ", ".join(array.name for array in arrays_of([stage]))

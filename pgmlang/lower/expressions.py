"""Model expressions as torch syntax, axes aligned by name.

Inside a factor every value is laid out along the factor's *frame*: its plates' array axes, then event axes, in one
order. A value that lacks an axis of the frame has a ``None`` there, so that torch broadcasts what the language
aligned; leading chain or particle axes stay in front and are never named.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from pgmlang.lower import pyast as py
from pgmlang.lower.alignment import Alignment
from pgmlang.lower.emitted import Axes, Emitted, as_tensor, axis_letters, is_number, to_come
from pgmlang.lower.partial import partial_definitions, safe_operands, written_out
from pgmlang.model import Net
from pgmlang.model.constants import numbers_of
from pgmlang.model.expr import (
    Apply,
    Choose,
    Const,
    Contract,
    Element,
    Expr,
    First,
    Identity,
    MatrixApply,
    NetCall,
    Reduce,
    Ref,
    Rename,
    Solution,
    Stack,
    State,
    Time,
)
from pgmlang.model.recursions import recursions
from pgmlang.model.row_plates import groups_of_rows
from pgmlang.signatures.functions import FUNCTIONS

MATRIX_CALLS = {
    "inverse": "inverse", "cholesky": "cholesky_factor", "det": "determinant", "logdet": "log_determinant",
}  # fmt: skip
"""Functions of matrices by those of the runtime."""


def _nested(numbers: list[Any] | float) -> ast.expr:
    """Lists of lists of numbers as syntax."""
    return py.list_of(*map(_nested, numbers)) if isinstance(numbers, list) else py.constant(numbers)


def prev_name(ref: Ref) -> str:
    """The local name of ``prev(x, k)``, before it is made an identifier."""
    return f"prev {ref.name}" if ref.lag == 1 else f"prev{ref.lag} {ref.name}"


@dataclass
class ExpressionEmitter(Alignment):
    """Emits expressions of one model. ``is_stepwise``: while a chain is emitted step by step, so that all values before are
    locals."""

    is_stepwise: bool = False

    # ---- numbers and codes

    def number(self, expr: Expr, frame: Axes) -> Emitted:
        """An expression as numbers: bits as 0 and 1, spins as -1 and 1."""
        value = self.emit(expr, frame)
        is_derived = isinstance(expr, Ref) and expr.name in self.model.definition_of
        if isinstance(expr, Ref) and not is_derived and expr.type.kind in ("bit", "spin", "count", "integer"):
            function = "spin" if expr.type.kind == "spin" else "real"
            self.uses.add(function)
            return Emitted(py.call(function, value.node), value.axes)
        if isinstance(expr, Element) or (isinstance(expr, Apply) and expr.type.kind == "truth"):
            self.uses.add("real")
            return Emitted(py.call("real", value.node), value.axes)
        return value

    def truth(self, expr: Expr, frame: Axes) -> Emitted:
        """A condition as truth values; a bit is true at 1."""
        # a name or choice of truth values holds the numbers 0 and 1
        if expr.type.kind == "truth" and isinstance(expr, Apply | First | Const):
            return self.emit(expr, frame)
        value = self.number(expr, frame)
        return Emitted(py.binary("gt", value.node, py.constant(0)), value.axes)

    def emit(self, expr: Expr, frame: Axes) -> Emitted:
        """An expression along a frame."""
        match expr:
            case Const():
                return self.repeated(Emitted(self._constant(expr), ()), expr.axes)
            case Ref():
                return self._reference(expr, frame)
            case Apply():
                return self._apply(expr, frame)
            case Contract():
                return self._contract(expr, frame)
            case Reduce():
                return self._reduce(expr, frame)
            case Choose(condition=condition, then=then, otherwise=otherwise):
                wide = self._wide(frame, condition, then, otherwise)
                c = self.truth(condition, wide)
                with self.branch(c):
                    a = self.number(then, wide)
                with self.branch(c, is_then=False):
                    b = self.number(otherwise, wide)
                axes = tuple(x for x in wide if x in (*c.axes, *a.axes, *b.axes))
                nodes = [self.align(v, axes) for v in (c, a, b)]
                if is_number(nodes[1]) and is_number(nodes[2]):  # two numbers would have the default type
                    nodes[1] = as_tensor(nodes[1])
                return Emitted(py.call("torch.where", as_tensor(nodes[0]), *nodes[1:]), axes)
            case First(count=count, plate=plate):
                hint = "is_first" if count == 1 else f"is_among_first_{count}"
                test = py.binary("lt", self.layout.position(plate), py.constant(count))
                return Emitted(py.hinted(test, hint), (plate,))
            case Element():
                return self._present_element(expr, frame)
            case Rename(body=body, old=old, new=new):
                # the frame's own axis of the inner name is another one, along which the body does not vary
                swapped = tuple(old if a == new else a for a in frame if a != old)
                with self.renamed(old, new):
                    value = self.emit(body, swapped if old in swapped else (*frame, old))
                return self.to_frame(
                    value.node,
                    tuple(new if a == old else a for a in value.axes),
                    frame if new in frame else (*frame, new),
                )
            case Stack():
                return self._stack(expr, frame)
            case Identity(rows=rows):
                node = py.call("torch.eye", self.size(rows))
                return self.to_frame(node, expr.axes, self._wide(frame, expr))
            case MatrixApply():
                return self._of_matrix(expr, frame)
            case NetCall():
                return self._net(expr, frame)
            case Solution() | State() | Time():
                raise to_come("a differential equation within another expression", expr.span)

    def _of_matrix(self, expr: MatrixApply, frame: Axes) -> Emitted:
        """A function of matrices, which lie along the last two axes of its argument."""
        own = (expr.rows, expr.columns)
        wide = (*(a for a in self._wide(frame, expr.body) if a not in own), *own)
        # every element of a matrix has a part in each of the result: none is masked where a branch looks at others alone
        outer, self.taken = self.taken, None
        try:
            value = self.number(expr.body, wide)
        finally:
            self.taken = outer
        for axis in own:
            value = self._along(value, axis)
        axes = (*(a for a in wide if a in value.axes and a not in own), *own)
        function = MATRIX_CALLS[expr.function]
        self.uses.add(function)
        node = py.call(function, self.ordered(value, axes))
        return self.to_frame(
            node, axes[: len(axes) - 2] if expr.function in ("det", "logdet") else axes, self._wide(frame, expr)
        )

    def _stack(self, expr: Stack, frame: Axes) -> Emitted:
        """Entries one after the other along an axis; constants are said at once, matrices of them too."""
        wide = self._wide(frame, expr)
        numbers = numbers_of(expr)
        if numbers is not None:
            node = py.call("torch.tensor", _nested(numbers))
            return self.to_frame(node, expr.axes, wide)
        values = [self.number(e, tuple(a for a in wide if a != expr.axis)) for e in expr.entries]
        axes = tuple(a for a in wide if any(a in v.axes for v in values))
        self.uses.add("stacked")
        node = py.call("stacked", *(self.align(v, axes) for v in values))
        return self.to_frame(node, (*axes, expr.axis), wide)

    def _contract(self, expr: Contract, frame: Axes) -> Emitted:
        """One ``einsum``: nothing with both sides' axes is ever laid out."""
        inner = (*frame, expr.axis) if expr.axis not in frame else frame
        a, b = self._operand(expr.left, inner), self._operand(expr.right, inner)
        if expr.axis not in a.axes or expr.axis not in b.axes:
            a, b = self.number(expr.left, inner), self.number(expr.right, inner)
            return self._summed("sum", self._along(self._binary("mul", a, b, inner), expr.axis), expr.axis)
        wide = (*inner, *(x for x in (*a.axes, *b.axes) if x not in inner))
        axes = tuple(dict.fromkeys(x for x in wide if x in (*a.axes, *b.axes) and x != expr.axis))
        letter = axis_letters((*a.axes, *b.axes))
        spelled = [f"...{''.join(letter[x] for x in value)}" for value in (a.axes, b.axes, axes)]
        equation = py.constant(f"{spelled[0]},{spelled[1]}->{spelled[2]}")
        return Emitted(py.call("torch.einsum", equation, a.node, b.node), axes)

    def _operand(self, expr: Expr, frame: Axes) -> Emitted:
        """An operand of ``einsum``, which takes axes in any order: a plain name stays as it is."""
        if isinstance(expr, Ref) and not expr.index and not expr.lag and expr.name in self.model.by_name:
            axes = self.array_axes(expr.name)
            if all(a in frame for a in axes) and self.model.by_name[expr.name].role != "index":
                return self.number(expr, axes)
        return self.number(expr, frame)

    def _present_element(self, expr: Element, frame: Axes) -> Emitted:
        """The code of the element of an axis, or of a plate around this place."""
        axis = expr.axis
        plate = self.model.plate_by_name.get(axis)
        if plate is not None and plate.is_rows:
            node: ast.expr = self.layout.position(axis)
        else:
            node = py.call("torch.arange", self.size(axis))
        node, axes = self.gathered(node, (axis,), (*frame, *expr.axes))
        return Emitted(node, axes)

    def _wide(self, frame: Axes, *exprs: Expr) -> Axes:
        extra = dict.fromkeys(a for e in exprs for a in e.axes if a not in frame)
        return (*frame, *extra)

    def _constant(self, expr: Const) -> ast.expr:
        if expr.type.kind == "labels":
            labels = self.model.labels_of(expr.type)
            if labels is None and expr.type.axis is not None and not isinstance(expr.value, bool | float):
                return self.layout.element(expr.type.axis, expr.value)
            if labels is None or str(expr.value) not in labels:
                raise to_come(f"the label `{expr.value}` of an open set", expr.span)
            return py.constant(labels.index(str(expr.value)))
        if isinstance(expr.value, int) and not isinstance(expr.value, bool):
            return py.constant(float(expr.value))
        return py.constant(expr.value)

    def _reference(self, expr: Ref, frame: Axes) -> Emitted:
        variable = self.model.by_name.get(expr.name)
        if variable is None:
            return Emitted(py.name(self.names[expr.name]), tuple(a for a in frame if a in expr.axes))
        if self.taken is not None and variable.role == "derived":
            return self._inlined(expr, frame)
        if variable.role == "index":
            plate = variable.plates[-1]
            return Emitted(py.name(self.names[expr.name]), (plate,))
        return self._element(expr, frame)

    def _inlined(self, expr: Ref, frame: Axes) -> Emitted:
        """A deterministic name inside a branch, where it is partial: its own expression, in which the branch masks what it
        must, said here or along the name's own axes, with the branch taken at the elements that are looked at."""
        value = self.model.definition_of[expr.name].value
        is_whole = expr.name in recursions(self.model) or isinstance(value, Solution)
        if is_whole or expr.name not in partial_definitions(self.model) or value.type.kind == "labels":
            return self._element(expr, frame)
        body = written_out(expr, self.model, frame, self.is_stepwise)
        if body is not None:
            return self.number(body, frame)
        axes = self.array_axes(expr.name)
        outer, self.taken = self.taken, self._looked_at(expr, frame)
        try:
            everywhere = self.spread(self.number(value, axes), axes)
        finally:
            self.taken = outer
        node = as_tensor(everywhere.node)
        if expr.lag:
            chain = self.chain_of(axes)
            node = self._rows_back(node, axes, self.layout.previous(chain, expr.lag))
        return self._element(expr, frame, node)

    def _looked_at(self, expr: Ref, frame: Axes) -> Emitted:
        """Along a name's own axes, whether a reference to it whose branch is taken looks at an element: what `_element`
        gathers, the other way."""
        assert self.taken is not None
        axes = self.array_axes(expr.name)
        codes = {axis: self.emit(index, frame) for axis, index in expr.index}
        for axis, inner in self.members_of(axes, (*frame, *self.taken.axes), codes):
            codes[axis] = Emitted(self.layout.parent(axis, inner), (inner,))
        if expr.lag:
            chain = self.chain_of(axes)
            codes[chain] = Emitted(self.layout.previous(chain, expr.lag), (chain,))
        wide = tuple(dict.fromkeys((*frame, *self.taken.axes, *(a for c in codes.values() for a in c.axes))))
        along = [a for a in wide if a in self.taken.axes or any(a in c.axes for c in codes.values())]
        shared = tuple(a for a in axes if a in along and a not in codes)
        gone = tuple(a for a in along if a not in shared)
        here = (*shared, *gone)
        test = self.align(self.to_frame(self.taken.node, self.taken.axes, here), here)
        if not codes:
            if gone:
                test = py.method(test, "any", py.tuple_of(*(py.constant(-k - 1) for k in range(len(gone)))))
            return Emitted(test, shared)
        self.uses.add("looked_at")
        picked = tuple(a for a in axes if a in codes)
        picks = [self.align(self.to_frame(codes[a].node, codes[a].axes, here), here) for a in picked]
        sizes = py.tuple_of(*map(self.size, picked))
        node = py.call("looked_at", test, sizes, *picks, places=py.constant(len(gone)))
        return self.to_frame(node, (*shared, *picked), axes)

    def _element(self, expr: Ref, frame: Axes, node: ast.expr | None = None) -> Emitted:
        """A variable's array at this place's elements. ``node``: the array, where it is another than the local of its name."""
        axes = self.array_axes(expr.name)
        if node is None:
            node = self.lagged(expr, axes) if expr.lag else py.name(self.names[expr.name])
        codes = [(axis, self.emit(index, frame)) for axis, index in expr.index]
        if codes:
            members = self.members_of(axes, frame, dict(expr.index))
            codes = [(axis, Emitted(self.layout.parent(axis, inner), (inner,))) for axis, inner in members] + codes
            value = self._indexed(Emitted(node, axes), codes, frame)
        else:
            value = Emitted(*self.gathered(node, axes, frame))
        wide = (*frame, *(a for a in value.axes if a not in frame))
        return self.to_frame(value.node, value.axes, wide)

    def lagged(self, expr: Ref, axes: Axes) -> ast.expr:
        """``prev(x, k)``: by a local name that ``unpack`` made, or for a deterministic name, picked here."""
        chain = self.chain_of(axes)
        if self.is_stepwise or self.model.by_name[expr.name].role in ("random", "field", "input"):
            return py.name(self.names[prev_name(expr)])
        return self._rows_back(py.name(self.names[expr.name]), axes, self.layout.previous(chain, expr.lag))

    def _rows_back(self, node: ast.expr, axes: Axes, rows: ast.expr) -> ast.expr:
        dim = py.constant(axes.index(self.chain_of(axes)) - len(axes))
        return py.method(node, "index_select", dim, rows)

    def chain_of(self, axes: Axes) -> str:
        """The chain among a value's axes that ``prev`` looks back in: the innermost."""
        return next(a for a in reversed(axes) if self.model.is_chain(a))

    def _indexed(self, value: Emitted, index: list[tuple[str, Emitted]], frame: Axes) -> Emitted:
        """The value at codes of some of its axes, all picked at once: nothing is laid out along an axis picked."""
        codes = [code for _, code in index]
        taken = tuple(axis for axis, _ in index)
        value_axes = tuple(a for a in value.axes if a not in taken)
        wide = (*frame, *(a for c in codes for a in c.axes if a not in frame))
        along = tuple(dict.fromkeys(a for a in wide if any(a in c.axes for c in codes)))
        shared = tuple(a for a in along if a in value_axes)
        code_only = tuple(a for a in along if a not in value_axes)
        rest = tuple(a for a in value_axes if a not in shared)
        self.uses.add("take")
        array = self.ordered(value, (*shared, *taken, *rest))
        picks = [
            self.align(self.to_frame(c.node, c.axes, (*shared, *code_only)), (*shared, *code_only)) for c in codes
        ]
        counts = {"shared": len(shared), "own": len(code_only), "rest": len(rest)}
        keywords = {k: py.constant(n) for k, n in counts.items() if n}
        return Emitted(py.call("take", array, *picks, **keywords), (*shared, *code_only, *rest))

    def _binary(self, op: str, a: Emitted, b: Emitted, frame: Axes) -> Emitted:
        axes = tuple(x for x in frame if x in (*a.axes, *b.axes))
        return Emitted(py.binary(op, self.align(a, axes), self.align(b, axes)), axes)

    def _apply(self, expr: Apply, frame: Axes) -> Emitted:
        frame = self._wide(frame, *expr.arguments)
        if expr.function in ("eq", "ne") and expr.arguments[0].type.kind == "labels":
            a, b = self._same_labels(expr.arguments, [self.emit(x, frame) for x in expr.arguments])
            return self._binary(expr.function, a, b, frame)
        is_logical = expr.function in ("and", "or", "not")
        values = [self.truth(x, frame) if is_logical else self.number(x, frame) for x in expr.arguments]
        if self.taken is not None:
            operands = safe_operands(expr)
            values = [
                v if s is None else self.masked(v, py.constant(s)) for v, s in zip(values, operands, strict=True)
            ]
        if expr.function == "neg":
            return Emitted(ast.UnaryOp(ast.USub(), values[0].node), values[0].axes)
        if expr.function == "not":
            return Emitted(py.call("torch.logical_not", as_tensor(values[0].node)), values[0].axes)
        if len(values) == 2 and expr.function not in FUNCTIONS and not expr.function.startswith("elementwise"):
            return self._binary(expr.function, values[0], values[1], frame)
        axes = tuple(x for x in frame if any(x in v.axes for v in values))
        nodes = [as_tensor(self.align(v, axes)) for v in values]
        if expr.function.startswith("elementwise_"):
            kind = {"min": "torch.minimum", "max": "torch.maximum"}[expr.function.removeprefix("elementwise_")]
            return Emitted(py.call(kind, *nodes), axes)
        return Emitted(py.call(FUNCTIONS[expr.function].torch, *nodes), axes)

    def _same_labels(self, arguments: tuple[Expr, ...], values: list[Emitted]) -> list[Emitted]:
        """Codes of two sides made comparable: labels are text, and each set has an order of its own."""
        sets = [self.model.labels_of(a.type) for a in arguments]
        if sets[0] == sets[1] or None in sets or any(isinstance(a, Const) for a in arguments):
            return values
        everything = {x: i for i, x in enumerate(dict.fromkeys((*(sets[0] or ()), *(sets[1] or ()))))}
        self.uses.add("take")
        return [
            Emitted(py.call("take", py.call("torch.tensor", py.list_of(*(py.constant(everything[x]) for x in s or ()))),
                            v.node, own=py.constant(len(v.axes))), v.axes)
            for s, v in zip(sets, values, strict=True)
        ]  # fmt: skip

    def _summed(self, function: str, value: Emitted, axis: str) -> Emitted:
        dim = py.constant(value.axes.index(axis) - len(value.axes))
        rest = tuple(a for a in value.axes if a != axis)
        node = py.method(value.node, {"min": "amin", "max": "amax"}.get(function, function), dim)
        return Emitted(node, rest)

    def _reduce(self, expr: Reduce, frame: Axes) -> Emitted:
        inner = (*frame, expr.axis) if expr.axis not in frame else frame
        if expr.function in ("softmax", "cumsum"):
            value = self._along(self.number(expr.body, inner), expr.axis)
            dim = py.constant(value.axes.index(expr.axis) - len(value.axes))
            return self.to_frame(py.method(value.node, expr.function, dim), value.axes, inner)
        if expr.is_plate and self.model.plate_by_name[expr.axis].is_rows:
            return self._segments(expr, frame)
        return self._summed(expr.function, self._along(self.number(expr.body, inner), expr.axis), expr.axis)

    def _along(self, value: Emitted, axis: str) -> Emitted:
        """The value with an axis that something works along: one that does not vary over it is repeated."""
        return value if axis in value.axes else self.repeated(value, (axis,))

    def _segments(self, expr: Reduce, frame: Axes) -> Emitted:
        """Over the rows of an inner plate, by the outer elements they belong to."""
        outer = groups_of_rows(self.model, expr.axis, frame)
        plates = [a for a in frame if a in self.model.plate_by_name and a != expr.axis]
        beside = tuple(a for a in plates if a not in self.model.enclosing(expr.axis))
        value = self._along(self.number(expr.body, (*beside, expr.axis)), expr.axis)
        if not outer:
            return self._summed(expr.function, value, expr.axis)
        rest = tuple(a for a in value.axes if a != expr.axis)
        self.uses.add("segments")
        members = py.tuple_of(*(self.layout.parent(a, expr.axis) for a in outer))
        sizes = py.tuple_of(*map(self.size, outer))
        array = self.ordered(value, (*rest, expr.axis))
        node = py.call("segments", py.constant(expr.function), array, members, sizes)
        wide = (*frame, *(a for a in rest if a not in frame))
        axes = (*rest, *outer)
        elements = [(a, Emitted(self.layout.parent(a, p), (p,))) for a, p in self.members_of(axes, frame, rest)]
        reduced = self._indexed(Emitted(node, axes), elements, frame) if elements else Emitted(node, axes)
        return self.to_frame(reduced.node, reduced.axes, wide)

    def net_call(self, net: Net, arguments: tuple[Expr, ...], frame: Axes) -> tuple[ast.expr, Axes]:
        """A network called with values, and the axes of the frame that the values have."""
        batch: Axes = ()
        values = []
        for argument, formal in zip(arguments, net.inputs, strict=True):
            value = self.number(argument, (*(a for a in frame if a != formal), *((formal,) * (formal != "real"))))
            values.append((value, formal))
            batch = tuple(a for a in frame if a in (*batch, *(x for x in value.axes if x != formal)))
        nodes = []
        for value, formal in values:
            if formal == "real":
                nodes.append(py.item(as_tensor(self.align(value, batch)), ast.Constant(...), ast.Constant(None)))
                continue
            axes = tuple(a for a in (*batch, formal) if a in value.axes)
            nodes.append(self.align(Emitted(self.ordered(value, axes), axes), (*batch, formal)))
        return py.call(py.entry("nets", net.name), *nodes), batch

    def _net(self, expr: NetCall, frame: Axes) -> Emitted:
        net = next(n for n in self.model.nets if n.name == expr.net)
        called, batch = self.net_call(net, expr.arguments, frame)
        result = py.item(called, py.constant(expr.output))
        out = net.outputs[expr.output]
        if out == "real":
            return Emitted(py.method(result, "squeeze", py.constant(-1)), batch)
        return self.to_frame(result, (*batch, out), frame if out in frame else (*frame, out))


__all__ = ["Axes", "Emitted", "ExpressionEmitter", "prev_name", "to_come"]

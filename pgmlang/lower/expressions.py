"""Model expressions as torch syntax, axes aligned by name.

Inside a factor every value is laid out along the factor's *frame*: its plates' array axes, then event axes, in one
order. A value that lacks an axis of the frame has a ``None`` there, so that torch broadcasts what the language
aligned; leading chain or particle axes stay in front and are never named.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from pgmlang.diagnostics import Diagnostic, PgmError, Span
from pgmlang.lower import pyast as py
from pgmlang.lower.names import Names
from pgmlang.model import Model
from pgmlang.model.expr import Apply, Choose, Const, Contract, Expr, First, NetCall, Reduce, Ref, Rename
from pgmlang.signatures.functions import FUNCTIONS

Axes = tuple[str, ...]


def to_come(what: str, span: Span | None) -> PgmError:
    """PGM0601: a construct that no emitted program says yet."""
    return PgmError(
        Diagnostic(
            "PGM0601",
            f"{what} cannot be lowered yet",
            span,
            help="`pgmc check` and `pgmc graph` work for it today",
        )
    )


def is_number(node: ast.expr) -> bool:
    """Whether syntax is made of numbers alone, which broadcast by themselves."""
    kinds = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.operator, ast.unaryop)
    return all(isinstance(n, kinds) for n in ast.walk(node))


@dataclass
class Emitted:
    """Syntax of a value and the frame axes it has, in the frame's order."""

    node: ast.expr
    axes: Axes


@dataclass
class Expressions:
    """Emits expressions of one model. ``uses`` collects the runtime functions and index data needed."""

    model: Model
    names: Names
    uses: set[str] = field(default_factory=set)
    indices: dict[str, str] = field(default_factory=dict)

    # ---- layout

    def array_axes(self, name: str) -> Axes:
        """Own axes of a variable's array: plates, then event axes."""
        variable = self.model.by_name[name]
        return (*self.model.batch_axes(variable.plates), *variable.axes)

    def align(self, value: Emitted, frame: Axes) -> ast.expr:
        """The value with ``None`` for every frame axis it lacks, so that chain axes stay in front; numbers stay numbers."""
        if value.axes == frame or is_number(value.node):
            return value.node
        parts: list[ast.expr] = [ast.Constant(...)]
        parts += [ast.Slice() if a in value.axes else ast.Constant(None) for a in frame]
        return py.item(value.node, *parts)

    def align_fully(self, value: Emitted, frame: Axes) -> ast.expr:
        """As ``align``, with leading axes too: the array of a derived variable has every axis (of size one, maybe)."""
        if value.axes == frame:
            return value.node
        parts: list[ast.expr] = [ast.Constant(...)]
        parts += [ast.Slice() if a in value.axes else ast.Constant(None) for a in frame]
        return py.item(py.call("torch.as_tensor", value.node), *parts)

    def ordered(self, value: Emitted, axes: Axes) -> ast.expr:
        """The value with exactly these axes, permuted where they stand in another order."""
        if value.axes == axes:
            return value.node
        source = [value.axes.index(a) - len(value.axes) for a in axes]
        target = list(range(-len(axes), 0))
        if source == target:
            return value.node
        return py.call(
            "torch.movedim",
            value.node,
            py.tuple_of(*map(py.constant, source)),
            py.tuple_of(*map(py.constant, target)),
        )

    def to_frame(self, node: ast.expr, own: Axes, frame: Axes) -> Emitted:
        axes = tuple(a for a in frame if a in own)
        return Emitted(self.ordered(Emitted(node, own), axes), axes)

    # ---- numbers and codes

    def number(self, expr: Expr, frame: Axes) -> Emitted:
        """An expression as numbers: bits as 0 and 1, spins as -1 and 1."""
        value = self.emit(expr, frame)
        is_derived = isinstance(expr, Ref) and expr.name in self.model.definition_of
        if isinstance(expr, Ref) and not is_derived and expr.type.kind in ("bit", "spin", "count"):
            function = "spin" if expr.type.kind == "spin" else "real"
            self.uses.add(function)
            return Emitted(py.call(function, value.node), value.axes)
        if isinstance(expr, Apply) and expr.type.kind == "truth":
            self.uses.add("real")
            return Emitted(py.call("real", value.node), value.axes)
        return value

    def emit(self, expr: Expr, frame: Axes) -> Emitted:
        """An expression along a frame."""
        match expr:
            case Const():
                return Emitted(self._constant(expr), ())
            case Ref():
                return self._reference(expr, frame)
            case Apply():
                return self._apply(expr, frame)
            case Contract(left=left, right=right, axis=axis):
                inner = (*frame, axis) if axis not in frame else frame
                a, b = self.number(left, inner), self.number(right, inner)
                product = self._binary("mul", a, b, inner)
                return self._summed("sum", product, axis)
            case Reduce():
                return self._reduce(expr, frame)
            case Choose(condition=condition, then=then, otherwise=otherwise):
                wide = self._wide(frame, then, otherwise)
                c, a, b = self.emit(condition, wide), self.number(then, wide), self.number(otherwise, wide)
                axes = tuple(x for x in wide if x in (*c.axes, *a.axes, *b.axes))
                nodes = [py.call("torch.as_tensor", self.align(v, axes)) for v in (c, a, b)]
                return Emitted(py.call("torch.where", *nodes), axes)
            case First(count=count, plate=plate):
                self.indices[f"position_in_{plate}"] = f"0, 1, ... along each chain of plate {plate}"
                return Emitted(
                    py.binary("lt", py.entry("data", f"position_in_{plate}"), py.constant(count)), (plate,)
                )
            case Rename(body=body, old=old, new=new):
                swapped = tuple(old if a == new else a for a in frame)
                value = self.emit(body, swapped if old in swapped else (*frame, old))
                return self.to_frame(
                    value.node,
                    tuple(new if a == old else a for a in value.axes),
                    frame if new in frame else (*frame, new),
                )
            case NetCall():
                return self._net(expr, frame)

    def _wide(self, frame: Axes, *exprs: Expr) -> Axes:
        extra = dict.fromkeys(a for e in exprs for a in e.axes if a not in frame)
        return (*frame, *extra)

    def _constant(self, expr: Const) -> ast.expr:
        if expr.type.kind == "labels":
            labels = self.model.labels_of(expr.type)
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
        if variable.role == "index":
            plate = variable.plates[-1]
            return Emitted(py.name(self.names[expr.name]), (plate,))
        own = self.array_axes(expr.name)
        node: ast.expr = py.name(self.names[expr.name])
        if expr.lag:
            chain = next(p for p in reversed(own) if self._is_chain(p))
            self.uses.add("previous")
            node = py.call("previous", node, py.constant(expr.lag), py.constant(own.index(chain) - len(own)))
        node, own = self._members(node, own, frame, dict(expr.index))
        value = Emitted(node, own)
        for axis, index in expr.index:
            value = self._indexed(value, axis, index, frame)
        wide = (*frame, *(a for a in value.axes if a not in frame))
        return self.to_frame(value.node, value.axes, wide)

    def _is_chain(self, axis: str) -> bool:
        plate = self.model.plate_by_name.get(axis)
        return plate is not None and plate.structure is not None and plate.structure.kind == "chain"

    def _members(self, node: ast.expr, own: Axes, frame: Axes, indexed: dict[str, Expr]) -> tuple[ast.expr, Axes]:
        """An outer plate's value at this row: picked by which element the row belongs to."""
        for axis in own:
            if axis in frame or axis in indexed or axis not in self.model.plate_by_name:
                continue
            inner = next(
                (f for f in frame if f in self.model.plate_by_name and axis in self.model.enclosing(f)), None
            )
            if inner is None:
                continue
            key = f"{axis}_of_{inner}"
            self.indices[key] = f"the {axis} of each {inner}"
            at = py.constant(own.index(axis) - len(own))
            node = py.method(node, "index_select", at, py.entry("data", key))
            own = tuple(inner if a == axis else a for a in own)
        return node, own

    def _indexed(self, value: Emitted, axis: str, index: Expr, frame: Axes) -> Emitted:
        code = self.emit(index, frame)
        rest = tuple(a for a in value.axes if a != axis)
        wide = (*(a for a in frame if a in rest or a in code.axes), *(a for a in rest if a not in frame))
        moved = Emitted(
            self.ordered(value, (*(a for a in wide if a in rest), axis)), (*(a for a in wide if a in rest), axis)
        )
        self.uses.add("take")
        aligned = self.align(moved, (*wide, axis))
        return Emitted(py.call("take", aligned, self.align(self.to_frame(code.node, code.axes, wide), wide)), wide)

    def _binary(self, op: str, a: Emitted, b: Emitted, frame: Axes) -> Emitted:
        axes = tuple(x for x in frame if x in (*a.axes, *b.axes))
        return Emitted(py.binary(op, self.align(a, axes), self.align(b, axes)), axes)

    def _apply(self, expr: Apply, frame: Axes) -> Emitted:
        frame = self._wide(frame, *expr.arguments)
        if expr.function in ("eq", "ne") and expr.arguments[0].type.kind == "labels":
            a, b = (self.emit(x, frame) for x in expr.arguments)
            return self._binary(expr.function, a, b, frame)
        values = [self.number(x, frame) for x in expr.arguments]
        if expr.function in ("and", "or"):
            values = [self.emit(x, frame) for x in expr.arguments]
        if expr.function == "neg":
            return Emitted(ast.UnaryOp(ast.USub(), values[0].node), values[0].axes)
        if expr.function == "not":
            return Emitted(py.call("torch.logical_not", self.emit(expr.arguments[0], frame).node), values[0].axes)
        if len(values) == 2 and expr.function not in FUNCTIONS and not expr.function.startswith("elementwise"):
            return self._binary(expr.function, values[0], values[1], frame)
        axes = tuple(x for x in frame if any(x in v.axes for v in values))
        nodes = [py.call("torch.as_tensor", self.align(v, axes)) for v in values]
        if expr.function.startswith("elementwise_"):
            kind = {"min": "torch.minimum", "max": "torch.maximum"}[expr.function.removeprefix("elementwise_")]
            return Emitted(py.call(kind, *nodes), axes)
        return Emitted(py.call(FUNCTIONS[expr.function].torch, *nodes), axes)

    def _summed(self, function: str, value: Emitted, axis: str) -> Emitted:
        at = py.constant(value.axes.index(axis) - len(value.axes))
        rest = tuple(a for a in value.axes if a != axis)
        node = py.method(value.node, {"min": "amin", "max": "amax"}.get(function, function), at)
        return Emitted(node, rest)

    def _reduce(self, expr: Reduce, frame: Axes) -> Emitted:
        inner = (*frame, expr.axis) if expr.axis not in frame else frame
        if expr.function in ("softmax", "cumsum"):
            value = self.number(expr.body, inner)
            at = py.constant(value.axes.index(expr.axis) - len(value.axes))
            return Emitted(py.method(value.node, expr.function, at), value.axes)
        if expr.is_plate and self.model.plate_by_name[expr.axis].is_rows:
            return self._segments(expr, frame)
        value = self.number(expr.body, inner)
        if expr.axis not in value.axes:
            raise to_come("a reduction of what does not vary along its axis", expr.span)
        return self._summed(expr.function, value, expr.axis)

    def _segments(self, expr: Reduce, frame: Axes) -> Emitted:
        """Sums over the rows of an inner plate, by the outer element they belong to."""
        outer = [a for a in frame if a in self.model.enclosing(expr.axis)]
        if expr.function != "sum" or len(outer) > 1:
            raise to_come(f"`{expr.function}` over the rows of a plate", expr.span)
        value = self.number(expr.body, (expr.axis,))
        if not outer:
            return Emitted(py.method(value.node, "sum", py.constant(-1)), ())
        key = f"{outer[0]}_of_{expr.axis}"
        self.indices[key] = f"the {outer[0]} of each {expr.axis}"
        self.uses.add("segment_sum")
        return Emitted(py.call("segment_sum", value.node, py.entry("data", key), self.size(outer[0])), (outer[0],))

    def size(self, axis: str) -> ast.expr:
        """The size of an axis: a number, or looked up in ``data["sizes"]``."""
        known = self.model.axis_size(axis)
        if known is not None:
            return py.constant(known)
        return py.item(py.entry("data", "sizes"), ast.Constant(self.model.root_axis(axis)))

    def _net(self, expr: NetCall, frame: Axes) -> Emitted:
        net = next(n for n in self.model.nets if n.name == expr.net)
        batch: Axes = ()
        values = []
        for argument, formal in zip(expr.arguments, net.inputs, strict=True):
            inner = (*(a for a in frame if a != formal), *((formal,) if formal != "real" else ()))
            value = self.number(argument, inner)
            values.append((value, formal))
            batch = tuple(a for a in frame if a in (*batch, *(x for x in value.axes if x != formal)))
        nodes = []
        for value, formal in values:
            if formal == "real":
                nodes.append(py.item(self.align(value, batch), ast.Constant(...), ast.Constant(None)))
            else:
                axes = (*batch, formal)
                nodes.append(self.align(Emitted(self.ordered(value, tuple(a for a in axes if a in value.axes)),
                                                tuple(a for a in axes if a in value.axes)), axes))  # fmt: skip
        result: ast.expr = py.item(py.call(py.entry("nets", net.name), *nodes), py.constant(expr.output))
        out = net.outputs[expr.output]
        if out == "real":
            return Emitted(py.method(result, "squeeze", py.constant(-1)), batch)
        wide = frame if out in frame else (*frame, out)
        return self.to_frame(result, (*batch, out), wide)

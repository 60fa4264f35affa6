"""Recursions as syntax: a function of one step of a chain, all its sequences at once, or one associative scan where the
step is linear.

A step hangs on its values before and on drivers, what of its expressions names no value of the recursion: these are
emitted where the recursion stands, and taken row by row.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from pgmlang.lower import pyast as py
from pgmlang.lower.bodies import BodyEmitter
from pgmlang.lower.emitted import Axes, Emitted
from pgmlang.lower.expressions import ExpressionEmitter, prev_name, to_come
from pgmlang.lower.writer import Writer
from pgmlang.model.expr import Expr, Reduce, Ref, walk
from pgmlang.model.recursions import Recursion, own_references
from pgmlang.model.types import REAL
from pgmlang.normal.recurrences import linear_recurrence


@dataclass
class StepEmitter(BodyEmitter):
    """Emits what a recursion's step is."""

    recursion: Recursion = field(kw_only=True)

    @property
    def locals(self) -> tuple[str, ...]:
        return self.recursion.names

    def is_inside(self, expr: Expr) -> bool:
        return self.recursion.is_in(expr)

    def lagged(self, expr: Ref, axes: Axes) -> ast.expr:
        return py.name(self.names[prev_name(expr)])

    def _reference(self, expr: Ref, frame: Axes) -> Emitted:
        # its own names are locals, whether partial or not
        return self._element(expr, frame)


def recursion_statement(expressions: ExpressionEmitter, recursion: Recursion, steps: Writer) -> ast.stmt:
    """The statement that assigns the values of a recursion's names. ``steps`` takes the function of its step, where it has
    one. Raises PgmError PGM0601 for a value that a step cannot reach."""
    linear = linear_recurrence(recursion)
    targets = [ast.Name(expressions.names[n], ast.Store()) for n in recursion.names]
    target: ast.expr = targets[0] if len(targets) == 1 else ast.Tuple(list(targets), ast.Store())
    if linear is not None:
        name = recursion.names[0]
        axes = expressions.array_axes(name)
        factor, shift = (
            py.hinted(
                expressions.spread(expressions.number(e, axes), axes).node, f"{expressions.names[name]}_{part}"
            )
            for part, e in zip(("factor", "shift"), linear, strict=True)
        )
        expressions.uses.add("linear_recurrence")
        chain = recursion.chain
        layout = (expressions.layout.position(chain), expressions.layout.previous(chain, 1))
        dim = py.constant(axes.index(chain) - len(axes))
        return ast.Assign([target], py.call("linear_recurrence", factor, shift, *layout, dim))
    _refuse_far_values(recursion, expressions)
    step = StepEmitter(
        expressions.model, expressions.names, expressions.uses, expressions.layout, outside=expressions, recursion=recursion
    )  # fmt: skip
    body = _body(step)
    function = expressions.names[f"next {recursion.names[0]}"]
    _write(step, function, body, steps)
    expressions.uses.add("recurrence")
    return ast.Assign([target], _call(step, function))


def _refuse_far_values(recursion: Recursion, expressions: ExpressionEmitter) -> None:
    """Raises PGM0601 for values of the recursion that are not of the step's own rows."""
    for ref in own_references(recursion):
        axes = expressions.array_axes(ref.name)
        if recursion.chain not in axes or any(axis == recursion.chain for axis, _ in ref.index):
            raise to_come(f"`{ref.name}`, which looks at other rows than `prev` reaches,", ref.span)
    for definition in recursion.definitions:
        for node in walk(definition.value):
            if isinstance(node, Reduce) and node.is_plate and recursion.is_in(node.body) and (
                node.axis == recursion.chain or expressions.model.plate_by_name[node.axis].is_rows
            ):  # fmt: skip
                raise to_come(f"`{definition.target}`, a sum over rows of its own earlier values,", node.span)


def _body(step: StepEmitter) -> list[tuple[str, ast.expr]]:
    """The value of each name within the step."""
    out = []
    for definition in step.recursion.definitions:
        frame = step.array_axes(definition.target)
        is_label = definition.value.type.kind == "labels"
        value = step.emit(definition.value, frame) if is_label else step.number(definition.value, frame)
        out.append((definition.target, step.spread(value, frame).node))
    return out


def _write(step: StepEmitter, function: str, body: list[tuple[str, ast.expr]], out: Writer) -> None:
    recursion = step.recursion
    before = [step.names[prev_name(_past(n, lag))] for n, lag in recursion.past]
    out.blank(2)
    out.line(f"def {function}({', '.join((*before, *step.drivers))}):")
    out.indent += 1
    listed = ", ".join(recursion.names)
    out.doc(
        f"Values of {listed} at the rows of one step of `{recursion.chain}`, from those before and what drives them."
    )
    spans = {d.target: d.span for d in recursion.definitions}
    for name, node in body:
        out.assign(step.names[name], node, spans[name])
    out.statement(py.returns(py.tuple_of(*(py.name(step.names[n]) for n, _ in body))))
    out.indent -= 1


def _call(step: StepEmitter, function: str) -> ast.expr:
    """``recurrence(next_x, position, (x before, ...), (driver, ...))``."""
    recursion, layout = step.recursion, step.layout
    chain = recursion.chain
    before: list[ast.expr] = []
    for name, lag in recursion.past:
        axes = step.array_axes(name)
        sizes = [py.constant(1) if a == chain else step.size(a) for a in axes]
        keywords = {"dtype": py.name("torch.long")} if step.model.by_name[name].type.kind == "labels" else {}
        nothing = py.call("torch.zeros", py.tuple_of(*sizes), **keywords)
        place = py.constant(recursion.names.index(name))
        before.append(py.tuple_of(place, py.constant(lag), layout.previous(chain, lag), nothing))
    dims = [py.constant(_dim(step.array_axes(n), chain)) for n in recursion.names]
    drivers = [
        py.tuple_of(value.node, py.constant(_dim(value.axes, chain) if chain in value.axes else None))
        for value in step.drivers.values()
    ]
    call = py.call(
        "recurrence", py.name(function), layout.position(chain), py.tuple_of(*dims), py.list_of(*before), py.list_of(*drivers)
    )  # fmt: skip
    return py.item(call, py.constant(0)) if len(recursion.names) == 1 else call


def _dim(axes: Axes, chain: str) -> int:
    return axes.index(chain) - len(axes)


def _past(name: str, lag: int) -> Ref:
    return Ref(REAL, (), None, name, (), lag)

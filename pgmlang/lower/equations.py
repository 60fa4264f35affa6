"""Differential equations as syntax: a function of the rates of a system, and the call that solves it at the times of its rows."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from pgmlang.lower import pyast as py
from pgmlang.lower.bodies import BodyEmitter
from pgmlang.lower.emitted import Axes, Emitted, to_come
from pgmlang.lower.expressions import ExpressionEmitter
from pgmlang.lower.writer import Writer
from pgmlang.model.expr import Expr, NetCall, Solution, State, Time, walk

TIME = "t"
"""The local name of the present time."""


@dataclass
class RateEmitter(BodyEmitter):
    """Emits the rates of a system of differential equations. ``systems``: the axes that have a solution for each element."""

    solution: Solution = field(kw_only=True)
    systems: Axes = field(kw_only=True)

    @property
    def locals(self) -> tuple[str, ...]:
        return self.solution.names

    def is_inside(self, expr: Expr) -> bool:
        return any(isinstance(e, State | Time | NetCall) for e in walk(expr))

    def emit(self, expr: Expr, frame: Axes) -> Emitted:
        match expr:
            case Time():
                return Emitted(py.name(TIME), self.systems)
            case State(name=name, index=index):
                value = Emitted(py.name(self.names[name]), self.state_axes(name))
                codes = [(axis, self.emit(e, frame)) for axis, e in index]
                picked = self._indexed(value, codes, frame) if codes else value
                return self.to_frame(
                    picked.node, picked.axes, (*frame, *(a for a in picked.axes if a not in frame))
                )
            case _:
                return super().emit(expr, frame)

    def state_axes(self, name: str) -> Axes:
        """The axes of a state: of the systems, then its own."""
        return (*self.systems, *self.model.by_name[name].axes)


def solved(expressions: ExpressionEmitter, solution: Solution, steps: Writer, written: set[str]) -> ast.expr:
    """The values of a name along its array's axes. ``steps`` takes the function of the rates; ``written``: those that it has."""
    if expressions.is_stepwise:
        raise to_come(
            f"`{solution.name}`, a solution of differential equations, within the steps of a chain", solution.span
        )
    model = expressions.model
    plate = model.plate_by_name[solution.plate]
    systems = model.batch_axes(model.enclosing(plate.name)[:-1])
    rates = RateEmitter(
        model, expressions.names, expressions.uses, expressions.layout, outside=expressions, solution=solution, systems=systems
    )  # fmt: skip
    body = [
        (n, rates.spread(rates.number(e, frame), frame).node)
        for n, e in zip(solution.names, solution.rates, strict=True)
        for frame in (rates.state_axes(n),)
    ]
    has_nets = any(isinstance(e, NetCall) for rate in solution.rates for e in walk(rate))
    function = expressions.names[f"rates of {solution.names[0]}"]
    if function not in written:
        written.add(function)
        _write(rates, function, body, steps, has_nets)
    expressions.uses.add("solutions")
    call = _call(expressions, rates, function, has_nets)
    return py.item(
        py.hinted(call, f"solved_{'_'.join(solution.names[:3])}"), py.constant(solution.names.index(solution.name))
    )


def _write(
    rates: RateEmitter, function: str, body: list[tuple[str, ast.expr]], out: Writer, has_nets: bool
) -> None:
    solution, names = rates.solution, rates.names
    states = [names[n] for n in solution.names]
    out.blank(2)
    out.line(f"def {function}({', '.join((TIME, *states, *rates.drivers, *(['nets'] if has_nets else [])))}):")
    out.indent += 1
    out.doc(f"How fast {', '.join(solution.names)} change at time {TIME}.")
    values = []
    for name, node in body:
        rate = names[f"rate of {name}"]
        out.assign(rate, node, rates.model.definition_of[name].span)
        values.append(py.name(rate))
    out.statement(py.returns(py.tuple_of(*values)))
    out.indent -= 1


def _call(expressions: ExpressionEmitter, rates: RateEmitter, function: str, has_nets: bool) -> ast.expr:
    """``solutions(rates, (start, ...), (own axes, ...), times, start_time, members, [(driver, axes), ...], rtol=, atol=)``."""
    solution, systems = rates.solution, rates.systems
    model, plate = expressions.model, solution.plate
    starts = []
    for name, start in zip(solution.names, solution.starts, strict=True):
        axes = rates.state_axes(name)
        value = expressions.spread(expressions.number(start, axes), axes).node
        starts.append(value if axes else expressions.tensor(value))
    rows = expressions.array_axes(solution.name)
    rows = rows[: len(rows) - len(model.by_name[solution.name].axes)]
    times = expressions.spread(expressions.number(solution.times, rows), rows).node
    start_time = expressions.spread(expressions.number(solution.start_time, systems), systems).node
    members: ast.expr = py.constant(None)
    if model.plate_by_name[plate].is_rows:
        members = py.tuple_of(*(expressions.layout.parent(a, plate) for a in systems))
    drivers = [py.tuple_of(value.node, py.constant(len(value.axes))) for value in rates.drivers.values()]
    keywords: dict[str, ast.expr] = {"rtol": py.constant(solution.rtol), "atol": py.constant(solution.atol)}
    keywords["max_steps"] = py.constant(solution.max_steps)
    if solution.solver == "stiff":
        expressions.uses.add("implicit_steps")
        keywords["along"] = py.name("implicit_steps")
    if has_nets:
        keywords["nets"] = py.name("nets")
    own = py.tuple_of(*(py.constant(len(model.by_name[n].axes)) for n in solution.names))
    return py.call(
        "solutions", py.name(function), py.tuple_of(*starts), own, times,
        start_time if systems else expressions.tensor(start_time), members, py.list_of(*drivers), **keywords,
    )  # fmt: skip

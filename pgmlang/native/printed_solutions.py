"""Calls of the solver of a system of differential equations (``runtime/equations.py``) as statements."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from pgmlang.lower import pyast as py
from pgmlang.lower.writer import Writer
from pgmlang.native.names import Identifiers
from pgmlang.native.scalars import Array, walk
from pgmlang.native.stages import SolutionStage
from pgmlang.native.words import REDUCTIONS


def system_axes(stage: SolutionStage) -> list[str]:
    """The axes whose sizes a system's functions ask."""
    axes = {a for array in stage.arrays for a in stage.own_axes(array)} | set(stage.systems[1:])
    for scalar in walk(*stage.rates, *stage.numbers):
        if scalar.op in REDUCTIONS:
            axes.add(scalar.payload.axis)
        elif scalar.op == "size":
            axes.add(scalar.payload)
    return sorted(axes)


@dataclass(frozen=True)
class SystemNames:
    """What the functions of a system are called, and what they take."""

    names: Identifiers
    stage: SolutionStage

    def __getitem__(self, function: str) -> str:
        return self.names[function, self.stage.array]

    @property
    def arguments(self) -> dict[str, list[str]]:
        """What stands for each group of arrays: those of the ``starts`` and ``states``, laid flat, the ``drivers`` of rates, with sizes; the
        adjoints of each, those of drivers behind these; and all that the solver, and its adjoint, is handed."""
        stage, names = self.stage, self.names
        sizes = [names["size", a] for a in system_axes(stage)]
        starts, states = ([self.flat(a) for a in arrays] for arrays in (stage.starts, stage.arrays))
        drivers = [names[a] for a in stage.drivers]
        d_starts, d_states = (
            [self.flat(("adjoint", a)) for a in arrays if a.is_active] for arrays in (stage.starts, stage.arrays)
        )
        d_drivers = [names["adjoint", a] for a in stage.drivers if a.is_active]
        return {
            "starts": [*starts, *sizes],
            "states": [*states, *sizes],
            "drivers": [*drivers, *sizes],
            "forward": [*starts, *states, *drivers, *sizes],
            "d_starts": [*d_starts, *sizes],
            "d_states": [*d_states, *sizes],
            "d_drivers": [*drivers, *sizes, *d_drivers],
            "backward": [*drivers, *sizes, *d_drivers, *d_starts, *d_states],
        }

    def flat(self, of: object) -> str:
        return self.names["flat", of]


def width_of(of: SystemNames, array: Array) -> ast.expr:
    """How many numbers a state is."""
    width: ast.expr = py.constant(1)
    for i, axis in enumerate(of.stage.own_axes(array)):
        size = py.name(of.names["size", axis])
        width = size if i == 0 else py.binary("mul", width, size)
    return width


def offsets_of(of: SystemNames, start: ast.expr) -> list[ast.expr]:
    """Where each state begins among the numbers of all, and the time behind them."""
    out, known = [start], 0
    place = start
    for array in of.stage.arrays:
        width = width_of(of, array)
        if isinstance(width, ast.Constant) and known is not None:
            known += 1
            place = py.binary("add", start, py.constant(known)) if not _is_zero(start) else py.constant(known)
        else:
            known, place = None, width if _is_zero(place) else py.binary("add", place, width)  # type: ignore[assignment]
        out.append(place)
    return out


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def count_of_state(of: SystemNames) -> ast.expr:
    """How many numbers all states are."""
    return offsets_of(of, py.constant(0))[-1]


@dataclass(frozen=True)
class SolutionCalls:
    """Prints the calls of a stage; ``with_gradient``: steps are recorded."""

    out: Writer
    names: Identifiers
    stage: SolutionStage
    with_gradient: bool

    def forward(self) -> None:
        """Fills the arrays of the states, which are there."""
        of = SystemNames(self.names, self.stage)
        is_recorded = self.with_gradient and self.stage.array.is_active
        arrays = (self.stage.order.array, *self.stage.order.reads, *self.stage.starts, *self.stage.arrays)
        for array in dict.fromkeys(arrays):
            self.out.assign(of.flat(array), py.call("flat", py.name(self.names[array])))
            if is_recorded and array.is_active:
                self.out.assign(
                    of.flat(("adjoint", array)), py.call("flat", py.name(self.names["adjoint", array]))
                )
        rows = py.item(
            ast.Attribute(py.name(of.flat(self.stage.order.array)), "shape", ast.Load()), py.constant(0)
        )
        self.out.assign(of["steps"], py.call("zeros", rows))
        settings = (self.stage.rtol, self.stage.atol, self.stage.max_steps)
        call = py.call(
            of["solved"], py.constant(is_recorded), count_of_state(of), *self._order(of), py.name(of["steps"]),
            *map(py.constant, settings), *map(py.name, of.arguments["forward"]),
        )  # fmt: skip
        self.out.assign(of["record"], call)

    def adjoint(self) -> None:
        """Hands the adjoints of the states on."""
        of = SystemNames(self.names, self.stage)
        given = [
            py.name(of["steps"]),
            py.name(of["record"]),
            py.constant(self.stage.rtol),
            py.constant(self.stage.atol),
        ]
        given += map(py.name, of.arguments["backward"])
        self.out.statement(
            ast.Expr(py.call(of["solved_adjoint"], count_of_state(of), *self._order(of), *given)), None
        )

    def _order(self, of: SystemNames) -> list[ast.expr]:
        order = self.stage.order
        return [py.name(of.flat(a)) for a in (order.array, *order.reads)]

"""Calls of the forward algorithm and its adjoint (`runtime/sequences.py`) as statements."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from pgmlang.lower import pyast as py
from pgmlang.lower.writer import Writer
from pgmlang.native.names import Identifiers
from pgmlang.native.scalars import Array
from pgmlang.native.stages import SequenceStage


@dataclass(frozen=True)
class SequenceCalls:
    """Prints a stage; ``size``: the number of elements of an axis."""

    out: Writer
    names: Identifiers
    stage: SequenceStage
    size: Callable[[str], ast.expr]

    def forward(self) -> None:
        """Fills the stage's array, and those that the adjoint reads."""
        rest, rows, states = self._shape()
        cells = py.tuple_of(rest, rows, states)
        moved = self._wide(py.name(self.names[self.stage.transition]), self._of_transition())
        pair = [ast.Name(self._part(part), ast.Store()) for part in ("chances", "tops")]
        target = ast.Tuple(list[ast.expr](pair), ast.Store())
        self.out.statement(ast.Assign([target], py.call("transition_chances", moved)), None)
        for part in ("weight", "arrived", "log_weight"):
            self.out.assign(self._part(part), py.call("empty", cells))
        kept = py.call("truths", py.tuple_of(rest, rows))
        self.out.assign(self._part("is_kept"), kept)
        self.out.statement(ast.Expr(py.call("forward_pass", *self._arguments())), None)

    def adjoint(self) -> None:
        """Hands the adjoints of the stage's array on."""
        rest, rows, states = self._shape()
        worth = self._wide(py.name(self.names["adjoint", self.stage.array]), (rest, rows))
        given = (
            self._adjoint_of(self.stage.emission, (rest, rows, states)),
            self._adjoint_of(self.stage.transition, self._of_transition()),
        )
        self.out.statement(ast.Expr(py.call("forward_pass_adjoint", *self._arguments(), worth, *given)), None)

    def _arguments(self) -> list[ast.expr]:
        rest, rows, states = self._shape()
        order, position, *of_plate = (py.name(self.names[array]) for array in self.stage.reads)
        return [
            order,
            position,
            of_plate[0] if of_plate else py.constant(None),
            self._wide(py.name(self.names[self.stage.emission]), (rest, rows, states)),
            self._wide(py.name(self.names[self.stage.transition]), self._of_transition()),
            *(py.name(self._part(part)) for part in ("chances", "tops")),
            self._wide(py.name(self.names[self.stage.array]), (rest, rows)),
            *(py.name(self._part(part)) for part in ("weight", "arrived", "log_weight", "is_kept")),
        ]

    def _part(self, part: str) -> str:
        return self.names[part, self.stage.array]

    def _adjoint_of(self, array: Array, shape: tuple[ast.expr, ...]) -> ast.expr:
        if not array.is_active:
            return py.constant(None)
        return self._wide(py.name(self.names["adjoint", array]), shape)

    def _wide(self, array: ast.expr, shape: tuple[ast.expr, ...]) -> ast.expr:
        return py.call("shaped", array, py.tuple_of(*shape))

    def _product(self, axes: tuple[str, ...]) -> ast.expr:
        number: ast.expr = py.constant(1)
        for i, axis in enumerate(axes):
            number = self.size(axis) if i == 0 else py.binary("mul", number, self.size(axis))
        return number

    def _shape(self) -> tuple[ast.expr, ast.expr, ast.expr]:
        """Numbers of states of labels that the chain hangs on, of rows, of states of a row."""
        stage = self.stage
        return self._product(stage.rest), self.size(stage.chain), self._product(stage.states)

    def _of_transition(self) -> tuple[ast.expr, ...]:
        rest, rows, states = self._shape()
        if self.stage.of_plate is not None:
            count = self.size(self.stage.of_plate.of[0])
        else:
            count = rows if self.stage.is_of_rows else py.constant(1)
        return (rest if self.stage.varies_with_rest else py.constant(1), count, states, states)

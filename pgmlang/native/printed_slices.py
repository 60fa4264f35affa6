"""Calls that make slices of one array of slices of others (`runtime/matrices.py`), and those of their adjoints, as statements."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pgmlang.lower import pyast as py
from pgmlang.lower.writer import Writer
from pgmlang.native.names import Identifiers
from pgmlang.native.scalars import Array, Scalar
from pgmlang.native.stages import Slice, SliceStage
from pgmlang.native.templates import row_major


@dataclass(frozen=True)
class SliceCalls:
    """Prints a stage; ``size``: the number of elements of an axis, ``value``: a place where it is used. Arrays are handed over flat, with where a
    slice begins."""

    out: Writer
    names: Identifiers
    stage: SliceStage
    size: Callable[[str], ast.expr]

    def flatten(self, *, with_adjoints: bool) -> None:
        """Names for all arrays laid flat."""
        for array in dict.fromkeys((*self.stage.reads, self.stage.array)):
            self._flat(array)
            if with_adjoints and array.is_active:
                self._flat(("adjoint", array))

    def forward(self, value: Callable[[Scalar], ast.expr]) -> None:
        """Makes a slice."""
        self.out.statement(ast.Expr(py.call(self.stage.name, *self._slices(value), self._size())), None)

    def adjoint(self, value: Callable[[Scalar], ast.expr]) -> None:
        """Hands the adjoint of a slice on."""
        adjoints = [
            py.name(self._flat_name(("adjoint", array))) if array.is_active else py.constant(None)
            for array in (self.stage.array, *self.stage.reads)
        ]
        call = py.call(f"{self.stage.name}_adjoint", *self._slices(value), *adjoints, self._size())
        self.out.statement(ast.Expr(call), None)

    def _flat(self, of: object) -> None:
        self.out.assign(self._flat_name(of), py.call("flat", py.name(self.names[of])))

    def _flat_name(self, of: object) -> str:
        return self.names["flat", of]

    def _slices(self, value: Callable[[Scalar], ast.expr]) -> list[ast.expr]:
        own = [py.name(self.names[loop]) for loop in self.stage.loops]
        rank = len(self.stage.array.axes) - len(own)
        return [
            *(e for one in self.stage.reads_slices for e in self._slice(one, [value(i) for i in one.index])),
            *self._begin(self.stage.array, own, rank),
        ]

    def _slice(self, one: Slice, index: Sequence[ast.expr]) -> list[ast.expr]:
        return self._begin(one.array, index, one.rank)

    def _begin(self, array: Array, index: Sequence[ast.expr], rank: int) -> list[ast.expr]:
        """An array laid flat, and where a slice begins."""
        number = row_major(index, [self.size(a) for a in array.axes[: len(array.axes) - rank]])
        begin = number if number is not None else py.constant(0)
        for axis in array.axes[len(array.axes) - rank :] if number is not None else ():
            begin = py.binary("mul", begin, self.size(axis))
        return [py.name(self._flat_name(array)), begin]

    def _size(self) -> ast.expr:
        return self.size(self.stage.array.axes[-1])

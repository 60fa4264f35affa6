"""Sums over labels with the expected statistics behind them, many rows at once, in threads; what those over paths of chains share with them.

Rows are cut into the same parts, and what these come to is added in the same order, for any number of threads: so are the bytes.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pgmlang.native.program_files import load_program

LOG2_E = 1 / math.log(2)
PARTS, SHORTEST_PART, PART_NUMBERS = 64, 4096, 2**22
"""Most parts that rows are cut into, fewest rows of one, and numbers that all parts' results have together."""
TILE = 128
"""Rows of a part are whole multiples of this."""
WRITTEN_OUT = 8
"""States of a chain for whose number there is a program of its own."""

T = TypeVar("T")
R = TypeVar("R")


@cache
def row_programs() -> ModuleType:
    """The compiled sums over labels."""
    from pgmlang.native.runtime import row_sums

    return load_program(inspect.getsource(row_sums))


def of_states(runtime: ModuleType, states: int) -> ModuleType:
    """A module of the runtime compiled for few states, with their number written out."""
    tree = ast.parse(inspect.getsource(runtime))
    if states <= WRITTEN_OUT:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "states":
                node.value = ast.Constant(states)
    return load_program(ast.unparse(tree))


@dataclass(frozen=True, eq=False)
class Room:
    """Arrays that are used again: pages that are asked for anew are cleared each time."""

    free: dict[tuple[int, ...], list[np.ndarray]]

    def take(self, *shape: int) -> np.ndarray:
        try:
            return self.free[shape].pop()
        except (KeyError, IndexError):  # another thread may have the last one
            return np.empty(shape)

    def give_back(self, *arrays: np.ndarray) -> None:
        for array in arrays:
            self.free.setdefault(array.shape, []).append(array)


class ExpectedStatistics(NamedTuple):
    """What a sum comes to: ``totals [start]``; expected statistics ``moments [start, state, width]``; the probabilities of rows'
    states, ``posterior [start, state, rows]``, and of chains' steps, ``pairs [start, kind, before, state]``, empty where not wanted."""

    totals: np.ndarray
    moments: np.ndarray
    posterior: np.ndarray
    pairs: np.ndarray


class RowTables(NamedTuple):
    """What is said of each row by itself: ``dense [start or 1, state, rows]`` log-values, and codes ``held [name, start or 1,
    rows]``, negative where a label is open, with the code that each state has, ``states_of [name, state]``."""

    dense: np.ndarray
    held: np.ndarray
    states_of: np.ndarray


@dataclass(frozen=True, eq=False)
class ShownRows:
    """What rows show: ``columns [i, rows]``, ``codes [j, rows]``, ``seen [m, rows]``, and how each statistic is ``made [width, 4]`` of
    them (see `runtime/row_sums`). ``weights [rows]``, empty where all are one."""

    columns: np.ndarray
    codes: np.ndarray
    seen: np.ndarray
    made: np.ndarray
    weights: np.ndarray
    count: int

    @property
    def arguments(self) -> tuple[np.ndarray, ...]:
        return self.columns, self.codes, self.seen, self.made


@dataclass(frozen=True, eq=False)
class Threads:
    """Calls of compiled code, which lets Python go, side by side."""

    count: int

    def each(self, run: Callable[[T], R], some: Sequence[T]) -> Iterable[R]:
        """``run`` of each, results in order."""
        return map(run, some) if self.count < 2 or len(some) < 2 else self._pool.map(run, some)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.count, thread_name_prefix="native")


def parts_of(first: int, last: int, numbers: int) -> list[tuple[int, int]]:
    """The parts of rows whose results have so many ``numbers``: the same for any number of threads."""
    most = max(1, min(PARTS, PART_NUMBERS // max(numbers, 1)))
    size = max(SHORTEST_PART, -(-(last - first) // most))
    size += -size % TILE
    return [(begin, min(begin + size, last)) for begin in range(first, last, size)]


def room_of_tile(states: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where the statistics, the states' values, their greatest ones and sums of a tile's rows are worked out."""
    return np.zeros((width, TILE)), np.zeros((states, TILE)), np.empty(TILE), np.empty(TILE)


@dataclass(frozen=True, eq=False)
class LabelSums:
    """The sum over the labels of each row."""

    rows: ShownRows
    threads: Threads

    def __call__(
        self, coefficients: np.ndarray, tables: RowTables, rows: tuple[int, int], impossible: float, *, moments: bool, posterior: bool
    ) -> ExpectedStatistics:  # fmt: skip
        """By ``coefficients [start, state, width]`` of the statistics of ``rows`` first to last. Log-values below ``impossible``
        are minus infinity."""
        starts, states, width = coefficients.shape
        scaled = np.ascontiguousarray(coefficients * LOG2_E)
        wide = np.empty((starts, states, rows[1] - rows[0]) if posterior else (0, 0, 0))

        def part(some: tuple[int, int]) -> ExpectedStatistics:
            return self._of_part(some, scaled, tables, rows[0], impossible, wide, moments)

        totals, sums = np.zeros(starts), np.zeros((starts, states, width))
        for out in self.threads.each(part, parts_of(*rows, starts * states * width)):
            totals += out.totals
            sums += out.moments
        return ExpectedStatistics(totals, sums, wide, np.empty(0))

    def _of_part(
        self, some: tuple[int, int], scaled: np.ndarray, tables: RowTables, origin: int, impossible: float, wide: np.ndarray, moments: bool
    ) -> ExpectedStatistics:  # fmt: skip
        """The sum over some rows by coefficients in logarithms to base two, with their posterior in ``wide``, which like the tables begins at row
        ``origin``."""
        starts, states, width = scaled.shape
        totals, sums = np.zeros(starts), np.zeros((starts, states, width))
        row_programs().sum_labels(
            *some, origin, scaled, *self.rows.arguments, self.rows.weights, impossible * LOG2_E, *tables, totals, sums, wide, moments,
            *room_of_tile(states, width),
        )  # fmt: skip
        return ExpectedStatistics(totals, sums, wide, np.empty(0))

    def curvature(
        self, coefficients: np.ndarray, tables: RowTables, impossible: float
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """The sum over all rows by ``coefficients [state, width]``, its gradient and its second derivatives ``[state, width, state,
        width]``."""
        program, (states, width) = row_programs(), coefficients.shape
        pairs = states * (states + 1) // 2
        scaled = np.ascontiguousarray(coefficients[None] * LOG2_E)

        def part(some: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            wide = np.empty((1, states, some[1] - some[0]))
            dense, held = (np.ascontiguousarray(t[..., slice(*some)]) for t in (tables.dense, tables.held))
            mine = RowTables(dense, held, tables.states_of)
            out = self._of_part(some, scaled, mine, some[0], impossible, wide, True)
            second = np.zeros((pairs, width, width))
            program.add_covariances(
                *some, out.posterior[0], *self.rows.arguments, self.rows.weights, second, *room_of_tile(states, width), np.empty((width, TILE)))  # fmt: skip
            return out.totals, out.moments, second

        total, sums, upper = 0.0, np.zeros((states, width)), np.zeros((pairs, width, width))
        for height, moments, second in self.threads.each(part, parts_of(0, self.rows.count, upper.size)):
            total += float(height[0])
            sums += moments[0]
            upper += second
        whole = np.triu(upper) + np.triu(upper, 1).swapaxes(1, 2)
        square = np.empty((states, width, states, width))
        for j in range(states):
            for k in range(j + 1):
                square[k, :, j] = square[j, :, k] = whole[j * (j + 1) // 2 + k]
        return total, sums, square


def array_of(values: Any, dtype: type) -> np.ndarray:
    """As compiled code takes it: in one piece, row by row."""
    return np.ascontiguousarray(values, dtype=dtype)

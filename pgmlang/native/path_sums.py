"""Sums over the paths of chains with the expected statistics behind them: of few states in stretches side by side, of more, or where a number was
lost there, step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import pairwise
from types import ModuleType

import numpy as np

from pgmlang.native.expectations import (
    LOG2_E,
    PART_NUMBERS,
    PARTS,
    SHORTEST_PART,
    WRITTEN_OUT,
    ExpectedStatistics,
    Room,
    RowTables,
    ShownRows,
    Threads,
    of_states,
    parts_of,
    room_of_tile,
    row_programs,
)
from pgmlang.native.lane_chains import LaneChains

LEAST_PAIR = 1e-150
"""Probabilities of a step below which chains are summed in logarithms."""


@cache
def chain_programs(states: int) -> ModuleType:
    """The compiled sums over paths."""
    from pgmlang.native.runtime import chain_sums

    return of_states(chain_sums, states)


@dataclass(frozen=True, eq=False)
class ChainSums:
    """The sum over the paths of chains: ``order`` of rows, chain after chain, which ``begins [chains + 1]`` cut, each chain's
    ``weights``; ``kind [rows]``: of the steps."""

    rows: ShownRows
    order: np.ndarray
    begins: np.ndarray
    weights: np.ndarray
    kind: np.ndarray
    threads: Threads
    room: Room = field(default_factory=lambda: Room({}))

    @cached_property
    def _lanes(self) -> LaneChains:
        kinds = int(self.kind.max()) + 1
        return LaneChains(self.rows, self.order, self.begins, self.weights, self.kind, kinds, self.room)

    def __call__(
        self, coefficients: np.ndarray, log_pairs: np.ndarray, tables: RowTables, impossible: float, *, moments: bool
    ) -> ExpectedStatistics:  # fmt: skip
        """By ``coefficients [start, state, width]`` of the rows' statistics and ``log_pairs [start, kind, before, state]``."""
        starts, states, _ = coefficients.shape
        out = ExpectedStatistics(
            np.empty(starts),
            np.zeros(coefficients.shape),
            np.empty((starts, states, self.rows.count) if moments and tables.dense.size else (0, 0, 0)),
            np.zeros(log_pairs.shape if moments else (starts, 1, 1, 1)),
        )
        side_by_side = starts if starts >= self.threads.count else 1
        inner = Threads(1) if side_by_side > 1 else self.threads

        def start(number: int) -> None:
            self._of_start(
                number,
                coefficients[number] * LOG2_E,
                log_pairs[number] * LOG2_E,
                tables,
                impossible * LOG2_E,
                out,
                inner,
                moments,
            )

        for _ in (self.threads if side_by_side > 1 else Threads(1)).each(start, range(starts)):
            pass
        return out

    def _of_start(
        self, number: int, coefficients: np.ndarray, log_pairs: np.ndarray, tables: RowTables, impossible: float, out: ExpectedStatistics,
        threads: Threads, moments: bool,
    ) -> None:  # fmt: skip
        states = len(coefficients)
        if states <= WRITTEN_OUT:
            total = self._lanes(number, coefficients, log_pairs, tables, impossible, out, threads, moments)
            if not math.isnan(total):
                out.totals[number] = total
                return
        program = row_programs()
        parts = parts_of(0, self.rows.count, coefficients.size)
        likelihoods, tops = self.room.take(self.rows.count, states), self.room.take(self.rows.count)
        at = (
            min(number, len(tables.dense) - 1),
            tables.held,
            min(number, tables.held.shape[1] - 1),
            tables.states_of,
        )

        def likelihoods_of(some: tuple[int, int], as_logs: bool = False) -> bool:
            return bool(program.row_likelihoods(
                *some, coefficients, *self.rows.arguments, impossible, tables.dense, *at, likelihoods, tops, as_logs,
                *room_of_tile(*coefficients.shape)))  # fmt: skip

        def moments_of(some: tuple[int, int]) -> np.ndarray:
            sums = np.zeros(coefficients.shape)
            program.add_row_moments(
                *some, likelihoods, *self.rows.arguments, sums, *room_of_tile(*coefficients.shape)[:2]
            )
            return sums

        is_lost = states <= WRITTEN_OUT or any(list(threads.each(likelihoods_of, parts)))
        pairs = np.exp2(log_pairs)
        is_lost = is_lost or bool(((pairs < LEAST_PAIR) & (log_pairs > -math.inf)).any())
        total = math.nan if is_lost else self._paths(likelihoods, tops, pairs, out.pairs[number], threads, moments)
        if math.isnan(total):
            for some in parts:
                likelihoods_of(some, True)
            out.pairs[number] = 0.0
            total = self._paths(likelihoods, None, log_pairs, out.pairs[number], threads, moments)
        out.totals[number] = total
        if moments and math.isfinite(total):
            for sums in threads.each(moments_of, parts):
                out.moments[number] += sums
            if len(out.posterior):
                out.posterior[number] = likelihoods.T
        elif moments:
            for array in (out.moments, out.pairs, out.posterior):
                array[number : number + 1] = math.nan
        self.room.give_back(likelihoods, tops)

    def _paths(
        self, likelihoods: np.ndarray, tops: np.ndarray | None, pairs: np.ndarray, pair_sums: np.ndarray, threads: Threads, moments: bool
    ) -> float:  # fmt: skip
        """The sum by scaled ``likelihoods`` with their ``tops``, NaN where a number was lost, or by log-values."""
        states = likelihoods.shape[1]
        program = chain_programs(states)
        are_kinds_apart = len(pairs) == self.rows.count  # each row has its own, which no two parts add to

        def part(some: tuple[int, int]) -> tuple[float, np.ndarray]:
            longest = int(np.diff(self.begins[some[0] : some[1] + 1]).max())
            sums = pair_sums if are_kinds_apart else np.zeros_like(pair_sums)
            alpha, scales, beta = self.room.take(longest, states), self.room.take(longest), np.empty((3, states))
            around = (*some, self.begins, self.order, likelihoods)
            behind = (self.kind, pairs, self.weights, alpha, scales, beta, sums, moments)
            if tops is None:
                height = program.chain_paths_by_logs(*around, *behind)
            else:
                height = program.chain_paths(*around, tops, *behind)
            self.room.give_back(alpha, scales)
            return height, sums

        total = 0.0
        for height, sums in threads.each(part, self._parts(pairs.size)):
            total += height
            if not are_kinds_apart:
                pair_sums += sums
        return total

    def _parts(self, numbers: int) -> list[tuple[int, int]]:
        """Chains that are gone through together, about as many rows each time."""
        chains = len(self.begins) - 1
        most = max(1, min(PARTS, PART_NUMBERS // max(numbers, 1), self.rows.count // SHORTEST_PART))
        cuts = np.searchsorted(self.begins, np.linspace(0, self.rows.count, most + 1)[1:-1])
        edges: list[int] = [0, *dict.fromkeys(int(c) for c in cuts if 0 < c < chains), chains]
        return [(a, b) for a, b in pairwise(edges) if b > a]

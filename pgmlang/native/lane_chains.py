"""Sums over the paths of chains of few states, eight stretches of time side by side (`runtime/chain_lanes`): how rows are laid out for them, and
the parts that threads take."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from types import ModuleType

import numpy as np

from pgmlang.native.expectations import LOG2_E, ExpectedStatistics, Room, RowTables, ShownRows, Threads, of_states
from pgmlang.native.program_files import load_program

GROUPS, TILE = 16, 128
"""Steps of a stretch in a tile, and the rows of its eight stretches."""
PART = 64
"""Tiles of a part: their likelihoods and forward numbers lie in the processor's second cache."""


@cache
def row_lane_programs() -> ModuleType:
    """What rows say, compiled."""
    from pgmlang.native.runtime import row_lanes

    return load_program(inspect.getsource(row_lanes))


@cache
def chain_lane_programs(states: int) -> ModuleType:
    """The compiled sums over paths."""
    from pgmlang.native.runtime import chain_lanes

    return of_states(chain_lanes, states)


@dataclass(frozen=True, eq=False)
class LaneChains:
    """``order`` of rows, chain after chain, which ``begins [chains + 1]`` cut, each chain's ``weights``; ``kind [rows]``: of the steps,
    ``kinds`` in all."""

    rows: ShownRows
    order: np.ndarray
    begins: np.ndarray
    weights: np.ndarray
    kind: np.ndarray
    kinds: int
    room: Room

    @cached_property
    def parts(self) -> list[tuple[int, int]]:
        """The tiles of each part: the same for any number of threads."""
        tiles = -(-self.rows.count // TILE)
        return list(pairwise([*range(0, tiles, PART), tiles]))

    @cached_property
    def place(self) -> np.ndarray:
        """Where the rows of the chains lie, in their order: step by step the eight stretches of a part."""
        out = np.arange(self.rows.count)
        for first, last in self.parts:
            steps = GROUPS * (last - first)
            within = out[TILE * first : TILE * last] - TILE * first
            out[TILE * first : TILE * last] = TILE * first + 8 * (within % steps) + within // steps
        return out

    @cached_property
    def row_at(self) -> np.ndarray:
        """The row at each place, the first one where there is none."""
        out = np.zeros(TILE * self.parts[-1][1], dtype=np.int64)
        out[self.place] = self.order
        return out

    @cached_property
    def nowhere(self) -> tuple[np.ndarray, ...]:
        """The places without a row, as indices of likelihoods ``[tile, :, row of a tile]``."""
        is_taken = np.zeros(len(self.row_at), dtype=bool)
        is_taken[self.place] = True
        return divmod(np.flatnonzero(~is_taken), TILE)

    @cached_property
    def laid_out(self) -> tuple[np.ndarray, ...]:
        """What the rows show, in their places."""
        columns, codes, seen, made = self.rows.arguments
        return *(np.ascontiguousarray(a[:, self.row_at]) for a in (columns, codes, seen)), made

    @cached_property
    def steps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The kinds of the steps and the rows' weights, ``[., 8]``, and whether a kind is new. Where there is no row a chain of no weight begins,
        of one kind more."""
        kind, weight = np.full((len(self.row_at) // 8, 8), ~self.kinds), np.zeros((len(self.row_at) // 8, 8))
        mine = self.kind[self.order]
        mine[self.begins[:-1]] = ~mine[self.begins[:-1]]
        kind.reshape(-1)[self.place] = mine
        weight.reshape(-1)[self.place] = np.repeat(self.weights, np.diff(self.begins))
        is_new = np.ones(len(kind), dtype=bool)
        is_new[1:] = (kind[1:] != kind[:-1]).any(1)
        return kind, weight, is_new

    def __call__(
        self, number: int, coefficients: np.ndarray, log_pairs: np.ndarray, tables: RowTables, impossible: float, out: ExpectedStatistics,
        threads: Threads, moments: bool,
    ) -> float:  # fmt: skip
        """The sum of a start, with what ``out`` is to have of it; NaN where it was lost. Logarithms are to base two."""
        states, width = coefficients.shape
        program, row_program = chain_lane_programs(states), row_lane_programs()
        kind, weight, is_new = self.steps
        pairs = np.concatenate([np.exp2(log_pairs[: self.kinds]), np.eye(states)[None]])
        tiles, longest = self.parts[-1][1], self.parts[0][1]
        likelihoods = self.room.take(tiles * states, TILE)
        transfer = np.empty((len(self.parts), states * states, 8))
        begins, ends, exponent = (np.empty((len(self.parts), states, 8)) for _ in range(3))
        said = self._said(number, tables)

        def room() -> np.ndarray:
            return np.empty((2 * states * (states + 1), 8))

        def likelihoods_of(part: int) -> float:
            some = self.parts[part]
            height = row_program.lane_likelihoods(
                *some, coefficients, *self.laid_out, weight, impossible, *said, likelihoods, np.empty((width, TILE)))  # fmt: skip
            if some[1] == tiles:
                likelihoods.reshape(tiles, states, TILE)[self.nowhere[0], :, self.nowhere[1]] = 1.0
            program.chain_transfers(
                *some, likelihoods, kind, is_new, pairs, transfer[part], exponent[part], room()
            )
            return float(height)

        are_kinds_apart = self.kinds == self.rows.count  # each row has its own, which no two parts add to
        apart = np.zeros_like(pairs)

        def posteriors_of(part: int) -> tuple[float, np.ndarray, np.ndarray]:
            some = self.parts[part]
            pair_sums = apart if are_kinds_apart else np.zeros_like(pairs)
            sums = np.zeros(coefficients.shape)
            alpha = self.room.take((GROUPS * longest + 1) * states, 8)
            height = program.chain_posteriors(
                *some, likelihoods, kind, is_new, pairs, weight, begins[part], ends[part], alpha, pair_sums, room())  # fmt: skip
            self.room.give_back(alpha)
            if moments:
                row_program.add_lane_moments(
                    *some,
                    likelihoods,
                    *self.laid_out,
                    sums,
                    np.empty((width, TILE)),
                    np.empty((states * width, 8)),
                )
            return float(height), pair_sums, sums

        total = sum(threads.each(likelihoods_of, range(len(self.parts))))
        program.chain_boundaries(transfer, exponent, begins, ends, np.empty(states), np.empty(states))
        all_pairs, all_sums = apart, np.zeros(coefficients.shape)
        for height, pair_sums, sums in threads.each(posteriors_of, range(len(self.parts))):
            total += height
            all_sums += sums
            all_pairs = all_pairs if are_kinds_apart else all_pairs + pair_sums
        if moments and math.isfinite(total):
            out.moments[number] = all_sums
            out.pairs[number, : self.kinds] = all_pairs[:-1]
        if len(out.posterior):
            by_tile = likelihoods.reshape(tiles, states, TILE).swapaxes(0, 1).reshape(states, -1)
            out.posterior[number][:, self.order] = by_tile[:, self.place]
        self.room.give_back(likelihoods)
        return total / LOG2_E if math.isfinite(total) else math.nan

    def _said(self, number: int, tables: RowTables) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The tables of rows of a start, in their places."""
        dense = tables.dense[min(number, len(tables.dense) - 1)]
        held = np.zeros((0, 0), np.int16)
        if len(tables.held):
            held = np.ascontiguousarray(tables.held[:, min(number, tables.held.shape[1] - 1), self.row_at])
        if dense.size:
            dense = np.ascontiguousarray(dense[:, self.row_at])
        return dense, held, tables.states_of

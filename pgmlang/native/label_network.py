"""Labels whose factors are tables, as arrays: which factors hold each node, which nodes it meets, in which order nodes are drawn.

Nodes that meet alike share what is worked out of them: inner sites of a homogeneous lattice are of one class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

MOST_MEETINGS = 1 << 26
"""Most pairs of nodes and others in a factor that holds them."""
MOST_CELLS = 1 << 22
"""Most cells of all classes' tables of log-weights."""
MOST_OF_ONE = 1 << 14
"""Most cells of one class's table."""
MOST_SIGNATURE = 64
"""Most numbers that a node is told from others by."""


class FactorTables(NamedTuple):
    """A factor as tables: ``nodes [element, slot]`` that its elements hold, ``base [element]``, where the table of each begins among all
    cells, the ``strides`` of its slots, and ``moves [element, slot]``: whether the table hangs on the slot."""

    nodes: np.ndarray
    base: np.ndarray
    strides: np.ndarray
    moves: np.ndarray


class Holders(NamedTuple):
    """The factors that hold each node, ``starts [V + 1]``: ``base`` and ``step`` of the row of cells of its states, the ``other`` nodes, from
    ``other_starts`` on, that move the row, with their ``stride``."""

    starts: np.ndarray
    base: np.ndarray
    step: np.ndarray
    other_starts: np.ndarray
    other: np.ndarray
    stride: np.ndarray


class Neighbours(NamedTuple):
    """The nodes that each node meets: ``node`` from ``starts [V + 1]`` on, in ascending order."""

    starts: np.ndarray
    node: np.ndarray


class Classes(NamedTuple):
    """Nodes whose conditionals are one function of their neighbours' states: the ``of [V]`` each, one ``example`` of each, and where the
    cells of each begin, ``starts [class + 1]``."""

    of: np.ndarray
    example: np.ndarray
    starts: np.ndarray


@dataclass(frozen=True, eq=False)
class LabelNetwork:
    """``num_states [V]`` of each node, the ``factors`` that hold some, their ``cells``, and the sum of those that hold none."""

    num_states: np.ndarray
    factors: Sequence[FactorTables]
    cells: np.ndarray
    constant: float = 0.0

    @property
    def num_nodes(self) -> int:
        """How many nodes there are."""
        return len(self.num_states)

    @cached_property
    def holders(self) -> Holders:
        """The factors that hold each node."""
        parts = [part for factor in self.factors for part in _held(factor)]
        node, base, step, counts, other, stride = (
            np.concatenate([np.zeros(0, np.int64), *(part[i] for part in parts)]) for i in range(6)
        )
        order = np.argsort(node, kind="stable")
        starts = np.searchsorted(node[order], np.arange(self.num_nodes + 1))
        before = np.cumsum(counts) - counts
        counts = counts[order]
        other_starts = np.r_[0, np.cumsum(counts)]
        taken = np.repeat(before[order] - other_starts[:-1], counts) + np.arange(other_starts[-1])
        return Holders(starts, base[order], step[order], other_starts, other[taken], stride[taken])

    @property
    def meetings(self) -> int:
        """How many pairs of nodes and others in a factor there are."""
        return sum(int(np.prod(f.nodes.shape)) * (f.nodes.shape[1] - 1) for f in self.factors)

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Each pair of a node and one that it meets once, as one number; which pair each of the holders' others is."""
        held = self.holders
        of_factor = np.repeat(np.arange(self.num_nodes), np.diff(held.starts))
        of_other = np.repeat(of_factor, np.diff(held.other_starts))
        return np.unique(of_other * self.num_nodes + held.other, return_inverse=True)

    @cached_property
    def neighbours(self) -> Neighbours:
        """Which nodes meet."""
        pairs, _ = self._pairs
        starts = np.searchsorted(pairs, np.arange(self.num_nodes + 1) * self.num_nodes)
        return Neighbours(starts, pairs % max(self.num_nodes, 1))

    @cached_property
    def cell_counts(self) -> np.ndarray:
        """Cells ``[V]`` of each node's log-weights by its neighbours' states, as numbers with a point: they may be many."""
        near = self.neighbours
        logs = np.r_[0.0, np.cumsum(np.log(self.num_states[near.node]))]
        return np.round(np.exp(logs[near.starts[1:]] - logs[near.starts[:-1]]) * self.num_states)

    @cached_property
    def classes(self) -> Classes | None:
        """Classes of nodes, where there are few enough cells."""
        if self.cell_counts.max(initial=0.0) > MOST_OF_ONE:
            return None
        example, of = _alike(self._signatures())
        counts = self.cell_counts[example].astype(np.int64)
        return Classes(of, example, np.r_[0, np.cumsum(counts)]) if counts.sum() <= MOST_CELLS else None

    def _signatures(self) -> np.ndarray:
        """What the conditional of each node is a function of beside states, ``[V, width]``; only the node's own number where that is much."""
        held, near = self.holders, self.neighbours
        others = np.diff(held.other_starts)
        widest, most = int(others.max(initial=0)), int(np.diff(held.starts).max(initial=0))
        most_near = int(np.diff(near.starts).max(initial=0))
        width = 2 + 2 * widest
        if most * width + most_near + 1 > MOST_SIGNATURE:
            return np.arange(self.num_nodes)[:, None]
        factor = np.repeat(np.arange(self.num_nodes), np.diff(held.starts))
        records = np.full((len(held.base), width), -1, dtype=np.int64)
        records[:, 0], records[:, 1] = held.base, held.step
        rows = np.repeat(np.arange(len(others)), others)
        place = np.arange(len(rows)) - held.other_starts[:-1][rows]
        records[rows, 2 + 2 * place] = self._pairs[1] - near.starts[factor[rows]]
        records[rows, 3 + 2 * place] = held.stride
        out = np.full((self.num_nodes, 1 + most_near + most * width), -2, dtype=np.int64)
        out[:, 0] = self.num_states
        node = np.repeat(np.arange(self.num_nodes), np.diff(near.starts))
        out[node, 1 + np.arange(len(node)) - near.starts[node]] = self.num_states[near.node]
        wide = out[:, 1 + most_near :].reshape(self.num_nodes, most, width)
        wide[factor, np.arange(len(factor)) - held.starts[factor]] = records
        return out


def _held(factor: FactorTables) -> list[tuple[np.ndarray, ...]]:
    """For each slot of a factor: the nodes, base, step and number of others, the others and their strides; of elements that hold a node in
    several slots the first, with the sum of their strides."""
    out: list[tuple[np.ndarray, ...]] = []
    slots = factor.nodes.shape[1]
    same = factor.nodes[:, :, None] == factor.nodes[:, None, :]
    for slot in range(slots):
        keep = ~same[:, slot, :slot].any(1) & (same[:, slot] & factor.moves).any(1)
        beside = ~same[:, slot] & factor.moves
        step = (same[:, slot] * factor.strides).sum(1)[keep]
        beside = beside[keep]
        strides = np.broadcast_to(factor.strides, beside.shape)
        out.append((factor.nodes[keep, slot], factor.base[keep], step, beside.sum(1), factor.nodes[keep][beside], strides[beside]))  # fmt: skip
    return out


def _alike(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One row of each that are equal, and which of these each is."""
    if rows.shape[1] == 1:
        return np.unique(rows[:, 0], return_index=True, return_inverse=True)[1:]
    powers = (2 * np.random.default_rng(0).integers(0, 2**62, rows.shape[1]) + 1).astype(np.uint64)
    with np.errstate(over="ignore"):
        numbers = ((rows.astype(np.uint64) + np.uint64(1)) ** np.uint64(3) * powers).sum(1, dtype=np.uint64)
    _, example, of = np.unique(numbers, return_index=True, return_inverse=True)
    if not (rows[example][of] == rows).all():
        _, example, of = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return example, of.reshape(-1)

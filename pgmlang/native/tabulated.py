"""Discrete variables and the factors that hold them as a network of labels: each factor's values at all states of what an element holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pgmlang.native.factor_terms import FactorTerm
from pgmlang.native.formulas import NotScalar
from pgmlang.native.label_network import FactorTables, LabelNetwork
from pgmlang.native.numpy_values import NumpyValues
from pgmlang.native.scalars import Array, Scalar, walk
from pgmlang.native.value_terms import ValueTerms, places_of

MOST_TABLE_CELLS = 1 << 24
"""Most cells of all tables."""
CHUNK = 1 << 20
"""Cells worked out at a time."""


@dataclass(frozen=True)
class LabelBlock:
    """The nodes of a variable: ``first`` and those after it, one an element of ``shape``, last axis fastest; ``size``: states of each."""

    first: int
    shape: tuple[int, ...]
    size: int

    @cached_property
    def count(self) -> int:
        """How many there are."""
        return math.prod(self.shape)


def label_blocks(shapes: Mapping[str, tuple[int, ...]], states: Mapping[str, int]) -> dict[str, LabelBlock]:
    """Blocks one after the other."""
    out: dict[str, LabelBlock] = {}
    first = 0
    for name, shape in shapes.items():
        out[name] = LabelBlock(first, tuple(shape), states[name])
        first += out[name].count
    return out


def tabulated(
    terms: ValueTerms, found: Sequence[FactorTerm], blocks: Mapping[str, LabelBlock], array: Callable[[Array], np.ndarray],
    size: Callable[[str], int],
) -> LabelNetwork:  # fmt: skip
    """The network of the nodes of ``blocks`` whose factors are ``found``. Raises NotScalar for factors that hold a node anywhere along a sum, or
    nodes that others pick, and for tables that are too large."""
    values = NumpyValues(array, size, terms.stages)
    tables = _Tables(values, blocks)
    for term in found:
        tables.add(term)
    number = np.concatenate([np.zeros(0, np.int64), *(np.full(b.count, b.size) for b in blocks.values())])
    return LabelNetwork(number, tables.factors, np.concatenate([np.zeros(0), *tables.cells]), tables.constant)


@dataclass
class _Tables:
    values: NumpyValues
    blocks: Mapping[str, LabelBlock]
    factors: list[FactorTables] = field(default_factory=list)
    cells: list[np.ndarray] = field(default_factory=list)
    constant: float = 0.0
    filled: int = 0

    def add(self, term: FactorTerm) -> None:
        """Adds a factor's tables."""
        slots = places_of(term.value, self.blocks)
        along = {s.payload for slot in slots for s in walk(*slot.args) if s.op == "loop"}
        for slot in slots:
            if not slot.loops <= set(term.loops):
                raise NotScalar(f"a sum over elements of `{slot.payload.of[0]}`")
        held = tuple(loop for loop in term.loops if loop in along)
        shape = tuple(self.values.size(loop.axis) for loop in held)
        sizes = tuple(self.blocks[s.payload.of[0]].size for s in slots)
        beside = math.prod(self.values.size(loop.axis) for loop in term.loops if loop not in held)
        count, each = math.prod(shape), math.prod(sizes)
        if max(count, beside) * each > MOST_TABLE_CELLS:
            raise NotScalar(f"tables of {count * each:,} cells")
        step = max(1, CHUNK // max(each * beside, 1))
        chunks = [self._chunk(term, slots, held, shape, np.arange(at, min(at + step, count))) for at in range(0, count, step)]  # fmt: skip
        if not chunks:
            return
        nodes, table = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
        if slots:
            self._keep(nodes, table, sizes)
        else:
            self.constant += float(table.sum())

    def _chunk(
        self, term: FactorTerm, slots: Sequence[Scalar], held: tuple[object, ...], shape: tuple[int, ...], elements: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """The nodes ``[element, slot]`` that some of a factor's elements hold, and the values ``[element, cell]``."""
        wide = [1] * len(slots)
        loops = {
            loop: coordinates.reshape(-1, *wide)
            for loop, coordinates in zip(held, np.unravel_index(elements, shape) if shape else (), strict=True)
        }
        rank, beside = 1 + len(slots), [loop for loop in term.loops if loop not in held]
        for loop in beside:
            loops[loop] = np.arange(self.values.size(loop.axis)).reshape(-1, *[1] * rank)
            rank += 1
        given = {}
        for i, slot in enumerate(slots):
            along = [1] * len(slots)
            along[i] = -1
            given[id(slot)] = np.arange(self.blocks[slot.payload.of[0]].size).reshape(1, *along)
        here = self.values.at(loops, given, rank)  # type: ignore[arg-type]
        nodes = [self._nodes(here, slot, len(elements)) for slot in slots]
        sizes = [self.values.size(loop.axis) for loop in reversed(beside)]
        cells = [self.blocks[s.payload.of[0]].size for s in slots]
        table = np.broadcast_to(here.value(term.value), (*sizes, len(elements), *cells))
        summed = table.sum(tuple(range(len(sizes)))).reshape(len(elements), -1)
        return np.stack(nodes, 1) if nodes else np.zeros((len(elements), 0), np.int64), summed

    def _nodes(self, here: NumpyValues, slot: Scalar, count: int) -> np.ndarray:
        """The node that each element holds in a slot."""
        block = self.blocks[slot.payload.of[0]]
        node = np.full(count, 0)
        for index, size in zip(slot.args, block.shape, strict=True):
            at = np.asarray(here.value(index), dtype=np.int64)
            node = node * size + np.broadcast_to(at.reshape(-1), (count,))
        return node + block.first

    def _keep(self, nodes: np.ndarray, table: np.ndarray, sizes: tuple[int, ...]) -> None:
        rows, of = _each_once(table)
        whole = rows.reshape(len(rows), *sizes)
        differs = [(whole != whole.take([0], 1 + j)).reshape(len(rows), -1).any(1) for j in range(len(sizes))]
        strides = np.array([math.prod(sizes[j + 1 :]) for j in range(len(sizes))], dtype=np.int64)
        base = self.filled + of * rows.shape[1]
        self.factors.append(FactorTables(nodes, base, strides, np.stack(differs, 1)[of]))
        self.cells.append(rows.reshape(-1))
        self.filled += rows.size


def _each_once(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows that differ, and which of these each is."""
    if (table == table[:1]).all():
        return table[:1], np.zeros(len(table), dtype=np.int64)
    rows, of = np.unique(table, axis=0, return_inverse=True)
    return rows, of.reshape(-1)

"""Expected counts where what is hidden has few joint values: all rows by products with all tables at once.

A factor's log-value in a row is picked by the codes that the row shows, for each value of what it hides. The tables of all
factors with the same hidden variables, one below the other, are a matrix, the rows' codes another of indicators, and the
expected counts the product of these with the posterior of what is hidden (the E-step: Dempster, Laird and Rubin 1977, section
2). The junction tree does the same factor by factor, for any number of hidden variables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pgmlang.exact.evidence import Evidence
from pgmlang.tables.network import DiscreteNetwork, TableFactor

MOST_JOINT = 64
"""Joint values of what is hidden, at most."""
MOST_CODES = 64
"""Combinations of codes that a factor's observed variables have, at most."""
CACHED_INDICATORS = 2**24
"""Indicators of all rows that are kept; more are made again at each pass."""
BLOCK_CELLS = 2**19
"""Numbers of an intermediate result that blocks of rows are made for."""
IMPOSSIBLE = -1e30
"""Stands for the logarithm of zero in the product."""


@dataclass(frozen=True)
class StackedShape:
    """How a factor's table lies in the matrix. ``order``: its axes, those of observed variables first; ``size``: of the
    table; ``observed``: the number of those; ``gone``: which of these have rows whose cell is missing, and the sum over its
    values as one code more."""

    order: tuple[int, ...]
    size: tuple[int, ...]
    observed: int
    gone: tuple[int, ...]
    is_log: bool

    @cached_property
    def codes(self) -> tuple[int, ...]:
        """Number of codes of each observed variable."""
        sizes = (self.size[axis] for axis in self.order[: self.observed])
        return tuple(n + (place in self.gone) for place, n in enumerate(sizes))

    @cached_property
    def num_codes(self) -> int:
        return math.prod(self.codes)

    def matrices(self, tables: np.ndarray) -> np.ndarray:
        """Tables ``[tables, *size]`` as ``[tables, codes, hidden values]``, with the sums over what is missing."""
        out = tables.transpose(0, *(1 + axis for axis in self.order))
        for place in self.gone:
            out = np.concatenate([out, out.sum(1 + place, keepdims=True)], 1 + place)
        return out.reshape(len(tables), self.num_codes, -1)

    def counts(self, matrices: np.ndarray, tables: np.ndarray) -> np.ndarray:
        """Expected counts ``[tables, codes, hidden values]`` as those of the tables' cells ``[tables, *size]``."""
        hidden = tuple(self.size[axis] for axis in self.order[self.observed :])
        out = matrices.reshape(len(matrices), *self.codes, *hidden)
        wide = self.matrices(tables).reshape(out.shape)
        for place in reversed(self.gone):
            axis = 1 + place
            known, lost = np.split(out, [out.shape[axis] - 1], axis)
            cells, total = np.split(wide, [wide.shape[axis] - 1], axis)
            out = known + np.divide(lost * cells, total, out=np.zeros_like(known), where=total > 0)
            wide = cells
        return out.transpose(0, *(1 + axis for axis in np.argsort(self.order)))


@dataclass(frozen=True, eq=False)
class TableStack:
    """Factors with the same ``hidden`` variables: ``batches`` of factors' numbers of one shape, and the codes ``[rows]`` of each
    factor in that order, ``[rows, factors]``."""

    hidden: tuple[int, ...]
    batches: tuple[tuple[StackedShape, tuple[int, ...]], ...]
    codes: np.ndarray

    @cached_property
    def width(self) -> int:
        """Codes of all factors."""
        return sum(shape.num_codes * len(numbers) for shape, numbers in self.batches)

    @property
    def is_cached(self) -> bool:
        return self.width * len(self.codes) <= CACHED_INDICATORS

    def indicators(self, rows: slice, is_full: bool) -> np.ndarray:
        """``[rows, codes of all factors]``: which codes the rows show; without the first of each where it is not full."""
        if not self.is_cached:
            return self._made(rows, is_full)
        return (self._full if is_full else self._differences)[rows]

    @cached_property
    def _full(self) -> np.ndarray:
        return self._made(slice(None), True)

    @cached_property
    def _differences(self) -> np.ndarray:
        return self._made(slice(None), False)

    def _made(self, rows: slice, is_full: bool) -> np.ndarray:
        columns, start = [], 0
        for shape, numbers in self.batches:
            codes = self.codes[rows, start : start + len(numbers)]
            start += len(numbers)
            hot = codes[:, :, None] == np.arange(0 if is_full else 1, shape.num_codes)
            columns.append(hot.reshape(len(codes), -1).astype(np.float64))
        return np.ascontiguousarray(np.concatenate(columns, 1))


@dataclass(frozen=True, eq=False)
class StackedCounts:
    """The rows of one network, set up once; its tables change. ``sizes``: of the hidden variables, ``held``: the codes of those
    that some rows show, -1 where one does not; ``weights``: of the rows."""

    hidden: tuple[int, ...]
    sizes: tuple[int, ...]
    stacks: tuple[TableStack, ...]
    held: Mapping[int, np.ndarray]
    weights: np.ndarray

    def expected_counts(self, network: DiscreteNetwork) -> tuple[list[np.ndarray], np.ndarray]:
        """Posterior counts of every factor's cells summed over rows, and the log-evidence ``[rows]``: those of
        `ExactEngine.expected_counts`."""
        tables = [
            [np.stack([network.factors[n].values for n in numbers]) for _, numbers in stack.batches]
            for stack in self.stacks
        ]
        with np.errstate(divide="ignore"):
            logs = [
                [np.log(m) if not shape.is_log else m for (shape, _), m in _matrices(stack, some)]
                for stack, some in zip(self.stacks, tables, strict=True)
            ]
        is_full = not all(np.isfinite(m).all() for some in logs for m in some)
        matrices = [_stacked(some, is_full) for some in logs]
        log_evidence = np.empty(len(self.weights))
        sums = [np.zeros_like(matrix) for _, matrix in matrices]
        totals = [np.zeros(constant.shape) for constant, _ in matrices]
        for rows in self._blocks():
            hot = [stack.indicators(rows, is_full) for stack in self.stacks]
            posterior, log_evidence[rows] = self._posterior(matrices, hot, rows)
            for i, stack in enumerate(self.stacks):
                share = self._of_stack(posterior, stack)
                sums[i] += hot[i].T @ share
                totals[i] += share.sum(0)
        counts: list[np.ndarray] = [np.empty(0)] * len(network.factors)
        for i, stack in enumerate(self.stacks):
            start = 0
            for (shape, numbers), some in zip(stack.batches, tables[i], strict=True):
                width = shape.num_codes - (not is_full)
                cells = sums[i][start : start + width * len(numbers)].reshape(
                    len(numbers), width, sums[i].shape[1]
                )
                start += width * len(numbers)
                if not is_full:
                    first = np.maximum(totals[i] - cells.sum(1, keepdims=True), 0.0)
                    cells = np.concatenate([first, cells], 1)
                for number, array in zip(numbers, shape.counts(cells, some), strict=True):
                    counts[number] = array
        return counts, log_evidence

    def _blocks(self) -> list[slice]:
        widths = [stack.width for stack in self.stacks if not stack.is_cached]
        size = max(1, BLOCK_CELLS // max(math.prod(self.sizes), *widths, 1))
        return [slice(start, start + size) for start in range(0, len(self.weights), size)]

    def _posterior(
        self, matrices: Sequence[tuple[np.ndarray, np.ndarray]], hot: Sequence[np.ndarray], rows: slice
    ) -> tuple[np.ndarray, np.ndarray]:
        """The posterior of what is hidden times the rows' weights, ``[rows, *sizes]``, and the log-evidence ``[rows]``."""
        weights = self.weights[rows]
        total = np.zeros((len(weights), *self.sizes))
        for stack, (constant, matrix), indicators in zip(self.stacks, matrices, hot, strict=True):
            values = indicators @ matrix + constant
            total += values.reshape(len(weights), *self._places(stack))
        for variable, codes in self.held.items():
            axis = self.hidden.index(variable)
            shape = [1] * len(self.hidden)
            shape[axis] = self.sizes[axis]
            mine = codes[rows].reshape(-1, *[1] * len(self.hidden))
            total = np.where((mine < 0) | (mine == np.arange(self.sizes[axis]).reshape(shape)), total, -np.inf)
        flat = total.reshape(len(weights), -1)
        flat[flat < 0.5 * IMPOSSIBLE] = -np.inf
        top = flat.max(1, keepdims=True)
        top[np.isneginf(top)] = 0.0
        np.subtract(flat, top, out=flat)
        np.exp(flat, out=flat)
        mass = flat.sum(1)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_evidence = np.log(mass) + top[:, 0]
            flat *= np.where(mass > 0, weights / mass, 0.0)[:, None]
        return flat.reshape(total.shape), log_evidence

    def _places(self, stack: TableStack) -> tuple[int, ...]:
        return tuple(n if v in stack.hidden else 1 for v, n in zip(self.hidden, self.sizes, strict=True))

    def _of_stack(self, posterior: np.ndarray, stack: TableStack) -> np.ndarray:
        """The posterior ``[rows, hidden values]`` of a stack's variables."""
        others = tuple(1 + i for i, v in enumerate(self.hidden) if v not in stack.hidden)
        return (posterior.sum(others) if others else posterior).reshape(len(posterior), -1)


def _matrices(
    stack: TableStack, tables: Sequence[np.ndarray]
) -> list[tuple[tuple[StackedShape, tuple[int, ...]], np.ndarray]]:
    return [(batch, batch[0].matrices(some)) for batch, some in zip(stack.batches, tables, strict=True)]


def _stacked(logs: Sequence[np.ndarray], is_full: bool) -> tuple[np.ndarray, np.ndarray]:
    """What all rows have ``[hidden values]``, and the matrix ``[codes, hidden values]``, from tables ``[tables, codes, hidden
    values]``: of differences from the first code, where it is not full."""
    hidden = logs[0].shape[-1]
    if is_full:
        return np.zeros(hidden), np.concatenate([np.maximum(m, IMPOSSIBLE).reshape(-1, hidden) for m in logs])
    constant = np.sum([m[:, 0].sum(0) for m in logs], axis=0)
    return constant, np.concatenate([(m[:, 1:] - m[:, :1]).reshape(-1, hidden) for m in logs])


def stacked_counts(network: DiscreteNetwork, evidence: Evidence, weights: np.ndarray) -> StackedCounts | None:
    """The rows' codes in the order of the tables, or None where the hidden variables have too many joint values, or the
    tables too many codes. ``evidence``: codes by variable, of all rows or ``[rows]``, -1 for a missing cell."""
    shown = {v: np.broadcast_to(np.asarray(codes), len(weights)) for v, codes in evidence.items()}
    uses = np.bincount([v for f in network.factors for v in f.scope], minlength=len(network.variables))
    lost = {v for v, codes in shown.items() if (codes < 0).any()}
    # a missing cell of what nothing hangs on is summed within its one table
    leaves = {
        f.child
        for f in network.factors
        if f.child is not None and f.child in lost and uses[f.child] == 1 and not f.is_log
    }
    hidden = tuple(v for v in range(len(network.variables)) if v not in shown or v in lost - leaves)
    sizes = tuple(network.sizes[v] for v in hidden)
    if not hidden or math.prod(sizes) > MOST_JOINT:
        return None
    by_stack: dict[tuple[int, ...], dict[StackedShape, list[int]]] = {}
    for number, factor in enumerate(network.factors):
        shape = _shape_of(factor, set(hidden), leaves)
        if shape.num_codes > MOST_CODES:
            return None
        by_stack.setdefault(tuple(v for v in hidden if v in factor.scope), {}).setdefault(shape, []).append(number)
    stacks = []
    for variables, shapes in by_stack.items():
        codes = [
            _codes(network.factors[n], shape, shown, len(weights)) for shape, some in shapes.items() for n in some
        ]
        batches = tuple((shape, tuple(numbers)) for shape, numbers in shapes.items())
        stacks.append(TableStack(variables, batches, np.stack(codes, 1)))
    held = {v: shown[v] for v in hidden if v in shown}
    return StackedCounts(hidden, sizes, tuple(stacks), held, np.asarray(weights, dtype=np.float64))


def _shape_of(factor: TableFactor, hidden: set[int], leaves: set[int]) -> StackedShape:
    seen = [axis for axis, v in enumerate(factor.scope) if v not in hidden]
    rest = sorted(
        (axis for axis, v in enumerate(factor.scope) if v in hidden), key=lambda axis: factor.scope[axis]
    )
    gone = tuple(place for place, axis in enumerate(seen) if factor.scope[axis] in leaves)
    return StackedShape((*seen, *rest), factor.values.shape, len(seen), gone, factor.is_log)


def _codes(
    factor: TableFactor, shape: StackedShape, evidence: Mapping[int, np.ndarray], num_rows: int
) -> np.ndarray:
    """The combined code of a factor's observed variables in every row."""
    out = np.zeros(num_rows, dtype=np.int16)
    for axis, count in zip(shape.order[: shape.observed], shape.codes, strict=True):
        codes = evidence[factor.scope[axis]]
        out = out * count + np.where(codes < 0, count - 1, codes).astype(np.int16)
    return out

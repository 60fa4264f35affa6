"""Compiled sums over labels in place of torch's: which tables they take, in which order, and why there are none.

What a row says of its labels are coefficients times statistics (`sufficient`) and tables of rows; a compiled pass over the rows gives the
log of the sum over labels with the expected statistics, which are its gradient by the coefficients. The rest of the way, from parameters to
coefficients and tables, is torch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.joint_states import GivenGradients, JointStates
from pgmlang.density.keys import CountedTable, FreeTable, PresenceTable, TableKey
from pgmlang.density.reductions import scaled_sum, sum_to_axes
from pgmlang.density.shown_rows import Shown
from pgmlang.density.sufficient import IMPOSSIBLE
from pgmlang.density.summing import LogTable, Marginaliser
from pgmlang.native.expectations import ExpectedStatistics, LabelSums, RowTables, Threads, array_of
from pgmlang.native.path_sums import ChainSums

MOST_SQUARED = 4096
"""Coefficients whose second derivatives are worked out together."""


@dataclass(frozen=True, eq=False)
class LabelComponent:
    """Variables that hang together: ``now``, their joint labels, and of a ``chain`` also ``both``, those of the row before with them.
    ``axes``: of the rows; ``shown``: what these show; ``weights [rows]``, empty where all are one."""

    sums: Marginaliser
    names: tuple[str, ...]
    axes: tuple[str, ...]
    chain: str | None
    now: JointStates
    both: JointStates | None
    shown: Shown
    threads: Threads

    @property
    def scope(self) -> frozenset[int]:
        return frozenset(self.now.places if self.both is None else self.both.places)

    @property
    def rows(self) -> int:
        return math.prod(self.sums.joint.layout.size(a) for a in self.axes)

    def of_pairs(self, table: LogTable) -> bool:
        """Whether a table hangs on the labels of the row before."""
        return not table.scope <= frozenset(self.now.places)

    def log_sum(
        self, tables: Mapping[TableKey, LogTable], held: Mapping[str, Tensor], starts: int, rows: slice
    ) -> Tensor:
        """The log of the sum over all labels of some rows ``[start]``."""
        mine = {
            k: t
            for k, t in tables.items()
            if t.scope & self.scope and not isinstance(k, PresenceTable | FreeTable)
        }
        coefficients = self._coefficients(mine, starts)
        dense = self._dense(
            [t for k, t in mine.items() if not isinstance(k, CountedTable) and not self.of_pairs(t)]
        )
        is_wanted = torch.is_grad_enabled()
        tensors = [coefficients, dense]
        if self.both is not None:
            tensors.append(self._pairs({k: t for k, t in mine.items() if self.of_pairs(t)}, starts))
        wants = [is_wanted and t.requires_grad for t in tensors]
        outer = self.sums.joint.layout.size(self.axes[0])
        first, last = (i * (self.rows // outer) for i in rows.indices(outer)[:2])

        def run(*given: Tensor) -> tuple[Tensor, list[Tensor | None]]:
            return self._run(*given, held=held, rows=(first, last), wants=wants)

        total: Tensor = GivenGradients.apply(run, *tensors)
        return total

    def near(self, tables: Mapping[TableKey, LogTable]) -> Callable[[Mapping[TableKey, LogTable]], Tensor] | None:
        """The log of the sum over all rows' labels to second order around tables of one start, as a function of tables; None where it has
        no more than that to say by itself."""
        coefficients = self._coefficients(tables, 1).detach()
        states, width = coefficients.shape[0], coefficients.shape[2]
        only_counted = all(
            isinstance(k, CountedTable | PresenceTable | FreeTable)
            for k, t in tables.items()
            if t.scope & self.scope
        )
        if self.chain is not None or not only_counted or states * width > MOST_SQUARED:
            return None
        impossible = 0.5 * IMPOSSIBLE if bool((coefficients <= IMPOSSIBLE).any()) else -math.inf
        given = self._row_tables(np.zeros((1, states, 0)), {}, (0, self.rows))
        sums = LabelSums(self.shown.rows, self.threads)
        total, moments, second = sums.curvature(coefficients[:, 0].numpy(), given, impossible)
        slope, square = torch.as_tensor(moments)[:, None], torch.as_tensor(second).reshape(states * width, -1)

        def height(others: Mapping[TableKey, LogTable]) -> Tensor:
            starts = max(t.values.shape[self.sums.places] for t in others.values() if t.scope & self.scope)
            away = self._coefficients(others, starts) - coefficients
            flat = away.movedim(1, 0).flatten(1)
            return total + (slope * away).sum((0, 2)) + 0.5 * (flat @ square * flat).sum(1)

        return height

    def _coefficients(self, tables: Mapping[TableKey, LogTable], starts: int) -> Tensor:
        """What the rows' statistics are multiplied by, ``[state, start, width]``."""
        by_group = {
            k: self.now.along(t.values, self.sums.places) for k, t in tables.items()
            if t.scope & self.scope and isinstance(k, CountedTable) and not self.of_pairs(t)
        }  # fmt: skip
        return self.shown.coefficients(by_group, starts, self.now.count)

    def _dense(self, tables: list[LogTable]) -> Tensor:
        """The tables of rows together, ``[state, start or 1, rows]``; without any no rows."""
        total: Tensor | None = None
        for table in tables:
            values = sum_to_axes(self.sums.joint, table.values, table.axes, self.axes)
            values = self.now.along(values.flatten(-len(self.axes)), self.sums.places)
            values = values if values.dim() == 3 else values[:, None]
            total = values if total is None else total + values
        return torch.zeros(self.now.count, 1, 0, dtype=self.sums.joint.dtype) if total is None else total

    def _pairs(self, tables: Mapping[TableKey, LogTable], starts: int) -> Tensor:
        """The tables of steps together, ``[before times state, start or 1, kind]``."""
        assert self.both is not None
        total: Tensor | None = None
        for key, table in tables.items():
            if isinstance(key, CountedTable):
                values = table._replace(statistics=self.shown.of_kinds(key)).by_row().values
            else:
                values = sum_to_axes(self.sums.joint, table.values, table.axes, self.axes)
            values = self.both.along(values, self.sums.places)
            values = values if values.dim() == 3 else values[:, None]
            total = values if total is None else total + values
        assert total is not None, "a chain looks back"
        return total

    def _run(
        self, coefficients: Tensor, dense: Tensor, pairs: Tensor | None = None, *, held: Mapping[str, Tensor],
        rows: tuple[int, int], wants: list[bool],
    ) -> tuple[Tensor, list[Tensor | None]]:  # fmt: skip
        starts, states = coefficients.shape[1], self.now.count
        of_start = array_of(coefficients.detach().movedim(1, 0).numpy(), np.float64)
        impossible = 0.5 * IMPOSSIBLE if bool((coefficients <= IMPOSSIBLE).any()) else -math.inf
        tables = self._row_tables(dense.detach().movedim(1, 0).numpy(), held, rows)
        if pairs is None:
            sums = LabelSums(self.shown.rows, self.threads)
            out = sums(of_start, tables, rows, impossible, moments=any(wants), posterior=wants[1])
        else:
            kinds = pairs.shape[-1]
            log_pairs = (
                pairs.detach().expand(-1, starts, -1).permute(1, 2, 0).reshape(starts, kinds, states, states)
            )
            out = self._chain_sums(
                array_of(log_pairs.numpy(), np.float64), of_start, tables, impossible, any(wants)
            )
        gradients = [out.moments.swapaxes(0, 1), out.posterior.swapaxes(0, 1)]
        if pairs is not None:
            gradients.append(
                np.moveaxis(out.pairs.reshape(*out.pairs.shape[:2], states * states), -1, 0)
                if any(wants)
                else out.pairs
            )
        return torch.as_tensor(out.totals), [
            torch.as_tensor(np.ascontiguousarray(g)) if want else None
            for g, want in zip(gradients, wants, strict=True)
        ]

    def _chain_sums(
        self, log_pairs: np.ndarray, coefficients: np.ndarray, tables: RowTables, impossible: float, moments: bool
    ) -> ExpectedStatistics:
        kinds = log_pairs.shape[1]
        sums = self._of_kinds if kinds < self.rows else self._of_rows
        return sums(coefficients, log_pairs, tables, impossible, moments=moments)

    @cached_property
    def _of_kinds(self) -> ChainSums:
        order, begins, weights = self._paths
        return ChainSums(self.shown.rows, order, begins, weights, self.shown.kind, self.threads)

    @cached_property
    def _of_rows(self) -> ChainSums:
        return replace(self._of_kinds, kind=np.arange(self.rows))

    @cached_property
    def _paths(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows chain after chain, where each begins, and the chains' weights: those of their first rows."""
        assert self.chain is not None
        sequences = self.sums.joint.binding.layout.sequences(self.chain)
        order, position = array_of(sequences.order, np.int64), np.asarray(sequences.position)
        begins = np.flatnonzero(position[order] == 0)
        weights = self.sums.joint.weights.get(self.chain)
        mine = np.ones(len(begins)) if weights is None else np.asarray(weights)[order[begins]]
        return order, array_of([*begins, len(order)], np.int64), array_of(mine, np.float64)

    def _row_tables(self, dense: np.ndarray, held: Mapping[str, Tensor], rows: tuple[int, int]) -> RowTables:
        """What is said of rows by themselves: log-values, and labels that are held, or else seen."""
        joint, codes, places = self.sums.joint, list[Tensor](), list[int]()
        for place, name in enumerate(self.names):
            if name in held:
                codes.append(held[name].flatten(1))
            elif name in joint.missing:
                codes.append(torch.where(joint.missing[name], -1, joint.observed[name]).flatten()[None])
            else:
                continue
            places.append(place)
        wide = max((len(c) for c in codes), default=1)
        shape = (wide, rows[1] - rows[0])
        out = [np.broadcast_to(c[:, rows[0] : rows[1]].to(torch.int16).numpy(), shape) for c in codes]
        none = np.zeros((0, 1, 0), dtype=np.int16)
        return RowTables(
            array_of(dense, np.float64), array_of(out, np.int16) if out else none, self.now.codes[places]
        )


@dataclass(frozen=True, eq=False)
class NativeReduction:
    """The log of the sum over all labels by compiled code, component by component; ``shown_alone``: statistics of rows summed, of the
    factors with no label."""

    sums: Marginaliser
    components: tuple[LabelComponent, ...]
    shown_alone: Mapping[TableKey, Tensor]

    def reduce(self, tables: Mapping[TableKey, LogTable], held: Mapping[str, Tensor], rows: slice) -> Tensor:
        """``[start]``, of ``rows`` of the plate that is gone through in blocks."""
        total = self._alone(tables)
        starts = [c.shape[0] for c in held.values()]
        for key, table in tables.items():
            own = 1 if isinstance(key, CountedTable) else len(table.axes)
            starts += table.values.shape[self.sums.places : table.values.dim() - own]
        count = max([1, *starts])
        for component in self.components:
            total = total + component.log_sum(tables, held, count, rows)
        return total

    def near(self, tables: Mapping[TableKey, LogTable]) -> Callable[[Mapping[TableKey, LogTable]], Tensor] | None:
        """``reduce`` of all rows to second order around tables of one start; None where that is not worked out."""
        heights = [component.near(tables) for component in self.components]
        if any(h is None for h in heights):
            return None
        return lambda others: self._alone(others) + sum(h(others) for h in heights if h is not None)

    def _alone(self, tables: Mapping[TableKey, LogTable]) -> Tensor:
        """The factors that no label is behind, ``[start]``."""
        joint, places = self.sums.joint, self.sums.places
        total = torch.zeros((), dtype=joint.dtype)
        for key, table in tables.items():
            if table.scope:
                continue
            if isinstance(key, CountedTable):
                product = table.values.clamp(min=IMPOSSIBLE) @ self.shown_alone[key]
                values = torch.where(product > 0.5 * IMPOSSIBLE, product, -math.inf)
            else:
                values = scaled_sum(joint, table.values, table.axes)
            total = total + values.reshape(values.shape[places:])
        return total

"""Sums over discrete variables that go through the rows in blocks, and the expected log-joint behind them.

Of factors with sufficient statistics (`sufficient`) the blocks share the coefficients, and what the E-step keeps of their
rows are expected statistics. Of other factors the posterior weights of every row are cached, a number for each value. What is
laid out beside the data and these is bounded: ``BLOCK_CELLS`` numbers in each intermediate result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.density.gradients import slopes_of
from pgmlang.density.keys import AddedTable, TableKey
from pgmlang.density.linear_priors import LinearPrior, linear_prior
from pgmlang.density.made_again import made_again
from pgmlang.density.native_reduction import reduction_of
from pgmlang.density.native_sums import NativeReduction
from pgmlang.density.plain_rows import axes_of, is_cached, numbers_of_a_row, plate_of_blocks
from pgmlang.density.row_subset import block_of_rows
from pgmlang.density.sufficient import SufficientFactors, more_precise, sufficient_factors
from pgmlang.density.summing import NEVER, LogTable, Marginaliser
from pgmlang.lower.factors import factor_names
from pgmlang.model import Factor, Model
from pgmlang.model.dependence import names_behind
from pgmlang.tables.learned import learned_tables

BLOCK_CELLS = 2**19
"""Numbers of an intermediate result that blocks of rows are made for (of double precision 4 MB, a processor's cache)."""
PRECISION = 1e-6
"""Largest error of a row's log-density by rounding, in nats, at which sufficient statistics are used."""


@dataclass(frozen=True, eq=False)
class RowBlock:
    """``sums``: the factors of some ``rows`` that have no statistics, and the summing of all, by ``native`` code where there is
    some. ``cached``: the statistics by group, where they are kept."""

    sums: Marginaliser
    rows: slice
    cached: dict[TableKey, Tensor]
    native: NativeReduction | None = None

    def with_statistics(self, group: SufficientFactors, table: LogTable) -> LogTable:
        """The group's table with the statistics of these rows, of which compiled code has its own."""
        return table if self.native is not None else table._replace(statistics=self.statistics(group))

    def log_sum(self, tables: Mapping[TableKey, LogTable], held: Mapping[str, Tensor]) -> Tensor:
        """The log of the sum over the labels ``[start]``; codes that are ``held`` in compiled code alone."""
        return self.sums.reduce(tables) if self.native is None else self.native.reduce(tables, held, self.rows)

    def statistics(self, group: SufficientFactors) -> Tensor:
        """The group's statistics ``[width, rows]``."""
        return self.cached[group.key] if group.key in self.cached else group.of_rows(self.rows)


class Expectation(NamedTuple):
    """What an E-step says: ``statistics`` by group, ``[*value axes, start, width]``, and of the factors without statistics the
    posterior ``weights`` of every entry of their tables, by block. ``sums``: whose they are; ``is_live``: which starts,
    ``[start]``, have any."""

    sums: RowBlocks
    statistics: dict[TableKey, Tensor]
    weights: tuple[dict[TableKey, Tensor], ...]
    is_live: Tensor

    def of_starts(self, mask: Tensor) -> Expectation:
        """That of some starts, nothing of the others."""

        def masked(tables: dict[TableKey, Tensor]) -> dict[TableKey, Tensor]:
            wide = mask.reshape(*[1] * self.sums.places, -1)
            return {
                k: torch.where(wide.reshape(*wide.shape, *[1] * (w.dim() - wide.dim())), w, 0.0)
                for k, w in tables.items()
            }

        return self._replace(
            statistics=masked(self.statistics),
            weights=tuple(map(masked, self.weights)),
            is_live=self.is_live & mask,
        )

    def repeated(self, times: int) -> Expectation:
        """The same for so many values side by side as there are starts, one after the other."""

        def copies(tables: dict[TableKey, Tensor]) -> dict[TableKey, Tensor]:
            return {k: torch.cat([w] * times, self.sums.places) for k, w in tables.items()}

        return self._replace(
            statistics=copies(self.statistics),
            weights=tuple(map(copies, self.weights)),
            is_live=self.is_live.repeat(times),
        )


@dataclass(eq=False)
class _LastCoefficients:
    """The groups' tables at the values, without gradients, for which they were worked out last: an M-step looks at those that the next E-step
    begins with."""

    values: dict[str, Tensor] = field(default_factory=dict)
    tables: tuple[dict[TableKey, LogTable], bool] = field(default_factory=lambda: ({}, True))

    def are_of(self, values: Mapping[str, Tensor]) -> bool:
        mine = self.values
        return bool(mine) and mine.keys() == values.keys() and all(mine[n] is v for n, v in values.items())


@dataclass(frozen=True, eq=False)
class RowBlocks:
    """The sum over discrete variables of a density. ``whole``: the same in one piece; ``groups``: factors with sufficient
    statistics; ``blocks``: of rows; ``outside``: the factors that no rows have, where the rows can be told apart, but for ``priors`` that are linear in statistics;
    ``starts``: how many values are gone through side by side."""

    whole: Marginaliser
    groups: tuple[SufficientFactors, ...]
    blocks: tuple[RowBlock, ...]
    outside: Marginaliser | None
    starts: int
    priors: tuple[LinearPrior, ...] = ()
    backend: str = "torch"
    passes: int = 0
    last: _LastCoefficients = field(default_factory=_LastCoefficients)

    @property
    def is_native(self) -> bool:
        """Whether compiled code sums the labels out."""
        return any(b.native is not None for b in self.blocks)

    def is_of_statistics(self, names: tuple[str, ...]) -> bool:
        """Whether the factors that hang on these names are coefficients times statistics, all of them."""
        around = self.joint.memo.once(_around, self, names)
        is_outside = around.outside is not None or bool(around.priors)
        return not is_outside and not any(sums.scopes for sums in around.blocks)

    @property
    def joint(self) -> BoundDensity:
        return self.whole.joint

    @property
    def names(self) -> tuple[str, ...]:
        return self.whole.names

    @property
    def places(self) -> int:
        return self.whole.places

    @property
    def by_maximum(self) -> RowBlocks:
        """The most probable values in place of the sum."""

        return _in_blocks(replace(self.whole, log_sum=torch.amax), self.groups, self.starts, "torch", 0)

    @cached_property
    def more_precise(self) -> RowBlocks:
        """The same sum where rounding would cancel too much in the products with statistics: by finer ones, or row by row."""
        groups = tuple(g for g in map(more_precise, self.groups) if g is not None)
        return _in_blocks(self.whole, groups, self.starts, self.backend, self.passes)

    # ---- the sum

    def log_marginal(self, values: Values, params: Values) -> Tensor:
        """Log of the sum over all values of the variables, ``[...]`` by the leading axes of the other values. Its graph for
        gradients keeps no block's intermediate results."""
        shared, is_precise = self._coefficients(values, params)
        if not is_precise:
            return self.more_precise.log_marginal(values, params)
        total = torch.zeros((), dtype=self.joint.dtype, device=self.joint.device)
        total = total + self._outside(self.outside, self.priors, values, params)
        coefficients = {key: table.values for key, table in shared.items()}
        for block in self.blocks:

            def height(
                values: Values, params: Values, coefficients: Mapping[TableKey, Tensor], block: RowBlock = block
            ) -> Tensor:
                others = {
                    k: t._replace(values=coefficients[k]) for k, t in self._with_statistics(block, shared).items()
                }
                return block.log_sum(block.sums.tables(values, params, others=others), {})

            total = total + self._again(height, values, params, coefficients)
        return total

    def near(self, values: Values, params: Values) -> Callable[[Values, Values], Tensor] | None:
        """`log_marginal` to second order around the values of one start, without going through the rows; None where that is not worked
        out in one pass."""
        block = self.blocks[0]
        if block.native is None or len(self.blocks) > 1:
            return None
        if not self._coefficients(values, params)[1]:
            return self.more_precise.near(values, params)

        def tables_at(values: Values, params: Values) -> dict[TableKey, LogTable]:
            return block.sums.tables(values, params, others=self._coefficients(values, params)[0])

        height = block.native.near(tables_at(values, params))
        if height is None:
            return None
        return lambda values, params: (
            height(tables_at(values, params)) + self._outside(self.outside, self.priors, values, params)
        )

    def _outside(
        self, factors: Marginaliser | None, priors: Collection[LinearPrior], values: Values, params: Values
    ) -> Tensor:
        """Factors that no rows have, ``[start]``."""
        total = torch.zeros((), dtype=self.joint.dtype, device=self.joint.device)
        if factors is not None:
            total = total + factors.log_marginal(values, params)
        for prior in priors:
            total = total + prior.log_density(values[prior.name])
        return total

    def _again(self, height: Callable[..., Tensor], *arguments: Mapping[Any, Tensor]) -> Tensor:
        """``height`` of these arguments, whose intermediate results are made again for gradients where there are several
        blocks."""
        return height(*arguments) if len(self.blocks) == 1 else made_again(height, *arguments)

    def _coefficients(self, values: Values, params: Values) -> tuple[dict[TableKey, LogTable], bool]:
        """The groups' tables, and whether rounding leaves their rows precise."""
        together = {**values, **params}
        if not torch.is_grad_enabled() and self.last.are_of(together):
            return self.last.tables
        pairs = [self.whole.coefficients(group, values, params) for group in self.groups]
        epsilon = torch.finfo(self.joint.dtype).eps
        is_precise = all(bool((epsilon * bound <= PRECISION).all()) for _, bound in pairs)
        out = {g.key: table for g, (table, _) in zip(self.groups, pairs, strict=True)}, is_precise
        if not torch.is_grad_enabled():
            self.last.values, self.last.tables = together, out
        return out

    def _with_statistics(self, block: RowBlock, shared: Mapping[TableKey, LogTable]) -> dict[TableKey, LogTable]:
        return {g.key: block.with_statistics(g, shared[g.key]) for g in self.groups}

    # ---- the E-step

    def expected(
        self, values: Values, params: Values, codes: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, Expectation]:
        """The log-marginal ``[start]``, and what the E-step says. ``codes``: of variables that are held, ``[start, rows]``, at a
        start."""
        with torch.no_grad():
            shared, is_precise = self._coefficients(values, params)
        if not is_precise:
            return self.more_precise.expected(values, params, codes)
        total = torch.zeros((), dtype=self.joint.dtype, device=self.joint.device)
        with torch.no_grad():
            total = total + self._outside(self.outside, self.priors, values, params)
        sums: dict[TableKey, Tensor] = {}
        weights = []
        for block in self.blocks:
            with torch.no_grad():
                tables = block.sums.tables(values, params, others=self._with_statistics(block, shared))
                tables |= {} if block.native is not None else self._held(block, codes or {})
            with torch.enable_grad():
                leaves = {k: t._replace(values=t.values.detach().requires_grad_()) for k, t in tables.items()}
                height = block.log_sum(leaves, codes or {})
                slopes = slopes_of(height.sum(), [t.values for t in leaves.values()])
            total = total + height.detach()
            by_key = dict(zip(leaves, slopes, strict=True))
            for group in self.groups:
                slope = by_key.pop(group.key)
                sums[group.key] = slope if group.key not in sums else sums[group.key] + slope
            weights.append(by_key)
        is_live = torch.ones(total.shape, dtype=torch.bool, device=total.device)
        return total, Expectation(self, sums, tuple(weights), is_live)

    def _held(self, block: RowBlock, codes: Mapping[str, Tensor]) -> dict[TableKey, LogTable]:
        """Tables of zero at a variable's codes. A label that the values rule out becomes another: NEVER is likelier than
        minus infinity."""
        out: dict[TableKey, LogTable] = {}
        for name, all_codes in codes.items():
            place = self.names.index(name)
            states = torch.arange(self.joint.num_states(name), device=self.joint.device)
            axes = self.joint.axes(name)
            # a variable's first axis is that of the rows, where there are blocks of these
            mine = all_codes[:, block.rows] if len(self.blocks) > 1 else all_codes
            wide = [1] * place + [-1] + [1] * (self.places - place - 1) + [1] * mine.dim()
            hard = torch.where(states.reshape(wide) == mine, 0.0, NEVER).to(self.joint.dtype)
            out[AddedTable(name)] = LogTable(frozenset({place}), axes, hard)
        return out

    # ---- what an M-step raises

    def expected_log_joint(
        self, values: Values, params: Values, known: Expectation, moved: Collection[str]
    ) -> Tensor:
        """The expected complete log-joint ``[start]`` of the factors that hang on what is ``moved``."""
        around = self.joint.memo.once(_around, self, tuple(moved))
        total = torch.zeros((), dtype=self.joint.dtype, device=self.joint.device)
        shared = {} if torch.is_grad_enabled() else self._coefficients(values, params)[0]
        for group, places in around.groups:
            if group.key in shared:
                coefficients = shared[group.key].values.index_select(-1, places)
            else:
                coefficients = self.whole.coefficients(group, values, params)[0].values
            total = total + self._weighed(known.statistics[group.key].index_select(-1, places), coefficients)
        total = total + self._outside(around.outside, around.priors, values, params)
        for sums, weights in zip(around.blocks, known.weights, strict=True):
            if sums.scopes:

                def height(
                    values: Values,
                    params: Values,
                    sums: Marginaliser = sums,
                    weights: dict[TableKey, Tensor] = weights,
                ) -> Tensor:
                    tables = sums.factor_tables(values, params)
                    pieces = [self._weighed(weights[k], t.values) for k, t in tables.items()]
                    return reduce(torch.add, pieces)

                total = total + self._again(height, values, params)
        return total

    def _weighed(self, weight: Tensor, values: Tensor) -> Tensor:
        """The sum of weights times log-values, ``[start]``. An entry without weight may be minus infinity."""
        if bool(torch.isfinite(values.detach()).all()):
            product = weight * values
        else:
            product = torch.where(weight == 0, 0.0, weight * values.clamp(min=NEVER))
        return product.sum((*range(self.places), *range(self.places + 1, product.dim())))


class _Around(NamedTuple):
    groups: tuple[tuple[SufficientFactors, Tensor], ...]
    outside: Marginaliser | None
    priors: tuple[LinearPrior, ...]
    blocks: tuple[Marginaliser, ...]


def _around(sums: RowBlocks, names: tuple[str, ...]) -> _Around:
    """The factors that hang on some values or params."""
    model = sums.joint.model
    every = factor_names(model)
    mine = {
        key for key, factor in every.items()
        if set(names) & {*names_behind(model, factor), getattr(factor, "target", "")} or _learned_in(model, factor, names)
    }  # fmt: skip

    def restricted(one: Marginaliser) -> Marginaliser:
        return replace(one, scopes={k: s for k, s in one.scopes.items() if k in mine or k not in every})

    groups = (group.restricted_to(mine) for group in sums.groups)
    outside = None if sums.outside is None else restricted(sums.outside)
    return _Around(
        tuple(g for g in groups if g is not None),
        outside if outside is not None and outside.scopes else None,
        tuple(prior for prior in sums.priors if prior.name in mine),
        tuple(restricted(b.sums) for b in sums.blocks),
    )


def _learned_in(model: Model, factor: Factor, names: tuple[str, ...]) -> bool:
    """Whether a factor takes its probabilities from one of these learned tables."""
    return any(t.name in names and t.target == getattr(factor, "target", "") for t in learned_tables(model))


# ---- setting up


def row_blocks(sums: Marginaliser, starts: int, backend: str = "torch", passes: int = 0) -> RowBlocks:
    """The same sum by sufficient statistics where there are, in blocks of rows where these are plain and nothing is summed
    across them. ``backend``: who works it out; ``auto`` by the number of ``passes`` over the rows that are wanted."""
    groups = sufficient_factors(sums.joint, sums.names, dict(sums.scopes)) if sums.joint.partition is None else ()
    return _in_blocks(sums, groups, starts, backend, passes)


def _in_blocks(
    sums: Marginaliser,
    groups: tuple[SufficientFactors, ...],
    starts: int,
    backend: str = "torch",
    passes: int = 0,
) -> RowBlocks:
    taken = {name for group in groups for name in group.names}
    rest = replace(sums, scopes={k: s for k, s in sums.scopes.items() if k not in taken})
    native = reduction_of(rest, groups, backend, passes)
    plate = plate_of_blocks(rest)
    if plate is None:
        whole = _block(rest, groups, slice(0, None), native)
        return RowBlocks(sums, groups, (whole,), None, starts, (), backend, passes)
    conditionals = [
        c for k, c in sums.joint.model.conditional_of.items() if k in rest.scopes and plate not in axes_of(rest, k)
    ]
    priors = tuple(p for p in (linear_prior(sums.joint, c) for c in conditionals) if p is not None)
    rest = replace(rest, scopes={k: s for k, s in rest.scopes.items() if k not in {p.name for p in priors}})
    outside = replace(rest, names=(), steps=(), scopes={
        k: s for k, s in rest.scopes.items() if plate not in axes_of(rest, k)})  # fmt: skip
    inside = replace(rest, scopes={k: s for k, s in rest.scopes.items() if k not in outside.scopes})
    blocks = [
        _block(replace(inside, joint=joint), groups, rows, native)
        for joint, rows in _cut(inside, groups, starts, plate, native)
    ]
    outside_of = outside if outside.scopes else None
    return RowBlocks(sums, groups, tuple(blocks), outside_of, starts, priors, backend, passes)


def _cut(
    inside: Marginaliser,
    groups: tuple[SufficientFactors, ...],
    starts: int,
    plate: str,
    native: NativeReduction | None,
) -> Iterator[tuple[BoundDensity, slice]]:
    """Blocks of rows: all in one where compiled code lays nothing of them out."""
    joint, num_rows = inside.joint, inside.joint.layout.size(plate)
    size = max(1, BLOCK_CELLS // numbers_of_a_row(inside, groups, starts, plate))
    if native is not None and not inside.scopes:
        size = num_rows
    for start in range(0, num_rows, size):
        rows = slice(start, min(start + size, num_rows))
        yield (joint if size >= num_rows else block_of_rows(joint, plate, rows)), rows


def _block(
    rest: Marginaliser, groups: tuple[SufficientFactors, ...], rows: slice, native: NativeReduction | None
) -> RowBlock:
    cached = {g.key: g.of_rows(rows) for g in groups if is_cached(g)} if native is None else {}
    return RowBlock(rest, rows, cached, native)

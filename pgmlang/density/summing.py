"""Discrete latent variables summed out exactly: log-marginal, posterior marginals, draws given back.

Each variable gets a leading axis of its own with all its values; the program's factors, evaluated once, are then
tables, which are joined and summed along those axes from the inner plates outwards. Everything is differentiable:
marginals and expected counts are gradients of the log-marginal (Darwiche 2003; Eisner 2016).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.chains import Chains, Sum, chain_draw, chain_log_sum, chains_of
from pgmlang.density.completion import Values, completed
from pgmlang.density.keys import AddedTable, FreeTable, PresenceTable, TableKey
from pgmlang.density.log_sums import log_sum_exp
from pgmlang.density.numerics import numerics
from pgmlang.density.reductions import determines, scale_of, scaled_sum, sum_to_axes
from pgmlang.density.sufficient import IMPOSSIBLE, SufficientFactors
from pgmlang.diagnostics import PgmError
from pgmlang.graph.components import summing_steps
from pgmlang.graph.summable import Step, looks_back, mentioned
from pgmlang.lower.factors import factor_names
from pgmlang.model import Factor, Model


class LogTable(NamedTuple):
    """A factor's log-values ``[*value axes, *leading axes, *axes]``; ``scope``: the places of the value axes in use. Those of
    rows with ``statistics [width, rows]`` are coefficients ``[*value axes, *leading axes, width]``."""

    scope: frozenset[int]
    axes: tuple[str, ...]
    values: Tensor
    statistics: Tensor | None = None

    def by_row(self) -> LogTable:
        """The same with the log-values of the rows."""
        if self.statistics is None:
            return self
        if not bool((self.values <= IMPOSSIBLE).any()):
            return self._replace(values=self.values @ self.statistics, statistics=None)
        product = self.values.clamp(min=IMPOSSIBLE) @ self.statistics
        return self._replace(values=torch.where(product > 0.5 * IMPOSSIBLE, product, -math.inf), statistics=None)


class Joined(NamedTuple):
    """What was summed at a step: the product of the tables around ``step.names``."""

    step: Step
    table: LogTable


@dataclass(frozen=True, eq=False)
class Marginaliser:
    """``names``: the variables that are summed out; place i of the value axes is that of ``names[i]``, behind them
    come those of ``prev`` of the chains' variables, ``lagged_names``. ``scopes``: of each factor; those of others are
    left out. ``log_sum``: what is done with a variable's values: ``torch.amax`` finds the most probable ones in place of
    their sum, and the gradient is one at them (Viterbi's algorithm as a change of semiring: Goodman 1999)."""

    joint: BoundDensity
    names: tuple[str, ...]
    steps: tuple[Step, ...]
    lagged_names: tuple[str, ...]
    chains: Mapping[str, Chains]
    scopes: Mapping[str, frozenset[int]]
    log_sum: Sum = log_sum_exp

    # ---- tables

    def tables(
        self, values: Values, params: Values | None = None, nets: Any = None,
        others: Mapping[TableKey, LogTable] | None = None,
    ) -> dict[TableKey, LogTable]:  # fmt: skip
        """Every factor as a table, beside ``others``, and what the cells of variables allow."""
        lead = self._lead({**values, **(params or {})})
        out = {**self.factor_tables(values, params, nets), **(others or {})}
        for i, name in enumerate(self.names):
            if name in self.joint.missing:
                out[PresenceTable(name)] = self._seen(name, i, lead)
        for i, name in enumerate(self.names):
            if not any(i in table.scope for table in out.values()):  # no factor says anything of it
                codes = self.all_values(name, i, lead)
                zeros = torch.zeros(codes.shape, dtype=self.joint.dtype, device=self.joint.device)
                out[FreeTable(name)] = LogTable(frozenset({i}), self.joint.axes(name), zeros)
        return out

    def factor_tables(
        self, values: Values, params: Values | None = None, nets: Any = None
    ) -> dict[TableKey, LogTable]:
        """Every factor as a table."""
        if not self.scopes:
            return {}
        lead = self._lead({**values, **(params or {})})
        wide = dict(values)
        for i, name in enumerate(self.names):
            wide[name] = self.all_values(name, i, lead)
        earlier = {
            (name, 1): self.all_values(name, len(self.names) + i, lead) for i, name in enumerate(self.lagged_names)
        }
        terms = self._factors(wide, earlier, params, nets)
        if self.joint.partition is not None:
            terms = terms | self.joint.partition.terms(self.joint, wide, params, nets)
        out: dict[TableKey, LogTable] = {}
        for name, term in terms.items():
            axes = self.joint.factor_axes[name]
            full = self.places + lead + len(axes)
            out[name] = LogTable(self.scopes[name], axes, term.reshape((*[1] * (full - term.dim()), *term.shape)))
        return out

    def coefficients(
        self, group: SufficientFactors, values: Values, params: Values | None = None
    ) -> tuple[LogTable, Tensor]:
        """The table of factors by sufficient statistics, its values their coefficients ``[*value axes, *leading axes,
        width]``; and a bound on the error of a row's log-values by rounding, in units of it."""
        single = replace(self, joint=group.points, scopes=dict.fromkeys(group.names, group.scope))
        lead = self._lead({**values, **(params or {})})
        wide = {n: single.all_values(n, i, lead) for i, n in enumerate(self.names) if i in group.scope}
        earlier = {
            (n, 1): single.all_values(n, len(self.names) + i, lead)
            for i, n in enumerate(self.lagged_names)
            if len(self.names) + i in group.scope
        }
        terms = single._factors({**values, **wide}, earlier, params, None)
        full = self.places + lead
        for name in group.names:
            term = terms[name]
            dims = full + len(group.points.factor_axes[name])
            terms[name] = term.reshape((*[1] * (dims - term.dim()), *term.shape))
        coefficients, bound = group.coefficients(terms)
        return LogTable(group.scope, (group.plate,), coefficients), bound

    @property
    def places(self) -> int:
        return len(self.names) + len(self.lagged_names)

    @property
    def table_size(self) -> int:
        """Numbers of all factors' tables, for one value of everything else."""
        sizes = [self.joint.num_states(n) for n in (*self.names, *self.lagged_names)]
        axes = {
            k: (self.joint.model.root_axis(a) for a in self.joint.factor_axes[k])
            for k in self.scopes
            if k in self.joint.factor_axes
        }
        return sum(
            math.prod(sizes[i] for i in self.scopes[k]) * math.prod(map(self.joint.layout.size, a))
            for k, a in axes.items()
        )

    def _factors(
        self, values: Values, earlier: Mapping[tuple[str, int], Tensor], params: Values | None, nets: Any
    ) -> dict[str, Tensor]:
        """The factors' terms; ``earlier``: values that stand for ``prev(x, k)``, by name and lag."""
        joint = self.joint
        is_whole = self.scopes.keys() >= joint.program.FACTORS.keys()
        program = joint.program if is_whole else joint.programs.of_factors(self.scopes)
        with numerics(joint.dtype, joint.device):
            everything: dict[Any, Tensor] = {
                **completed(
                    joint.observed, joint.missing, {k: v for k, v in values.items() if k not in self.names}
                ),
                **{k: v for k, v in values.items() if k in self.names},
                **earlier,
            }
            terms: dict[str, Tensor] = program.factors(
                everything, joint.data, joint.layout, {**joint.fixed, **(params or {})}, nets
            )
        return joint.without_intervened(terms)

    def _lead(self, values: Values) -> int:
        """Number of leading axes of the other values."""
        return max(
            (v.dim() - len(self.joint.shapes[k]) for k, v in values.items() if k in self.joint.shapes), default=0
        )

    def all_values(self, name: str, dim: int, lead: int) -> Tensor:
        size, shape = self.joint.num_states(name), self.joint.shapes[name]
        codes = self.joint.least(name) + torch.arange(size, device=self.joint.device)
        first = [1] * dim + [size] + [1] * (self.places - dim - 1 + lead)
        return codes.reshape((*first, *[1] * len(shape))).expand((*first, *shape))

    def _seen(self, name: str, dim: int, lead: int) -> LogTable:
        """Zero at the value that a cell has, minus infinity at others; zero everywhere for a missing cell."""
        codes = self.all_values(name, dim, lead)
        allowed = (codes == self.joint.observed[name]) | self.joint.missing[name]
        values = torch.zeros(allowed.shape, dtype=self.joint.dtype, device=self.joint.device)
        return LogTable(frozenset({dim}), self.joint.axes(name), values.masked_fill(~allowed, NEVER))

    # ---- the sum

    def log_marginal(self, values: Values, params: Values | None = None, nets: Any = None) -> Tensor:
        """Log of the sum over all values of the variables, ``[...]`` by the leading axes of the other values."""
        return self.reduce(self.tables(values, params, nets))

    def reduce(
        self, tables: Mapping[TableKey, LogTable], trace: list[Joined] | None = None, each: str | None = None
    ) -> Tensor:
        """The log-marginal of tables, or the share of it of each element of a row plate, ``[..., elements]``, of which
        global factors are no part. ``trace`` takes what each step joined."""
        total = torch.zeros((), dtype=self.joint.dtype, device=self.joint.device)
        for table in self.remaining(tables, trace):
            if each is not None:
                if determines(self.joint, table.axes, each):
                    values = self._along(table, (each,))
                    total = total + values.reshape(values.shape[self.places :])
                continue
            values = scaled_sum(self.joint, table.values, table.axes)
            total = total + values.reshape(values.shape[self.places :])
        return without_never(total)

    def remaining(self, tables: Mapping[TableKey, LogTable], trace: list[Joined] | None = None) -> list[LogTable]:
        """The tables that are left when all variables are summed out."""
        pool = [table.by_row() for table in tables.values()]
        for step in self.steps:
            places = {self.names.index(n) for n in step.names}
            places |= {len(self.names) + self.lagged_names.index(n) for n in step.names if n in self.lagged_names}
            mine = [t for t in pool if t.scope & places]
            pool = [t for t in pool if not t.scope & places]
            axes = self.joint.axes(step.names[0])
            joined = LogTable(frozenset().union(*(t.scope for t in mine)), axes, self._product(mine, axes))
            if trace is not None:
                trace.append(Joined(step, joined))
            pool.append(self._summed(step, joined, places))
        return pool

    def _product(self, tables: list[LogTable], axes: tuple[str, ...]) -> Tensor:
        parts = [self._along(t, axes) for t in tables]
        out = parts[0]
        for table in parts[1:]:
            out = out + table
        return out

    def _summed(self, step: Step, joined: LogTable, places: set[int]) -> LogTable:
        if step.chain is None:
            (dim,) = places
            values = self.log_sum(joined.values, dim).unsqueeze(dim)
            return LogTable(joined.scope - places, joined.axes, values)
        chains = self.chains[step.chain]
        values = chain_log_sum(self._matrices(step, joined.values), chains, self.log_sum)
        spread = values.new_zeros(*values.shape[:-1], chains.num_rows)
        # a sequence's sum stands at its first row, so that sums by outer elements find it
        return LogTable(joined.scope - places, joined.axes, spread.index_copy(-1, chains.first_rows, values))

    def _matrices(self, step: Step, values: Tensor) -> Tensor:
        """``[*value axes, *leading, rows, states before, states]`` of a chain; its own value axes become of size 1."""
        now = [self.names.index(n) for n in step.names]
        back = [len(self.names) + self.lagged_names.index(n) for n in step.names]
        shape = list(values.shape)
        for p, b, n in zip(now, back, step.names, strict=True):
            shape[p] = shape[b] = self.joint.num_states(n)
        moved = values.expand(shape).movedim((*back, *now), tuple(range(-2 * len(now), 0)))
        flat = moved.flatten(-2 * len(now), -len(now) - 1).flatten(-len(now), -1)
        for dim in sorted((*now, *back)):
            flat = flat.unsqueeze(dim)
        return flat

    def _along(self, table: LogTable, axes: tuple[str, ...]) -> Tensor:
        return sum_to_axes(self.joint, table.values, table.axes, axes)

    # ---- what the sum says of the variables

    def marginals(self, values: Values, params: Values | None = None, nets: Any = None) -> dict[str, Tensor]:
        """Posterior probabilities ``[..., *axes, states]`` of each variable: gradients of the log-marginal."""
        with torch.no_grad():
            tables = self.tables(values, params, nets)
        with torch.enable_grad():
            added = {}
            sizes = self.leading_shape({**values, **(params or {})})
            for i, name in enumerate(self.names):
                shape = [1] * i + [self.joint.num_states(name)] + [1] * (self.places - i - 1)
                zero = torch.zeros(*shape, *sizes, *self.joint.shapes[name], dtype=self.joint.dtype,
                                   device=self.joint.device, requires_grad=True)  # fmt: skip
                added[name] = LogTable(frozenset({i}), self.joint.axes(name), zero)
            total = self.reduce({**tables, **{AddedTable(k): v for k, v in added.items()}})
            slopes = torch.autograd.grad(total.sum(), [t.values for t in added.values()])
        return {
            name: g.movedim(i, -1).reshape(*sizes, *self.joint.shapes[name], self.joint.num_states(name))
            / scale_of(self.joint, self.joint.axes(name))
            for i, (name, g) in enumerate(zip(added, slopes, strict=True))
        }

    def leading_shape(self, values: Values) -> tuple[int, ...]:
        """The leading axes of the other values together."""
        shapes = self.joint.shapes
        leading = [v.shape[: v.dim() - len(shapes[k])] for k, v in values.items() if k in shapes]
        return np.broadcast_shapes((), *leading)

    def expected(
        self, values: Values, params: Values | None = None, nets: Any = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The log-marginal, and the posterior weight of every entry of every factor's table: the E-step. A weight has
        the shape of its table."""
        with torch.no_grad():
            tables = self.tables(values, params, nets)
        with torch.enable_grad():
            leaves = {k: t._replace(values=t.values.detach().requires_grad_()) for k, t in tables.items()}
            total = self.reduce(leaves)
            slopes = torch.autograd.grad(total.sum(), [t.values for t in leaves.values()])
        return total.detach(), dict(zip(leaves, slopes, strict=True))

    @cached_property
    def _around(self) -> Marginaliser:
        """The same without the factors that mention none of the variables."""
        scopes = {name: scope for name, scope in self.scopes.items() if scope}
        is_all = len(scopes) == len(self.scopes) or self.joint.partition is not None
        return self if is_all else replace(self, scopes=scopes)

    @torch.no_grad()
    def draw(self, generator: Generator | None, values: Values, params: Values | None = None,
             nets: Any = None, shape: tuple[int, ...] = ()) -> dict[str, Tensor]:  # fmt: skip
        """Codes ``[..., *axes]`` of the variables from their joint posterior given the other values; without a
        generator the most probable ones are not sought, but each step's best given those before. ``shape``: of draws
        side by side, where the values have no leading axes."""
        trace: list[Joined] = []
        tables = self._around.tables(values, params, nets)
        sizes = self.leading_shape({**values, **(params or {})})
        lead = len(sizes)
        if shape and not lead:
            lead, sizes = len(shape), shape
            tables = {
                k: t._replace(
                    values=t.values.reshape(
                        *t.values.shape[: self.places], *[1] * lead, *t.values.shape[self.places :]
                    )
                )
                for k, t in tables.items()
            }
        self.reduce(tables, trace)
        out: dict[str, Tensor] = {}
        for step, joined in reversed(trace):
            table = joined.values
            for dim in sorted(joined.scope):
                name = self.names[dim] if dim < len(self.names) else ""
                if name in out and table.shape[dim] > 1:
                    table = torch.take_along_dim(table, self._code_along(out[name], name, joined.axes), dim)
            shape = (*table.shape[: self.places], *sizes, *table.shape[self.places + lead :])
            table = table.expand(shape)
            if step.chain is None:
                dim = self.names.index(step.names[0])
                codes = categorical(table.movedim(dim, -1), generator)
                out[step.names[0]] = codes.reshape((*sizes, *self.joint.shapes[step.names[0]]))
            else:
                flat = self._matrices(step, table)
                flat = flat.reshape((*sizes, *flat.shape[-3:]))
                codes = chain_draw(flat, self.chains[step.chain], lambda x: categorical(x, generator))
                for name in reversed(step.names):
                    out[name] = codes % self.joint.num_states(name)
                    codes = codes // self.joint.num_states(name)
        return {n: out[n] + self.joint.least(n) for n in self.names}

    def _code_along(self, code: Tensor, name: str, axes: tuple[str, ...]) -> Tensor:
        """Codes ``[*leading, *own axes]`` as ``[1 ..., *leading, *axes]``: outer elements repeated for their rows."""
        code_axes = self.joint.axes(name)
        for axis in code_axes:
            inner = next((a for a in axes if a not in code_axes and (axis, a) in self.joint.layout.parents), None)
            if axis not in axes and inner is not None:
                index = self.joint.layout.parent(axis, inner)
                code = code.index_select(code_axes.index(axis) - len(code_axes), index)
                code_axes = tuple(inner if a == axis else a for a in code_axes)
        first = code.dim() - len(code_axes)
        code = code.permute((*range(first), *(first + code_axes.index(a) for a in axes if a in code_axes)))
        for i, axis in enumerate(axes):
            if axis not in code_axes:
                code = code.unsqueeze(first + i)
        return code.reshape((*[1] * self.places, *code.shape))


NEVER = -1e30
"""The logarithm of a probability that is zero, kept finite so that gradients are."""


def without_never(total: Tensor) -> Tensor:
    """Sums of logarithms with minus infinity for those that `NEVER`, times some weight or count, is part of; their slopes stay."""
    return total + torch.zeros_like(total).masked_fill_(total <= 1e-3 * NEVER, -math.inf)


def categorical(logits: Tensor, generator: Generator | None) -> Tensor:
    """Codes along the last axis by inversion, one uniform number each (without a generator the largest)."""
    if generator is None:
        return logits.argmax(-1)
    # codes first: sums along a last axis that is short are several times as slow
    first = logits.movedim(-1, 0)
    weights = (first - first.amax(0)).exp_().cumsum_(0)
    total = weights[-1]
    noise = torch.rand(total.shape, generator=generator, dtype=total.dtype, device=total.device)
    # the second test: a product rounded up to the total must not pick a last value of no weight
    return ((weights <= noise * total) & (weights < total)).sum(0)


def marginaliser_of(joint: BoundDensity, names: Collection[str]) -> Marginaliser:
    """Sets up the sum over these variables. Raises PgmError with the reasons when it cannot be done exactly."""
    steps, reasons = summing_steps(joint.model, tuple(names))
    if reasons:
        raise PgmError(reasons)
    scopes: dict[TableKey, frozenset[int]] = {
        **scopes_of(joint.model, tuple(names), steps, factor_names(joint.model))
    }
    if joint.partition is not None:
        for key, mentions in joint.partition.mentions.items():
            scopes[key] = frozenset(i for i, n in enumerate(names) if n in mentions)
    return marginaliser_in_steps(joint, tuple(names), steps, scopes)


def scopes_of(
    model: Model, names: tuple[str, ...], steps: tuple[Step, ...], factors: Mapping[str, Factor]
) -> dict[str, frozenset[int]]:
    """The places of the value axes that each factor has."""
    lagged_names = _lagged_names(steps)
    scopes = {}
    for key, factor in factors.items():
        here = {names.index(n) for n in mentioned(model, factor, names)}
        # of a term times zero no step knows: its value is the same whatever the row before
        before = {n for n, _ in looks_back(model, factor, names) if n in lagged_names}
        # a factor that only looks back has the earlier value alone
        here |= {len(names) + lagged_names.index(n) for n in before}
        scopes[key] = frozenset(here)
    return scopes


def marginaliser_in_steps(
    joint: BoundDensity, names: tuple[str, ...], steps: tuple[Step, ...], scopes: Mapping[TableKey, frozenset[int]]
) -> Marginaliser:
    """The sum over variables in these steps, of the factors that have a scope."""
    chains = {s.chain: chains_of(joint, s.chain) for s in steps if s.chain}
    return Marginaliser(joint, names, steps, _lagged_names(steps), chains, scopes)


def _lagged_names(steps: tuple[Step, ...]) -> tuple[str, ...]:
    return tuple(n for s in steps if s.chain for n in s.names)

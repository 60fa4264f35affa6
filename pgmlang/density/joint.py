"""A bound model as tensors: the emitted program, its data, what was observed, and what is to be found.

Every method that computes with torch starts from a ``Joint``. Values are dicts of tensors by variable, ``[..., *shape]``
with any leading chain, particle or draw axes; codes (int64) for discrete variables, spins 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any, Protocol

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import table_shapes
from pgmlang.density.bounds import narrowed_supports
from pgmlang.density.keys import TableKey
from pgmlang.density.memo import Memo
from pgmlang.density.numerics import numerics, seeded
from pgmlang.density.programs import Programs
from pgmlang.density.tensor_layout import BoundLayout, tensor_layout
from pgmlang.graph.childless import is_childless_missing
from pgmlang.model import Model, Variable
from pgmlang.normal import separate_terms
from pgmlang.plan.problem import Problem
from pgmlang.tables.learned import learned_tables

Values = Mapping[str, Tensor]


class LogPartition(Protocol):
    """Minus log Z of the components of fields, as factors of the density."""

    @property
    def axes(self) -> Mapping[TableKey, tuple[str, ...]]:
        """Axes of each term by its key."""

    @property
    def mentions(self) -> Mapping[TableKey, frozenset[str]]:
        """What each term hangs on: directed variables and params."""

    def terms(
        self, joint: Joint, values: Values, params: Values | None, nets: Any, around: Collection[str] | None = None
    ) -> dict[TableKey, Tensor]:
        """Each term, ``[..., *axes]``; of those that hang on a variable in ``around``."""


@dataclass(frozen=True, eq=False)
class Joint:
    """``data``: the inputs; ``layout``: sizes and index arrays. ``observed``: random variables and
    fields that the data or ``--fix`` gives, with ``missing``: True at the cells that are latent, where there are any.
    ``fixed``: params held. ``shapes``: of every variable and learned table. ``scale``: what a sum over the rows is
    multiplied by (a minibatch stands for all rows; see `rows`), by row plate; ``weights`` of its rows. ``unseen``: True at
    missing cells that drop out of the likelihood, of variables that nothing hangs on; they hold any value.
    ``rows_bound`` gives the rows as arrays, ``held`` the values held; ``program``: that of its factors, one of ``programs``;
    ``origin``: the Joint that this one is some rows of; ``partition``: log Z, where it is a factor of the density;
    ``memo``: what was worked out of this one alone."""

    model: Model
    data: dict[str, Tensor]
    layout: BoundLayout
    observed: dict[str, Tensor]
    missing: dict[str, Tensor]
    fixed: dict[str, Tensor]
    shapes: dict[str, tuple[int, ...]]
    dtype: torch.dtype
    device: torch.device
    rows_bound: Callable[[], Binding] = field(repr=False)
    held: Mapping[str, np.ndarray]
    programs: Programs
    program: ModuleType
    scale: dict[str, float] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    unseen: dict[str, Tensor] = field(default_factory=dict)
    origin: Joint | None = field(default=None, repr=False)
    partition: LogPartition | None = field(default=None, repr=False)
    memo: Memo = field(default_factory=Memo, init=False, repr=False)

    @property
    def binding(self) -> Binding:
        """The rows that are bound here."""
        return self.memo.once(self.rows_bound)

    @property
    def whole(self) -> Joint:
        """The Joint that this one is some rows of, itself where it is of no other."""
        return self if self.origin is None else self.origin

    @property
    def unnormalised(self) -> Joint:
        """The same without log Z: the log-potentials and conditionals alone."""
        return self if self.partition is None else self.memo.once(replace, self, partition=None)

    # ---- names

    @cached_property
    def latent(self) -> tuple[str, ...]:
        """Random variables and fields with anything to infer (those with missing cells too), in the model's order."""
        unobserved = (v.name for v in self.model.of_role("random", "field"))
        return tuple(n for n in unobserved if n not in self.observed or n in self.missing)

    @cached_property
    def learned(self) -> tuple[str, ...]:
        """Params and tables to be learned."""
        names = [v.name for v in self.model.of_role("param")] + [t.name for t in learned_tables(self.model)]
        return tuple(n for n in names if n not in self.fixed)

    def axes(self, name: str) -> tuple[str, ...]:
        """Array axes of a variable: its plates', then its own."""
        return self.model.array_axes(self.model.by_name[name])

    def num_states(self, name: str) -> int:
        """Number of values of a discrete variable; the elements of a plate may be the data's."""
        type_ = self.model.by_name[name].type
        labels = self.model.labels_of(type_)
        return len(labels) if labels is not None else self.layout.size(self.model.root_axis(type_.axis or ""))

    # ---- densities

    def factors(self, values: Values, params: Values | None = None, nets: Any = None,
                around: Collection[str] | None = None, only: Collection[str] | None = None) -> dict[str, Tensor]:  # fmt: skip
        """Log-value of every element of every factor, ``[..., *axes]`` with the axes of ``factor_axes``; of the
        factors that mention a variable in ``around`` (its Markov blanket), or of those named in ``only``."""
        if only is not None:
            program = self.programs.of_factors(only)
        else:
            program = self.program if around is None else self.programs.around(around)
        with numerics(self.dtype, self.device):
            terms: dict[str, Tensor] = program.factors(
                self.completed(values), self.data, self.layout, {**self.fixed, **(params or {})}, nets
            )
        if self.partition is not None and only is None:
            terms = terms | self.partition.terms(self, values, params, nets, around)
        return terms

    def log_joint(self, values: Values, params: Values | None = None, nets: Any = None,
                  around: Collection[str] | None = None) -> Tensor:  # fmt: skip
        """Sum of the factors, ``[...]``; those in a minibatched row plate count for all rows."""
        return self.sum(self.factors(values, params, nets, around))

    def sum(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The sum of factors' terms over their elements, scaled to all rows: ``[...]``."""
        total = torch.zeros((), dtype=self.dtype, device=self.device)
        for name, term in terms.items():
            total = total + self.total(term, self.factor_axes[name])
        return total

    def total(self, term: Tensor, axes: tuple[str, ...]) -> Tensor:
        """The sum ``[...]`` of a term ``[..., *axes]`` over its elements, rows by their weights, scaled to all rows."""
        for plate, weights in self.weights.items():
            if plate in axes:
                term = term * weights.reshape(-1, *[1] * (len(axes) - axes.index(plate) - 1))
        one = term.sum(tuple(range(-len(axes), 0))) if axes else term
        return self.scale_of(axes) * one

    def tells(self, axes: tuple[str, ...], plate: str) -> bool:
        """Whether an element along these axes belongs to one element of the plate."""
        return plate in axes or any((plate, a) in self.layout.parents for a in axes)

    def along(self, values: Tensor, value_axes: tuple[str, ...], axes: tuple[str, ...]) -> Tensor:
        """Values ``[..., *own]`` summed to fewer axes: own axes and inner plates' rows go; those of outer elements
        are added up for each, rows by their weights."""
        for axis in reversed(value_axes):
            if axis in axes:
                continue
            dim = value_axes.index(axis) - len(value_axes)
            if axis in self.weights:
                values = values * self.weights[axis].reshape(-1, *[1] * (-dim - 1))
            outer = [a for a in axes if a not in value_axes and (a, axis) in self.layout.parents]
            if outer:
                index = self.layout.parent(outer[0], axis)
                shape = list(values.shape)
                shape[dim] = self.layout.size(outer[0])
                values = values.new_zeros(shape).index_add(values.dim() + dim, index, values)
                value_axes = tuple(outer[0] if a == axis else a for a in value_axes)
            else:
                values = values.sum(dim)
                value_axes = tuple(a for a in value_axes if a != axis)
        if value_axes != axes:
            order = [value_axes.index(a) for a in axes]
            first = values.dim() - len(value_axes)
            values = values.permute((*range(first), *(first + o for o in order)))
        return values

    def each(self, terms: Mapping[str, Tensor], plate: str) -> Tensor:
        """The terms that belong to each element of a row plate, added up: ``[..., elements]``."""
        total = torch.zeros((), dtype=self.dtype, device=self.device)
        for name, term in terms.items():
            if self.tells(self.factor_axes[name], plate):
                total = total + self.along(term, self.factor_axes[name], (plate,))
        return total

    def scale_of(self, axes: tuple[str, ...]) -> float:
        """What a sum along these axes is multiplied by."""
        return next((self.scale[a] for a in axes if a in self.scale), 1.0)

    @cached_property
    def factor_axes(self) -> dict[str, tuple[str, ...]]:
        """Axes of each factor's term."""
        return {**self.program.FACTORS, **(self.partition.axes if self.partition is not None else {})}

    def completed(self, values: Values) -> dict[str, Tensor]:
        """Values with what was observed; a variable with missing cells takes those cells from ``values``."""
        out = {**self.observed, **values}
        for name, mask in self.missing.items():
            if name in values:
                out[name] = torch.where(mask, values[name], self.observed[name])
        return out

    # ---- free values

    def constrain(
        self, free: Values, given: Values | None = None, params: Values | None = None, nets: Any = None
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Values, params or tables from free real values, ``[..., *free_shape]``, and the log determinant ``[...]``.
        ``given`` and ``params``: the other values and params, where bounds hang on them."""
        with numerics(self.dtype, self.device):
            values, log_det = self.program.constrain(dict(free), *self._others(given, params, nets))
        return values, torch.as_tensor(log_det, dtype=self.dtype, device=self.device)

    def unconstrain(
        self, values: Values, given: Values | None = None, params: Values | None = None, nets: Any = None
    ) -> dict[str, Tensor]:
        """The inverse of `constrain`, without the determinant."""
        given, params = {**(given or {}), **values}, {**(params or {}), **values}
        with numerics(self.dtype, self.device):
            return {k: self.transform_of(k, given, params, nets).inv(v) for k, v in values.items()}

    def transform_of(
        self, name: str, given: Values | None = None, params: Values | None = None, nets: Any = None
    ) -> Any:
        """The map from free real values to the support of a variable, param or table."""
        return self.program.transform_of(self.program.SUPPORTS[name], *self._others(given, params, nets))

    def in_order(self, names: Collection[str]) -> list[str]:
        """The names so that bounds that hang on a value come after it."""
        return [n for n in self.program.SUPPORTS if n in names]

    def _others(self, given: Values | None, params: Values | None, nets: Any) -> tuple[Any, ...]:
        """What a support that moves is a function of."""
        if not self.has_moving_supports:
            return ()
        return self.completed(given or {}), self.data, self.layout, {**self.fixed, **(params or {})}, nets

    @cached_property
    def has_moving_supports(self) -> bool:
        """Whether bounds of a variable hang on other values."""
        return any(isinstance(s, FunctionType) for s in self.program.SUPPORTS.values())

    def free_shape(self, name: str) -> tuple[int, ...]:
        """Shape of the free values of a variable, param or table (a simplex of K has K - 1)."""
        support = self.program.SUPPORTS[name]
        if isinstance(support, FunctionType):
            return self.shapes[name]
        return tuple(self.program.transform_of(support).inverse_shape(torch.Size(self.shapes[name])))

    def initial(
        self, generator: Generator, shape: tuple[int, ...] = (), spread: float = 0.01
    ) -> dict[str, Tensor]:
        """Free values of everything learned, normal with this sd (the zero of a simplex is uniform), ``shape`` of
        them side by side."""
        return {
            name: spread * torch.randn((*shape, *self.free_shape(name)), generator=generator, dtype=self.dtype,
                                       device=self.device)
            for name in self.learned
        }  # fmt: skip

    def build_nets(self, seed: int) -> Any:
        """The networks with fresh weights of this seed, None without any. The global generator is left as it was."""
        if not self.model.nets:
            return None
        with torch.random.fork_rng(devices=[]), numerics(self.dtype):
            torch.manual_seed(seed)
            return self.program.build_nets(self.layout).to(device=self.device, dtype=self.dtype)

    # ---- draws

    def deterministic(
        self, values: Values, params: Values | None = None, nets: Any = None, names: Collection[str] | None = None
    ) -> dict[str, Tensor]:
        """Values ``[..., *shape]`` of the deterministic ``names`` (all when None); what they do not hang on may be
        left out of ``values`` and ``params``."""
        wanted = self.model.definition_of if names is None else names
        if not wanted:
            return {}
        program = self.programs.of_definitions(wanted)
        with numerics(self.dtype, self.device), torch.no_grad():
            computed = program.deterministic(
                self.completed(values), self.data, self.layout, {**self.fixed, **(params or {})}, nets
            )
        ranked = [(v, len(self.shapes[k])) for k, v in values.items() if k in self.shapes]
        sizes = torch.broadcast_shapes(*(v.shape[: v.dim() - rank] for v, rank in ranked))
        return {n: torch.as_tensor(computed[n]).expand((*sizes, *self.shape_of(n))) for n in wanted}

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Shape of any variable's array."""
        return tuple(self.layout.size(a) for a in self.axes(name))

    def simulate(self, generator: Generator, given: Values | None = None, params: Values | None = None,
                 nets: Any = None, shape: tuple[int, ...] = ()) -> dict[str, Tensor]:  # fmt: skip
        """Ancestral draws of all random variables; ``given`` ones are kept. See the program's ``simulate``."""
        with seeded(generator), numerics(self.dtype, self.device), torch.no_grad():
            drawn: dict[str, Tensor] = self.program.simulate(
                self.data, self.layout, {**self.fixed, **(params or {})}, nets, given, shape
            )
        return drawn

    def propose(self, generator: Generator, params: Values | None = None, nets: Any = None,
                shape: tuple[int, ...] = ()) -> tuple[dict[str, Tensor], dict[str, Tensor]]:  # fmt: skip
        """Draws of the written guide with their log-densities element by element; gradients flow."""
        with seeded(generator), numerics(self.dtype, self.device):
            proposal: tuple[dict[str, Tensor], dict[str, Tensor]] = self.program.propose(
                self.observed, self.data, self.layout, {**self.fixed, **(params or {})}, nets, shape
            )
        return proposal

    # ---- rows

    def rows(self, plate: str, chosen: np.ndarray) -> Joint:
        """The Joint of some elements of a row plate, whose terms then stand for all: inner rows come along, outer
        elements stay. ``chosen``: indices, ``[B]``."""
        if [p.name for p in self.model.plates if p.is_rows] == [plate] and self.is_flat(plate):
            return self._sliced(plate, chosen)
        restricted = self.binding.rows_of(plate, chosen)
        held = {k: v for k, v in self.held.items() if plate not in self.axes(k)}
        whole = self.binding.sizes[plate]
        joint = joint_of_binding(self.model, restricted, held, self.dtype, self.device, self.programs)
        inner = [p.name for p in self.model.plates if plate in self.model.enclosing(p.name)]
        scale = {p: whole / max(1, len(chosen)) for p in inner}
        return replace(joint, scale={**self.scale, **scale}, origin=self.whole, partition=self.partition)

    def is_flat(self, plate: str) -> bool:
        """Whether a row plate's elements are plain rows: no order, nothing else sized by them."""
        return self.model.plate_by_name[plate].structure is None

    def _sliced(self, plate: str, chosen: np.ndarray) -> Joint:
        """`rows` of a plate that is the only one of rows: its axis is indexed."""
        rows = torch.as_tensor(np.asarray(chosen), dtype=torch.int64, device=self.device)

        def cut(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {
                k: v.index_select(self.axes(k).index(plate), rows) if plate in self.axes(k) else v
                for k, v in values.items()
            }

        layout = BoundLayout(
            {**self.layout.sizes, plate: len(rows)},
            {k: v.index_select(0, rows) if k[1] == plate else v for k, v in self.layout.parents.items()},
            self.layout.positions,
            self.layout.before,
            seen=cut(self.layout.seen),
        )
        shapes = {
            k: tuple(len(rows) if a == plate else n for a, n in zip(self.axes(k), s, strict=True))
            if k in self.model.by_name else s
            for k, s in self.shapes.items()
        }  # fmt: skip
        inner = [p.name for p in self.model.plates if plate in self.model.enclosing(p.name)]
        factor = self.layout.size(plate) / max(1, len(rows))
        return replace(
            self, data=cut(self.data), layout=layout, observed=cut(self.observed), missing=cut(self.missing),
            unseen=cut(self.unseen), shapes=shapes, scale={**self.scale, **dict.fromkeys(inner, factor)},
            weights={k: v.index_select(0, rows) for k, v in self.weights.items()},
            rows_bound=lambda: self.binding.rows_of(plate, chosen), origin=self.whole,
        )  # fmt: skip


def joint_of(problem: Problem, dtype: torch.dtype = torch.float64) -> Joint:
    """The Joint of a problem. Raises PgmError PGM0601 for what no program says yet."""
    return joint_of_binding(problem.model, problem.binding, problem.fixed, dtype, torch.device(problem.device))


def joint_of_binding(
    model: Model, binding: Binding, fixed: Mapping[str, np.ndarray], dtype: torch.dtype, device: torch.device,
    programs: Programs | None = None,
) -> Joint:  # fmt: skip
    """The Joint of a model and its bound data, on a device and with numbers of this type; log-potentials term by term."""
    model = model.once(separate_terms)
    shapes = {
        v.name: binding.layout.shape(model.array_axes(v))
        for v in model.of_role("random", "field", "param")
        if all(binding.layout.has_size(a) for a in model.array_axes(v))
    }
    shapes.update(table_shapes(binding))
    held = {k: torch.as_tensor(v, dtype=dtype, device=device) for k, v in fixed.items()}
    given = {
        v.name: _tensor(binding.values[v.name], v, dtype, device)
        for v in model.of_role("random", "field", "input") if v.name in binding.values
    }  # fmt: skip
    random = {v.name for v in model.of_role("random", "field")}
    observed = {k: v for k, v in {**given, **held}.items() if k in random}
    missing = {k: _missing(v) for k, v in observed.items() if binding.missing.get(k)}
    unseen = {k: missing.pop(k) for k in tuple(missing) if is_childless_missing(model, k)}
    for name, mask in unseen.items():
        observed[name] = _filled(observed[name], mask)
    if programs is None:
        programs = Programs(model, dtype, device, frozenset(unseen))
        vars(programs.whole)["SUPPORTS"] |= narrowed_supports(model, binding, fixed, dtype, device)
    data = {k: v for k, v in given.items() if k not in random}
    data |= {k: v for k, v in held.items() if model.by_name[k].role == "input"}
    layout = tensor_layout(binding.layout, model, device)
    for name in programs.partly_seen:
        missed = unseen.get(name)
        layout.seen[name] = (
            torch.ones(shapes[name], dtype=torch.bool, device=device) if missed is None else ~missed
        )
    params = {k: v for k, v in held.items() if k not in random and model.by_name[k].role == "param"}
    weights = {}
    if binding.weights is not None:
        weights[binding.plate] = torch.as_tensor(
            np.asarray(binding.weights, dtype=float), dtype=dtype, device=device
        )
    return Joint(model, data, layout, observed, missing, params, shapes, dtype, device, lambda: binding, dict(fixed),
                 programs, programs.whole, weights=weights, unseen=unseen)  # fmt: skip


def _missing(values: Tensor) -> Tensor:
    return torch.isnan(values) if values.is_floating_point() else values < 0


def _filled(values: Tensor, mask: Tensor) -> Tensor:
    """Values with any value that was seen in place of those that were not."""
    seen = values[~mask]
    any_value = seen.flatten()[0] if seen.numel() else torch.zeros((), dtype=values.dtype)
    return torch.where(mask, any_value, values)


def _tensor(values: np.ndarray, variable: Variable, dtype: torch.dtype, device: torch.device) -> Tensor:
    kind = torch.int64 if variable.type.is_discrete else dtype
    return torch.as_tensor(np.ascontiguousarray(values), device=device).to(kind)


__all__ = [
    "Joint",
    "Values",
    "joint_of",
    "joint_of_binding",
    "numerics",
    "seeded",
]

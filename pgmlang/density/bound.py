"""A bound log-density as tensors: the emitted program, its data, what was observed, and what is to be found.

Every method that computes with torch starts from a ``BoundDensity``. Values are dicts of tensors by variable,
``[..., *shape]`` with any leading chain, particle or draw axes; codes (int64) for discrete variables, spins 0 and 1.
What is done with one is a function of it: sums of its factors (`reductions`), maps to free values (`transforms`), draws
(`simulation`), some of its rows (`row_subset`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pgmlang.binding.record import Binding
from pgmlang.density.completion import Values, completed
from pgmlang.density.keys import TableKey
from pgmlang.density.memo import Memo
from pgmlang.density.numerics import numerics
from pgmlang.density.programs import Programs
from pgmlang.density.tensor_layout import BoundLayout
from pgmlang.model import Model
from pgmlang.tables.learned import learned_tables


class LogPartition(Protocol):
    """Minus log Z of the components of fields, as factors of the density."""

    @property
    def axes(self) -> Mapping[TableKey, tuple[str, ...]]:
        """Axes of each term by its key."""

    @property
    def mentions(self) -> Mapping[TableKey, frozenset[str]]:
        """What each term hangs on: directed variables and params."""

    def terms(
        self,
        joint: BoundDensity,
        values: Values,
        params: Values | None,
        nets: Any,
        blanket: Collection[str] | None = None,
    ) -> dict[TableKey, Tensor]:
        """Each term, ``[..., *axes]``; of those that hang on a variable in ``blanket``."""


@dataclass(frozen=True, eq=False)
class BoundDensity:
    """``data``: the inputs; ``layout``: sizes and index arrays. ``observed``: random variables and
    fields that the data or ``--fix`` gives, with ``missing``: True at the cells that are latent, where there are any.
    ``fixed``: params held. ``shapes``: of every variable and learned table. ``scale``: what a sum over the rows is
    multiplied by (a minibatch stands for all rows; see `row_subset`), by row plate; ``weights`` of its rows. ``unseen``: True at
    missing cells that drop out of the likelihood, of variables that nothing hangs on; they hold any value. ``intervened``: True
    at the cells that an intervention set, whose value has no density.
    ``rows_bound`` gives the rows as arrays, ``held`` the values held; ``program``: that of its factors, one of
    ``programs``; ``origin``: the density that this one is some rows of; ``partition``: log Z, where it is a factor of the
    density; ``memo``: what was worked out of this one alone."""

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
    intervened: dict[str, Tensor] = field(default_factory=dict)
    origin: BoundDensity | None = field(default=None, repr=False)
    partition: LogPartition | None = field(default=None, repr=False)
    memo: Memo = field(default_factory=Memo, init=False, repr=False)

    @property
    def binding(self) -> Binding:
        """The rows that are bound here."""
        return self.memo.once(self.rows_bound)

    @property
    def whole(self) -> BoundDensity:
        """The density that this one is some rows of, itself where it is of no other."""
        return self if self.origin is None else self.origin

    @property
    def unnormalised(self) -> BoundDensity:
        """The same without log Z: the log-potentials and conditionals alone."""
        return self if self.partition is None else self.memo.once(replace, self, partition=None)

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

    def least(self, name: str) -> int:
        """The value of the first state of a discrete variable: of counts that are listed the least, else 0."""
        return self.model.by_name[name].type.least

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Shape of any variable's array."""
        return tuple(self.layout.size(a) for a in self.axes(name))

    @cached_property
    def factor_axes(self) -> dict[str, tuple[str, ...]]:
        """Axes of each factor's term."""
        return {**self.program.FACTORS, **(self.partition.axes if self.partition is not None else {})}

    def factors(self, values: Values, params: Values | None = None, nets: Any = None,
                blanket: Collection[str] | None = None, only: Collection[str] | None = None) -> dict[str, Tensor]:  # fmt: skip
        """Log-value of every element of every factor, ``[..., *axes]`` with the axes of ``factor_axes``; of the
        factors that mention a variable in ``blanket``, or of those named in ``only``."""
        if only is not None:
            program = self.programs.of_factors(only)
        else:
            program = self.program if blanket is None else self.programs.of_blanket(blanket)
        with numerics(self.dtype, self.device):
            terms: dict[str, Tensor] = program.factors(
                completed(self.observed, self.missing, values),
                self.data,
                self.layout,
                {**self.fixed, **(params or {})},
                nets,
            )
        terms = self.without_intervened(terms)
        if self.partition is not None and only is None:
            terms = terms | self.partition.terms(self, values, params, nets, blanket)
        return terms

    def without_intervened(self, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Terms ``[..., *axes]`` that are zero at the cells that an intervention set."""
        out = dict(terms)
        for name in self.intervened.keys() & terms.keys():
            mask, axes = self.intervened[name], self.axes(name)
            for position in reversed(range(len(axes))):
                if axes[position] not in self.factor_axes[name]:
                    # a vector is set whole
                    mask = mask.any(position)
            out[name] = torch.where(mask, 0.0, terms[name])
        return out

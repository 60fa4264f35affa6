"""Blocks of a composed sampler: each updates some latent variables given all the others, for all chains at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.gradients import gradient_error
from pgmlang.density.numerics import numerics, seeded
from pgmlang.density.reductions import log_joint, sum_of_factors, sum_to_axes
from pgmlang.density.summing import Marginaliser, categorical, marginaliser_of
from pgmlang.density.tabulated_labels import TabulatedLabels
from pgmlang.density.target import block_target
from pgmlang.fields.fields import Fields, fields_of
from pgmlang.fields.pairwise import Pairwise
from pgmlang.infer.conjugate import conjugate_family
from pgmlang.infer.exponential import (
    ExponentialFamily,
    Factor,
    draw_quadratic,
    exponential_family,
    natural_share,
    optimal,
)
from pgmlang.kernels import warmup as wu
from pgmlang.kernels.kernel import ChainState
from pgmlang.kernels.log_density import GradientNotFinite

Values = dict[str, Tensor]


class Block(Protocol):
    """``names``: what it updates; ``start``: its own state; ``step``: new values and state (and, of a gradient kernel,
    the acceptance of each chain)."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def start(self, generator: Generator, values: Values) -> Any: ...

    def step(
        self, generator: Generator, values: Values, state: Any, iteration: int
    ) -> tuple[Values, Any, Tensor | None]: ...


@dataclass(frozen=True, eq=False)
class ExactBlock:
    """Discrete variables drawn together, exactly, given all else (mixtures, chains)."""

    names: tuple[str, ...]
    sums: Marginaliser

    def start(self, generator: Generator, values: Values) -> Any:
        return ()

    def step(
        self, generator: Generator, values: Values, state: Any, iteration: int
    ) -> tuple[Values, Any, Tensor | None]:
        others = {k: v for k, v in values.items() if k not in self.names}
        # each chain draws its own, where nothing else has an axis of chains
        first = values[self.names[0]]
        chains = tuple(first.shape[: first.dim() - len(self.sums.joint.axes(self.names[0]))])
        return {**values, **self.sums.draw(generator, others, shape=chains)}, state, None


@dataclass(frozen=True, eq=False)
class FieldBlock:
    """Discrete fields, colour by colour."""

    names: tuple[str, ...]
    fields: Fields | Pairwise | TabulatedLabels

    def start(self, generator: Generator, values: Values) -> Any:
        return ()

    def step(
        self, generator: Generator, values: Values, state: Any, iteration: int
    ) -> tuple[Values, Any, Tensor | None]:
        return self.fields.sweep(generator, values), state, None


@dataclass(frozen=True, eq=False)
class ElementBlock:
    """A discrete variable whose elements along its own axes meet: one of them after the other, all rows at once."""

    names: tuple[str, ...]
    joint: BoundDensity

    def start(self, generator: Generator, values: Values) -> Any:
        return ()

    def step(
        self, generator: Generator, values: Values, state: Any, iteration: int
    ) -> tuple[Values, Any, Tensor | None]:
        (name,) = self.names
        joint = self.joint
        plates = joint.model.batch_axes(joint.model.by_name[name].plates)
        axes = joint.axes(name)
        lead = values[name].dim() - len(axes)
        flat = values[name].flatten(lead + len(plates)) if len(axes) > len(plates) else values[name].unsqueeze(-1)
        shape = values[name].shape
        for j in range(flat.shape[-1]):
            logits = []
            least = joint.least(name)
            for code in range(joint.num_states(name)):
                tried = flat.clone()
                tried[..., j] = least + code
                terms = joint.factors({**values, name: tried.reshape(shape)}, blanket=(name,))
                total = torch.zeros((), dtype=joint.dtype, device=joint.device)
                for key, term in terms.items():
                    total = total + sum_to_axes(joint, term, joint.factor_axes[key], plates)
                logits.append(total)
            stacked = torch.stack(torch.broadcast_tensors(*logits), -1)
            flat = flat.clone()
            flat[..., j] = least + categorical(stacked, generator).expand(flat.shape[:-1])
            values = {**values, name: flat.reshape(shape)}
        return values, state, None


@dataclass(frozen=True, eq=False)
class ConjugateBlock:
    """A variable drawn from its full conditional, whose parameters are read off the log-density: once for the factors
    that nothing else unknown is in, such as its own prior, at each step for the others. Cells that are data keep their value."""

    names: tuple[str, ...]
    joint: BoundDensity
    family: ExponentialFamily
    shares: dict[torch.Size, Factor] = field(default_factory=dict, repr=False)

    @cached_property
    def moving(self) -> frozenset[str]:
        """The factors that mention the variable and others that move."""
        around = self.joint.programs.names_around(self.names)
        others = [n for n in (*self.joint.latent, *self.joint.learned) if n not in self.names]
        return around & self.joint.programs.names_around(others)

    @cached_property
    def is_split(self) -> bool:
        """Whether some of the factors are read once: not where elements are coupled, or beside log Z."""
        around = self.joint.programs.names_around(self.names)
        return not self.family.is_coupled and self.joint.partition is None and self.moving < around

    def start(self, generator: Generator, values: Values) -> Any:
        return ()

    def step(
        self, generator: Generator, values: Values, state: Any, iteration: int
    ) -> tuple[Values, Any, Tensor | None]:
        (name,) = self.names
        like = values[name]

        def density(value: Tensor) -> Tensor:
            if self.is_split and not self.moving:
                return 0 * value
            if self.is_split:
                return sum_of_factors(self.joint, self.joint.factors({**values, name: value}, only=self.moving))
            return whole(value)

        def whole(value: Tensor) -> Tensor:
            return log_joint(self.joint, {**values, name: value}, blanket=(name,))

        is_open = self.joint.missing.get(name)
        try:
            with seeded(generator), numerics(self.joint.dtype, self.joint.device):
                if self.family.is_coupled:
                    variable = self.joint.model.by_name[name]
                    drawn = draw_quadratic(density, like, len(self.joint.axes(name)), len(variable.axes), is_open)
                else:
                    share = self._share(values, like) if self.is_split else None
                    parameters = optimal(self.family, density, like, share)
                    if is_open is not None:  # no term says anything of the others
                        parameters = tuple(torch.where(is_open, p, 1.0) for p in parameters)
                    drawn = self.family.inside(self.family.draw(parameters, ()))
        except GradientNotFinite as stuck:
            leaf = stuck.x.detach().requires_grad_()
            raise gradient_error(lambda: whole(leaf).sum(), {name: leaf}, self.joint, "log-density") from stuck
        return {**values, name: drawn if is_open is None else torch.where(is_open, drawn, like)}, state, None

    def _share(self, values: Values, like: Tensor) -> Factor:
        """What the factors that do not move add to the parameters."""
        (name,) = self.names
        fixed = self.joint.programs.names_around(self.names) - self.moving

        def density(value: Tensor) -> Tensor:
            # by the program of all factors, which is there: one of these few would be written for a single use
            terms = self.joint.factors({**values, name: value})
            return sum_of_factors(self.joint, {k: v for k, v in terms.items() if k in fixed})

        if like.shape not in self.shares:
            self.shares[like.shape] = natural_share(self.family, density, like)
        return self.shares[like.shape]


@dataclass(frozen=True, eq=False)
class KernelBlock:
    """Continuous variables moved by a kernel of ``kernels`` given all else, adapting in the warm-up."""

    names: tuple[str, ...]
    joint: BoundDensity
    plan: wu.WarmupPlan
    traces: dict[Any, Any] = field(default_factory=dict, repr=False)

    def _target(self, values: Values) -> Any:
        others = {k: v for k, v in values.items() if k not in self.names}
        return block_target(self.joint, self.names, others, self.traces)

    @torch.no_grad()
    def start(self, generator: Generator, values: Values) -> Any:
        target = self._target(values)
        chains = self.plan.kernel.init(target, target.free(values))
        return tuple(wu.start(generator, self.plan, chains, target))

    @torch.no_grad()
    def step(
        self, generator: Generator, values: Values, state: Any, iteration: int
    ) -> tuple[Values, Any, Tensor | None]:
        tuning, adaptation = state
        target = self._target(values)
        # the others have moved: value and gradient afresh
        before: ChainState = self.plan.kernel.init(target, target.free(values))
        chains, info = self.plan.kernel.step(generator, before, target, tuning)
        if iteration < self.plan.warmup:
            tuning, adaptation = wu.adapt(
                generator, self.plan, iteration, before.position, chains, info, target, tuning, adaptation
            )
        moved, _ = target.values(chains.position)
        return {**values, **moved}, (tuning, adaptation), info.acceptance


def gibbs_blocks(
    joint: BoundDensity, names: tuple[str, ...], kinds: dict[str, str], kernel: Callable[[], wu.WarmupPlan],
    sweeps: Callable[[dict[str, str]], Block | None] = lambda kinds: None,
) -> list[Block]:  # fmt: skip
    """Blocks of a Gibbs scan over the names, by the kinds that ``gibbs.kinds_of`` gave them; ``sweeps``: a block of some of them that
    is drawn otherwise."""
    out: list[Block] = []
    apart = sweeps({n: kinds[n] for n in names})
    if apart is not None:
        out.append(apart)
        names = tuple(n for n in names if n not in apart.names)
    exact = tuple(n for n in names if kinds[n] == "exact")
    if exact:
        out.append(ExactBlock(exact, marginaliser_of(joint, exact)))
    bits = tuple(n for n in names if kinds[n] == "field")
    if bits:
        fields = fields_of(joint, bits)
        # nothing else moves: the couplings hold for the whole run
        out.append(FieldBlock(bits, fields.with_frozen_params() if set(joint.latent) <= set(bits) else fields))
    out += [ElementBlock((n,), joint) for n in names if kinds[n] == "elements"]
    # those of the most elements first: rows find the data before the scales of their groups are drawn
    for name in sorted(names, key=lambda n: -math.prod(joint.shapes[n])):
        if kinds[name] == "conjugate":
            family = conjugate_family(joint.model, name)
            assert family is not None
            out.append(ConjugateBlock((name,), joint, exponential_family(family)))
    rest = tuple(n for n in names if kinds[n] == "kernel")
    if rest:
        out.append(KernelBlock(rest, joint, kernel()))
    return out

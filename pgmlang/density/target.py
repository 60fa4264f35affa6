"""The log-density of a bound model over one vector of free real values, for many chains at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.completion import Values
from pgmlang.density.free_numbers import FreeNumbers, free_numbers
from pgmlang.density.native import native_of
from pgmlang.density.partition import density_of
from pgmlang.density.reductions import log_joint
from pgmlang.density.seen_rows import log_marginal_of, prepared
from pgmlang.density.summing import Marginaliser, marginaliser_of
from pgmlang.density.traced import NotRecordable, traced
from pgmlang.density.transforms import constrain, unconstrain
from pgmlang.kernels.kernel import ChainState
from pgmlang.kernels.log_density import Trajectories, eager_value, eager_value_and_grad
from pgmlang.kernels.metric import Metric
from pgmlang.model import Model
from pgmlang.native.log_density import NativeLogDensity
from pgmlang.plan.latents import sampled_variables, summed_names
from pgmlang.plan.problem import Problem


@dataclass(frozen=True, eq=False)
class Target:
    """The posterior density of continuous variables, a function of their free ``numbers``: the discrete ones of ``sums`` summed out,
    other latent variables held at ``given``, params and networks at theirs. ``native``: the same density as compiled loops, where it
    is worked out so. ``traces``: recordings by shape, or why there is none."""

    joint: BoundDensity
    numbers: FreeNumbers
    sums: Marginaliser | None = None
    given: dict[str, Tensor] = field(default_factory=dict)
    blanket: frozenset[str] | None = None
    params: dict[str, Tensor] = field(default_factory=dict)
    nets: Any = None
    native: NativeLogDensity | None = field(default=None, repr=False)
    traces: dict[Any, Any] = field(default_factory=dict, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        if self.sums is not None:
            # before a recording, which takes no choice of rows
            prepared(self.sums)

    @property
    def model(self) -> Model:
        return self.joint.model

    @property
    def dtype(self) -> torch.dtype:
        return self.joint.dtype

    @property
    def names(self) -> tuple[str, ...]:
        """The variables."""
        return tuple(map(str, self.numbers.shapes))

    @property
    def dimension(self) -> int:
        """How many free numbers there are."""
        return self.numbers.dimension

    @property
    def backend(self) -> str:
        """Who works it out."""
        return "torch" if self.native is None else "native"

    def values(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Values of the variables, ``[..., *shape]`` each, and the log determinant ``[...]`` of the map, at free
        values ``x [..., dimension]``."""
        values, log_det = constrain(self.joint, self.numbers.by_name(x), self.given, self.params, self.nets)
        return values, log_det.expand(x.shape[:-1])

    def free(self, values: Values) -> Tensor:
        """The free vector ``[..., dimension]`` of values."""
        return self.numbers.vector(
            unconstrain(self.joint, {n: values[n] for n in self.names}, values, self.params, self.nets)
        )

    def __call__(self, x: Tensor) -> Tensor:
        """Log-density ``[...]`` of free values ``x [..., dimension]``, up to a constant."""
        values, log_det = self.values(x)
        everything = {**self.given, **values}
        if self.sums is not None:
            total = log_marginal_of(self.sums, everything, self.params, self.nets)
        else:
            total = log_joint(self.joint, everything, self.params, self.nets, self.blanket)
        return total.expand(x.shape[:-1]) + log_det

    # ---- without Python in between

    def value(self, x: Tensor) -> Tensor:
        """As ``kernels.value`` of this density."""
        if self.native is not None:
            flat = self._flat(x)
            return torch.from_numpy(self.native.values(flat)).reshape(x.shape[:-1])
        return self._run("value", eager_value, x)  # type: ignore[no-any-return]

    def value_once(self, x: Tensor) -> Tensor:
        """As `value`, of a shape that comes once: nothing is recorded for it."""
        return eager_value(self, x) if self.native is None else self.value(x)

    def value_and_grad(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As ``kernels.value_and_grad`` of this density: recorded at the first call of a shape, so that a run that is
        resumed computes as one that was not."""
        if self.native is not None:
            values, gradients = map(torch.from_numpy, self.native.values_and_gradients(self._flat(x)))
            return values.reshape(x.shape[:-1]), self.numbers.taken(gradients).reshape(x.shape)
        return self._run("gradient", eager_value_and_grad, x)  # type: ignore[no-any-return]

    def _flat(self, x: Tensor) -> np.ndarray:
        """Points ``[..., dimension]`` as the compiled program takes them, ``[points, numbers]``."""
        flat = self.numbers.laid_out(x.detach().reshape(math.prod(x.shape[:-1]), self.dimension))
        return np.asarray(flat.contiguous().numpy())

    @property
    def trajectories(self) -> Trajectories | None:
        """Whole trajectories without Python in between, as ``kernels.hmc.leapfrog``; None where there are none."""
        return None if self.native is None else self._native_trajectories

    def _native_trajectories(
        self, start: ChainState, momentum: Tensor, step_size: Tensor, metric: Metric, steps: int
    ) -> tuple[ChainState, Tensor]:
        assert self.native is not None
        # numbers that are not free have no momentum, and no variance to get any by
        wide = (self.numbers.laid_out(t.detach()) for t in (start.position, start.gradient, momentum))
        position, gradient, end = (t.clone(memory_format=torch.contiguous_format) for t in wide)
        values = start.logdensity.detach().clone(memory_format=torch.contiguous_format)
        width, chains, apart = self.numbers.width, position.shape[-2], math.prod(position.shape[:-2])
        rank = metric.stretch.shape[-1]
        variance, directions = self.numbers.laid_out(metric.variance), self.numbers.laid_out(metric.directions)
        blocks = (position.view(apart, chains, width), end.view(apart, chains, width), values.view(apart, chains),
                  gradient.view(apart, chains, width), step_size.reshape(apart), variance.reshape(apart, width),
                  directions.reshape(apart, rank, width), metric.gains.reshape(apart, rank))  # fmt: skip
        for x, p, value, g, step, variance, along, gains in zip(*blocks, strict=True):
            self.native.trajectories(
                x.numpy(),
                p.numpy(),
                value.numpy(),
                g.numpy(),
                float(step),
                variance.numpy(),
                along.numpy(),
                gains.numpy(),
                steps,
            )
        return ChainState(self.numbers.taken(position), values, self.numbers.taken(gradient)), self.numbers.taken(
            end
        )

    def _run(self, what: str, eager: Callable[..., Any], x: Tensor) -> Any:
        # networks' weights change unseen between calls
        if self.nets is not None:
            return eager(self, x)
        given, params = tuple(sorted(self.given)), tuple(sorted(self.params))
        held = [*(self.given[k] for k in given), *(self.params[k] for k in params)]
        key = (what, x.dtype, x.shape, given, params, *((v.dtype, v.shape) for v in held))
        if key not in self.traces:

            def function(x: Tensor, *held: Tensor) -> Any:
                names = iter(held)
                renamed = {k: next(names) for k in given}
                bare = replace(self, given=renamed, params={k: next(names) for k in params})
                return eager(bare, x)

            try:
                self.traces[key] = traced(function, x.detach(), *(v.detach() for v in held))
            except NotRecordable as reason:
                self.traces[key] = reason
        recording = self.traces[key]
        if isinstance(recording, NotRecordable):  # it runs as it is written
            return eager(self, x)
        return recording(x.detach(), *(v.detach() for v in held))


def target_of(problem: Problem, dtype: torch.dtype = torch.float64, backend: str = "torch") -> Target:
    """The log-density of a problem whose latent variables are continuous, or discrete and summed out
    (``plan.latents.sampling_reasons`` is empty). ``backend``: who works it out, as `native_of`. Raises PgmError PGM0601 for what no program says yet, PGM0602 for ``native`` where there is none."""
    joint = density_of(problem, dtype)
    names = tuple(v.name for v in sampled_variables(problem.model, problem.facts))
    summed = summed_names(problem.model, problem.facts)
    sums = marginaliser_of(joint, summed) if summed else None
    return Target(joint, free_numbers(joint, names), sums, native=native_of(joint, names, summed, backend))


def block_target(
    joint: BoundDensity, names: tuple[str, ...], given: Values, traces: dict[Any, Any] | None = None
) -> Target:
    """The full conditional density of some continuous variables given all other latent ones. ``traces``: what was
    recorded for the same block."""
    shared_traces = {} if traces is None else traces
    return Target(joint, free_numbers(joint, names), None, dict(given), frozenset(names), traces=shared_traces)

"""What every kernel shares: the states, the tuning, the record of a step, and the Metropolis test.

A kernel is a pair of pure functions over immutable tuples.  Points are ``[..., C, d]``: ``C`` chains on the axis
before the last, and any axes before it (tempering puts its temperatures there).  What is tuned is shared by the
chains and separate for each leading index, hence the shapes ``[..., 1]`` and ``[..., 1, d]`` below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.kernels import metric as mt
from pgmlang.kernels.log_density import LogDensity


class ChainState(NamedTuple):
    """Where the chains are.  ``gradient`` is zero for kernels that use none."""

    position: Tensor  # [..., C, d]
    logdensity: Tensor  # [..., C]
    gradient: Tensor  # [..., C, d]


class Tuning(NamedTuple):
    """The numbers that adaptation sets."""

    step_size: Tensor  # [..., 1]
    metric: mt.Metric
    length: Tensor  # []: most leapfrog steps in an iteration (hmc only)


class StepInfo(Protocol):
    """What one step did, a NamedTuple of the kernel's own.

    The driver and the warm-up ask for these two. Every field of one number a chain, and every
    whole number, is kept for each draw under its name.
    """

    @property
    def acceptance(self) -> Tensor: ...  # [..., C], probability

    @property
    def steps(self) -> int: ...  # evaluations of the gradient (or of the density)

    def _asdict(self) -> dict[str, Any]: ...


class Info(NamedTuple):
    """What one step with a Metropolis test did.  ``proposal`` is the end of the trajectory, before the accept step."""

    acceptance: Tensor  # [..., C], probability
    accepted: Tensor  # [..., C], bool
    divergent: Tensor  # [..., C], bool
    energy: Tensor  # [..., C], of the state that was kept
    steps: int  # evaluations of the gradient (or of the density)
    proposal: Tensor  # [..., C, d]


class Kernel(NamedTuple):
    """A sampler: ``init(logdensity, x)`` and ``step(generator, state, logdensity, tuning)``.

    ``target(d)`` is the mean acceptance that the step size is tuned to, ``dense`` tells the form of the metric,
    ``robust`` asks for the harmonic mean over chains of the acceptance, which one slow chain can pull down; ``trial`` is the step by which
    a first step size is sought, where that is another.
    """

    name: str
    init: Callable[[LogDensity, Tensor], ChainState]
    step: Callable[[Generator, ChainState, LogDensity, Tuning], tuple[ChainState, StepInfo]]
    target: Callable[[int], float]
    dense: bool = False
    robust: bool = False
    trajectories: bool = False
    trial: Callable[[Generator, ChainState, LogDensity, Tuning], tuple[ChainState, StepInfo]] | None = None


def normal(generator: Generator, x: Tensor) -> Tensor:
    """Standard normal numbers of the shape, dtype and device of ``x``."""
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)


def uniform(generator: Generator, x: Tensor) -> Tensor:
    """Uniform numbers on [0, 1) of the shape, dtype and device of ``x``."""
    return torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)


def choose(accepted: Tensor, proposed: ChainState, current: ChainState) -> ChainState:
    """The proposed state where ``accepted [..., C]``, else the current one: value and gradient move with the point."""
    wide = accepted.unsqueeze(-1)
    return ChainState(
        torch.where(wide, proposed.position, current.position),
        torch.where(accepted, proposed.logdensity, current.logdensity),
        torch.where(wide, proposed.gradient, current.gradient),
    )


def refuse_lost(chains: ChainState) -> None:
    """Raises PgmError PGM0803 where chains begin at a density of zero, or at no number: none of them could be left by a Metropolis test."""
    lost = int((~torch.isfinite(chains.logdensity)).sum())
    if lost:
        message = f"{lost} of {chains.logdensity.numel()} chains begin where the density is zero, or no number"
        cure = (
            "another `--seed`, or priors that keep numbers from where the density overflows; does the data lie within the"
            " distributions' supports?"
        )
        raise PgmError(Diagnostic("PGM0803", message, help=cure))


def acceptance_of(log_ratio: Tensor) -> Tensor:
    """``min(1, exp(log_ratio))``, zero where the ratio is no number."""
    return torch.nan_to_num(log_ratio, nan=-torch.inf, posinf=0.0, neginf=-torch.inf).clamp(max=0.0).exp()


def metropolis(generator: Generator, log_ratio: Tensor) -> tuple[Tensor, Tensor]:
    """Acceptance probability and decision, both ``[..., C]``, of a Metropolis-Hastings test."""
    acceptance = acceptance_of(log_ratio)
    return acceptance, uniform(generator, acceptance) < acceptance


def default_tuning(x: Tensor, step_size: float = 1.0, length: float = 10.0) -> Tuning:
    """Tuning for points ``x [..., C, d]``: the given step and length, unit metric."""
    lead, d = x.shape[:-2], x.shape[-1]
    return Tuning(x.new_full((*lead, 1), step_size), mt.diagonal(x.new_ones(*lead, 1, d)), x.new_tensor(length))


def pooled_acceptance(acceptance: Tensor, robust: bool) -> Tensor:
    """Mean over chains, ``[..., C]`` to ``[..., 1]``.

    The robust form is the harmonic mean of values kept above 0.05 (Hoffman, Radul, Sountsov 2021, sec. 3.2 use it
    without a floor, where one rejected chain among hundreds would collapse the step).
    """
    if not robust:
        return acceptance.mean(-1, keepdim=True)
    return 1.0 / (1.0 / acceptance.clamp(min=0.05)).mean(-1, keepdim=True)

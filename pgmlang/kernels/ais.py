"""Annealed importance sampling (Neal 2001) along inverse temperatures, with any kernel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from pgmlang.kernels import adaptation as ad
from pgmlang.kernels import hmc
from pgmlang.kernels.kernel import Kernel, Tuning, default_tuning, pooled_acceptance
from pgmlang.kernels.log_density import LogDensity
from pgmlang.kernels.tempering import Path
from pgmlang.kernels.warmup import find_reasonable_step

Sampler = Callable[[Generator, int], Tensor]


class AisState(NamedTuple):
    """Particles between two temperatures."""

    rung: int  # the particles have been moved at betas[index]
    position: Tensor  # [n, d]
    log_weight: Tensor  # [n]


class AisResult(NamedTuple):
    """``log_z`` is the log of the target's normaliser over the base's."""

    log_z: Tensor  # []
    error: Tensor  # [], standard error of log_z
    ess: Tensor  # [], effective sample size of the weights, at most n
    position: Tensor  # [n, d], to be used with the weights
    log_weight: Tensor  # [n], not normalised
    acceptance: Tensor  # [T], mean over particles at each temperature


def schedule(count: int, like: Tensor, power: float = 2.0) -> Tensor:
    """``count + 1`` inverse temperatures from 0 to 1, denser towards 0 for a ``power`` above 1."""
    return torch.linspace(0.0, 1.0, count + 1, dtype=like.dtype, device=like.device) ** power


def weigh(path: Path, state: AisState, betas: Tensor) -> AisState:
    """The weights for the move to the next temperature (Neal 2001, eq. 3); none is given up where it is zero."""
    gain = (betas[state.rung + 1] - betas[state.rung]) * path.difference(state.position)
    return AisState(state.rung + 1, state.position, state.log_weight + gain)


def summary(log_weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log of the mean weight, its standard error (delta method) and the effective size, of ``log_weight [n]``."""
    n = len(log_weight)
    log_z = log_weight.logsumexp(0) - math.log(n)
    relative = (log_weight - log_z).exp()
    error = relative.std() / math.sqrt(n)
    return log_z, error, n / relative.square().mean()


def systematic(generator: Generator, log_weight: Tensor, size: int) -> Tensor:
    """``size`` indices into ``log_weight [n]``, drawn by systematic resampling: one uniform number, even spacing."""
    cumulative = torch.softmax(log_weight, 0).cumsum(0)
    offset = torch.rand((), generator=generator, dtype=log_weight.dtype, device=log_weight.device)
    points = (torch.arange(size, dtype=log_weight.dtype, device=log_weight.device) + offset) / size
    return torch.searchsorted(cumulative, points * cumulative[-1], right=True).clamp(max=len(log_weight) - 1)


@torch.no_grad()
def pilot(
    path: Path, x: Tensor, betas: Tensor, kernel: Kernel, generator: Generator, length: float = 4.0, moves: int = 3
) -> list[Tuning]:
    """Tuning for every temperature after the first, from a pass over particles ``x [n, d]`` drawn from the base.

    The weights are unbiased only when the tuning does not hang on the particles weighed, so the pass is to have
    particles of its own.  They are resampled where their effective size falls below half.
    """
    tuning, tunings = default_tuning(x, length=length), []
    log_weight = torch.zeros_like(x[:, 0])
    target = kernel.target(x.shape[-1])
    for i in range(len(betas) - 1):
        log_weight = weigh(path, AisState(i, x, log_weight), betas).log_weight
        if float(summary(log_weight)[2]) < 0.5 * len(x):
            x = x[systematic(generator, log_weight, len(x))]
            log_weight = torch.zeros_like(log_weight)
        metric = ad.metric_of(ad.add_points(ad.moments(x, kernel.dense), x), kernel.dense)
        density = path.at(betas[i + 1])
        state = kernel.init(density, x)
        tuning = tuning._replace(metric=metric)
        if i == 0:
            step = find_reasonable_step(generator, kernel, state, density, tuning)
            tuning = tuning._replace(step_size=step)
        for _ in range(moves):
            state, info = kernel.step(generator, state, density, tuning)
            # stochastic approximation of the log step, fast since many particles make the rate exact
            rate = pooled_acceptance(info.acceptance, kernel.robust)
            tuning = tuning._replace(step_size=tuning.step_size * (rate - target).exp())
        x = state.position
        tunings.append(tuning)
    return tunings


@torch.no_grad()
def anneal(
    path: Path,
    x: Tensor,
    betas: Tensor,
    kernel: Kernel,
    tunings: list[Tuning],
    generator: Generator,
    moves: int = 1,
) -> AisResult:
    """Weigh and move ``x [n, d]``, exact draws from the base, through ``betas [T + 1]`` from 0 to 1.

    ``tunings`` has one entry for each temperature after the first; each particle makes ``moves`` steps there.
    """
    if len(tunings) != len(betas) - 1 or float(betas[0]) != 0.0 or float(betas[-1]) != 1.0:
        raise ValueError("betas must go from 0 to 1, with one tuning for each after the first")
    state = AisState(0, x, torch.zeros_like(x[:, 0]))
    rates: list[Tensor] = []
    for tuning in tunings:
        state = weigh(path, state, betas)
        density = path.at(betas[state.rung])
        chains = kernel.init(density, state.position)
        for _ in range(moves):
            chains, info = kernel.step(generator, chains, density, tuning)
        rates.append(info.acceptance.mean())
        state = state._replace(position=chains.position)
    log_z, error, ess = summary(state.log_weight)
    return AisResult(log_z, error, ess, state.position, state.log_weight, torch.stack(rates))


def ais(
    target: LogDensity,
    base: LogDensity,
    base_sampler: Sampler,
    *,
    generator: Generator,
    particles: int = 1000,
    temperatures: int = 100,
    betas: Tensor | None = None,
    kernel: Kernel | None = None,
    length: float = 4.0,
    moves: int = 1,
) -> AisResult:
    """Estimate the log normaliser of ``target`` less that of ``base``: zero for a normalised base.

    ``base_sampler(generator, n)`` gives exact draws ``[n, d]`` of the base, whose dtype and device all follow.
    ``betas [T + 1]`` replaces the quadratic schedule of ``temperatures``.  A pilot pass with particles of its own
    tunes the kernel (HMC unless given), then ``particles`` are annealed.  exp(log_z) is unbiased; the error is that of
    the delta method and means something while ``ess`` is not a handful.

    Raises ValueError for a schedule that does not go from 0 to 1.
    """
    kernel = hmc.kernel() if kernel is None else kernel
    path = Path(target, base)
    first = base_sampler(generator, min(particles, 500))
    steps = schedule(temperatures, first) if betas is None else betas
    tunings = pilot(path, first, steps, kernel, generator, length)
    return anneal(path, base_sampler(generator, particles), steps, kernel, tunings, generator, moves)

"""The warm-up of any kernel: which adaptation acts at which iteration."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from pgmlang.kernels import adaptation as ad
from pgmlang.kernels.hmc import SHORTEST
from pgmlang.kernels.kernel import ChainState, Kernel, StepInfo, Tuning, default_tuning, pooled_acceptance
from pgmlang.kernels.log_density import LogDensity
from pgmlang.kernels.metric import PRICE, Metric, of_points


class WarmupPlan(NamedTuple):
    """What a run does; it holds no tensors and does not change.

    ``length`` is the most leapfrog steps in an iteration; with ``learns_length``, for kernels with trajectories over chains ``[C, d]``,
    it is learnt instead, between 1 and ``max_length``.  ``target`` overrides the kernel's own acceptance;
    ``direction_price``: what a direction of the metric costs in a step, as a share of a gradient.
    """

    kernel: Kernel
    warmup: int = 500
    length: float = 10.0
    max_length: float = 256.0
    learns_length: bool = True
    target: float | None = None
    direction_price: float = PRICE


MEAN_PATH = 0.55 * math.pi
"""Time of the mean path, in standard deviations of the widest direction: in a normal posterior paths of a quarter of the period (pi / 2) end
independent of where they began, as regards squares too; tails are wider than that, and longer paths have more effective draws of means."""
FIRST_LENGTH, EARLY_LENGTH = 10.0, 24.0
"""Most leapfrog steps until a metric is learnt, and until the last one is: long paths would only cost."""


class Adaptation(NamedTuple):
    """All adaptation in one tuple, apart from the chains and from the tuning in use."""

    step: ad.DualAveraging
    moments: ad.Moments
    points: Tensor  # [draw, C, d] of the present window
    slopes: Tensor  # [draw, C, d], gradients there
    time: Tensor  # [] of the longest path; zero until it is learnt


def find_reasonable_step(
    generator: Generator, kernel: Kernel, state: ChainState, logdensity: LogDensity, tuning: Tuning
) -> Tensor:
    """Step size ``[..., 1]`` near which a single (leapfrog) step crosses a mean acceptance of one half.

    Doubles or halves for each leading index on its own (Hoffman and Gelman 2014, algorithm 4); a kernel that is
    tuned to less than one half crosses its own target.  Gives up after 60 doublings.
    """
    threshold = min(0.5, kernel.target(state.position.shape[-1]))
    single = torch.ones_like(tuning.length)
    step = tuning.step_size
    direction = torch.zeros_like(step)
    for _ in range(60):
        _, info = (kernel.trial or kernel.step)(generator, state, logdensity, Tuning(step, tuning.metric, single))
        up = pooled_acceptance(info.acceptance, False) > threshold
        direction = torch.where(direction == 0, torch.where(up, 1.0, -1.0).to(step), direction)
        # an index rests from the first time its acceptance is on the other side
        moving = up == (direction > 0)
        if not bool(moving.any()):
            break
        step = torch.where(moving, step * 2.0**direction, step)
    return step


def start(
    generator: Generator, plan: WarmupPlan, state: ChainState, logdensity: LogDensity, metric: Metric | None = None
) -> tuple[Tuning, Adaptation]:
    """Tuning and adaptation at the first iteration, for chains ``[..., C, d]``; ``metric``: the first one, the unit's if not given."""
    length = FIRST_LENGTH if _learns_shape(plan, state.position) else plan.length
    tuning = default_tuning(state.position, length=length)
    if metric is not None:
        tuning = tuning._replace(metric=metric)
    if plan.warmup > 0:
        step = find_reasonable_step(generator, plan.kernel, state, logdensity, tuning)
        tuning = tuning._replace(step_size=step)
    return tuning, _restart(plan, tuning, state.position, torch.zeros_like(tuning.length))


def _learns_shape(plan: WarmupPlan, x: Tensor) -> bool:
    """Whether directions of the metric and the length of paths are learnt."""
    return plan.learns_length and plan.kernel.trajectories and x.dim() == 2


def _restart(plan: WarmupPlan, tuning: Tuning, x: Tensor, time: Tensor) -> Adaptation:
    none = x.new_empty(0, *x.shape[-2:])
    return Adaptation(ad.dual_averaging(tuning.step_size), ad.moments(x, plan.kernel.dense), none, none, time)


def _length(plan: WarmupPlan, iteration: int, time: Tensor, tuning: Tuning) -> Tensor:
    """Most leapfrog steps of the iterations to come."""
    if not bool(time > 0):
        return tuning.length
    is_last = iteration + 1 >= ad.windows(plan.warmup).ends[-1]
    longest = plan.max_length if is_last else min(plan.max_length, EARLY_LENGTH)
    return (time / tuning.step_size.mean()).clamp(1.0, longest)


def adapt(
    generator: Generator,
    plan: WarmupPlan,
    iteration: int,
    before: Tensor,
    state: ChainState,
    info: StepInfo,
    logdensity: LogDensity,
    tuning: Tuning,
    adaptation: Adaptation,
) -> tuple[Tuning, Adaptation]:
    """Tuning and adaptation after warm-up iteration ``iteration``, whose step led from ``before`` to ``state``.

    After the last one the tuning holds the averages and is to stay as it is.
    """
    kernel, schedule = plan.kernel, ad.windows(plan.warmup)
    target = kernel.target(before.shape[-1]) if plan.target is None else plan.target
    step = ad.average_step(adaptation.step, pooled_acceptance(info.acceptance, kernel.robust), target)
    adaptation = _remembered(plan, schedule, iteration, state, adaptation._replace(step=step))
    size = (step.log_average if iteration + 1 == plan.warmup else step.log_step).exp()
    tuning = tuning._replace(step_size=size)
    if iteration + 1 in schedule.ends:
        return _new_metric(generator, plan, iteration, state, logdensity, tuning, adaptation)
    return tuning._replace(length=_length(plan, iteration, adaptation.time, tuning)), adaptation


def _remembered(
    plan: WarmupPlan, schedule: ad.Windows, iteration: int, state: ChainState, adaptation: Adaptation
) -> Adaptation:
    """The adaptation that has seen where the chains are."""
    x = state.position
    if not _learns_shape(plan, x):
        return (
            adaptation._replace(moments=ad.add_points(adaptation.moments, x))
            if schedule.learns(iteration)
            else adaptation
        )
    if not schedule.takes_points(iteration, *x.shape):
        return adaptation
    points, slopes = (
        torch.cat([old, new.unsqueeze(0)])
        for old, new in ((adaptation.points, x), (adaptation.slopes, state.gradient))
    )
    return adaptation._replace(points=points, slopes=slopes)


def _new_metric(
    generator: Generator,
    plan: WarmupPlan,
    iteration: int,
    state: ChainState,
    logdensity: LogDensity,
    tuning: Tuning,
    adaptation: Adaptation,
) -> tuple[Tuning, Adaptation]:
    learns_shape, points = _learns_shape(plan, state.position), adaptation.points
    if learns_shape:
        flat, slopes = points.flatten(0, 1), adaptation.slopes.flatten(0, 1)
        metric = of_points(flat, slopes, tuning.metric.variance, plan.direction_price)
    else:
        metric = ad.metric_of(adaptation.moments, plan.kernel.dense)
    tuning = tuning._replace(metric=metric)
    # the scale of the step changes with the metric
    tuning = tuning._replace(step_size=find_reasonable_step(generator, plan.kernel, state, logdensity, tuning))
    time = torch.zeros_like(tuning.length)
    if learns_shape:
        time = MEAN_PATH / (0.5 + 0.5 * SHORTEST) * ad.widest_variance(points, metric).sqrt()
        tuning = tuning._replace(length=_length(plan, iteration, time, tuning))
    return tuning, _restart(plan, tuning, state.position, time)

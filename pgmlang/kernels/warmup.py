"""The warm-up of any kernel: which adaptation acts at which iteration."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from pgmlang.kernels import adaptation as ad
from pgmlang.kernels.kernel import ChainState, Kernel, StepInfo, Tuning, default_tuning, pooled_acceptance
from pgmlang.kernels.log_density import LogDensity


class WarmupPlan(NamedTuple):
    """What a run does; it holds no tensors and does not change.

    ``length`` is the most leapfrog steps in an iteration; with ``chees``, for kernels with trajectories and at least
    two chains, the length is learnt instead, between 1 and ``max_length``.  ``target`` overrides the kernel's own
    acceptance.
    """

    kernel: Kernel
    warmup: int = 500
    length: float = 10.0
    max_length: float = 256.0
    chees: bool = True
    target: float | None = None


# ChEES starts from below: beyond its first maximum the criterion has others, at multiples of a period
FIRST_LENGTH = 2.0
# until the metric is learnt, long paths would only cost
EARLY_LENGTH = 32.0


class Adaptation(NamedTuple):
    """All adaptation in one tuple, apart from the chains and from the tuning in use."""

    step: ad.DualAveraging
    moments: ad.Moments
    chees: ad.Chees


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
        _, info = kernel.step(generator, state, logdensity, Tuning(step, tuning.metric, single))
        up = pooled_acceptance(info.acceptance, False) > threshold
        direction = torch.where(direction == 0, torch.where(up, 1.0, -1.0).to(step), direction)
        # an index rests from the first time its acceptance is on the other side
        moving = up == (direction > 0)
        if not bool(moving.any()):
            break
        step = torch.where(moving, step * 2.0**direction, step)
    return step


def start(
    generator: Generator, plan: WarmupPlan, state: ChainState, logdensity: LogDensity
) -> tuple[Tuning, Adaptation]:
    """Tuning and adaptation at the first iteration, for chains ``[..., C, d]``."""
    length = FIRST_LENGTH if _with_chees(plan, state.position) else plan.length
    tuning = default_tuning(state.position, plan.kernel, length=length)
    if plan.warmup > 0:
        step = find_reasonable_step(generator, plan.kernel, state, logdensity, tuning)
        tuning = tuning._replace(step_size=step)
    return tuning, _restart(plan, tuning, state.position)


def _with_chees(plan: WarmupPlan, x: Tensor) -> bool:
    return plan.chees and plan.kernel.trajectories and x.dim() == 2 and x.shape[0] > 1


def _restart(plan: WarmupPlan, tuning: Tuning, x: Tensor) -> Adaptation:
    time = tuning.length * tuning.step_size.mean()
    return Adaptation(ad.dual_averaging(tuning.step_size), ad.moments(x, plan.kernel.dense), ad.chees(time))


def _learn_length(
    plan: WarmupPlan, iteration: int, state: Adaptation, tuning: Tuning, before: Tensor, info: Any
) -> ad.Chees:
    step = tuning.step_size.mean()
    gradient = ad.chees_gradient(
        before, info.proposal, info.momentum, tuning.metric, info.acceptance, info.steps * step
    )
    ends = ad.windows(plan.warmup).ends
    if ends and iteration >= ends[0]:
        # whitened, the widest direction has a scale of sqrt(d) at most: half a period of it is pi * sqrt(d)
        longest = torch.minimum(step * plan.max_length, torch.full_like(step, 4.0 * math.sqrt(before.shape[-1])))
    else:
        longest = step * min(plan.max_length, EARLY_LENGTH)
    return ad.lengthen(state.chees, gradient, step, torch.maximum(longest, step))


def _length(plan: WarmupPlan, log_time: Tensor, step_size: Tensor) -> Tensor:
    return (log_time.exp() / step_size.mean()).clamp(1.0, plan.max_length)


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
    with_chees = _with_chees(plan, before)
    path = _learn_length(plan, iteration, adaptation, tuning, before, info) if with_chees else adaptation.chees
    pooled = adaptation.moments
    if schedule.ends and schedule.start <= iteration < schedule.ends[-1]:
        pooled = ad.add_points(pooled, state.position)
    last = iteration + 1 == plan.warmup
    size = (step.log_average if last else step.log_step).exp()
    length = _length(plan, path.log_average if last else path.log_time, size) if with_chees else tuning.length
    tuning, adaptation = Tuning(size, tuning.metric, length), Adaptation(step, pooled, path)
    if iteration + 1 not in schedule.ends:
        return tuning, adaptation
    return _new_metric(generator, plan, state, logdensity, tuning, adaptation)


def _new_metric(
    generator: Generator,
    plan: WarmupPlan,
    state: ChainState,
    logdensity: LogDensity,
    tuning: Tuning,
    adaptation: Adaptation,
) -> tuple[Tuning, Adaptation]:
    metric = ad.metric_of(adaptation.moments, plan.kernel.dense)
    length = tuning.length
    if _with_chees(plan, state.position) and bool(((metric / tuning.metric).log().abs() > math.log(4.0)).any()):
        # another geometry: what was learnt of the length is void
        length = length.clamp(max=FIRST_LENGTH)
    tuning = Tuning(tuning.step_size, metric, length)
    # the scale of the step changes with the metric; the number of steps is carried over, not the time
    tuning = tuning._replace(step_size=find_reasonable_step(generator, plan.kernel, state, logdensity, tuning))
    return tuning, _restart(plan, tuning, state.position)

"""Maximum a posteriori, and maximum likelihood of params: L-BFGS (Liu and Nocedal 1989) or Adam.

The mode is that of the density of the values as they are, not of the free numbers behind them: no Jacobian.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pgmlang.density.keys import FreeKey, NetworkWeight
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.graph.components import summing_steps
from pgmlang.infer.base import Algorithm, Facts, Measure, Method, Outcome, Problem, StepReport, Verdict
from pgmlang.infer.training import (
    TRAINING,
    Objective,
    TrainOptions,
    check_options,
    dtype_of,
    idle_training,
    split_nets,
    units_of,
)
from pgmlang.infer.training import build as build_training
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate
from pgmlang.plan.latents import KINDS, latent_variables, moving_partition, summed_names, support_reasons
from pgmlang.plan.reasons import lowering_reasons, missing_cells, missing_inputs
from pgmlang.tables.learned import learned_tables

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from pgmlang.density.joint import Joint

INNER = 20
"""L-BFGS iterations of a step."""


@dataclass(frozen=True, kw_only=True)
class MapOptions(TrainOptions):
    """``optimizer``: ``lbfgs`` or ``adam``; None: L-BFGS without networks and minibatches. ``tolerance``: L-BFGS has
    converged when a step gains less, relative to the objective. ``restarts``: places it begins from, of which the best
    goes on (None: 8 with discrete latents summed out, else 1); every other one first climbs with the labels held at clusters
    of the data beside them."""

    optimizer: str | None = None
    restarts: int | None = None
    max_iterations: int = 1000
    tolerance: float = 1e-9


def supports(model: Model, facts: Facts) -> Verdict:
    """Something to estimate, discrete latents that can be summed out, no log Z that moves."""
    return Verdict.of(tuple(_reasons(model, facts)))


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    yield from moving_partition(model, facts)
    yield from support_reasons(model, facts, summed_names(model, facts))
    yield from summing_steps(model, summed_names(model, facts))[1]
    if facts.binding is None and not (model.nets or any(model.of_role("param")) or latent_variables(model, facts)):
        yield Diagnostic("PGM0602", "no number is to be estimated")
    if facts.binding is not None and not subjects(model, facts):
        yield Diagnostic("PGM0602", "no number is to be estimated")
    for variable in model.of_role("random"):
        if variable.name in facts.latent and variable.type.kind not in KINDS and not variable.type.is_discrete:
            yield Diagnostic("PGM0602", f"`{variable.name}` is {variable.type} and latent", variable.span)
    yield from missing_cells(model, facts)
    yield from missing_inputs(model, facts)
    yield from lowering_reasons(model)


def subjects(model: Model, facts: Facts) -> tuple[str, ...]:
    """What is estimated: params without a value, learned tables, networks, latent numbers."""
    names = [v.name for v in model.of_role("param") if v.name not in facts.fixed]
    names += [t.name for t in learned_tables(model)] + [n.name for n in model.nets]
    return (*names, *(v.name for v in latent_variables(model, facts)))


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    out = [", ".join(f"`{n}`" for n in subjects(model, facts)[:8]) + ": the most probable values"]
    summed = summed_names(model, facts)
    if summed and facts.binding is not None:
        out.append("summed out exactly: " + ", ".join(f"`{n}`" for n in summed))
    return tuple(out)


def objective_of(problem: Problem) -> Objective:
    """Minus the log-density of a unit of data."""
    model, facts = problem.model, problem.facts
    latent = tuple(v.name for v in latent_variables(model, facts))
    summed = summed_names(model, facts)
    plate = unit_plate(model)

    def start(joint: Joint, generator: Generator) -> dict[FreeKey, Tensor]:
        import torch

        from pgmlang.infer.starts import nearest_possible

        free = joint.initial(generator)
        for name in latent:
            shape = joint.free_shape(name)
            free[name] = 0.1 * torch.randn(shape, generator=generator, dtype=joint.dtype, device=joint.device)
        return free if model.nets else nearest_possible(free, lambda f: impossible(joint, f), generator)

    def impossible(joint: Joint, free: Mapping[FreeKey, Tensor]) -> Tensor:
        """How much of the density is zero at points; with labels summed out, whether all of it is."""
        from pgmlang.infer.starts import impossible_elements

        if summed:
            return (~log_density(joint, free, None, summed).isfinite()).to(joint.dtype)
        values, learned = joint.constrain(free)[0], set(joint.learned)
        params = {k: v for k, v in values.items() if k in learned}
        return impossible_elements(joint, {k: v for k, v in values.items() if k not in learned}, params)

    def loss(
        joint: Joint, free: Mapping[FreeKey, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        return -log_density(joint, free, nets, summed) / units_of(joint, plate), extra

    def conclude(
        joint: Joint, free: Mapping[FreeKey, Tensor], nets: Any, extra: Any, generator: Generator
    ) -> Outcome:
        values, _ = joint.constrain(free, nets=nets)
        total = float(log_density(joint, free, nets, summed))
        parameters = {k: v.cpu().numpy() for k, v in values.items()}
        prior = log_prior(joint, values, nets, latent)
        likelihood = None if prior is None else total - prior
        return Outcome(parameters, (), True, (), {"log_density": total}, log_likelihood=likelihood)

    return Objective(start, loss, conclude, "log-density a row" if plate else "log-density")


def log_density(
    joint: Joint, free: Mapping[FreeKey, Tensor], nets: Any, summed: tuple[str, ...],
    codes: Mapping[str, Tensor] = MappingProxyType({}),
) -> Tensor:  # fmt: skip
    """Log-density of the values behind free ones and of the tables' priors, no Jacobian: discrete latents summed out, or
    at their ``codes``."""
    from pgmlang.density.table_priors import log_table_priors

    values, _ = joint.constrain(free, nets=nets)
    learned = set(joint.learned)
    params = {k: v for k, v in values.items() if k in learned}
    latents = {k: v for k, v in values.items() if k not in learned}
    prior = log_table_priors(joint, params)
    if not summed:
        return joint.log_joint({**latents, **codes}, params, nets) + prior
    from pgmlang.density.summing import sums_of

    total: Tensor = joint.memo.once(sums_of, joint, summed).log_marginal(latents, params, nets)
    return total + prior


def log_prior(joint: Joint, values: Mapping[str, Tensor], nets: Any, estimated: tuple[str, ...]) -> float | None:
    """The log-density of estimated latents themselves: what the log-joint has beside ln p(data). None where rows have
    such latents, for their values are no estimates that new data share."""
    model = joint.model
    rows = {p.name for p in model.plates if p.is_rows}
    if any(rows & set(model.by_name[n].plates) for n in estimated):
        return None
    learned = set(joint.learned)
    priors = [n for n in estimated if n in model.conditional_of]
    if not priors:
        return 0.0
    latents = {k: v for k, v in values.items() if k not in learned}
    params = {k: v for k, v in values.items() if k in learned}
    return float(joint.sum(joint.factors(latents, params, nets, only=priors)))


class ClimbState(NamedTuple):
    """Free values in one vector (``point``: ``lbfgs.Point``), and the objective after each step; ``starts``: the
    objective that each of several starts came to."""

    iteration: int
    point: Any
    trace: tuple[float, ...] = ()
    is_done: bool = False
    starts: tuple[float, ...] = ()


def build(problem: Problem, options: MapOptions) -> Algorithm:
    check_options(options)
    objective = objective_of(problem)
    latent = latent_variables(problem.model, problem.facts)
    rows = {p.name for p in problem.model.plates if p.is_rows}
    if (options.batch or options.validation) and any(rows & set(v.plates) for v in latent):
        raise PgmError(Diagnostic("PGM0612", "rows with latent numbers of their own cannot be minibatched here",
                                  help="leave `--batch` and `--validation` out, or `--method elbo`"))  # fmt: skip
    return (
        build_training(problem, options, objective)
        if _by_adam(problem.model, options)
        else _lbfgs(problem, options, objective)
    )


def _by_adam(model: Model, options: MapOptions) -> bool:
    if options.optimizer is not None:
        return options.optimizer == "adam"
    return bool(model.nets or options.batch or options.validation)


def idle(model: Model, facts: Facts, options: MapOptions) -> dict[str, str]:
    """L-BFGS has no use for a training's options, nor Adam for its."""
    if _by_adam(model, options):
        return {
            **dict.fromkeys(("restarts", "max_iterations", "tolerance"), "Adam climbs"),
            **idle_training(model, facts, options),
        }
    return dict.fromkeys(TRAINING, "L-BFGS climbs (`--optimizer adam` has it)")


def _lbfgs(problem: Problem, options: MapOptions, objective: Objective) -> Algorithm:
    import torch

    from pgmlang.density.gradients import gradient_error, slopes_of
    from pgmlang.density.partition import density_of
    from pgmlang.infer.starts import starting_codes
    from pgmlang.kernels import lbfgs
    from pgmlang.kernels.log_density import GradientNotFinite

    joint = density_of(problem, dtype_of(options, problem.model))
    nets = joint.build_nets(0)
    weights = {} if nets is None else {NetworkWeight(k): v.detach() for k, v in nets.state_dict().items()}

    def parts(x: Tensor) -> tuple[dict[FreeKey, Tensor], Any]:
        shapes = {**{n: joint.free_shape(n) for n in names}, **{k: tuple(v.shape) for k, v in weights.items()}}
        pieces = torch.split(x, [math.prod(s) for s in shapes.values()])
        parameters = {k: p.reshape(s) for (k, s), p in zip(shapes.items(), pieces, strict=True)}
        return split_nets(parameters, nets)

    def sloped(loss_at: Callable[[Tensor], Tensor]) -> lbfgs.Function:
        def function(x: Tensor) -> tuple[Tensor, Tensor]:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                loss = loss_at(leaf)
                (gradient,) = slopes_of(loss, [leaf])
            return loss.detach(), gradient

        return function

    function = sloped(lambda x: objective.loss(joint, *parts(x), torch.Generator(joint.device), None)[0])

    def with_labels(codes: Mapping[str, Tensor]) -> lbfgs.Function:
        """Minus the log-density a unit with the discrete latents at these codes."""

        def loss_at(x: Tensor) -> Tensor:
            free, moved = parts(x)
            return -log_density(joint, free, moved, (), codes) / units_of(joint, unit_plate(problem.model))

        return sloped(loss_at)

    def stuck_at(x: Tensor) -> PgmError:
        free, moved = parts(x)
        leaves = {k: v.detach().requires_grad_() for k, v in free.items()}
        return gradient_error(
            lambda: objective.loss(joint, leaves, moved, torch.Generator(joint.device), None)[0],
            leaves, joint, objective.label,
        )  # fmt: skip

    names = tuple(objective.start(joint, torch.Generator(joint.device)))
    labels = summed_names(problem.model, problem.facts)
    restarts = options.restarts or (8 if labels else 1)

    def init(rng: np.random.Generator) -> ClimbState:
        generator = torch.Generator(joint.device).manual_seed(int(rng.integers(2**62)))
        begin = {**objective.start(joint, generator), **weights}
        first = torch.cat([v.flatten() for v in begin.values()])
        if restarts == 1:
            try:
                return ClimbState(0, lbfgs.start(function, first))
            except GradientNotFinite as broken:
                raise stuck_at(broken.x) from broken
        reached = []
        codes = {n: starting_codes(joint, n, generator, restarts // 2) for n in labels}
        for i in range(restarts):
            x = first + torch.randn(first.shape, generator=generator, dtype=joint.dtype, device=joint.device)
            try:
                if i % 2 and labels:
                    held = with_labels({n: c[i // 2] for n, c in codes.items()})
                    x = lbfgs.descend(held, lbfgs.start(held, x), INNER).x
                reached.append(lbfgs.descend(function, lbfgs.start(function, x), INNER))
            except GradientNotFinite as error:
                broken_at = error.x
        if not reached:
            raise stuck_at(broken_at)
        heights = tuple(-float(p.value) for p in reached)
        best = max(range(len(reached)), key=lambda i: -math.inf if math.isnan(heights[i]) else heights[i])
        return ClimbState(0, reached[best], starts=heights)

    def step(state: ClimbState) -> tuple[ClimbState, StepReport]:
        count = min(INNER, options.max_iterations - state.iteration)
        try:
            point = lbfgs.descend(function, state.point, count)
        except GradientNotFinite as broken:
            raise stuck_at(broken.x) from broken
        value = -float(point.value)
        gain = value - state.trace[-1] if state.trace else math.inf
        done = point.is_stuck or gain <= options.tolerance * max(1.0, abs(value))
        climbed = ClimbState(state.iteration + count, point, (*state.trace, value), done, state.starts)
        return climbed, StepReport(value, value, gain, count, Measure(objective.label))

    def conclude(state: ClimbState) -> Outcome:
        free, moved = parts(state.point.x)
        with torch.no_grad():
            outcome = objective.conclude(joint, free, moved, None, torch.Generator(joint.device))
        net_weights = {} if moved is None else {k: v.cpu().numpy() for k, v in moved.weights.items()}
        parameters = {**outcome.parameters, **net_weights, **problem.fixed}
        return outcome._replace(
            parameters=parameters, trace=state.trace, is_converged=state.is_done,
            notes={"objective": objective.label, "starts": list(state.starts), **outcome.notes},
        )  # fmt: skip

    return Algorithm(init, step, lambda s: bool(s.is_done or s.iteration >= options.max_iterations), conclude)


METHOD = Method(
    "map",
    "the most probable values, or maximum likelihood of params",
    MapOptions,
    supports,
    reasons,
    build,
    idle=idle,
)

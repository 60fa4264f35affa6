"""L-BFGS (Liu and Nocedal 1989) on an objective of all rows: free values and networks' weights in one vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.clusters import starting_codes
from pgmlang.density.delta import standard_errors
from pgmlang.density.free_numbers import FreeNumbers, with_places
from pgmlang.density.gradients import gradient_error, slopes_of
from pgmlang.density.initial import fresh_nets
from pgmlang.density.keys import FreeKey, NetworkWeight
from pgmlang.density.nets import split_nets
from pgmlang.density.partition import density_of
from pgmlang.density.transforms import constrain, free_shape
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Algorithm, Measure, Outcome, Problem, StepReport
from pgmlang.infer.data_unit import log_unit
from pgmlang.infer.end import (
    CURVATURE_UNKNOWN,
    doubts_of,
    no_standard_errors,
    reason_against_directions,
    running_doubt,
)
from pgmlang.kernels import lbfgs
from pgmlang.kernels.curvature import FEW, WITHIN, Curvature, curvature, reason_against
from pgmlang.kernels.lbfgs import Point
from pgmlang.kernels.log_density import GradientNotFinite
from pgmlang.kernels.reach import in_reach
from pgmlang.kernels.second_derivatives import TooCostly, hair, one_by_one
from pgmlang.model.row_plates import unit_plate
from pgmlang.objectives.log_density import log_density
from pgmlang.objectives.objective import Objective, units_of
from pgmlang.plan.deadline import OutOfTime
from pgmlang.plan.undetermined import undetermined_names

INNER = 20
"""L-BFGS iterations of a step."""
ENDS = 3
"""Steps that tell whether a climb runs away."""
SHRUNK = 0.1
"""A gradient that a step makes smaller than this share gets somewhere."""
FAR = 15.0
"""A free number smaller than this is not far out, in the unit of the data: ``exp(15)`` is three millions."""
STEEPER = 1e3
SETTLING = 20
"""Most times that a climb goes on from Newton steps after its end."""
NEWTON_AFTER = (100, 200, 400, 800)
"""Iterations after which Newton steps are tried."""


class End(NamedTuple):
    """Where a step ended: free values in one vector, and the largest number of the gradient there."""

    x: Tensor
    slope: float


class ClimbState(NamedTuple):
    """Free values in one vector, and the objective after each step; ``starts``: the objective that each of several starts
    came to; ``held``: numbers on an edge of the density, at which the climb of the others goes on; ``ends``: where the last
    steps ended; ``first_slope``: the largest number of the gradient before them; ``running``: numbers that the climb was given up for, since it takes them to infinity."""

    iteration: int
    point: Point
    trace: tuple[float, ...] = ()
    is_done: bool = False
    starts: tuple[float, ...] = ()
    held: tuple[int, ...] = ()
    ends: tuple[End, ...] = ()
    first_slope: float = math.nan
    running: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Climb:
    """One problem, set up once. ``restarts``: places it begins from, of which the best goes on, every other one after a
    climb with the summed-out ``labels`` held; it has converged when a step gains less than ``tolerance``, relative to the
    objective."""

    problem: Problem
    objective: Objective
    joint: BoundDensity
    nets: Any
    restarts: int
    max_iterations: int
    tolerance: float
    labels: tuple[str, ...]

    @cached_property
    def weights(self) -> dict[FreeKey, Tensor]:
        """The networks' first weights."""
        return (
            {} if self.nets is None else {NetworkWeight(k): v.detach() for k, v in self.nets.state_dict().items()}
        )

    @cached_property
    def numbers(self) -> FreeNumbers:
        """The free values and the weights, in one vector."""
        names = self.objective.start(self.joint, Generator(self.joint.device))
        weights = {k: tuple(v.shape) for k, v in self.weights.items()}
        return with_places(self.joint, {**{n: free_shape(self.joint, n) for n in names}, **weights})

    def by_name(self, x: Tensor) -> tuple[dict[FreeKey, Tensor], Any]:
        """Free values by name, and the networks with their weights."""
        return split_nets(self.numbers.by_name(x), self.nets)

    def side_by_side(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
        """Losses ``[m]`` and gradients ``[m, d]`` at points ``[m, d]``, and at which of these they are known; None where nothing has them."""
        known = self.objective.side_by_side(self.joint, self.numbers.laid_out(points))
        return None if known is None else (known[0], self.numbers.taken(known[1]), known[2])

    def function(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The loss and its gradient."""
        found = self.side_by_side(x[None])
        if found is not None and bool(found[2]):
            return found[0][0], found[1][0]
        generator = Generator(self.joint.device)
        return _sloped(lambda leaf: self.objective.loss(self.joint, *self.by_name(leaf), generator, None)[0], x)

    def with_labels(self, codes: Mapping[str, Tensor]) -> lbfgs.Function:
        """Minus the log-density a unit with the discrete latents at these codes, and its gradient."""
        units = units_of(self.joint, unit_plate(self.problem.model))
        return partial(_sloped, lambda leaf: -log_density(self.joint, *self.by_name(leaf), (), codes) / units)

    def error_at(self, x: Tensor) -> PgmError:
        """The line of the model behind a gradient that is not finite."""
        free, nets = self.by_name(x)
        leaves = {k: v.detach().requires_grad_() for k, v in free.items()}
        return gradient_error(
            lambda: self.objective.loss(self.joint, leaves, nets, Generator(self.joint.device), None)[0],
            leaves, self.joint, self.objective.label,
        )  # fmt: skip

    def init(self, rng: np.random.Generator) -> ClimbState:
        joint = self.joint
        generator = Generator(joint.device).manual_seed(int(rng.integers(2**62)))
        begin = {**self.objective.start(joint, generator), **self.weights}
        first = self.numbers.vector(begin)
        if self.restarts == 1:
            try:
                if self.reason_against_differences() == "":
                    first = in_reach(self.function, first, self.slices())
                return ClimbState(0, lbfgs.start(self.function, first))
            except GradientNotFinite as broken:
                raise self.error_at(broken.x) from broken
        reached: list[Point] = []
        codes = {n: self._labels_to_begin_with(n, generator) for n in self.labels}
        is_over = self.problem.deadline.is_over
        for i in range(self.restarts):
            if reached and is_over():
                break
            spread = torch.randn(first.shape, generator=generator, dtype=joint.dtype, device=joint.device)
            x = first if self.problem.start and i == 0 else first + spread
            try:
                if i % 2 and self.labels:
                    held = self.with_labels({n: c[i // 2] for n, c in codes.items()})
                    x = lbfgs.descend(held, lbfgs.start(held, x), INNER, is_over).x
                reached.append(lbfgs.descend(self.function, lbfgs.start(self.function, x), INNER, is_over))
            except GradientNotFinite as error:
                broken_at = error.x
        if not reached:
            raise self.error_at(broken_at)
        heights = tuple(-float(p.value) for p in reached)
        best = max(range(len(reached)), key=lambda i: -math.inf if math.isnan(heights[i]) else heights[i])
        return ClimbState(0, reached[best], starts=heights)

    def _labels_to_begin_with(self, name: str, generator: Generator) -> Tensor:
        """Values ``[start, *shape]``: clusters of the data beside the labels, or drawn evenly where there are none."""
        starts = self.restarts // 2
        clusters = starting_codes(self.joint, name, generator, starts)
        states, shape, least = self.joint.num_states(name), self.joint.shapes[name], self.joint.least(name)
        if clusters is not None:
            return least + clusters
        return least + torch.randint(states, (starts, *shape), generator=generator, device=self.joint.device)

    def step(self, state: ClimbState) -> tuple[ClimbState, StepReport]:
        """``INNER`` iterations, or fewer where the time is over: those are no step of the trace, so that a run that goes
        on from there ends as one that was never stopped."""
        end = min(state.iteration - state.iteration % INNER + INNER, self.max_iterations)
        point, iteration = state.point, state.iteration
        function = self.function_off_edges(state.held)
        try:
            while iteration < end and (iteration == state.iteration or not self.problem.deadline.is_over()):
                point = lbfgs.descend(function, point, 1)
                iteration += 1
        except GradientNotFinite as broken:
            raise self.error_at(broken.x) from broken
        value, is_whole = -float(point.value), iteration == end
        gain = value - state.trace[-1] if state.trace else math.inf
        done = point.is_stuck or (is_whole and gain <= self.tolerance * max(1.0, abs(value)))
        trace = (*state.trace, value) if is_whole or done else state.trace
        held = (*state.held, *self.met_edges(function, point)) if done else state.held
        if held != state.held:
            point, done = lbfgs.start(self.function_off_edges(held), point.x), False
        if is_whole and not done and iteration in NEWTON_AFTER:
            point = self.stepped(point, held)
            value = -float(point.value)
            trace = (*trace[:-1], value)
        ends, running = state.ends, tuple[int, ...]()
        first_slope = state.point.largest_slope if not state.iteration else state.first_slope
        if is_whole and not done:
            ends = (*ends, End(point.x, point.largest_slope))[-ENDS:]
            running = self.running_at(point, ends, first_slope)
        climbed = ClimbState(
            iteration, point, trace, bool(done or running), state.starts, held, ends, first_slope, running
        )
        count = iteration - state.iteration
        return climbed, StepReport(value, value, count, Measure(self.objective.label))

    def stepped(self, point: Point, held: tuple[int, ...]) -> Point:
        """The point after Newton steps, where these are a help to a climb that takes long: in a narrow valley."""
        if held or self.reason_against_differences() or len(point.x) > FEW:
            return point
        try:
            end = self.curvature_at(point)
        except (OutOfTime, TooCostly):
            return point
        if end is None or not end.value < float(point.value) * units_of(
            self.joint, unit_plate(self.problem.model)
        ):
            return point
        return lbfgs.start(self.function, torch.as_tensor(end.x, dtype=point.x.dtype, device=point.x.device))

    def settled(self, state: ClimbState, end: Curvature) -> tuple[ClimbState, Curvature]:
        """Where the climb goes on to from the Newton steps after its end, while these gain something and it is no maximum
        yet: it had stopped in a narrow valley."""
        for _ in range(SETTLING):
            is_minimum = end.is_minimum_off_edges and end.decrement <= WITHIN
            is_settled = is_minimum or end.is_on_edge.any() or len(end.x) > FEW
            below = self.stepped_to(state.point, end)
            if is_settled or below is None or self.problem.deadline.is_over():
                break
            try:
                point = lbfgs.descend(self.function, below, INNER)
            except GradientNotFinite:
                break  # where it had come to stays the end
            following = self.curvature_at(point)
            if following is None:
                break
            state, end = state._replace(point=point), following
        return state, end

    def stepped_to(self, point: Point, end: Curvature) -> Point | None:
        """The point after the Newton steps of a curvature; None where they gain nothing, or there is no gradient."""
        units = units_of(self.joint, unit_plate(self.problem.model))
        if not end.value < float(point.value) * units - WITHIN:
            return None
        try:
            return lbfgs.start(self.function, torch.as_tensor(end.x, dtype=point.x.dtype, device=point.x.device))
        except GradientNotFinite:
            return None  # the climb's own point has a gradient

    def slices(self) -> list[slice]:
        """Where in the vector the numbers of each name are."""
        ends = list(accumulate(self.numbers.sizes.values()))
        return [slice(first, end) for first, end in zip((0, *ends), ends, strict=False)]

    def function_off_edges(self, held: tuple[int, ...]) -> lbfgs.Function:
        """The loss and its gradient, zero in the numbers that are held."""
        if not held:
            return self.function

        def of_others(x: Tensor) -> tuple[Tensor, Tensor]:
            value, gradient = self.function(x)
            return value, gradient.index_fill(0, torch.tensor(held, device=x.device), 0.0)

        return of_others

    def met_edges(self, function: lbfgs.Function, point: Point) -> tuple[int, ...]:
        """Numbers that cannot go where the gradient leads: a hair on the density is zero."""
        if self.reason_against_differences():
            return ()
        steps = torch.as_tensor(hair(point.x.cpu().numpy()), device=self.joint.device) * -point.gradient.sign()
        if not bool(steps.any()) or not bool(torch.isposinf(function(point.x + steps)[0])):
            return ()
        each = [i for i in range(len(steps)) if steps[i]]
        ahead = [point.x.index_add(0, torch.tensor([i], device=steps.device), steps[i : i + 1]) for i in each]
        return tuple(i for i, x in zip(each, ahead, strict=True) if bool(torch.isposinf(function(x)[0])))

    def running_at(self, point: Point, ends: tuple[End, ...], first_slope: float) -> tuple[int, ...]:
        """Numbers on their way to infinity: further out after every step, while the gradient gets no smaller, and two
        Newton steps find no end either. A real number may be far out in its own unit: there the gradient has to be far
        steeper than where the climb began."""
        if len(ends) < ENDS or self.reason_against_differences():
            return ()
        if any(b.slope < SHRUNK * a.slope for a, b in pairwise(ends)):
            return ()
        sizes = torch.stack([e.x for e in ends]).abs()
        is_out = (sizes[1:] > sizes[:-1]).all(0) & (sizes[-1] > FAR + log_unit(self.joint))
        if ends[-1].slope < STEEPER * first_slope:
            is_out &= torch.tensor(self.have_scale(), device=is_out.device)
        if not bool(is_out.any()):
            return ()
        try:
            end = self.curvature_at(point)
        except (OutOfTime, TooCostly):
            return ()
        return () if end is not None and end.is_minimum_off_edges else tuple(torch.nonzero(is_out)[:, 0].tolist())

    def conclude(self, state: ClimbState) -> Outcome:
        end: Curvature | None = None
        reason = self.reason_against_curvature(state)
        warnings: tuple[Diagnostic, ...] = ()
        try:
            end = None if reason else self.curvature_at(state.point)
            if end is not None:
                state, end = self.settled(state, end)
            without_data = undetermined_names(self.problem.model, self.problem.facts)
            warnings = (
                () if end is None else tuple(doubts_of(end, self.names(), self.objective.label, without_data))
            )
            if state.running:
                names = self.names()
                running = list(dict.fromkeys(names[i] for i in state.running))
                warnings = (running_doubt(running, self.objective.label),)
        except TooCostly as costly:
            reason = str(costly)
        except OutOfTime:
            warnings = (CURVATURE_UNKNOWN,)
        x = state.point.x
        if end is not None and end.is_minimum_off_edges:
            x = torch.as_tensor(end.x, device=self.joint.device)
        free, nets = self.by_name(x)
        with torch.no_grad():
            outcome = self.objective.conclude(self.joint, free, nets, None, Generator(self.joint.device))
        weights = {} if nets is None else {k: v.cpu().numpy() for k, v in nets.weights.items()}
        last = -float(state.point.value)
        trace = state.trace if state.trace and state.trace[-1] == last else (*state.trace, last)
        notes = {"objective": self.objective.label, "starts": list(state.starts), **outcome.notes}
        errors: dict[str, np.ndarray] = {}
        if end is not None:
            notes["newton_decrement"] = end.decrement
            errors = standard_errors(
                lambda free: constrain(self.joint, self.by_name(free)[0])[0], x, end.covariance()
            )
            errors = {k: v for k, v in errors.items() if k in outcome.parameters}
        notes |= no_standard_errors(reason, end)
        return outcome._replace(
            standard_errors=errors,
            parameters={**outcome.parameters, **weights, **self.problem.fixed}, trace=trace,
            is_converged=outcome.is_converged and state.is_done and not warnings, warnings=(*outcome.warnings, *warnings), notes=notes,
        )  # fmt: skip

    def names(self) -> list[str]:
        """The name behind each number of the vector."""
        return [str(k) for k, size in self.numbers.sizes.items() for _ in range(size)]

    def have_scale(self) -> list[bool]:
        """Which numbers of the vector are logarithms or log-odds, so that their size means something."""
        variables = self.problem.model.by_name
        kinds = [variables[n].type.kind if n in variables else "simplex" for n in self.names()]
        return [k in ("positive", "unit", "simplex") for k in kinds]

    def reason_against_curvature(self, state: ClimbState) -> str:
        """Why the curvature at the end is not worked out; empty where it is."""
        if not state.is_done:
            return "the climb has not come to its end"
        if state.running:
            return "the estimates have no end"
        return self.reason_against_differences()

    def reason_against_differences(self) -> str:
        """Why differences of gradients tell nothing here; empty where they do."""
        if self.nets is not None:
            return "the weights of networks are known up to their symmetries alone"
        if reason := reason_against_directions(self.problem.model, [str(k) for k in self.numbers.shapes]):
            return reason
        if self.joint.dtype != torch.float64:
            return "differences of gradients need double precision"
        return reason_against(self.numbers.dimension)

    def curvature_at(self, point: Point) -> Curvature | None:
        """The curvature at a point, in nats. Raises OutOfTime and TooCostly."""
        units = units_of(self.joint, unit_plate(self.problem.model))

        def total(x: np.ndarray) -> tuple[float, np.ndarray]:
            self.problem.deadline.check("the look at the curvature", "it is not known")
            value, gradient = self.function(torch.as_tensor(x, device=self.joint.device))
            return float(value) * units, gradient.cpu().numpy() * units

        def totals(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            found = self.side_by_side(torch.as_tensor(points, device=self.joint.device))
            if found is None or not bool(found[2].all()):
                return one_by_one(total)(points)
            self.problem.deadline.check("the look at the curvature", "it is not known")
            return found[0].numpy() * units, found[1].numpy() * units

        return curvature(totals, point.x.cpu().numpy())


def _sloped(loss_at: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """A loss and its gradient."""
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        loss = loss_at(leaf)
        (gradient,) = slopes_of(loss, [leaf])
    return loss.detach(), gradient


def climb(
    problem: Problem,
    objective: Objective,
    dtype: torch.dtype,
    restarts: int,
    max_iterations: int,
    tolerance: float,
    labels: tuple[str, ...],
) -> Algorithm:
    """The algorithm that climbs an objective. ``labels``: discrete latents that it sums out."""
    joint = density_of(problem, dtype)
    run = Climb(problem, objective, joint, fresh_nets(joint, 0), restarts, max_iterations, tolerance, labels)
    return Algorithm(run.init, run.step, lambda s: bool(s.is_done or s.iteration >= max_iterations), run.conclude)

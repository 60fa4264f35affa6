"""The loop of training: minibatches of rows, Adam (Kingma and Ba 2015), a validation split with early stopping, and a
state of tensors and numbers only, from which a run goes on bit for bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor
from torch.optim.adam import adam

from pgmlang.density.bound import BoundDensity
from pgmlang.density.gradients import are_finite, gradient_error
from pgmlang.density.initial import fresh_nets
from pgmlang.density.keys import FreeKey, NetworkWeight
from pgmlang.density.nets import network_weights, split_nets
from pgmlang.density.partition import density_of
from pgmlang.density.row_subset import restricted_to_rows
from pgmlang.diagnostics import Diagnostic
from pgmlang.infer.base import Measure, Outcome, Problem, StepReport
from pgmlang.infer.late_gradient import LateGradient
from pgmlang.infer.train_options import TrainOptions
from pgmlang.model.row_plates import unit_plate
from pgmlang.objectives.objective import Objective

BLOCK = 20
"""Most steps between two looks at the clock."""
BETAS = (0.9, 0.999)
LAST = 0.2
"""The share of the steps, the last ones, whose gradient tells whether the objective still rises."""
TRIES = 10
"""Most draws of a step until its gradient is finite."""


class TrainingState(NamedTuple):
    """``moving``: free tensors and weights; ``first``, ``second``: Adam's moments; ``random``: generator state;
    ``redrawn``: draws that were thrown away since their gradient was not finite; ``late``: the gradient of the last fifth."""

    iteration: int
    moving: dict[FreeKey, Any]
    first: dict[FreeKey, Any]
    second: dict[FreeKey, Any]
    random: Any
    extra: Any
    trace: tuple[float, ...] = ()
    validated: tuple[float, ...] = ()
    best: dict[FreeKey, Any] | None = None
    is_done: bool = False
    redrawn: int = 0
    late: LateGradient = LateGradient()


@dataclass(frozen=True, eq=False)
class Trainer:
    """One problem, set up once. ``plate``: the row plate of minibatches, None where there are no rows."""

    problem: Problem
    options: TrainOptions
    objective: Objective
    joint: BoundDensity
    plate: str | None
    nets: Any
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    held_out: BoundDensity | None = None
    order: dict[str, Any] = field(default_factory=dict)

    @property
    def steps_an_epoch(self) -> int:
        if self.options.batch is None or self.plate is None:
            return 1
        return max(1, len(self.rows) // self.options.batch)

    @property
    def total(self) -> int:
        assert self.options.epochs is not None, "the plan resolves it"
        return self.options.epochs * self.steps_an_epoch

    def init(self, rng: np.random.Generator) -> TrainingState:
        generator = torch.Generator(self.joint.device).manual_seed(int(rng.integers(2**62)))
        moving = dict(self.objective.start(self.joint, generator))
        if self.nets is not None:
            moving |= {NetworkWeight(k): v.detach().clone() for k, v in self.nets.state_dict().items()}
        extra = self.objective.extra(self.joint, generator)
        first, second = ({k: torch.zeros_like(v) for k, v in moving.items()} for _ in range(2))
        return TrainingState(0, moving, first, second, generator.get_state(), extra)

    def step(self, state: TrainingState) -> tuple[TrainingState, StepReport]:
        """To the end of an epoch or of ``BLOCK`` steps, or until the time is over; within them the weights and moments are
        changed in place."""
        begun = state.iteration
        end = min(self.total, begun - begun % BLOCK + BLOCK)
        if self.steps_an_epoch > 1:
            end = min(end, begun - begun % self.steps_an_epoch + self.steps_an_epoch)
        losses: list[Any] = []
        redrawn = state.redrawn
        generator = self._generator(state)
        work = _Work.of(state, self.nets)
        extra = state.extra
        for i in range(begun, end):
            if losses and self.problem.deadline.is_over():
                break
            loss, extra, tries = self._adam_step(work, i, extra, generator)
            losses.append(loss)
            redrawn += tries
        value = -float(np.mean([float(x) for x in losses]))
        count = len(losses)
        state = TrainingState(
            begun + count, *work.snapshot(), generator.get_state(), extra, (*state.trace, value),
            state.validated, state.best, state.is_done, redrawn, self._late(state, work),
        )  # fmt: skip
        if self.held_out is not None and state.iteration % self.steps_an_epoch == 0:
            state = self._validate(state)
        is_done = state.is_done or state.iteration >= self.total
        info = StepReport(value, value, count, Measure(self.objective.label))
        return state._replace(is_done=is_done), info

    def _late(self, state: TrainingState, work: _Work) -> LateGradient:
        """What is known of the gradient of the last fifth of all steps, with that of the block just taken."""
        if state.iteration < (1 - LAST) * self.total:
            return state.late
        return state.late.with_block(work.relative_gradient())

    def _generator(self, state: TrainingState) -> Generator:
        generator = torch.Generator(self.joint.device)
        generator.set_state(state.random)
        return generator

    def _adam_step(self, work: _Work, iteration: int, extra: Any, generator: Generator) -> tuple[Any, Any, int]:
        """One step of Adam: the loss, what goes on to the next step, and how many draws had no finite gradient. Raises
        PgmError PGM0808 or PGM0803 where none has."""
        joint = self._batch(iteration, generator)
        leaves = list(work.leaves.values())
        for tries in range(TRIES):
            with torch.enable_grad():
                loss, following = self.objective.loss(joint, work.free, self.nets, generator, extra)
                if not leaves:  # a guide without params: its bound alone
                    return loss.detach(), following, tries
                gradients = (
                    torch.autograd.grad(loss, leaves, allow_unused=True)
                    if loss.requires_grad
                    else (None,) * len(leaves)
                )
            if are_finite(gradients):
                work.adam(gradients, self._rate(iteration))
                return loss.detach(), following, tries
        raise gradient_error(
            lambda: self.objective.loss(joint, work.free, self.nets, generator, extra)[0],
            work.leaves, joint, self.objective.label,
        )  # fmt: skip

    def _rate(self, iteration: int) -> float:
        share = iteration / max(1, self.total)
        assert self.options.learning_rate is not None, "the plan resolves it"
        return self.options.learning_rate * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * share)))

    def _parts(self, moving: Mapping[FreeKey, Tensor]) -> tuple[dict[FreeKey, Tensor], Any]:
        return split_nets(moving, self.nets)

    def _batch(self, iteration: int, generator: Generator) -> BoundDensity:
        """Rows in a new order every epoch, which the epoch's number and the run's seed decide."""
        if self.plate is None or (
            self.options.batch is None and len(self.rows) == self.joint.layout.size(self.plate)
        ):
            return self.joint
        if self.options.batch is None:
            return self._training()
        epoch, number = divmod(iteration, self.steps_an_epoch)
        key = (epoch, generator.initial_seed() % 2**32)
        if self.order.get("key") != key:
            self.order.update(key=key, rows=np.random.default_rng(key).permutation(self.rows))
        size = self.options.batch
        return self._part(self.order["rows"][number * size : (number + 1) * size])

    def _part(self, chosen: np.ndarray) -> BoundDensity:
        """Some rows that stand for all those trained on; the ones kept apart count nowhere."""
        assert self.plate is not None
        batch = restricted_to_rows(self.joint, self.plate, chosen)
        share = len(self.rows) / self.joint.layout.size(self.plate)
        return batch if share == 1 else replace(batch, scale={k: v * share for k, v in batch.scale.items()})

    def _training(self) -> BoundDensity:
        return self.joint.memo.once(self._all_rows)

    def _all_rows(self) -> BoundDensity:
        return self._part(np.sort(self.rows))

    def _validate(self, state: TrainingState) -> TrainingState:
        assert self.held_out is not None
        free, nets = self._parts(state.moving)
        generator = torch.Generator(self.joint.device).manual_seed(1)
        with torch.no_grad():
            value = -float(self.objective.loss(self.held_out, free, nets, generator, state.extra)[0])
        validated = (*state.validated, value)
        best = int(np.argmax(validated))
        if best == len(validated) - 1:
            state = state._replace(best=dict(state.moving))
        late = len(validated) - 1 - best >= self.options.patience
        return state._replace(validated=validated, is_done=late)

    def conclude(self, state: TrainingState) -> Outcome:
        moving = state.moving if state.best is None else state.best
        free, nets = self._parts(moving)
        generator = torch.Generator(self.joint.device).manual_seed(
            int(self._generator(state).initial_seed() % 2**31)
        )
        with torch.no_grad():
            outcome = self.objective.conclude(self.joint, free, nets, state.extra, generator)
        weights = {k: v.detach().cpu().numpy() for k, v in network_weights(moving).items()}
        notes = {"objective": self.objective.label, **outcome.notes}
        if state.validated:
            notes |= {"validated": list(state.validated), "best_epoch": int(np.argmax(state.validated)) + 1}
        if state.redrawn:
            notes["redrawn"] = state.redrawn
        is_stopped = state.best is not None and state.is_done and state.iteration < self.total
        block = LAST * self.total / max(1, state.late.blocks)
        settled = True if is_stopped else state.late.has_settled(BETAS[0] ** block)
        warnings = outcome.warnings
        if state.redrawn > 0.01 * state.iteration:
            message = f"{state.redrawn:,} draws in {state.iteration:,} steps had no finite gradient, and were drawn again"
            cure = "a smaller `--learning-rate`, or priors that keep values where the density can be computed"
            warnings = (*warnings, Diagnostic("PGM0801", message, help=cure))
        if settled is not True:
            message = (
                f"the {self.objective.label} still rises: the mean of its gradient over the last steps is no noise"
                if settled is False
                else f"too few steps to judge whether the {self.objective.label} still rises"
            )
            cure = "more `--epochs`, or a larger `--learning-rate`"
            warnings = (*warnings, Diagnostic("PGM0801", message, help=cure))
        return outcome._replace(
            parameters={**outcome.parameters, **weights, **self.problem.fixed}, trace=state.trace,
            is_converged=outcome.is_converged and settled is True, warnings=warnings, notes=notes,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Work:
    """Weights and moments of one block of steps, copies that are changed in place. ``leaves``: what has a gradient (the
    networks' own weights too), ``free``: the leaves that are no networks', ``counts``: steps taken."""

    leaves: dict[FreeKey, Tensor]
    free: dict[FreeKey, Tensor]
    first: dict[FreeKey, Tensor]
    second: dict[FreeKey, Tensor]
    counts: dict[FreeKey, Tensor]
    nets: Any

    @staticmethod
    def of(state: TrainingState, nets: Any) -> _Work:
        variables, _ = split_nets(state.moving, None)
        free = {k: v.detach().clone().requires_grad_() for k, v in variables.items()}
        weights: dict[FreeKey, Tensor] = {}
        if nets is not None:
            nets.load_state_dict(network_weights(state.moving))
            weights = {NetworkWeight(k): v for k, v in nets.named_parameters()}
        leaves = {**free, **weights}
        first, second = ({k: moments[k].clone() for k in leaves} for moments in (state.first, state.second))
        counts = {k: torch.tensor(float(state.iteration), device=v.device) for k, v in leaves.items()}
        return _Work(leaves, free, first, second, counts, nets)

    def adam(self, gradients: tuple[Any, ...], rate: float) -> None:
        """One step by finite gradients; tensors without one stay."""
        moved = [(k, g) for k, g in zip(self.leaves, gradients, strict=True) if g is not None]
        names = [k for k, _ in moved]
        with torch.no_grad():
            adam(
                [self.leaves[k].detach() for k in names],
                [g for _, g in moved],
                [self.first[k] for k in names], [self.second[k] for k in names], [],
                [self.counts[k] for k in names],
                fused=True, amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=rate, weight_decay=0.0, eps=1e-8,
                maximize=False,
            )  # fmt: skip

    def relative_gradient(self) -> Tensor:
        """The running mean of the gradient over the root of its running mean square, ``[elements]``: Adam's own step, at
        most about 1 in size whatever the scales of objective and parameters."""
        parts = []
        for k, moment in self.first.items():
            count = float(self.counts[k])
            if count:
                mean = moment / (1 - BETAS[0] ** count)
                size = (self.second[k] / (1 - BETAS[1] ** count)).sqrt()
                parts.append((mean / (size + 1e-8)).detach().flatten())
        return torch.cat(parts) if parts else torch.zeros(0)

    def snapshot(self) -> tuple[dict[FreeKey, Tensor], dict[FreeKey, Tensor], dict[FreeKey, Tensor]]:
        """Weights and moments as values of a state."""
        moving = {k: v.detach() for k, v in self.free.items()}
        if self.nets is not None:
            moving |= {NetworkWeight(k): v.detach().clone() for k, v in self.nets.state_dict().items()}
        return moving, self.first, self.second


def trainer_of(problem: Problem, options: TrainOptions, objective: Objective, dtype: torch.dtype) -> Trainer:
    """The trainer of a problem, with the rows it learns from and those kept apart."""
    joint = density_of(problem, dtype)
    plate = unit_plate(problem.model)
    rows = np.arange(joint.layout.sizes.get(plate, 0) if plate else 0)
    held_out = None
    if options.validation:
        assert plate is not None
        order = np.random.default_rng(0).permutation(rows)
        cut = max(1, round(options.validation * len(rows)))
        rows, held_out = np.sort(order[cut:]), restricted_to_rows(joint, plate, np.sort(order[:cut]))
    if options.batch is not None and options.batch >= len(rows):
        options = replace(options, batch=None)
    return Trainer(problem, options, objective, joint, plate, fresh_nets(joint, 0), rows, held_out)

"""Training by stochastic gradients: one loop for every method that climbs an objective by Adam (Kingma and Ba 2015).

A method gives an ``Objective``; the loop has minibatches of rows, a validation split with early stopping, and a state
of tensors and numbers only, from which a run goes on bit for bit.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pgmlang.density.keys import FreeKey, NetworkWeight
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Algorithm, Facts, Measure, Options, Outcome, Problem, StepReport, numbers_of
from pgmlang.model import Model
from pgmlang.model.row_plates import reductions_across, unit_plate

if TYPE_CHECKING:
    import torch
    from torch import Generator, Tensor

    from pgmlang.density.joint import Joint

BLOCK = 20
"""Most steps between two looks at the clock."""
EPOCHS, LEARNING_RATE = 500, 0.01
BETAS = (0.9, 0.999)
TRIES = 10
"""Most draws of a step until its gradient is finite."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Options):
    """``epochs``: passes over the data (None: 500, or what the method finds fit); ``batch``: rows of a step (all when
    None); ``learning_rate`` (None: 0.01, or what the method finds fit) falls to a tenth along a cosine. ``validation``: share of the rows kept apart, on which the objective is measured after each epoch;
    ``patience``: epochs without gain before the run stops, keeping the best. ``dtype``: float32 or float64."""

    epochs: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    validation: float = 0.0
    patience: int = 20
    dtype: str | None = None


class Objective(NamedTuple):
    """What is minimised. ``start(joint, generator)``: free tensors by name, besides the networks' weights;
    ``loss(joint, free, nets, generator, extra)``: a scalar, a unit of data, and the next ``extra`` (persistent chains);
    ``conclude(joint, free, nets, extra, generator)``: what goes into the fit besides the weights; ``extra``: its first
    value."""

    start: Callable[[Joint, Generator], dict[FreeKey, Tensor]]
    loss: Callable[[Joint, Mapping[FreeKey, Tensor], Any, Generator, Any], tuple[Tensor, Any]]
    conclude: Callable[[Joint, Mapping[FreeKey, Tensor], Any, Any, Generator], Outcome]
    label: str = "objective"
    extra: Callable[[Joint, Generator], Any] = lambda joint, generator: {}


class TrainingState(NamedTuple):
    """``moving``: free tensors and weights; ``first``, ``second``: Adam's moments; ``random``: generator state;
    ``redrawn``: draws that were thrown away since their gradient was not finite."""

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


class FunctionalNets:
    """Networks with weights from elsewhere, called as the emitted program does: ``nets["decode"](z)``."""

    def __init__(self, module: Any, weights: Mapping[str, Tensor]) -> None:
        self.module = module
        self.weights = weights

    def __getitem__(self, name: str) -> Callable[..., Any]:
        from torch.func import functional_call

        net_weights = {k.removeprefix(f"{name}."): v for k, v in self.weights.items() if k.startswith(f"{name}.")}
        return lambda *x: functional_call(self.module[name], net_weights, x)


def split_nets(moving: Mapping[FreeKey, Tensor], nets: Any) -> tuple[dict[FreeKey, Tensor], Any]:
    """Free tensors by key, and the networks with their weights (None without networks)."""
    free = {k: v for k, v in moving.items() if not isinstance(k, NetworkWeight)}
    if nets is None:
        return free, None
    return free, FunctionalNets(nets, network_weights(moving))


def network_weights(moving: Mapping[FreeKey, Tensor]) -> dict[str, Tensor]:
    """The tensors of the networks by their names in the networks' state."""
    return {k.name: v for k, v in moving.items() if isinstance(k, NetworkWeight)}


@dataclass(frozen=True, eq=False)
class Trainer:
    """One problem, set up once. ``plate``: the row plate of minibatches, None where there are no rows."""

    problem: Problem
    options: TrainOptions
    objective: Objective
    joint: Joint
    plate: str | None
    nets: Any
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    held_out: Joint | None = None
    order: dict[str, Any] = field(default_factory=dict)

    @property
    def steps_an_epoch(self) -> int:
        if self.options.batch is None or self.plate is None:
            return 1
        return max(1, len(self.rows) // self.options.batch)

    @property
    def total(self) -> int:
        return (self.options.epochs or EPOCHS) * self.steps_an_epoch

    def init(self, rng: np.random.Generator) -> TrainingState:
        import torch

        generator = torch.Generator(self.joint.device).manual_seed(int(rng.integers(2**62)))
        moving = dict(self.objective.start(self.joint, generator))
        if self.nets is not None:
            moving |= {NetworkWeight(k): v.detach().clone() for k, v in self.nets.state_dict().items()}
        extra = self.objective.extra(self.joint, generator)
        first, second = ({k: torch.zeros_like(v) for k, v in moving.items()} for _ in range(2))
        return TrainingState(0, moving, first, second, generator.get_state(), extra)

    def step(self, state: TrainingState) -> tuple[TrainingState, StepReport]:
        """Up to an epoch, or ``BLOCK`` steps; within them the weights and moments are changed in place."""
        count = min(BLOCK, self.steps_an_epoch if self.steps_an_epoch > 1 else BLOCK, self.total - state.iteration)
        losses, redrawn = [], state.redrawn
        generator = self._generator(state)
        work = _Work.of(state, self.nets)
        extra = state.extra
        for i in range(state.iteration, state.iteration + count):
            loss, extra, tries = self._one(work, i, extra, generator)
            losses.append(loss)
            redrawn += tries
        value = -float(np.mean([float(x) for x in losses]))
        before = state.trace[-1] if state.trace else -math.inf
        state = TrainingState(
            state.iteration + count, *work.snapshot(), generator.get_state(), extra, (*state.trace, value),
            state.validated, state.best, state.is_done, redrawn,
        )  # fmt: skip
        if self.held_out is not None and state.iteration % self.steps_an_epoch == 0:
            state = self._validate(state)
        is_done = state.is_done or state.iteration >= self.total
        info = StepReport(value, value, value - before, count, Measure(self.objective.label))
        return state._replace(is_done=is_done), info

    def _generator(self, state: TrainingState) -> Generator:
        import torch

        generator = torch.Generator(self.joint.device)
        generator.set_state(state.random)
        return generator

    def _one(self, work: _Work, iteration: int, extra: Any, generator: Generator) -> tuple[Any, Any, int]:
        """One step of Adam: the loss, what goes on to the next step, and how many draws had no finite gradient. Raises
        PgmError PGM0808 or PGM0803 where none has."""
        import torch

        from pgmlang.density.gradients import are_finite, gradient_error

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
        return (self.options.learning_rate or LEARNING_RATE) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * share)))

    def _parts(self, moving: Mapping[FreeKey, Tensor]) -> tuple[dict[FreeKey, Tensor], Any]:
        return split_nets(moving, self.nets)

    def _batch(self, iteration: int, generator: Generator) -> Joint:
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

    def _part(self, chosen: np.ndarray) -> Joint:
        """Some rows that stand for all those trained on; the ones kept apart count nowhere."""
        assert self.plate is not None
        batch = self.joint.rows(self.plate, chosen)
        share = len(self.rows) / self.joint.layout.size(self.plate)
        return batch if share == 1 else replace(batch, scale={k: v * share for k, v in batch.scale.items()})

    def _training(self) -> Joint:
        return self.joint.memo.once(self._all_rows)

    def _all_rows(self) -> Joint:
        return self._part(np.sort(self.rows))

    def _validate(self, state: TrainingState) -> TrainingState:
        import torch

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
        import torch

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
        settled = has_settled(state.trace) or (state.best is not None and state.is_done)
        warnings = outcome.warnings
        if state.redrawn > 0.01 * state.iteration:
            message = f"{state.redrawn:,} draws in {state.iteration:,} steps had no finite gradient, and were drawn again"
            cure = "a smaller `--learning-rate`, or priors that keep values where the density can be computed"
            warnings = (*warnings, Diagnostic("PGM0801", message, help=cure))
        if not settled:
            message = f"the {self.objective.label} still rises"
            warnings = (
                *warnings,
                Diagnostic("PGM0801", message, help="more `--epochs`, or a larger `--learning-rate`"),
            )
        return outcome._replace(
            parameters={**outcome.parameters, **weights, **self.problem.fixed}, trace=state.trace,
            is_converged=settled, warnings=warnings, notes=notes,
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
        import torch

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
        import torch
        from torch.optim.adam import adam

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

    def snapshot(self) -> tuple[dict[FreeKey, Tensor], dict[FreeKey, Tensor], dict[FreeKey, Tensor]]:
        """Weights and moments as values of a state."""
        moving = {k: v.detach() for k, v in self.free.items()}
        if self.nets is not None:
            moving |= {NetworkWeight(k): v.detach().clone() for k, v in self.nets.state_dict().items()}
        return moving, self.first, self.second


def has_settled(trace: tuple[float, ...]) -> bool:
    """Whether the last fifth of a noisy trace no longer rises: by no more than three standard errors of its slope, or
    by a thousandth of its height or of all that was gained."""
    if len(trace) < 10:
        return False
    late = np.array(trace[-max(5, len(trace) // 5) :])
    x = np.arange(len(late)) - (len(late) - 1) / 2
    slope = float(x @ late / (x @ x))
    noise = float(np.std(late - late.mean() - slope * x) / math.sqrt(float(x @ x)))
    small = 1e-3 * max(abs(max(trace) - trace[0]), abs(float(late.mean())))
    return bool(slope * len(late) <= max(3 * noise * len(late), small, 1e-9))


def dtype_of(options: TrainOptions, model: Model) -> torch.dtype:
    """float32 for networks unless told otherwise. Raises PgmError PGM0612 for another word."""
    return numbers_of(options.dtype, "float32" if model.nets else "float64")


def check_options(options: TrainOptions) -> None:
    """Raises PgmError PGM0612 for numbers that no run can have."""
    names = ("epochs", "batch", "learning_rate", "patience", "particles", "max_iterations", "restarts")
    for name in names:
        value = getattr(options, name, None)
        if value is not None and not value > 0:
            raise PgmError(Diagnostic("PGM0612", f"`--{name.replace('_', '-')}` cannot be {value}"))


def idle_training(model: Model, facts: Facts, options: TrainOptions) -> dict[str, str]:
    """Options of a training that it has no use for."""
    idle: dict[str, str] = {}
    if unit_plate(model) is None:
        idle |= dict.fromkeys(("batch", "validation"), "there is no one plate of rows to take minibatches of")
    if not options.validation:
        idle["patience"] = "no rows are kept apart (`--validation`)"
    return idle


TRAINING = tuple(f.name for f in dataclasses.fields(TrainOptions) if f.name not in ("max_time", "dtype"))
"""The options of a training that no other way of fitting has a use for."""


def build(problem: Problem, options: TrainOptions, objective: Objective) -> Algorithm:
    """The kernel that trains an objective. Raises PgmError PGM0612 for a batch of rows that hang together."""
    from pgmlang.density.partition import density_of

    check_options(options)
    joint = density_of(problem, dtype_of(options, problem.model))
    plate = unit_plate(problem.model)
    if (options.batch or options.validation) and plate is None:
        raise PgmError(Diagnostic("PGM0612", "there is no one plate of rows to take minibatches of",
                                  help="leave `--batch` and `--validation` out"))  # fmt: skip
    if (options.batch or options.validation) and plate is not None:
        for reduction in reductions_across(problem.model, plate):
            message = f"`{reduction.function}` over `{reduction.axis}` needs all rows at once"
            raise PgmError(Diagnostic("PGM0612", message, reduction.span,
                                      help="leave `--batch` and `--validation` out"))  # fmt: skip
    rows = np.arange(joint.layout.sizes.get(plate, 0) if plate else 0)
    held_out = None
    if options.validation:
        if not 0 < options.validation < 1:
            raise PgmError(Diagnostic("PGM0612", f"`--validation {options.validation}` is no share of the rows"))
        assert plate is not None
        order = np.random.default_rng(0).permutation(rows)
        cut = max(1, round(options.validation * len(rows)))
        rows, held_out = np.sort(order[cut:]), joint.rows(plate, np.sort(order[:cut]))
    if options.batch is not None and options.batch >= len(rows):
        options = replace(options, batch=None)
    trainer = Trainer(problem, options, objective, joint, plate, joint.build_nets(0), rows, held_out)
    return Algorithm(
        trainer.init, trainer.step, lambda state: bool(state.is_done), trainer.conclude, trainer.total
    )


def units_of(joint: Joint, plate: str | None) -> float:
    """How many units of data a Joint's scaled sums stand for: losses are a unit's, so that rates need no tuning."""
    return rows_of(joint, plate) * (joint.scale.get(plate, 1.0) if plate else 1.0)


def rows_of(joint: Joint, plate: str | None) -> float:
    """How many units of data a Joint holds, each by its weight."""
    if plate is None:
        return 1.0
    if plate in joint.weights:
        return float(joint.weights[plate].sum())
    return float(joint.layout.sizes.get(plate, 1))

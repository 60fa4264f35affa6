"""Options of training by stochastic gradients, and what they refuse."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TypeVar

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Facts, Options
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate

EPOCHS, LEARNING_RATE = 500, 0.01


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


Trained = TypeVar("Trained", bound=TrainOptions)


def resolve_training(options: Trained, model: Model, epochs: int = EPOCHS, rate: float = LEARNING_RATE) -> Trained:
    """The options with what a method found fit where nothing was said; float32 for networks."""
    return dataclasses.replace(
        resolve_numbers(options, model),
        epochs=options.epochs or epochs,
        learning_rate=options.learning_rate or rate,
        batch=options.batch if unit_plate(model) is not None else None,
    )


def resolve_trained(model: Model, facts: Facts, options: Trained) -> Trained:
    """`resolve_training`, for methods that have epochs and a rate of their own."""
    return resolve_training(options, model)


def resolve_numbers(options: Trained, model: Model) -> Trained:
    """The options with float32 for networks, float64 elsewhere, where nothing was said."""
    return dataclasses.replace(options, dtype=options.dtype or ("float32" if model.nets else "float64"))


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

"""Options of training by stochastic gradients, and what they refuse."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Facts, Options, numbers_of
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate

if TYPE_CHECKING:
    import torch


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

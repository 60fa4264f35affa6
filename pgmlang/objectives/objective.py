"""What a trained method minimises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import FreeKey
from pgmlang.density.transforms import constrain
from pgmlang.results.outcome import Outcome

SideBySide = Callable[[BoundDensity, Tensor], tuple[Tensor, Tensor, Tensor] | None]
"""Losses ``[m]`` and gradients ``[m, d]`` at free vectors ``[m, d]``, and at which of these they are known; None where nothing has them."""


class Objective(NamedTuple):
    """What is minimised. ``start(joint, generator)``: free tensors by name, besides the networks' weights;
    ``loss(joint, free, nets, generator, extra)``: a scalar, a unit of data, and the next ``extra`` (persistent chains);
    ``conclude(joint, free, nets, extra, generator)``: what goes into the fit besides the weights; ``extra``: its first
    value; ``side_by_side``: losses and gradients of all rows without torch, where loops work them out."""

    start: Callable[[BoundDensity, Generator], dict[FreeKey, Tensor]]
    loss: Callable[[BoundDensity, Mapping[FreeKey, Tensor], Any, Generator, Any], tuple[Tensor, Any]]
    conclude: Callable[[BoundDensity, Mapping[FreeKey, Tensor], Any, Any, Generator], Outcome]
    label: str = "objective"
    extra: Callable[[BoundDensity, Generator], Any] = lambda joint, generator: {}
    side_by_side: SideBySide = lambda joint, x: None


def learned_values(joint: BoundDensity, free: Mapping[FreeKey, Tensor]) -> dict[str, Tensor]:
    """Params and tables to be learned, from their free values."""
    learned = {n: free[n] for n in joint.learned}
    return constrain(joint, learned)[0] if learned else {}


def learned_outcome(
    joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, extra: Any, generator: Generator
) -> Outcome:
    """The ``conclude`` of an objective that leaves nothing but what was learned."""
    return Outcome({k: v.cpu().numpy() for k, v in learned_values(joint, free).items()}, (), True)


def units_of(joint: BoundDensity, plate: str | None) -> float:
    """How many units of data a bound density's scaled sums stand for: losses are a unit's, so that rates need no tuning."""
    return rows_of(joint, plate) * (joint.scale.get(plate, 1.0) if plate else 1.0)


def per_unit(words: str, plate: str | None) -> str:
    """What an objective of a unit of data is called: ``log-density per school``."""
    return f"{words} per {plate}" if plate else words


def rows_of(joint: BoundDensity, plate: str | None) -> float:
    """How many units of data a bound density holds, each by its weight."""
    if plate is None:
        return 1.0
    if plate in joint.weights:
        return float(joint.weights[plate].sum())
    return float(joint.layout.sizes.get(plate, 1))

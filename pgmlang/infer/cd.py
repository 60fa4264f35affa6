"""Contrastive divergence (Hinton 2002) and its persistent form (Tieleman 2008) for discrete fields.

The gradient of the log-likelihood is that of the log-potentials at the data less that at the model's own draws. ``cd``
starts its draws at the data and takes k sweeps; ``pcd`` keeps chains from step to step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.reasons import (
    directed_reasons,
    drawing_reasons,
    hidden_fields,
    inputs_in_fields,
    learned_params,
    learning_reasons,
    observed_fields,
)
from pgmlang.infer.base import Algorithm, Facts, Method, Problem, Verdict
from pgmlang.infer.beside_directed import beside_directed
from pgmlang.infer.fields_assigned import by_adam
from pgmlang.infer.train_options import TrainOptions, idle_training, resolve_trained
from pgmlang.infer.training import build as build_training
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate


@dataclass(frozen=True, kw_only=True)
class CdOptions(TrainOptions):
    """``k``: sweeps of the negative phase a step; ``chains``: persistent chains of pcd."""

    epochs: int = 50
    batch: int | None = 100
    learning_rate: float = 0.005
    k: int = 1
    chains: int = 100


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    yield from learning_reasons(model, facts)
    yield from directed_reasons(model, facts)
    yield from drawing_reasons(model)


def _supports(model: Model, facts: Facts) -> Verdict:
    """Discrete fields that can be drawn colour by colour, and params to be learned."""
    return Verdict.of(tuple(_reasons(model, facts)))


def _supports_persistent(model: Model, facts: Facts) -> Verdict:
    """As for cd, and rows that share their log Z."""
    return Verdict.of((*_reasons(model, facts), *inputs_in_fields(model)))


def _words(text: str) -> Callable[[Model, Facts], tuple[str, ...]]:
    def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
        names = ", ".join(f"`{n}`" for n in learned_params(model, facts))
        return (f"{names}: the gradient needs draws of the fields, which have no closed-form log Z", text)

    return reasons


def _build(is_persistent: bool) -> Callable[[Problem, CdOptions], Algorithm]:
    def build(problem: Problem, options: CdOptions) -> Algorithm:
        from pgmlang.objectives.divergence import Divergence
        from pgmlang.objectives.objective import Objective, learned_outcome, per_unit

        model, facts = problem.model, problem.facts
        plate = unit_plate(model)
        divergence = Divergence(model, observed_fields(model, facts), hidden_fields(model, facts), options.k, options.chains,
                                is_persistent, plate)  # fmt: skip
        objective = Objective(
            divergence.start,
            divergence.loss,
            learned_outcome,
            per_unit("log pseudo-likelihood", plate),
            divergence.extra,
        )
        return build_training(problem, options, objective)

    return build


def idle(model: Model, facts: Facts, options: CdOptions) -> dict[str, str]:
    """``cd`` begins each draw at the data."""
    return {"chains": "draws begin at the data, `pcd` keeps chains", **idle_training(model, facts, options)}


METHOD = beside_directed(Method("cd", "contrastive divergence: fields learned from k sweeps off the data", CdOptions, _supports,
                _words("draws start at the data and take k sweeps"), _build(False), resolve=resolve_trained,
                assign=by_adam, idle=idle))  # fmt: skip
PERSISTENT = beside_directed(Method("pcd", "persistent contrastive divergence: fields learned beside chains of their own", CdOptions,
                    _supports_persistent, _words("chains go on from step to step"), _build(True),
                    resolve=resolve_trained, assign=by_adam, idle=idle_training))  # fmt: skip

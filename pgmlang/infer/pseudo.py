"""Pseudo-likelihood (Besag 1975): every observed element's probability given all others, which needs no log Z."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.reasons import (
    directed_reasons,
    drawing_reasons,
    hidden_fields,
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
class PseudoOptions(TrainOptions):
    """As for every trained method."""

    epochs: int = 600
    learning_rate: float = 0.03


def supports(model: Model, facts: Facts) -> Verdict:
    """Discrete fields, all of them observed, whose elements have conditionals."""
    return Verdict.of(tuple(_reasons(model, facts)))


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    yield from learning_reasons(model, facts)
    yield from directed_reasons(model, facts)
    yield from drawing_reasons(model)
    if facts.binding is not None:
        for name in hidden_fields(model, facts):
            yield Diagnostic("PGM0602", f"the field `{name}` is hidden: its elements have no conditional to look up",
                             model.by_name[name].span, help="`--method pcd` or `cd` learn with hidden fields")  # fmt: skip


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    names = ", ".join(f"`{n}`" for n in learned_params(model, facts))
    return (f"{names}: consistent as rows or elements grow, and no draws are needed",)


def build(problem: Problem, options: PseudoOptions) -> Algorithm:
    from pgmlang.objectives.pseudo import pseudo_objective

    plate = unit_plate(problem.model)
    objective = pseudo_objective(observed_fields(problem.model, problem.facts), plate)
    return build_training(problem, options, objective)


METHOD = beside_directed(Method("pseudo", "maximum pseudo-likelihood of fields", PseudoOptions, supports, reasons, build,
                resolve=resolve_trained, assign=by_adam, idle=idle_training))  # fmt: skip

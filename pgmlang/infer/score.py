"""Score matching for real fields: the gradient of the log-density is fitted, which needs no log Z.

Denoising (Vincent 2011): the score at a point with noise added leads back to the point. Sliced (Song, Garg, Shi and
Ermon 2019): Hyvaerinen's objective along random directions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.reasons import (
    directed_reasons,
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
class ScoreOptions(TrainOptions):
    """``kind``: ``denoising`` or ``sliced``; ``noise``: sd of what is added, as a share of the data's (denoising)."""

    epochs: int = 500
    batch: int | None = 200
    learning_rate: float = 0.003
    kind: str = "denoising"
    noise: float = 0.1


def supports(model: Model, facts: Facts) -> Verdict:
    """Real fields, all of them observed."""
    return Verdict.of(tuple(_reasons(model, facts)))


def _reasons(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    yield from learning_reasons(model, facts)
    yield from directed_reasons(model, facts)
    for variable in model.of_role("field"):
        if variable.type.is_discrete:
            yield Diagnostic("PGM0602", f"`{variable.name}` is {variable.type}: it has no score", variable.span,
                             help="`--method pseudo` is for discrete fields")  # fmt: skip
    if facts.binding is not None:
        for name in hidden_fields(model, facts):
            yield Diagnostic("PGM0602", f"the field `{name}` is hidden", model.by_name[name].span,
                             help="`--method ml` draws hidden fields")  # fmt: skip


def reasons(model: Model, facts: Facts) -> tuple[str, ...]:
    names = ", ".join(f"`{n}`" for n in learned_params(model, facts))
    return (f"{names}: fitted to the gradient of the log-density, without draws",)


def build(problem: Problem, options: ScoreOptions) -> Algorithm:
    from pgmlang.density.initial import initial_free
    from pgmlang.objectives.objective import Objective, learned_outcome
    from pgmlang.objectives.score import ScoreMatching

    names = observed_fields(problem.model, problem.facts)
    matching = ScoreMatching(names, unit_plate(problem.model), options.kind, options.noise)
    label = f"{options.kind} score matching"
    objective = Objective(initial_free, matching.loss, learned_outcome, label, matching.spread)
    return build_training(problem, options, objective)


def idle(model: Model, facts: Facts, options: ScoreOptions) -> dict[str, str]:
    """Only denoising adds noise."""
    noise = {"noise": "sliced score matching adds none"} if options.kind == "sliced" else {}
    return {**noise, **idle_training(model, facts, options)}


METHOD = beside_directed(
    Method(
        "score",
        "score matching of real fields",
        ScoreOptions,
        supports,
        reasons,
        build,
        resolve=resolve_trained,
        assign=by_adam,
        idle=idle,
    )
)

"""Score matching for real fields: the gradient of the log-density is fitted, which needs no log Z.

Denoising (Vincent 2011): the score at a point with noise added leads back to the point. Sliced (Song, Garg, Shi and
Ermon 2019): Hyvaerinen's objective along random directions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.reasons import (
    directed_reasons,
    hidden_fields,
    learned_params,
    learning_reasons,
    observed_fields,
)
from pgmlang.infer.base import Algorithm, Facts, Method, Outcome, Problem, Verdict
from pgmlang.infer.beside_directed import beside_directed
from pgmlang.infer.training import Objective, TrainOptions, idle_training, rows_of
from pgmlang.infer.training import build as build_training
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from pgmlang.density.joint import Joint


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
    names = observed_fields(problem.model, problem.facts)
    plate = unit_plate(problem.model)

    def scores(
        joint: Joint, points: Mapping[str, Tensor], params: Mapping[str, Tensor], nets: Any
    ) -> tuple[Tensor, ...]:
        import torch

        total = replace(joint, scale={}, weights={}).log_joint(points, params, nets)
        return torch.autograd.grad(total, [points[n] for n in names], create_graph=True)

    def loss(
        joint: Joint, free: Mapping[str, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        import torch

        with torch.enable_grad():
            params = joint.constrain({n: free[n] for n in joint.learned})[0]
            noise = {
                n: torch.randn(
                    joint.observed[n].shape, generator=generator, dtype=joint.dtype, device=joint.device
                )
                for n in names
            }
            each = replace(joint, scale={})
            rows = rows_of(joint, plate)
            total = torch.zeros((), dtype=joint.dtype, device=joint.device)
            if options.kind == "denoising":
                sd = {n: options.noise * extra[n] for n in names}
                points = {n: (joint.observed[n] + sd[n] * noise[n]).requires_grad_() for n in names}
                for name, score in zip(names, scores(joint, points, params, nets), strict=True):
                    gap = (sd[name] * score + noise[name]).square()
                    total = total + 0.5 * each.total(gap, joint.axes(name))
                return total / rows, extra
            points = {n: joint.observed[n].detach().clone().requires_grad_() for n in names}
            score_fields = scores(joint, points, params, nets)
            along = torch.stack([(noise[n] * s).sum() for n, s in zip(names, score_fields, strict=True)]).sum()
            curved = torch.autograd.grad(along, [points[n] for n in names], create_graph=True)
            for name, score, curve in zip(names, score_fields, curved, strict=True):
                total = total + each.total(noise[name] * curve + 0.5 * score.square(), joint.axes(name))
        return total / rows, extra

    def spread(joint: Joint, generator: Generator) -> dict[str, Tensor]:
        return {n: joint.observed[n].std().clamp(min=1e-12) for n in names}

    def conclude(joint: Joint, free: Mapping[str, Tensor], nets: Any, extra: Any, generator: Generator) -> Outcome:
        params = joint.constrain({n: free[n] for n in joint.learned})[0]
        return Outcome({k: v.cpu().numpy() for k, v in params.items()}, (), True)

    return build_training(
        problem,
        options,
        Objective(lambda j, g: j.initial(g), loss, conclude, f"{options.kind} score matching", spread),
    )


def idle(model: Model, facts: Facts, options: ScoreOptions) -> dict[str, str]:
    """Only denoising adds noise."""
    noise = {"noise": "sliced score matching adds none"} if options.kind == "sliced" else {}
    return {**noise, **idle_training(model, facts, options)}


METHOD = beside_directed(
    Method("score", "score matching of real fields", ScoreOptions, supports, reasons, build, idle=idle)
)

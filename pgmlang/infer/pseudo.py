"""Pseudo-likelihood (Besag 1975): every observed element's probability given all others, which needs no log Z."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.reasons import (
    directed_reasons,
    drawing_reasons,
    hidden_fields,
    learned_params,
    learning_reasons,
    observed_fields,
)
from pgmlang.infer.base import Algorithm, Facts, Method, Outcome, Problem, Verdict
from pgmlang.infer.beside_directed import beside_directed
from pgmlang.infer.training import Objective, TrainOptions, idle_training, units_of
from pgmlang.infer.training import build as build_training
from pgmlang.model import Model
from pgmlang.model.row_plates import unit_plate

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from pgmlang.density.joint import Joint


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


def log_pseudo_likelihood(joint: Joint, names: tuple[str, ...], params: Mapping[str, Tensor], nets: Any) -> Tensor:
    """The sum over all elements of log p(element | the rest), scaled to all rows."""
    import torch

    from pgmlang.fields.fields import as_numbers, fields_of

    fields = fields_of(joint, names)
    data = as_numbers(joint, names)
    total = torch.zeros((), dtype=joint.dtype, device=joint.device)
    for name in names:
        each = fields.log_conditionals(name, data, params, nets, create_graph=torch.is_grad_enabled())
        total = total + joint.total(each, joint.axes(name))
    return total


def build(problem: Problem, options: PseudoOptions) -> Algorithm:
    names = observed_fields(problem.model, problem.facts)
    plate = unit_plate(problem.model)

    def start(joint: Joint, generator: Generator) -> dict[str, Tensor]:
        return joint.initial(generator)

    def loss(
        joint: Joint, free: Mapping[str, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        params = joint.constrain({n: free[n] for n in joint.learned})[0]
        return -log_pseudo_likelihood(joint, names, params, nets) / units_of(joint, plate), extra

    def conclude(joint: Joint, free: Mapping[str, Tensor], nets: Any, extra: Any, generator: Generator) -> Outcome:
        params = joint.constrain({n: free[n] for n in joint.learned})[0]
        return Outcome({k: v.cpu().numpy() for k, v in params.items()}, (), True)

    if plate is None:
        options = replace(options, batch=None)
    return build_training(problem, options, Objective(start, loss, conclude, "log pseudo-likelihood a row"))


METHOD = beside_directed(Method("pseudo", "maximum pseudo-likelihood of fields", PseudoOptions, supports, reasons, build,
                idle=idle_training))  # fmt: skip

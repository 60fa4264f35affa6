"""Contrastive divergence (Hinton 2002) and its persistent form (Tieleman 2008) for discrete fields.

The gradient of the log-likelihood is that of the log-potentials at the data less that at the model's own draws. ``cd``
starts its draws at the data and takes k sweeps; ``pcd`` keeps chains from step to step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pgmlang.diagnostics import Diagnostic
from pgmlang.fields.reasons import (
    directed_reasons,
    drawing_reasons,
    field_names,
    hidden_fields,
    inputs_in_fields,
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
from pgmlang.normal import normal_form

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from pgmlang.density.joint import Joint
    from pgmlang.fields.fields import Fields


LOOK = 10
"""Steps between two looks at the log pseudo-likelihood, which costs as much as a step."""


@dataclass(frozen=True, kw_only=True)
class CdOptions(TrainOptions):
    """``k``: sweeps of the negative phase a step; ``chains``: persistent chains of pcd."""

    epochs: int = 50
    batch: int | None = 100
    learning_rate: float = 0.005
    k: int = 1
    chains: int = 100


@dataclass(frozen=True, eq=False)
class Divergence:
    """The two phases for one problem."""

    model: Model
    observed: tuple[str, ...]
    hidden: tuple[str, ...]
    k: int
    chains: int
    is_persistent: bool
    plate: str | None

    def start(self, joint: Joint, generator: Generator) -> dict[str, Tensor]:
        """Small random weights; those that meet one observed field alone begin at its log-odds in the data."""
        from pgmlang.fields.fields import as_numbers, fields_of

        free = joint.initial(generator)
        data = as_numbers(joint, self.observed)
        plain = fields_of(joint, field_names(self.model))
        return free | base_rates(plain, data, free)

    def extra(self, joint: Joint, generator: Generator) -> Any:
        """Persistent chains, the number of steps, and the last value looked at."""
        chains = self._shared(joint).begin(generator, (self.chains,)) if self.is_persistent else {}
        return {"chains": chains, "count": 0, "value": 0.0}

    def _shared(self, joint: Joint) -> Fields:
        """All fields of one row, for chains that stand for every row."""
        from pgmlang.fields.fields import one_row_fields

        return joint.whole.memo.once(one_row_fields, joint.whole, self.plate, field_names(self.model))

    def loss(
        self, joint: Joint, free: Mapping[str, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        """A scalar with the two phases' gradient and the value of the reconstruction's log-likelihood, a row."""
        import torch

        from pgmlang.fields.fields import as_numbers, fields_of

        params = joint.constrain({n: free[n] for n in joint.learned})[0]
        held = {k: v.detach() for k, v in params.items()}
        data = as_numbers(joint, self.observed)
        rows = rows_of(joint, self.plate)
        with torch.no_grad():
            inside = fields_of(joint, self.hidden)
            positive = self._hidden(inside, generator, data, held, nets)
        everything = fields_of(joint, field_names(self.model))
        weighted = replace(everything, joint=replace(everything.joint, weights=joint.weights))
        if not self.is_persistent:
            with torch.no_grad():
                begin = dict(positive)
                for name in (n for n in self.hidden if n not in inside.states):
                    chance = positive[name]
                    uniform = torch.rand(
                        chance.shape, generator=generator, dtype=chance.dtype, device=chance.device
                    )
                    begin[name] = (uniform < chance).to(chance.dtype)
                negative = self._sweeps(everything, generator, begin, held, nets)
            fantasy = weighted.slope(negative, params, nets).sum() / rows
        else:
            shared = self._shared(joint)
            with torch.no_grad():
                negative = self._sweeps(shared, generator, dict(extra["chains"]), held, nets)
            fantasy = shared.slope(negative, params, nets).sum() / self.chains
        gap = fantasy - weighted.slope(positive, params, nets).sum() / rows
        value = extra["value"]
        if extra["count"] % LOOK == 0 or not torch.is_grad_enabled():
            with torch.no_grad():
                value = -float(self._reconstruction(everything, weighted.joint, positive, data, held, nets)) / rows
        following = {"chains": negative if self.is_persistent else {}, "count": extra["count"] + 1, "value": value}
        return gap - gap.detach() + value, following

    def _hidden(
        self, inside: Fields, generator: Generator, data: Mapping[str, Tensor], params: Any, nets: Any
    ) -> dict[str, Tensor]:
        """Hidden fields given the data: their probabilities where they are independent, else draws by sweeps."""
        import torch

        values = {**data, **inside.begin(generator, ())}
        if not self.hidden:
            return dict(data)
        if len(self.hidden) == 1 and inside.is_independent(self.hidden[0]) and not inside.states:
            values[self.hidden[0]] = torch.sigmoid(inside.logits(self.hidden[0], values, params, nets))
            return values
        for _ in range(5):
            values = inside.sweep(generator, values, params, nets)
        return values

    def _sweeps(
        self, fields: Fields, generator: Generator, values: dict[str, Tensor], params: Any, nets: Any
    ) -> dict[str, Tensor]:
        order = (*self.observed, *self.hidden)
        ordered = replace(fields, names=order)
        for _ in range(self.k):
            values = ordered.sweep(generator, values, params, nets)
        return values

    def _reconstruction(
        self,
        fields: Fields,
        joint: Joint,
        values: Mapping[str, Tensor],
        data: Mapping[str, Tensor],
        params: Any,
        nets: Any,
    ) -> Tensor:
        """Log-probability of every observed element given all the rest: the log pseudo-likelihood of the data."""
        import torch

        total = torch.zeros((), dtype=fields.joint.dtype, device=fields.joint.device)
        for name in self.observed:
            each = fields.log_conditionals(name, {**values, **data}, params, nets)
            total = total + joint.total(each, joint.axes(name))
        return total

    def conclude(
        self, joint: Joint, free: Mapping[str, Tensor], nets: Any, extra: Any, generator: Generator
    ) -> Outcome:
        params = joint.constrain({n: free[n] for n in joint.learned})[0]
        return Outcome({k: v.cpu().numpy() for k, v in params.items()}, (), True)


def base_rates(fields: Fields, data: Mapping[str, Tensor], free: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """First values of params that multiply one observed field and nothing else, element by element: its log-odds
    (Hinton 2012, section 8)."""
    import torch

    joint = fields.joint
    normal = normal_form(joint.model)
    out: dict[str, Tensor] = {}
    for name, values in data.items():
        if name in fields.states:
            continue
        axes = joint.axes(name)
        for param, start in free.items():
            if param not in joint.model.by_name or joint.model.by_name[param].type.kind != "real":
                continue
            param_axes = joint.axes(param)
            if (
                not param_axes
                or len(param_axes) >= len(axes)
                or axes[-len(param_axes) :] != param_axes
                or start.shape != values.shape[-len(param_axes) :]
            ):
                continue
            terms = [f for f in normal.potentials if any(r.name == param for r in normal.mentions(f))]
            if len(terms) == 1 and {r.name for r in normal.mentions(terms[0])} == {param, name}:
                mean = values.reshape(-1, *start.shape).mean(0).clamp(0.02, 0.98)
                out[param] = torch.logit(mean) + start
    return out


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
        model, facts = problem.model, problem.facts
        plate = unit_plate(model)
        divergence = Divergence(model, observed_fields(model, facts), hidden_fields(model, facts), options.k, options.chains,
                                is_persistent, plate)  # fmt: skip
        if plate is None:
            options = replace(options, batch=None)
        objective = Objective(
            divergence.start, divergence.loss, divergence.conclude, "log pseudo-likelihood a row", divergence.extra
        )
        return build_training(problem, options, objective)

    return build


def idle(model: Model, facts: Facts, options: CdOptions) -> dict[str, str]:
    """``cd`` begins each draw at the data."""
    return {"chains": "draws begin at the data, `pcd` keeps chains", **idle_training(model, facts, options)}


METHOD = beside_directed(Method("cd", "contrastive divergence: fields learned from k sweeps off the data", CdOptions, _supports,
                _words("draws start at the data and take k sweeps"), _build(False), idle=idle))  # fmt: skip
PERSISTENT = beside_directed(Method("pcd", "persistent contrastive divergence: fields learned beside chains of their own", CdOptions,
                    _supports_persistent, _words("chains go on from step to step"), _build(True), idle=idle_training))  # fmt: skip

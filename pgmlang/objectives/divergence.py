"""Contrastive divergence (Hinton 2002) and its persistent form (Tieleman 2008): the gradient of the log-potentials at the
data less that at the model's own draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.initial import initial_free
from pgmlang.density.keys import FreeKey
from pgmlang.density.reductions import scaled_sum
from pgmlang.fields.fields import Fields, as_numbers, fields_of, one_row_fields
from pgmlang.fields.reasons import field_names
from pgmlang.model import Model
from pgmlang.normal import normal_form
from pgmlang.objectives.objective import learned_values, rows_of

LOOK = 10
"""Steps between two looks at the log pseudo-likelihood, which costs as much as a step."""


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

    def start(self, joint: BoundDensity, generator: Generator) -> dict[FreeKey, Tensor]:
        """Small random weights; those that meet one observed field alone begin at its log-odds in the data."""
        free = initial_free(joint, generator)
        data = as_numbers(joint, self.observed)
        plain = fields_of(joint, field_names(self.model))
        return free | base_rates(plain, data, free)

    def extra(self, joint: BoundDensity, generator: Generator) -> Any:
        """Persistent chains, the number of steps, and the last value looked at."""
        chains = self._shared(joint).begin(generator, (self.chains,)) if self.is_persistent else {}
        return {"chains": chains, "count": 0, "value": 0.0}

    def _shared(self, joint: BoundDensity) -> Fields:
        """All fields of one row, for chains that stand for every row."""
        return joint.whole.memo.once(one_row_fields, joint.whole, self.plate, field_names(self.model))

    def loss(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        """A scalar with the two phases' gradient and the value of the reconstruction's log-likelihood, a row."""
        params = learned_values(joint, free)
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
        joint: BoundDensity,
        values: Mapping[str, Tensor],
        data: Mapping[str, Tensor],
        params: Any,
        nets: Any,
    ) -> Tensor:
        """Log-probability of every observed element given all the rest: the log pseudo-likelihood of the data."""
        total = torch.zeros((), dtype=fields.joint.dtype, device=fields.joint.device)
        for name in self.observed:
            each = fields.log_conditionals(name, {**values, **data}, params, nets)
            total = total + scaled_sum(joint, each, joint.axes(name))
        return total


def base_rates(fields: Fields, data: Mapping[str, Tensor], free: Mapping[FreeKey, Tensor]) -> dict[str, Tensor]:
    """First values of params that multiply one observed field and nothing else, element by element: its log-odds
    (Hinton 2012, section 8)."""
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

"""The exact log-likelihood of fields: log Z summed out, listed, or by variable elimination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Generator, Tensor

from pgmlang.density.bound import BoundDensity
from pgmlang.density.keys import FreeKey
from pgmlang.density.reductions import log_joint, scaled_sum
from pgmlang.density.summing import Marginaliser, marginaliser_of
from pgmlang.fields.fields import Fields, one_row_fields
from pgmlang.fields.network import FieldNetwork, field_network
from pgmlang.fields.reasons import field_names
from pgmlang.model import Model
from pgmlang.objectives.objective import learned_values, units_of
from pgmlang.objectives.unnormalised import log_unnormalised
from pgmlang.results.outcome import Outcome


@dataclass(frozen=True, eq=False)
class Likelihood:
    """The exact log-likelihood of a unit of data."""

    model: Model
    hidden: tuple[str, ...]
    observed: tuple[str, ...]
    plate: str | None
    way: str

    def loss(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, generator: Generator, extra: Any
    ) -> tuple[Tensor, Any]:
        params = learned_values(joint, free)
        return -self.value(joint, params, nets) / units_of(joint, self.plate), extra

    def value(self, joint: BoundDensity, params: Mapping[str, Tensor], nets: Any) -> Tensor:
        """The log-likelihood of all rows."""
        if self.way == "summed":
            assert joint.partition is not None
            if self.hidden:
                return self._sums(joint, self.hidden).log_marginal({}, params, nets)
            return log_joint(joint, {}, params, nets)
        rows = units_of(joint, self.plate)
        joint = joint.unnormalised
        if self.way == "eliminated":
            network = self._network(joint)
            if self.hidden:
                each = network.log_evidence(self._codes(joint), params, nets)
                top = scaled_sum(joint, each, (self.plate,)) if self.plate else each.sum()
            else:
                top = log_joint(joint, {}, params, nets)
            return top - rows * network.log_partition(params, nets)
        each = log_unnormalised(joint, self.hidden, params, nets)
        total = scaled_sum(joint, each, (self.plate,)) if self.plate else each
        return total - rows * self._row_fields(joint).log_partition(params, nets)

    def _sums(self, joint: BoundDensity, names: tuple[str, ...]) -> Marginaliser:
        return joint.memo.once(marginaliser_of, joint, names)

    def _network(self, joint: BoundDensity) -> FieldNetwork:
        network = joint.whole.memo.once(field_network, joint.whole, self._row_fields(joint), self.plate)
        assert network is not None
        return network

    def _codes(self, joint: BoundDensity) -> dict[str, Tensor]:
        """Observed codes ``[rows, *shape]`` of each field."""
        return {n: joint.observed[n] if self.plate else joint.observed[n][None] for n in self.observed}

    def _row_fields(self, joint: BoundDensity) -> Fields:
        return joint.whole.memo.once(one_row_fields, joint.whole, self.plate, field_names(self.model))

    def conclude(
        self, joint: BoundDensity, free: Mapping[FreeKey, Tensor], nets: Any, extra: Any, generator: Generator
    ) -> Outcome:
        params = learned_values(joint, free)
        total = float(self.value(joint, params, nets))
        parameters = {k: v.cpu().numpy() for k, v in params.items()}
        return Outcome(parameters, (), True, log_likelihood=total)

"""Bound rows as rows of a conditional Gaussian network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import has_one_network, plates_told_apart
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact.gaussian import GaussianEngine, NumberRows
from pgmlang.gaussian import GaussianNetwork
from pgmlang.gaussian.from_model import RowNetwork, bound_row_network, number_names, row_network
from pgmlang.model import Model
from pgmlang.model.dependence import names_behind
from pgmlang.tables.elements import NodeBlock
from pgmlang.tables.from_model import iid_plate


def labels_told_apart(model: Model, known: Mapping[str, object]) -> str:
    """A label whose table hangs on what tells rows apart, inputs or outer elements; empty where there is none."""
    plate = iid_plate(model, known)[1]
    numbers = number_names(model, known)
    outer = set(plates_told_apart(model, plate)) if plate else set()
    apart = {v.name for v in model.of_role("input") if v.plates}
    apart |= {v.name for v in model.of_role("param") if set(v.plates) & outer}
    for conditional in model.conditionals:
        if conditional.target not in numbers and (apart & set(names_behind(model, conditional)) or outer):
            return conditional.target
    return ""


def check_elements(binding: Binding, parameters: Mapping[str, np.ndarray]) -> None:
    """Raises PgmError PGM0602 for rows of elements that params are not known of."""
    for variable in binding.model.of_role("param"):
        shape = binding.layout.shape(binding.model.array_axes(variable))
        known = np.shape(parameters.get(variable.name, np.zeros(shape)))
        if known and known != shape:
            message = f"the fit has `{variable.name}` for {known} elements, these rows need {shape}"
            cure = "rows of elements that the fit has not seen have no parameters: leave them out, or fit anew"
            raise PgmError(Diagnostic("PGM0602", message, help=cure))


@dataclass(frozen=True, eq=False)
class GaussianRows:
    """``parameters``: what is known beside the rows, by name. ``network``: that of a file, whose variables are the model's;
    None for a model. ``kept``: the network that every row has, and its engine, where there are such already."""

    binding: Binding
    parameters: Mapping[str, np.ndarray]
    file_network: GaussianNetwork | None = None
    kept: tuple[RowNetwork, GaussianEngine] | None = None

    @cached_property
    def _built(self) -> tuple[GaussianNetwork, dict[str, NodeBlock]]:
        if self.file_network is not None:
            first = {**self.file_network.discrete.index, **self.file_network.number_index}
            return self.file_network, {n: NodeBlock(i, (1,), ("row",), 0) for n, i in first.items()}
        check_elements(self.binding, self.parameters)
        binding, known = self.binding, dict(self.parameters)
        inputs = {n: np.asarray(v) for n, v in binding.values.items() if binding.model.by_name[n].role == "input"}
        if self.kept is not None:
            row = self.kept[0]
        elif inputs or not has_one_network(binding, known):
            row = bound_row_network(binding.model, known, inputs, binding.layout, dict(binding.labels))
        else:
            row = row_network(binding.model, known, dict(binding.sizes), dict(binding.labels))
        return row.network, {**row.labels, **row.numbers}

    @property
    def network(self) -> GaussianNetwork:
        return self._built[0]

    @property
    def blocks(self) -> dict[str, NodeBlock]:
        """Which variables of the network each of the model's is."""
        return self._built[1]

    @cached_property
    def engine(self) -> GaussianEngine:
        return GaussianEngine(self.network) if self.kept is None else self.kept[1]

    @property
    def num_rows(self) -> int:
        return self.binding.sizes.get(self.binding.plate, 1)

    def is_number(self, name: str) -> bool:
        return not self.binding.model.by_name[name].type.is_discrete

    @cached_property
    def evidence(self) -> NumberRows:
        """What the rows say."""
        numbers = np.full((self.num_rows, len(self.network.numbers)), np.nan)
        codes: dict[int, np.ndarray] = {}
        for name, block in self.blocks.items():
            if name not in self.binding.values:
                continue
            flat = np.asarray(self.binding.values[name]).reshape(self.num_rows, -1)
            for k in range(flat.shape[1]):
                if self.is_number(name):
                    numbers[:, block.first + k] = flat[:, k]
                else:
                    codes[block.first + k] = np.ascontiguousarray(flat[:, k])
        return NumberRows(codes, numbers)

    def log_evidence(self) -> np.ndarray:
        """``[rows]``: the log-density of what each row says."""
        return self.engine.log_evidence(self.evidence)

    def is_open(self, name: str) -> bool:
        """Whether any cell of a variable is not seen."""
        return name not in self.binding.values or name in self.binding.missing

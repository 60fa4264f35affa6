"""Bound rows as rows of a conditional Gaussian network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import has_one_network, plates_told_apart
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact.gaussian import GaussianEngine, NumberRows
from pgmlang.gaussian import GaussianNetwork
from pgmlang.gaussian.from_model import RowNetwork, bound_row_network, number_names, row_network
from pgmlang.gaussian.mixtures import MixtureQuantiles
from pgmlang.model import Model
from pgmlang.model.dependence import names_behind
from pgmlang.tables.elements import NodeBlock
from pgmlang.tables.from_model import iid_plate

MANY_ROWS = 64
"""Rows from which on they are eliminated by compiled loops."""


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


def evidence_of(binding: Binding, blocks: Mapping[str, NodeBlock], num_numbers: int, count: int) -> NumberRows:
    """What ``count`` rows say, by the nodes of one row."""
    numbers = np.full((count, num_numbers), np.nan)
    codes: dict[int, np.ndarray] = {}
    for name, block in blocks.items():
        if name not in binding.values:
            continue
        flat = np.asarray(binding.values[name]).reshape(count, -1)
        for k in range(flat.shape[1]):
            if binding.model.by_name[name].type.is_discrete:
                codes[block.first + k] = np.ascontiguousarray(flat[:, k])
            else:
                numbers[:, block.first + k] = flat[:, k]
    return NumberRows(codes, numbers)


class RowAnswers(NamedTuple):
    """``figures`` ``[2 + quantiles, rows, numbers]``: mean, sd and quantiles; ``tables`` by label ``[rows, size]``; ``log_evidence`` ``[rows]``."""

    figures: np.ndarray
    tables: dict[int, np.ndarray]
    log_evidence: np.ndarray


def row_answers(
    engine: GaussianEngine, rows: NumberRows, numbers: Sequence[int], labels: Sequence[int] = (), quantiles: Sequence[float] = ()
) -> RowAnswers:  # fmt: skip
    """What is known of numbers and labels in each row: of many, where no label stands among the numbers' parents, by sparse elimination, else by
    a factorisation for each pattern of seen numbers."""
    network = engine.network
    sizes = network.discrete.sizes
    tables = {v: np.full((rows.num_rows, sizes[v]), np.nan) for v in labels}
    left = np.arange(rows.num_rows)
    if rows.num_rows >= MANY_ROWS and network.is_plain and not sizes and not rows.done:
        from pgmlang.native.gaussian_networks import conditioned

        every, log_evidence, left = conditioned(network, rows.numbers)
        figures = every if tuple(numbers) == tuple(range(len(network.numbers))) else every[:, :, numbers]
        if quantiles:
            figures = np.concatenate([figures, [figures[0] + float(ndtri(q)) * figures[1] for q in quantiles]])
    else:
        figures = np.full((2 + len(quantiles), rows.num_rows, len(numbers)), np.nan)
        log_evidence = np.zeros(rows.num_rows)
    out = RowAnswers(figures, tables, log_evidence)
    if len(left):
        some = rows if len(left) == rows.num_rows else rows.of(left)
        place = {i: k for k, i in enumerate(numbers)}
        sought = MixtureQuantiles(out.figures[2:], quantiles)
        for block in engine.posteriors(some, numbers, labels):
            members = left[block.members]
            out.log_evidence[members] = block.log_evidence
            out.figures[:2, members] = block.figures(numbers)
            for k, q in enumerate(quantiles):
                out.figures[2 + k, members] = out.figures[0, members] + float(ndtri(q)) * out.figures[1, members]
            if quantiles:
                for i, mixture in block.mixtures(numbers):
                    sought.add(members, place[i], mixture)
            for v in labels:
                out.tables[v][members] = block.tables[v]
        sought.flush()
    return out


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
        return evidence_of(self.binding, self.blocks, len(self.network.numbers), self.num_rows)

    def log_evidence(self) -> np.ndarray:
        """``[rows]``: the log-density of what each row says."""
        return self.answers((), ()).log_evidence

    def answers(
        self, numbers: Sequence[int], labels: Sequence[int], quantiles: Sequence[float] = ()
    ) -> RowAnswers:
        """What is known of numbers and labels in each row."""
        return row_answers(self.engine, self.evidence, numbers, labels, quantiles)

    def is_open(self, name: str) -> bool:
        """Whether any cell of a variable is not seen."""
        return name not in self.binding.values or name in self.binding.missing

"""New rows under a fit of tables, answered exactly: rows that hang together stand in one network.

Rows that are alike share the network of one row; sequences and documents of one length share theirs; whatever else hangs
together, crossed groups or a chain that stands alone, is unrolled whole. The same networks that the fit learned from
(`binding.row_groups`), so the scores of its own rows add up to its log-likelihood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import RowGroup, bound_evaluator, has_one_network, row_groups, table_shapes
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.exact import ExactEngine
from pgmlang.infer.exact import MAX_CELLS, log_partition
from pgmlang.model import Model, Variable
from pgmlang.query.asked_names import no_variable
from pgmlang.query.rows import Columns, impossible_rows, observed_target
from pgmlang.query.score import Score
from pgmlang.results.fit import Fit
from pgmlang.tables.conditionals import value_labels
from pgmlang.tables.elements import element_names
from pgmlang.tables.evaluate import Evaluator
from pgmlang.tables.from_model import discrete_network
from pgmlang.tables.unroll import Unrolled
from pgmlang.tables.verdict import discrete_verdict
from pgmlang.tables.widest import log2_widest

LOG2_WIDEST = 16
"""log2 of the most cells of a factor's table, for fields beside directed variables."""


def is_network_of_fields(fit: Fit) -> bool:
    """Whether exact inference answers for a row that holds fields: all discrete, in tables that are narrow."""
    model = fit.model
    if fit.draws or not discrete_verdict(model, fixed=fit.parameters).ok:
        return False
    if log2_widest(model, fit.layout) > LOG2_WIDEST:
        return False
    try:
        network = discrete_network(model, dict(fit.parameters), dict(fit.sizes), dict(fit.labels))
    except PgmError as error:
        if {d.code for d in error.diagnostics} <= {"PGM0603", "PGM0406", "PGM0610", "PGM0718"}:
            return False
        raise
    return ExactEngine(network).width_report().total_cells <= MAX_CELLS


@dataclass(frozen=True, eq=False)
class TableRows:
    """Bound rows and what a fit learned. ``parameters``: tables, params and what was held, by name; ``one_row``: the
    engine of the network that every row has, kept from one question to the next (empty before the first)."""

    binding: Binding
    parameters: Mapping[str, np.ndarray]
    one_row: list[tuple[Unrolled, ExactEngine]] = field(default_factory=list, repr=False)

    @property
    def model(self) -> Model:
        return self.binding.model

    @cached_property
    def groups(self) -> list[RowGroup]:
        """The networks of the rows. Raises PgmError for values not known and PGM0602 for elements that the fit's
        parameters do not have."""
        self._check_elements()
        if not has_one_network(self.binding, self.parameters):
            return list(row_groups(self.binding, self.parameters, self.parameters))
        known = self.one_row[0][0] if self.one_row else None
        groups = list(row_groups(self.binding, self.parameters, self.parameters, known))
        if groups and not self.one_row:
            self.one_row.append((groups[0].unrolled, ExactEngine(groups[0].unrolled.network)))
        return groups

    @cached_property
    def evaluator(self) -> Evaluator:
        return bound_evaluator(self.binding, dict(self.parameters))

    def _check_elements(self) -> None:
        """Parameters have an element for each of the data's."""
        shapes = dict(table_shapes(self.binding))
        for variable in self.model.of_role("param"):
            shapes[variable.name] = self.binding.layout.shape(self.model.array_axes(variable))
        for name, shape in shapes.items():
            known = np.shape(self.parameters.get(name, np.zeros(shape)))
            if known != shape and known:
                message = f"the fit has `{name}` for {known} elements, these rows need {shape}"
                cure = "rows of elements that the fit has not seen have no parameters: leave them out, or fit anew"
                raise PgmError(Diagnostic("PGM0602", message, help=cure))

    def _engine(self, group: RowGroup) -> ExactEngine:
        if self.one_row and self.one_row[0][0] is group.unrolled:
            return self.one_row[0][1]
        return ExactEngine(group.unrolled.network)

    @cached_property
    def unit(self) -> str | None:
        """The plate whose elements are independent; None where all hang together."""
        return next((g.unit for g in self.groups), None)

    @property
    def num_units(self) -> int:
        return 1 if self.unit is None else self.binding.sizes[self.unit]

    # ---- scores

    def score(self) -> Score:
        """The log-likelihood of each independent unit, missing cells summed out: each row, each element of the outer
        plate whose rows hang together, or all the data where nothing is independent."""
        values = np.full(self.num_units, np.nan)
        for group in self.groups:
            engine = self._engine(group)
            log_evidence = engine.log_z(group.evidence, num_rows=len(group.weights)) - log_partition(group, engine)
            values[group.members] = log_evidence[group.inverse]
        return Score(values, self.unit or "data", "exact")

    # ---- predictions

    def predict(self, targets: Sequence[str] | None = None) -> Columns:
        """For every row of the innermost table: the most probable label and the probabilities of all labels of each
        target (default: what is not fully given), and the log evidence of what hangs together with the row. Raises
        PgmError PGM0607 for a target that is unknown, or whole in the rows."""
        names = self._targets(targets)
        tables = {n: self._empty(self.model.by_name[n]) for n in dict.fromkeys(name for name, _ in names)}
        by_unit = np.full(self.num_units, np.nan)
        for group in self.groups:
            # elements without rows have no nodes of what their rows hold
            blocks = {n: b for n in tables if (b := group.unrolled.nodes[n]).count}
            wanted = [i for b in blocks.values() for i in range(b.first, b.first + b.count)]
            engine = self._engine(group)
            marginals = engine.marginals(group.evidence, wanted, num_rows=len(group.weights))
            for name, block in blocks.items():
                nodes = [marginals.tables[i][group.inverse] for i in range(block.first, block.first + block.count)]
                group.place(tables[name], name, np.stack(nodes, 1))
            log_evidence = marginals.log_evidence - log_partition(group, engine)
            by_unit[group.members] = log_evidence[group.inverse]
        columns: dict[str, list[str] | np.ndarray] = {}
        for name, element in names:
            variable = self.model.by_name[name]
            table = self._at_rows(variable, tables[name])
            shown = self._element_names(variable)
            self._write(columns, shown[element], variable, table[:, element])
        at_rows = columns["log_evidence"] = self._units_at_rows(by_unit)
        return Columns(columns, impossible_rows(at_rows, self.model), self.binding.plate)

    def sample(self, seed: int | None = None) -> Columns:
        """One joint draw of all rows, those of a chain one after the other, given what is bound."""
        rng = np.random.default_rng(seed)
        names = [v.name for v in self.model.of_role("random", "field")]
        drawn = {n: self._empty(self.model.by_name[n])[..., :1] for n in names}
        for group in self.groups:
            codes = self._engine(group).posterior_sample(group.evidence, 1, rng, num_rows=len(group.weights))
            row_codes = codes[group.inverse, 0]
            for name in names:
                block = group.unrolled.nodes[name]
                group.place(drawn[name], name, row_codes[:, block.first : block.first + block.count, None])
        columns: dict[str, list[str] | np.ndarray] = {}
        for name in names:
            variable = self.model.by_name[name]
            labels = np.array(value_labels(self.evaluator, variable), dtype=object)
            at_rows = self._at_rows(variable, drawn[name])[..., 0].astype(np.int64)
            for element, shown in enumerate(self._element_names(variable)):
                columns[shown] = labels[at_rows[:, element]].tolist()
        return Columns(columns)

    @property
    def num_rows(self) -> int:
        return self.binding.sizes.get(self.binding.plate, 1)

    def _axes(self, name: str) -> tuple[str, ...]:
        return self.model.array_axes(self.model.by_name[name])

    def _empty(self, variable: Variable) -> np.ndarray:
        shape = self.binding.layout.shape(self.model.array_axes(variable))
        return np.full((*shape, len(value_labels(self.evaluator, variable))), np.nan)

    def _element_names(self, variable: Variable) -> list[str]:
        """Columns' names of a variable's elements within one row."""
        hidden = tuple(p.name for p in self.model.plates if p.is_rows)
        return element_names(self.evaluator, self.model, variable, hidden)

    def _targets(self, targets: Sequence[str] | None) -> list[tuple[str, int]]:
        """Variables with the place of the element among those of one row, ``x`` or ``x[a]``."""
        home = set(self.model.enclosing(self.binding.plate)) if self.binding.plate else set()
        rows = {p.name for p in self.model.plates if p.is_rows}
        here = [v for v in self.model.of_role("random", "field") if rows & set(v.plates) <= home]
        known = {shown: (v.name, i) for v in here for i, shown in enumerate(self._element_names(v))}
        if targets is None:
            return [element for shown, element in known.items() if self._is_unseen(*element)]
        out = []
        for target in targets:
            whole = [element for element in known.values() if element[0] == target]
            if target not in known and not whole:
                raise PgmError(no_variable(target, (*known, *self.model.by_name)))
            elements = [known[target]] if target in known else whole
            if not any(self._is_unseen(*element) for element in elements):
                raise observed_target(elements[0][0])
            out += elements
        return out

    def _is_unseen(self, name: str, element: int) -> bool:
        if name not in self.binding.values:
            return True
        variable = self.model.by_name[name]
        values = self._at_rows(variable, np.asarray(self.binding.values[name])[..., None])
        return bool((values[:, element] < 0).any())

    def _at_rows(self, variable: Variable, array: np.ndarray) -> np.ndarray:
        """An array ``[*axes, k]`` of a variable at each row: ``[rows, elements of one row, k]``."""
        plate = self.binding.plate
        for position, axis in enumerate(self._axes(variable.name)):
            record = self.model.plate_by_name.get(axis)
            if record is None or not record.is_rows:
                continue
            if axis != plate:
                index = self.binding.layout.parent(axis, plate)
                array = np.moveaxis(np.take(array, index, position), position, 0)
            else:
                array = np.moveaxis(array, position, 0)
            return array.reshape(self.num_rows, -1, array.shape[-1])
        return np.broadcast_to(
            array.reshape(1, -1, array.shape[-1]), (self.num_rows, array[..., 0].size, array.shape[-1])
        )

    def _units_at_rows(self, by_unit: np.ndarray) -> np.ndarray:
        """A number of each unit at the rows of the innermost table."""
        if self.unit is None:
            return np.broadcast_to(by_unit, (self.num_rows,)).copy()
        if self.unit == self.binding.plate:
            return by_unit
        return np.asarray(by_unit[self.binding.layout.parent(self.unit, self.binding.plate)])

    def _write(
        self, columns: dict[str, list[str] | np.ndarray], shown: str, variable: Variable, table: np.ndarray
    ) -> None:
        labels = np.array(value_labels(self.evaluator, variable), dtype=object)
        possible = np.isfinite(table).all(axis=1)
        best = np.where(possible, labels[np.argmax(np.nan_to_num(table), axis=1)], "")
        columns[shown] = best.tolist()
        for code, label in enumerate(labels):
            columns[f"P({shown} = {label})"] = table[:, code]

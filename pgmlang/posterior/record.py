"""The record of a posterior, and what of it is worked out once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian import GaussianNetwork
from pgmlang.model.processes import joint_variables
from pgmlang.model.row_plates import row_plate, unit_plate
from pgmlang.posterior.fitted_reductions import fitted_reductions
from pgmlang.query.network import NetworkAnswers, answers_of_network
from pgmlang.query.parse import Evidence
from pgmlang.query.sequences import name_in_sequence
from pgmlang.results.fit import Fit
from pgmlang.tables.row_reductions import as_params

if TYPE_CHECKING:
    import numpy as np

    from pgmlang.exact import ExactEngine
    from pgmlang.gaussian.from_model import RowNetwork
    from pgmlang.query.gaussian_network import GaussianAnswers
    from pgmlang.tables import DiscreteNetwork
    from pgmlang.tables.unroll import Unrolled


@dataclass(frozen=True, eq=False, repr=False)
class Posterior:
    """What is known of a model's variables.

    ``fit``: what a fit leaves (a point, draws, weighted draws, marginals, a guide); of a model that gives everything
    itself, its values held and nothing else. ``network``: that of a file (BIF, UAI; of numbers JSON), whose variables are those of
    ``fit.model``; None for a model. ``one_row``: the engine of the network that every row has, kept from one question to the
    next (empty before the first).
    """

    fit: Fit
    network: DiscreteNetwork | GaussianNetwork | None = None
    one_row: list[tuple[Unrolled, ExactEngine]] = field(default_factory=list, repr=False)

    def __repr__(self) -> str:
        return f"posterior of {self.fit!r}"

    def __getstate__(self) -> dict[str, object]:
        """What it is of: what was worked out of that is worked out again."""
        return {"fit": self.fit, "network": self.network, "one_row": []}

    @cached_property
    def _of_other_rows(self) -> dict[frozenset[str], Posterior]:
        return {frozenset(): self}

    def of_other_rows(self, known: Collection[str] = ()) -> Posterior:
        """The same, with what the fit's own rows came to held as it was, and those of its outer elements in the plates that are
        ``known``, all of whose elements are the fit's."""
        names = fitted_reductions(self.fit, known)
        if names not in self._of_other_rows:
            self._of_other_rows[names] = self._holding(names)
        return self._of_other_rows[names]

    def _holding(self, names: frozenset[str]) -> Posterior:
        held = {n: self.fit.deterministic[n] for n in names}
        fit = replace(self.fit, model=as_params(self.fit.model, names), parameters={**self.fit.parameters, **held})
        return replace(self, fit=fit, one_row=[])

    @cached_property
    def points(self) -> tuple[Posterior, ...]:
        """What a fit says at each of its draws of latents beside fields; none where there are no such latents."""
        from pgmlang.posterior.points import points_of

        return tuple(map(Posterior, points_of(self.fit)))

    def points_by(self, seed: int) -> tuple[Posterior, ...]:
        """The same by a seed, where they are drawn: latents of a given model by their prior."""
        from pgmlang.posterior.points import points_of

        is_drawn = self.fit.is_given and seed and self.points
        return tuple(map(Posterior, points_of(self.fit, seed))) if is_drawn else self.points

    @cached_property
    def tables(self) -> NetworkAnswers:
        """Exact answers about a fresh row, or about the whole where rows hang together. Raises PgmError PGM0602 for what no
        table holds, PGM0610 for values that are not known, PGM0607 where outer elements have tables of their own."""
        return self.tables_given(())[0]

    def tables_given(self, items: tuple[Evidence, ...]) -> tuple[NetworkAnswers, tuple[Evidence, ...]]:
        """Exact answers about a fresh row of the outer elements, and with the values of inputs, that the evidence names;
        and the rest of the evidence. Elements that no number is of leave the row as it is."""
        from pgmlang.query.element_answers import of_element, outer_plates
        from pgmlang.query.input_values import inputs_of, row_inputs
        from pgmlang.tables.from_model import iid_plate

        fit = self.fit
        if self.network is not None:
            return self._shared_tables, items
        outer = outer_plates(fit)
        around = {q for p in fit.model.plates if p.is_rows for q in fit.model.enclosing(p.name)[:-1]}
        items = tuple(e for e in items if e.value is None or e.variable.name not in around.difference(outer))
        inputs: dict[str, np.ndarray] | None = None
        if row_inputs(fit.model) and iid_plate(fit.model, fit.parameters)[0]:
            inputs, items = inputs_of(fit, items)
        if outer:
            return of_element(fit, items, inputs)
        return self._tables_of(inputs) if inputs else self._shared_tables, items

    def tables_of_sequence(self, length: int) -> NetworkAnswers:
        """Exact answers about a fresh sequence of some rows, whose variables are named with their row. Raises PgmError
        PGM0602 for inputs and for more than a chain in outer elements."""
        from pgmlang.query.fresh_binding import fresh_binding
        from pgmlang.query.table_rows import TableRows

        (group,) = TableRows(fresh_binding(self.fit, length), self.fit.parameters).groups
        network = group.unrolled.network
        named = tuple(replace(v, name=name_in_sequence(self.fit.model, v.name)) for v in network.variables)
        return NetworkAnswers(replace(network, variables=named))

    @cached_property
    def _shared_tables(self) -> NetworkAnswers:
        """Those of every row."""
        if self.network is None:
            return self._tables_of(None)
        if isinstance(self.network, GaussianNetwork):
            raise PgmError(Diagnostic("PGM0602", self.reasons_against_tables[0],
                                      help="what takes tables alone takes networks of labels"))  # fmt: skip
        return answers_of_network(self.network)

    def _tables_of(self, inputs: dict[str, np.ndarray] | None) -> NetworkAnswers:
        from pgmlang.tables.from_model import discrete_network

        fit = self.fit
        network = discrete_network(fit.model, dict(fit.parameters), dict(fit.sizes), dict(fit.labels), inputs)
        fields = {v.name for v in fit.model.of_role("field")}
        unrolled = {v.name for v in network.variables if v.name.split("[")[0] in fields}
        return NetworkAnswers(network, frozenset(fields | unrolled))

    @cached_property
    def reasons_against_tables(self) -> tuple[str, ...]:
        """Why exact inference over tables does not answer questions about a row; empty where it does."""
        from pgmlang.query.table_rows import is_network_of_fields
        from pgmlang.tables.verdict import discrete_without_tables

        fit, model = self.fit, self.fit.model
        if isinstance(self.network, GaussianNetwork):
            return tuple(f"`{n}` is a number" for n in self.network.numbers)
        if self.network is not None:
            return ()
        out = [d.message for d in discrete_without_tables(model)]
        out += [f"`{v.name}` is a number" for v in model.of_role("random", "field") if not v.type.is_discrete]
        if model.guide is not None:
            out.append("the model has a guide")
        if model.nets:
            out.append("the model has networks")
        if fit.draws:
            out.append("the fit holds draws")
        if not out and self._has_fields_in_rows and not fit.is_given and not is_network_of_fields(fit):
            out.append("log Z of the rows' fields is out of reach of tables")
        return tuple(out)

    @cached_property
    def reasons_against_gaussian(self) -> tuple[str, ...]:
        """Why a row is no conditional Gaussian network, all of whose answers are closed forms; empty where it is one."""
        from pgmlang.gaussian.from_model import reasons_against
        from pgmlang.tables.from_model import iid_plate

        fit, rows = self.fit, {p.name for p in self.fit.model.plates if p.is_rows}
        if isinstance(self.network, GaussianNetwork):
            return ()
        if self.network is not None:
            return ("every variable is discrete: tables answer",)
        if fit.draws:
            return ("the fit holds draws",)
        if not iid_plate(fit.model, fit.parameters)[0]:
            return ("the rows are not independent",)
        held = [v.name for v in fit.model.of_role("random") if v.name in fit.parameters and rows & set(v.plates)]
        if held:
            return (f"`{held[0]}` has a value for the elements of the fit alone",)
        drawn = [v.name for v, _ in joint_variables(fit.model)]
        if drawn:
            return (f"`{drawn[0]}` is drawn over all rows together",)
        return tuple(dict.fromkeys(d.message for d in reasons_against(fit.model, fit.parameters)))

    @cached_property
    def gaussian_answers(self) -> GaussianAnswers:
        """Exact answers about a fresh row that neither inputs nor outer elements tell from others. Raises PgmError PGM0602 for
        what is no conditional Gaussian network, PGM0610 for values that are not known."""
        from pgmlang.query.gaussian_network import GaussianAnswers

        return GaussianAnswers(
            self.network if isinstance(self.network, GaussianNetwork) else self.gaussian_row.network
        )

    @cached_property
    def gaussian_row(self) -> RowNetwork:
        """The network of `gaussian_answers`, of a model, with its map."""
        from pgmlang.gaussian.from_model import row_network

        fit = self.fit
        return row_network(fit.model, dict(fit.parameters), dict(fit.sizes), dict(fit.labels))

    @cached_property
    def reasons_against_tables_of_rows(self) -> tuple[str, ...]:
        """Why bound rows are not answered by exact inference over tables. Fields alone have log Z as `FieldRows` finds it."""
        from pgmlang.query.table_rows import is_network_of_fields

        if self.reasons_against_tables or not self._has_fields_in_rows:
            return self.reasons_against_tables
        if not self.fit.model.conditionals and not self._needs_tables:
            return ("rows of fields alone are answered by potentials",)
        if not is_network_of_fields(self.fit):
            return ("log Z of the rows' fields is out of reach of tables",)
        return ()

    @property
    def _needs_tables(self) -> bool:
        """Whether rows of fields alone are apart within outer elements, or potentials bring elements of a field together in
        other ways than sweeps, and lists of their values, take."""
        from pgmlang.fields.reasons import block_reasons

        model = self.fit.model
        if unit_plate(model) != row_plate(model) and not model.is_chain(row_plate(model) or ""):
            return True
        return any(True for v in model.of_role("field") for _ in block_reasons(model, v.name))

    @property
    def _has_fields_in_rows(self) -> bool:
        model = self.fit.model
        rows = {p.name for p in model.plates if p.is_rows}
        return any(rows & set(v.plates) for v in model.of_role("field"))

    @cached_property
    def open_sets(self) -> tuple[str, ...]:
        """Variables whose labels only the data of the fit told: `{...}`, or an axis such as `dim word`."""
        from pgmlang.binding.close import open_sets
        from pgmlang.diagnostics import SourceFile
        from pgmlang.sema import analyse, text_loader

        fit = self.fit
        if not fit.source:
            return ()
        model = analyse(
            SourceFile("model.pgm", fit.source), dict(fit.model.settings), text_loader(fit.modules)
        ).checked()
        axes = {d.name for d in model.dims if model.axis_labels(d.name) is None}
        along = (v.name for v in model.variables if v.type.axis and model.root_axis(v.type.axis) in axes)
        return (*open_sets(model), *along)

    @property
    def has_fields(self) -> bool:
        return any(True for _ in self.fit.model.of_role("field"))

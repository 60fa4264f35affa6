"""The Python front door: ``compile`` a model, ``fit`` it, ask.

model = pgmlang.compile("sprinkler.pgm")
fit = model.fit("days.csv", seed=1)
fit.query("P(rain | wet = yes)")
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pgmlang.diagnostics import Diagnostic, PgmError, SourceFile
from pgmlang.pipeline import (
    bind_data,
    draw_rows,
    evidence_of,
    fit_bound,
    fit_streamed,
    log_z,
    model_answers,
    rows_of,
)
from pgmlang.sema import Compilation, Loader, analyse
from pgmlang.sema.scope import Value
from pgmlang.signatures.arguments import checked_arguments
from pgmlang.syntax import load_source

if TYPE_CHECKING:
    import networkx
    import numpy as np
    from torch import Tensor

    from pgmlang.binding.record import Binding
    from pgmlang.drawing.scene import Scene
    from pgmlang.lower import Program
    from pgmlang.lower.runtime.layout import TensorLayout
    from pgmlang.model import Model
    from pgmlang.plan import Plan
    from pgmlang.query import Answer, DrawAnswers, NetworkAnswers
    from pgmlang.query.element_answers import ElementAnswers
    from pgmlang.query.estimates import EstimateAnswers
    from pgmlang.query.parse import Evidence
    from pgmlang.query.rows import Columns
    from pgmlang.query.score import Score
    from pgmlang.query.table_rows import TableRows
    from pgmlang.results.compare import Difference
    from pgmlang.results.fit import Fit
    from pgmlang.results.trust import Finding

P = ParamSpec("P")
R = TypeVar("R")


def _of_the_model(function: Callable[P, R]) -> Callable[P, R]:
    """The function with its arguments checked (PGM0612), and errors out of lines of an emitted program led back to the
    model's (PGM0809)."""
    checked = checked_arguments(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        from pgmlang.lower.failures import led_to_model

        with led_to_model():
            return checked(*args, **kwargs)

    return call


@checked_arguments
def compile(source: str | os.PathLike[str], *, loader: Loader | None = None, **settings: Value) -> CompiledModel:
    """Compiles a model.

    ``source``: a path of a ``.pgm`` file, or the text of one (anything with a newline or ``~`` in it is a text).
    ``settings``: values for the header's settings (``topics=50``). ``loader`` finds imported modules.
    Raises CompileError with all errors of the text, PgmError if the file cannot be read.
    """
    file = _source(source)
    compilation = analyse(file, settings, loader)
    compilation.checked()
    return CompiledModel(compilation)


def _source(source: str | os.PathLike[str]) -> SourceFile:
    if isinstance(source, str) and ("\n" in source or "~" in source):
        return SourceFile("<string>", source)
    return load_source(Path(source))


@checked_arguments
def load(folder: str | os.PathLike[str]) -> FittedModel:
    """Loads a fit folder. Raises PgmError PGM0903 or PGM0904 when it is none, or of another version."""
    from pgmlang.results.store import load_fit

    return FittedModel(load_fit(Path(folder)))


def compare_fits(one: FittedModel, other: FittedModel) -> tuple[Difference, ...]:
    """The scalars of two fits of one model side by side, those furthest apart first. Raises PgmError PGM0904 for fits
    of different models."""
    from pgmlang.results.compare import compare

    return compare((one.record, other.record))


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """A checked model. ``compilation`` holds its source, Model and warnings."""

    compilation: Compilation

    @cached_property
    def model(self) -> Model:
        """The Model: an immutable plated factor graph."""
        return self.compilation.checked()

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def text(self) -> str:
        """The text of the ``.pgm`` source."""
        return self.compilation.source.text

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return self.compilation.diagnostics

    @property
    def graph(self) -> networkx.DiGraph:
        """The graph as a networkx view (see ``graph.views.directed_view``)."""
        from pgmlang.graph.views import directed_view

        return directed_view(self.model)

    @cached_property
    def program(self) -> Program:
        """The lowered program: source text and map back to the model's lines."""
        from pgmlang.lower import lower

        return lower(self.model, file_name=self.compilation.source.name)

    @property
    def source(self) -> str:
        """The emitted Pyro/PyTorch program."""
        return self.program.source

    def scene(self, observed: Iterable[str] = ()) -> Scene:
        """What is drawn of the model."""
        from pgmlang.drawing.model_scene import model_scene

        return model_scene(self.model, observed)

    def svg(self, observed: Iterable[str] = ()) -> str:
        """The graph as an SVG picture."""
        from pgmlang.drawing import to_svg

        return to_svg(self.scene(observed))

    def _repr_svg_(self) -> str:
        return self.svg()

    def bind(self, data: Any, **options: Any) -> Binding:
        """Joins the model to data. ``data``: a path, a frame (pandas, polars, Arrow), a dict of columns or arrays, or
        a dict of plate name to any of these. Options: ``sep decimal na observe hide mapping missing counts weights``.
        """
        return bind_data(self.model, data, **options)

    def tensors(self, data: Any, **options: Any) -> tuple[dict[str, Tensor], TensorLayout]:
        """``data`` and ``layout`` as the emitted program's functions take them, Pyro's ``model`` and ``guide`` among them.

        Data and options as for `bind`; rows that count as several are written out. Missing cells drop out where nothing hangs on
        them and are enumerated where they are discrete (not in chains); raises PgmError PGM0710 for others, PGM0602 for weights that are no
        counts.
        """
        from pgmlang.density.tensors import program_tensors

        return program_tensors(self.model, data if _is_binding(data) else self.bind(data, **options))

    @_of_the_model
    def plan(self, data: Any = None, method: str = "auto", **options: Any) -> Plan:
        """Which method would be taken for which variables, and why; ``data`` as for `fit`."""
        from pgmlang.plan import make_plan

        bound = data if data is None or _is_binding(data) else self.bind(data, **options)
        return make_plan(self.model, bound, method)

    @_of_the_model
    def fit(
        self,
        data: Any,
        *,
        method: str = "auto",
        seed: int | None = None,
        device: str = "cpu",
        fixed: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
        progress: Callable[..., None] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        **binding: Any,
    ) -> FittedModel:
        """Fits the model to data.

        ``checkpoint``: a folder where the state is kept every half minute; ``resume``: go on from there.

        ``options``: the method's own (``max_iterations``, ``restarts`` ...); ``fixed``: params held at a value;
        ``binding``: as for :meth:`bind`. Raises PgmError: data (07xx), no method (PGM0601, PGM0602).
        """
        bound = data if _is_binding(data) else self.bind(data, **binding)
        keeping = {"checkpoint": None if checkpoint is None else Path(checkpoint), "resume": resume}
        record = fit_bound(self.compilation, bound, method, seed, device, fixed, options, progress, **keeping)
        return FittedModel(record)

    @_of_the_model
    def fit_stream(self, path: str | os.PathLike[str], *, seed: int = 0, **options: Any) -> FittedModel:
        """Learns complete-data tables from a CSV or Parquet file larger than memory, block by block.

        ``options``: ``method fixed method_options``, ``sep decimal na batch_rows`` and those of :meth:`bind`. Raises
        PgmError PGM0602 when cells are missing or variables latent, and for another method than ``ml``.
        """
        return FittedModel(fit_streamed(self.compilation, str(path), seed, **options))

    def answers(self, fixed: Mapping[str, float] | None = None) -> NetworkAnswers:
        """Exact answers of a model whose tables are given. ``fixed``: values of params. Raises PgmError PGM0610 where some
        are not known, PGM0612 for what cannot be held at its value."""
        from pgmlang.binding.fixed import fixed_values
        from pgmlang.tables.evaluate import Evaluator

        known = fixed_values(Evaluator(self.model, {}), fixed or {})
        return model_answers(self.model, known, {}, {})

    @_of_the_model
    def query(self, text: str, fixed: Mapping[str, float] | None = None) -> Answer:
        """Answers ``P(...)``, ``MAP(...)`` or ``E(...)`` when the model's tables are given."""
        from pgmlang.query import parse_query

        return self.answers(fixed).answer(parse_query(text))

    @_of_the_model
    def log_z(self, evidence: str = "", fixed: Mapping[str, float] | None = None) -> float:
        """log Z of the model (the log probability of the evidence for a directed one)."""
        return log_z(self.answers(fixed), evidence)

    @_of_the_model
    def sample(self, num_draws: int, *, seed: int | None = None, evidence: str = "") -> Columns:
        """Joint draws of a model whose tables are given."""
        return draw_rows(self.answers(), num_draws, seed, evidence_of(evidence))


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fit and what can be asked of it. ``record`` is the plain data that is saved."""

    record: Fit
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def params(self) -> dict[str, np.ndarray]:
        """Point estimates by name; ``NAME.table`` is the table of NAME."""
        return self.record.parameters

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return self.record.warnings

    @property
    def log_likelihood(self) -> float | None:
        """ln p(data) in total at the estimates; None for draws, and where the method does not know it."""
        return self.record.log_likelihood

    @property
    def draws(self) -> dict[str, np.ndarray]:
        """Posterior draws by variable, shape (chain, draw, *plate and event axes); empty for a point estimate."""
        return self.record.draws

    def inference_data(self) -> Any:
        """The draws as ArviZ data (an xarray DataTree), labels as coordinates. Raises PgmError without draws."""
        from pgmlang.results.inference_data import inference_data

        return inference_data(self.record)

    @property
    def answers(self) -> NetworkAnswers:
        """Exact answers. Raises PgmError PGM0602 for a fit of draws, which answers ``query`` only."""
        if self.record.draws:
            message = f"a fit by `{self.record.method}` answers `query` and `summary` today, not rows of new data"
            raise PgmError(Diagnostic("PGM0602", message, help="ask `E(x)`, `P(x)` or `P(x > 3)`"))
        if "answers" not in self._cache:
            from pgmlang.query.element_answers import of_element, outer_plates

            if outer_plates(self.record):
                of_element(self.record, ())  # tables of outer elements are those of no one network
            fit = self.record
            self._cache["answers"] = model_answers(fit.model, fit.parameters, fit.sizes, fit.labels)
        answers: NetworkAnswers = self._cache["answers"]
        return answers

    @_of_the_model
    def query(self, text: str, *, seed: int = 0) -> Answer:
        """Answers ``P(...)``, ``MAP(...)`` or ``E(...)``: about one fresh row, or the posterior of what the fit has values
        of. ``seed``: of the draws behind an answer that has a Monte Carlo error (``mcse``)."""
        from pgmlang.query import parse_query

        return self.asking(seed).answer(parse_query(text))

    def asking(self, seed: int = 0) -> EstimateAnswers | DrawAnswers:
        """What answers questions: exact tables, those of the outer element that a question names, or draws."""
        from pgmlang.query import DrawAnswers
        from pgmlang.query.element_answers import ElementAnswers, outer_plates
        from pgmlang.query.estimates import EstimateAnswers

        def rows() -> NetworkAnswers | ElementAnswers:
            return ElementAnswers(self.record) if outer_plates(self.record) else self.answers

        return EstimateAnswers(self.record, rows) if self.is_network else DrawAnswers.of(self.record, seed)

    @_of_the_model
    def predict(
        self, data: Any, targets: Sequence[str] | None = None, *, seed: int = 0, **binding: Any
    ) -> Columns:
        """For every row, the posterior of what it does not say: labels with their probabilities and the log evidence,
        numbers with sd and a 90 % interval (``seed``: of the draws behind them)."""
        from pgmlang.query import in_table_order

        bound = self.bind(data, **binding)
        wanted = list(targets) if targets is not None else None
        if not self.is_network:
            from pgmlang.query.row_answers import predict

            predictions = predict(self.record, bound, wanted, seed)
            rows = {len(column) for column in predictions.columns.values()}
            return in_table_order(predictions, bound) if rows == {rows_of(bound)} else predictions
        return in_table_order(self._table_rows(bound).predict(wanted), bound)

    @property
    def is_network(self) -> bool:
        """Whether the fit is of tables, which exact inference answers for; a written guide says that it cannot."""
        from pgmlang.tables.verdict import discrete_without_tables

        model = self.record.model
        if model.guide is not None or any(discrete_without_tables(model)):
            return False
        discrete = all(v.type.is_discrete for v in model.of_role("random", "field"))
        return discrete and not model.nets and not self.record.draws and not self._has_wide_fields()

    def _has_wide_fields(self) -> bool:
        """Whether fields have rows of their own, and log Z of these is out of reach of tables."""
        rows = {p.name for p in self.record.model.plates if p.is_rows}
        if not any(rows & set(v.plates) for v in self.record.model.of_role("field")):
            return False
        if "network of fields" not in self._cache:
            from pgmlang.query.table_rows import is_network_of_fields

            self._cache["network of fields"] = is_network_of_fields(self.record)
        return not self._cache["network of fields"]

    @_of_the_model
    def score_rows(self, data: Any, seed: int = 0, **binding: Any) -> Score:
        """Held-out log-likelihoods with the name of the estimator and the plate whose elements they are of."""
        bound = self.bind(data, **binding)
        if self.is_network:
            return self._table_rows(bound).score().of_present(bound)
        if not any(n in bound.values for n in bound.observed):
            names = ", ".join(f"`{v.name}`" for v in bound.model.of_role("random", "field") if v.plates)
            raise PgmError(
                Diagnostic("PGM0708", f"the data hold no value of {names}: there is nothing to be scored")
            )
        from pgmlang.query.row_answers import score

        return score(self.record, bound, seed).of_present(bound)

    def _table_rows(self, bound: Binding) -> TableRows:
        """What answers for new rows of a fit of tables."""
        from pgmlang.query.table_rows import TableRows

        return TableRows(bound, self.record.parameters, self._cache.setdefault("one row", []))

    @_of_the_model
    def score(self, data: Any, **binding: Any) -> np.ndarray:
        """Log-likelihood of each row of new data (missing cells summed out), shape (rows,); NaN for a row that
        ``missing="drop"`` left out."""
        from pgmlang.query import row_order

        bound = self.bind(data, **binding)
        row_scores = self.score_rows(bound)
        return row_order(row_scores.values, bound) if row_scores.plate == bound.plate else row_scores.values

    @_of_the_model
    def sample(self, num_draws: int, *, seed: int | None = None, evidence: str = "") -> Columns:
        """Joint draws of fresh rows; of tables, given evidence such as ``"wet = yes"``."""
        if self.is_network:
            from pgmlang.query.element_answers import of_element, outer_plates
            from pgmlang.tables.from_model import iid_plate

            items = evidence_of(evidence)
            if not iid_plate(self.record.model, self.record.parameters)[0]:
                return self._fresh_sequence(num_draws, seed, items)
            if outer_plates(self.record):
                answers, items = of_element(self.record, items)
                return draw_rows(answers, num_draws, seed, items)
            return draw_rows(self.answers, num_draws, seed, items)
        if evidence:
            message = "fresh rows of this fit are drawn without evidence"
            raise PgmError(Diagnostic("PGM0606", message, help="`predict` completes rows that are partly given"))
        from pgmlang.query.prior_rows import fresh_rows

        return fresh_rows(self.record, num_draws, seed or 0)

    def _fresh_sequence(self, num_draws: int, seed: int | None, items: tuple[Evidence, ...]) -> Columns:
        """Rows that hang together: a chain's follow each other in one sequence. Raises PgmError PGM0602 for groups, which
        only data can give, PGM0606 for evidence."""
        from pgmlang.query.prior_rows import fresh_binding
        from pgmlang.query.table_rows import TableRows

        if items:
            message = "rows that hang together are drawn without evidence"
            raise PgmError(Diagnostic("PGM0606", message, help="`predict` completes rows that are partly given"))
        bound = fresh_binding(self.record, num_draws)
        return TableRows(bound, self.record.parameters).sample(seed)

    def summary(self) -> list[dict[str, Any]]:
        """One dict a parameter: name, mean, sd and what it belongs to."""
        from pgmlang.results.store import summary_rows

        return summary_rows(self.record)

    def diagnose(self) -> tuple[Finding, ...]:
        """Every check of whether the fit can be trusted, the worst first, each with its cure."""
        from pgmlang.results.trust import diagnose

        return diagnose(self.record)

    @_of_the_model
    def save(self, folder: str | os.PathLike[str], force: bool = False) -> None:
        """Writes the fit folder. Raises PgmError PGM0902 when it exists, unless ``force``."""
        from pgmlang.results.store import save_fit

        save_fit(self.record, Path(folder), force)

    def bind(self, data: Any, **binding: Any) -> Binding:
        """Joins new data to the fit's model, whose labels are those of the fit; see ``CompiledModel.bind``."""
        if _is_binding(data):
            bound: Binding = data
            return bound
        return bind_data(self.record.model, data, known=self.record.labels, **binding)

    def _repr_svg_(self) -> str:
        from pgmlang.drawing import to_svg
        from pgmlang.drawing.model_scene import model_scene

        observed = self.record.provenance.get("observed", ())
        return to_svg(model_scene(self.record.model, observed))


def _is_binding(data: Any) -> bool:
    from pgmlang.binding.record import Binding

    return isinstance(data, Binding)

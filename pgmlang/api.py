"""The Python front door: ``compile`` a model, ``fit`` it, ask.

model = pgmlang.compile("sprinkler.pgm")
fit = model.fit("days.csv", seed=1)
fit.query("P(rain | wet = yes)")
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pgmlang.diagnostics import Diagnostic, PgmError, SourceFile
from pgmlang.display import FrozenArrays, does_not_change, mime_bundle, picture_html, text_as_html
from pgmlang.pipeline import fit_bound, fit_streamed
from pgmlang.progress import shown_progress
from pgmlang.sema import Compilation, Loader, analyse
from pgmlang.sema.scope import Value
from pgmlang.signatures.arguments import checked_arguments
from pgmlang.syntax import load_source

if TYPE_CHECKING:
    import networkx
    import numpy as np
    from matplotlib.figure import Figure
    from torch import Tensor

    from pgmlang.binding.record import Binding
    from pgmlang.criticism.replicates import Replicates
    from pgmlang.drawing import Drawing
    from pgmlang.drawing.scene import Scene
    from pgmlang.first_model import FirstModel
    from pgmlang.lower import Program
    from pgmlang.lower.runtime.layout import TensorLayout
    from pgmlang.model import Model
    from pgmlang.plan import Plan
    from pgmlang.posterior import Posterior
    from pgmlang.profile import Description
    from pgmlang.query import Answer
    from pgmlang.query.rows import Columns
    from pgmlang.query.score import Score
    from pgmlang.results.compare import Differences
    from pgmlang.results.elpd import Elpd, Ranks
    from pgmlang.results.fit import Fit
    from pgmlang.results.summary_view import Summary
    from pgmlang.results.trust import Findings

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
    from pgmlang.results.load import load_fit

    return FittedModel.of(load_fit(Path(folder)))


@checked_arguments
def describe(data: Any, *, sep: str | None = None, **reading: Any) -> Description:
    """What a table holds, to be printed: the kind, labels or range and missing cells of every column, and remarks with the
    option that mends each. ``data``: as of `CompiledModel.bind`; ``reading``: ``encoding decimal thousands na strip fold_case merge unit
    accounting magnitudes dates bins``. Raises PgmError (07xx)."""
    from pgmlang.data import read_frame
    from pgmlang.profile import describe as described

    frame = read_frame(data, sep=sep, **reading)
    frame.reading.check_columns(frame.columns, frame.name)
    return described(frame)


@checked_arguments
def init(
    data: Any, target: str | None = None, *, classifier: str = "logistic", name: str | None = None, as_is: bool = False,
    sep: str | None = None, **reading: Any,
) -> FirstModel:  # fmt: skip
    """A first model of a table: each column by its kind, or ``target`` by the others. What `describe` is sure of is taken into
    account unless ``as_is``; ``compile(first.text).fit(data, **first.binding)`` fits it. Arguments as of `describe`.

    ``classifier``: ``logistic`` or ``naive-bayes``, for a target of labels. Raises PgmError PGM0720 for an unknown target,
    PGM0602 for one that cannot be predicted, PGM0612 for another classifier, and (07xx).
    """
    from pgmlang.data import Reading, read_frame
    from pgmlang.first_model import drafted

    how = Reading.of(**reading)
    frame = read_frame(data, sep=sep, decimal=how.decimal_mark, encoding=how.encoding)
    stem = Path(data).name.split(".")[0] if isinstance(data, str | os.PathLike) and str(data) != "-" else ""
    return drafted(
        replace(frame, reading=Reading(), notes=()), how, name or stem or "first", target, classifier, as_is
    )


@checked_arguments
def compare_fits(*fits: FittedModel, data: Any = None, folds: int = 0, **binding: Any) -> Differences | Ranks:
    """Two fits of one model: their scalars side by side, those furthest apart first. Fits of different models, more than
    two, or with ``data`` or ``folds``: as `rank_fits`, under the names ``fit 1``, ``fit 2`` and so on. Raises PgmError
    PGM0612 for fewer than two."""
    from pgmlang.results.compare import compare, is_of_one_model

    named = _named_fits(fits, 2)
    records = [fit.record for fit in fits]
    if len(records) == 2 and data is None and not folds and is_of_one_model(*records):
        return compare(records)
    return rank_fits(named, data, folds=folds, **binding)


@checked_arguments
def rank_fits(
    fits: Mapping[str, FittedModel] | Iterable[FittedModel], data: Any = None, *, folds: int = 0, **binding: Any
) -> Ranks:
    """Fits of any models of the same data by their expected log predictive density, the best first, with differences and
    their standard errors: by PSIS-LOO, or by refits without each of ``folds`` shares of the data.

    ``fits``: by name, or in a row. ``data``: as for `CompiledModel.bind`; not needed where the fits kept their pointwise log-likelihoods. Raises PgmError
    PGM0904 for fits of different data, PGM0610 without draws or data.
    """
    named = _named_fits(fits.values() if isinstance(fits, Mapping) else fits, 1)
    if isinstance(fits, Mapping):
        named = dict(zip(map(str, fits), named.values(), strict=True))
    return ranked_bound(
        named, {} if data is None else {name: fit.bind(data, **binding) for name, fit in named.items()}, folds
    )


def ranked_bound(fits: Mapping[str, FittedModel], bindings: Mapping[str, Binding], folds: int = 0) -> Ranks:
    """As `rank_fits`, by the data as they were bound to each fit; none where the fits kept their pointwise log-likelihoods."""
    from pgmlang.criticism.predictive import rank

    if folds and not bindings:
        raise PgmError(Diagnostic("PGM0612", "folds are refits, which need the data", help="give `--data FILE`"))
    return rank({name: fit.record for name, fit in fits.items()}, bindings, folds)


def _named_fits(fits: Any, fewest: int) -> dict[str, FittedModel]:
    """Fits, so many or more, as ``fit 1``, ``fit 2``. Raises PgmError PGM0612 for fewer, and for what is none."""
    given = list(fits) if isinstance(fits, Iterable) and not isinstance(fits, str) else [fits]
    for one in given:
        if not isinstance(one, FittedModel):
            message = f"fits are compared, not a {type(one).__name__}"
            raise PgmError(
                Diagnostic("PGM0612", message, help="`pgmlang.load(FOLDER)` and `model.fit(...)` give fits")
            )
    if len(given) < fewest:
        message = f"{'two fits' if fewest == 2 else 'one fit'} or more are compared, not {len(given)}"
        raise PgmError(
            Diagnostic("PGM0612", message, help="`compare_fits(one, other)`; `fit.loo(data)` is of one")
        )
    return {f"fit {i + 1}": fit for i, fit in enumerate(given)}


@does_not_change("a model", "compile it again")
@dataclass(frozen=True, eq=False, repr=False)
class CompiledModel:
    """A checked model. ``compilation`` holds its source, Model and warnings."""

    compilation: Compilation

    def __post_init__(self) -> None:
        _refuse_to_make(
            "CompiledModel", self.compilation, Compilation, "`pgmlang.compile(FILE)` makes a model of a text"
        )

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

    @checked_arguments
    def scene(self, observed: Iterable[str] = (), *, distributions: bool = False) -> Scene:
        """What is drawn of the model; ``distributions``: with each node's statement."""
        from pgmlang.drawing.model_scene import model_scene

        return model_scene(self.model, observed, distributions=distributions)

    @checked_arguments
    def svg(self, observed: Iterable[str] = (), *, distributions: bool = False) -> str:
        """The graph as an SVG picture; arguments as of `scene`."""
        from pgmlang.drawing import to_svg

        return to_svg(self.scene(observed, distributions=distributions))

    def _repr_svg_(self) -> str:
        return self.svg()

    def __repr__(self) -> str:
        from pgmlang.model.outline import outline, title

        source = self.compilation.source.name
        place = f" ({source})" if source != "<string>" else ""
        warnings = f"\n{len(self.warnings)} warnings, `.warnings` has them" if self.warnings else ""
        return f"{title(self.model)}{place}\n{outline(self.model)}{warnings}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        from pgmlang.model.outline import outline, title

        table = outline(self.model)._repr_html_()
        return mime_bundle(repr(self), picture_html(self.svg()), text_as_html(title(self.model)), table)

    @checked_arguments
    def bind(self, data: Any, **binding: Any) -> Binding:
        """Joins the model to data. ``data``: a path, a frame (pandas, polars, Arrow), a dict of columns or arrays, or
        a dict of plate name to any of these. ``binding``: ``sep observe hide mapping missing counts weights``, and how
        cells are read: ``encoding decimal thousands na strip fold_case merge unit accounting magnitudes dates bins`` (docs/data.md).
        """
        from pgmlang.binding.read import bind_data

        return bind_data(self.model, data, **binding)

    @_of_the_model
    def tensors(self, data: Any, **binding: Any) -> tuple[dict[str, Tensor], TensorLayout]:
        """``data`` and ``layout`` as the emitted program's functions take them, Pyro's ``model`` and ``guide`` among them.

        Data and ``binding`` as for `bind`; rows that count as several are written out. Missing cells drop out where nothing hangs on
        them and are enumerated where they are discrete (not in chains); raises PgmError PGM0710 for others, PGM0602 for weights that are no
        counts.
        """
        from pgmlang.density.tensors import program_tensors

        return program_tensors(self.model, data if _is_binding(data) else self.bind(data, **binding))

    @_of_the_model
    def plan(
        self,
        data: Any = None,
        method: str = "auto",
        *,
        options: Mapping[str, Any] | None = None,
        fixed: Mapping[str, float] | None = None,
        **binding: Any,
    ) -> Plan:
        """What `fit` with the same arguments will run: which kernel takes which variables, with which options, and why.
        `fit` takes it as ``plan``."""
        from pgmlang.plan import make_plan

        bound = data if data is None or _is_binding(data) else self.bind(data, **binding)
        return make_plan(self.model, bound, method, options, fixed or {})

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
        progress: Callable[..., None] | bool | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        plan: Plan | None = None,
        **binding: Any,
    ) -> FittedModel:
        """Fits the model to data.

        ``progress``: a function that is called as ``progress(iteration, value, label=, total=, figures=)`` after each step; True shows
        a live view (a line in a notebook), False nothing, and None shows it in a notebook alone.

        ``checkpoint``: a folder where the state is kept every half minute; ``resume``: go on from there.

        ``plan``: of :meth:`plan` or of another fit, to be carried out; it says the method and options itself.

        ``options``: the method's own (``max_iterations``, ``restarts`` ...); ``fixed``: params held at a value;
        ``binding``: as for :meth:`bind`. Raises PgmError: data (07xx), no method (PGM0601, PGM0602).
        """
        bound = data if _is_binding(data) else self.bind(data, **binding)
        keeping = {"checkpoint": None if checkpoint is None else Path(checkpoint), "resume": resume, "plan": plan}
        with shown_progress(progress) as show:
            record = fit_bound(self.compilation, bound, method, seed, device, fixed, options, show, **keeping)
        return FittedModel.of(record)

    @_of_the_model
    def fit_stream(
        self,
        path: str | os.PathLike[str],
        *,
        seed: int = 0,
        method: str = "auto",
        fixed: Mapping[str, float] | None = None,
        options: Mapping[str, Any] | None = None,
        device: str = "cpu",
        batch_rows: int | None = None,
        **binding: Any,
    ) -> FittedModel:
        """Learns complete-data tables from a CSV or Parquet file larger than memory, block by block.

        Arguments as of `fit`; ``batch_rows``: rows of a block. Raises PgmError PGM0602 when cells are missing or variables
        latent, and for another method than ``ml``.
        """
        record = fit_streamed(
            self.compilation, str(path), seed, method=method, fixed=fixed, method_options=options, device=device,
            batch_rows=batch_rows, **binding,
        )  # fmt: skip
        return FittedModel.of(record)

    @_of_the_model
    def given(self, fixed: Mapping[str, float] | None = None) -> Asked:
        """The model itself to be asked, without a fit, where it gives everything but params, held at ``fixed``. Raises
        PgmError PGM0610 where something is not known, PGM0612 for what cannot be held at its value."""
        from pgmlang.posterior import posterior_of_model

        return Asked(posterior_of_model(self.model, fixed, self.text, self.compilation.modules))

    @_of_the_model
    def prior_draws(
        self, num_draws: int, data: Any = None, *, seed: int = 0, fixed: Mapping[str, float] | None = None,
        **binding: Any,
    ) -> Replicates:  # fmt: skip
        """Draws of every random variable by the model alone: of one fresh row each, or of as many rows, with the inputs and
        groups, as ``data`` has, whose observed values do not count. Raises PgmError PGM0610 for what has no prior, PGM0602
        for rows that hang on inputs or groups where no data give them."""
        from pgmlang.results.fit import Fit

        bound = None if data is None else self.bind(data, **binding)
        return _prior_draws(Fit(self.model, self.text, "given", {}), bound, num_draws, seed, fixed)

    @checked_arguments
    def query(self, text: str, fixed: Mapping[str, float] | None = None, *, seed: int = 0) -> Answer:
        """As `Asked.query`, of the model as it is given."""
        return self.given(fixed).query(text, seed=seed)

    @checked_arguments
    def log_z(self, evidence: str = "", fixed: Mapping[str, float] | None = None) -> float:
        """As `Asked.log_z`, of the model as it is given."""
        return self.given(fixed).log_z(evidence)

    @checked_arguments
    def sample(
        self, num_draws: int, *, seed: int | None = None, evidence: str = "",
        fixed: Mapping[str, float] | None = None,
    ) -> Any:  # fmt: skip
        """As `Asked.sample`, of the model as it is given."""
        return self.given(fixed).sample(num_draws, seed=seed, evidence=evidence)

    @checked_arguments
    def sample_columns(
        self, num_draws: int, *, seed: int | None = None, evidence: str = "",
        fixed: Mapping[str, float] | None = None,
    ) -> Columns:  # fmt: skip
        """As `Asked.sample_columns`, of the model as it is given."""
        return self.given(fixed).sample_columns(num_draws, seed=seed, evidence=evidence)


@does_not_change("a fit", "fit again, or work on a copy (`dict(fit.draws)`, `fit.draws[...].copy()`)")
@dataclass(frozen=True, eq=False, repr=False)
class Asked:
    """A posterior and the folds over it: what a fit leaves, a model that gives everything, or a network of a file."""

    posterior: Posterior

    @property
    def model(self) -> Model:
        return self.posterior.fit.model

    def __repr__(self) -> str:
        return f"to be asked: {self.model!r}"

    @checked_arguments
    def bind(self, data: Any, **binding: Any) -> Binding:
        """Joins new data to the model, whose labels are those of the fit; see ``CompiledModel.bind``. They are read, and rows
        weighed, as in the fit: a fit by ``counts="n"`` takes a column ``n`` of new data so, unless ``counts`` or ``weights``
        names another, or none (None)."""
        if _is_binding(data):
            bound: Binding = data
            return bound
        from pgmlang.binding.read import bind_data
        from pgmlang.results.fit import reading_of, weight_column_of

        if binding.get("new_labels", "error") != "error":
            binding = {**binding, "open_sets": self.posterior.open_sets}
        fit = self.posterior.fit
        is_said = "counts" in binding or "weights" in binding
        by = None if is_said else weight_column_of(fit)
        return bind_data(self.model, data, known=fit.labels, kept=reading_of(fit), weighed_by=by, **binding)

    @_of_the_model
    def graph(
        self,
        evidence: str = "",
        data: Any = None,
        *,
        observed: Iterable[str] | None = None,
        probabilities: bool | None = None,
        distributions: bool = False,
        **binding: Any,
    ) -> Drawing:
        """The graph with what is known of its variables in the nodes: exact probabilities of labels given ``evidence``
        (``"smoke = yes, do(xray = no)"``), means with their spread, intervals. A notebook shows it; ``save("graph.svg")``,
        ``.png`` or ``.dot`` writes it.

        ``data``: a line about each observed column beside. ``observed``: names to shade (default: what the fit saw).
        ``probabilities`` None: of up to 60 variables. ``distributions``: each node with its statement. Raises PgmError PGM0602 for evidence where no network of labels
        answers, PGM0606 to PGM0609 as `query`; what is too wide is drawn without, and said in ``notes``.
        """
        from pgmlang.posterior.node_figures import drawing_of

        bound = None if data is None else self.bind(data, **binding)
        names = None if observed is None else tuple(observed)
        return drawing_of(
            self.posterior, evidence, bound, names, probabilities=probabilities, distributions=distributions
        )

    @_of_the_model
    def query(self, text: str, *, seed: int = 0) -> Answer:
        """Answers ``P(...)``, ``MAP(...)`` or ``E(...)``: about one fresh row, or the posterior of what the fit has values
        of. ``seed``: of the draws behind an answer that has a Monte Carlo error (``mcse``)."""
        from pgmlang.posterior import query

        return query(self.posterior, text, seed)

    @_of_the_model
    def predict(self, data: Any, targets: Sequence[str] | None = None, *, seed: int = 0, **binding: Any) -> Any:
        """For every row, the posterior of what it does not say: labels with their probabilities and the log evidence,
        numbers with sd and a 90 % interval (``seed``: of the draws behind them). Labels of open sets that the fit has not
        seen say nothing, unless ``new_labels`` is ``error`` or ``drop``.

        A frame of the kind of ``data`` (pandas, with its index; polars; Arrow), for a path or columns pandas where it is
        installed, else Arrow: a row for each row of the data, missing where there is no answer. What `predict_columns` keeps as
        ``warnings`` is warned of (`PgmWarning`)."""
        from pgmlang.query.result_frames import result_frame

        return result_frame(self.predict_columns(data, targets, seed=seed, **binding), self.model, data)

    @_of_the_model
    def predict_columns(
        self, data: Any, targets: Sequence[str] | None = None, *, seed: int = 0, **binding: Any
    ) -> Columns:
        """As `predict`, as plain columns: numpy arrays of numbers, lists of labels as texts ("" for none), and the warnings."""
        from pgmlang.posterior import condition, predict

        bound = self.bind(data, **{"new_labels": "prior", **binding})
        return predict(condition(self.posterior, bound, seed=seed), None if targets is None else list(targets))

    @_of_the_model
    def score_rows(self, data: Any, seed: int = 0, **binding: Any) -> Score:
        """Held-out log-likelihoods with the name of the estimator and the plate whose elements they are of."""
        from pgmlang.posterior import condition, score

        return score(condition(self.posterior, self.bind(data, **binding), seed=seed))

    @_of_the_model
    def score(self, data: Any, *, seed: int = 0, **binding: Any) -> np.ndarray:
        """Log-likelihood of each row of new data (missing cells summed out), shape (rows,); NaN for a row that
        ``missing="drop"`` left out. ``seed``: of the draws behind an estimate."""
        from pgmlang.binding.report import weight_warnings
        from pgmlang.query import row_order
        from pgmlang.query.result_frames import tell

        bound = self.bind(data, **binding)
        tell(weight_warnings(bound))
        row_scores = self.score_rows(bound, seed)
        return row_order(row_scores.values, bound) if row_scores.plate == bound.plate else row_scores.values

    @_of_the_model
    def sample(self, num_draws: int, *, seed: int | None = None, evidence: str = "") -> Any:
        """Joint draws of fresh rows, given evidence such as ``"wet = yes"``: a frame, pandas where it is installed, else
        Arrow."""
        from pgmlang.query.result_frames import result_frame

        return result_frame(self.sample_columns(num_draws, seed=seed, evidence=evidence), self.model)

    @_of_the_model
    def sample_columns(self, num_draws: int, *, seed: int | None = None, evidence: str = "") -> Columns:
        """As `sample`, as plain columns: numpy arrays of numbers and lists of labels."""
        from pgmlang.posterior import condition, sample
        from pgmlang.query import parse_evidence

        items = parse_evidence(evidence) if evidence.strip() else ()
        return sample(condition(self.posterior, evidence=items, seed=seed or 0), num_draws)

    @_of_the_model
    def replicate(self, data: Any, num_draws: int = 100, *, seed: int = 0, **binding: Any) -> Replicates:
        """Replicated data sets: what is observed in these rows, drawn anew for the same inputs and groups, each by a draw of
        the fit (of a point by its estimates); a row that counts as several is as many. Raises PgmError PGM0602 for fields, PGM0708 for other groups than the fit's."""
        from pgmlang.criticism.replicates import replicated

        return replicated(self.posterior.fit, self.bind(data, **binding), num_draws, seed)

    @_of_the_model
    def log_z(self, evidence: str = "") -> float:
        """log Z of a network of tables (the log probability of the evidence for a directed one)."""
        from pgmlang.posterior import log_z
        from pgmlang.query import parse_evidence

        return log_z(self.posterior, parse_evidence(evidence) if evidence.strip() else ())


@does_not_change("a fit", "fit again, or work on a copy (`dict(fit.draws)`, `fit.draws[...].copy()`)")
@dataclass(frozen=True, eq=False, repr=False)
class FittedModel(Asked):
    """A fit and what can be asked of it."""

    def __post_init__(self) -> None:
        from pgmlang.posterior import Posterior

        _refuse_to_make(
            "FittedModel",
            self.posterior,
            Posterior,
            "`pgmlang.load(FOLDER)` loads a fit, `model.fit(data)` makes one",
        )

    @classmethod
    def of(cls, fit: Fit) -> FittedModel:
        """A fit's plain record, to be asked."""
        from pgmlang.posterior import posterior_of_fit

        return cls(posterior_of_fit(fit))

    @property
    def record(self) -> Fit:
        """The plain data that is saved."""
        return self.posterior.fit

    @property
    def plan(self) -> Plan:
        """The plan that was carried out, options as they were used. Raises PgmError PGM0904 for a fit without one."""
        from pgmlang.plan import plan_of_json

        if not self.record.plan:
            message = "the fit keeps no plan: an older version made it"
            raise PgmError(Diagnostic("PGM0904", message, help="fit again with this version"))
        return plan_of_json(self.record.plan)

    @property
    def params(self) -> Mapping[str, np.ndarray]:
        """Point estimates by name, to be read; ``NAME.table`` is the table of NAME."""
        return FrozenArrays(self.record.parameters, "fit.params")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        return self.record.warnings

    @property
    def log_likelihood(self) -> float | None:
        """ln p(data) in total at the estimates; None for draws, and where the method does not know it."""
        return self.record.log_likelihood

    @property
    def draws(self) -> Mapping[str, np.ndarray]:
        """Posterior draws by variable, to be read, shape (chain, draw, then plate and event axes); empty for a point estimate."""
        axes = {name: ("chain", "draw", *self.record.draw_axes.get(name, ())) for name in self.record.draws}
        return FrozenArrays(self.record.draws, "fit.draws", axes)

    @_of_the_model
    def inference_data(self, data: Any = None, *, seed: int = 0, **binding: Any) -> Any:
        """The fit as ArviZ data (an xarray DataTree), dims named by plates, labels as coordinates: ``posterior``,
        ``sample_stats`` and pointwise log-likelihoods that were kept; with the ``data`` of the fit also ``log_likelihood``,
        ``observed_data``, ``constant_data``, ``posterior_predictive``, and ``prior`` and ``prior_predictive`` where
        everything has a prior, rows that count as several written out. Estimates are one draw. Raises PgmError PGM0909 without
        arviz-base, PGM0904 for other data than the fit's, PGM0602 for weights that are no counts."""
        if data is None:
            from pgmlang.results.inference_data import inference_data

            return inference_data(self.record)
        from pgmlang.criticism.data_of_fit import refuse_other_data
        from pgmlang.criticism.inference_groups import inference_data_with

        refuse_other_data(self.record, bound := self.bind(data, **binding))
        return inference_data_with(self.record, bound, seed)

    @checked_arguments
    def write_netcdf(
        self, path: str | os.PathLike[str], data: Any = None, *, seed: int = 0, **binding: Any
    ) -> None:
        """`inference_data` as a NetCDF file. Raises PgmError PGM0909 without h5netcdf or netCDF4, PGM0901 where it cannot be
        written."""
        from pgmlang.results.inference_data import write_netcdf

        write_netcdf(self.inference_data(data, seed=seed, **binding), Path(path))

    @_of_the_model
    def prior_draws(
        self, num_draws: int, data: Any = None, *, seed: int = 0, fixed: Mapping[str, float] | None = None,
        **binding: Any,
    ) -> Replicates:  # fmt: skip
        """As `CompiledModel.prior_draws`, of the fit's model: what was learned does not count."""
        bound = None if data is None else self.bind(data, **binding)
        return _prior_draws(self.record, bound, num_draws, seed, fixed)

    @_of_the_model
    def with_pointwise(self, data: Any, **binding: Any) -> FittedModel:
        """The same fit with the log-likelihood of each element of its data at each draw kept. Raises PgmError PGM0610
        without draws, PGM0602 where no element has a likelihood of its own, PGM0904 for other data than the fit's."""
        from dataclasses import replace

        from pgmlang.criticism.data_of_fit import refuse_other_data
        from pgmlang.criticism.pointwise import pointwise_log_likelihood

        bound = self.bind(data, **binding)
        refuse_other_data(self.record, bound)
        return FittedModel.of(replace(self.record, pointwise=pointwise_log_likelihood(self.record, bound)))

    @_of_the_model
    def loo(self, data: Any = None, **binding: Any) -> Elpd:
        """Leave-one-out of the data's elements by Pareto-smoothed importance sampling, with a k-hat for each. ``data``:
        those of the fit, not needed where it kept its pointwise log-likelihoods. Raises PgmError as `with_pointwise`."""
        from pgmlang.criticism.predictive import leave_one_out

        return leave_one_out(self.record, None if data is None else self.bind(data, **binding))

    @_of_the_model
    def waic(self, data: Any = None, **binding: Any) -> Elpd:
        """The widely applicable information criterion, on the scale of `loo`; ``data`` as there."""
        from pgmlang.criticism.predictive import widely_applicable

        return widely_applicable(self.record, None if data is None else self.bind(data, **binding))

    @checked_arguments
    def summary(self, *names: str) -> Summary:
        """The figures of the fit, one dict a number (name, mean, sd and what it belongs to), printed as tables that fit a
        screen; of ``names`` alone, and those whole. ``summary().frame`` is a frame. Raises PgmError PGM0607 for a name
        that the fit has no figures of."""
        from pgmlang.results.summary_view import Summary, check_names

        check_names(self.record, names)
        return Summary(self.record, names)

    @checked_arguments
    def diagnose(self) -> Findings:
        """Every check of whether the fit can be trusted, the worst first, each with its cure."""
        from pgmlang.results.trust import diagnose

        return diagnose(self.record)

    @_of_the_model
    def plot(
        self, kind: str | None = None, data: Any = None, *, variables: Sequence[str] | str | None = None,
        var_names: Sequence[str] | str | None = None, shape: tuple[int, int] | None = None, seed: int = 0,
        **binding: Any,
    ) -> Figure:  # fmt: skip
        """A picture of the fit, a matplotlib figure: ``forest trace rank density pairs energy autocorr ess`` of draws,
        ``estimates``, ``topics``, ``filters``, ``images``, ``tables``, ``objective``, and with ``data`` ``predictive``. Without
        ``kind`` the one that suits the fit; `plot_kinds` says which it has, and why not the others.

        ``variables`` (or ``var_names``): names, or elements such as ``effect[0]``; ``shape``: rows and columns of an image. Raises
        PgmError PGM0612 for an unknown kind or variable, PGM0610 for a picture that the fit does not have, PGM0909 without
        matplotlib or arviz-plots."""
        from pgmlang.plots import Request, plot

        if variables is not None and var_names is not None:
            message = "`variables` and `var_names` are the same"
            raise PgmError(Diagnostic("PGM0612", message, help="give one of them"))
        chosen = variables if variables is not None else var_names
        names = (chosen,) if isinstance(chosen, str) else tuple(chosen or ())
        bound = None if data is None else self.bind(data, **binding)
        drawn = Request(
            self.record, names, bound, seed, shape, lambda count: self.sample_columns(count, seed=seed).columns
        )
        return plot(kind, drawn)

    @checked_arguments
    def plot_kinds(self) -> dict[str, str]:
        """Every kind of picture with the reason why this fit has none, empty where it has."""
        from pgmlang.plots import plot_kinds

        return plot_kinds(self.record)

    @_of_the_model
    def save(self, folder: str | os.PathLike[str], force: bool = False) -> None:
        """Writes the fit folder. Raises PgmError PGM0902 when it exists, unless ``force``."""
        from pgmlang.results.save import save_fit

        save_fit(self.record, Path(folder), force)

    def _repr_svg_(self) -> str:
        return self.graph().svg()

    def __repr__(self) -> str:
        from pgmlang.results.summary_view import GLANCE, Summary

        data = self.record.provenance.get("data")
        # data without a name are called so: that tells nothing
        of_data = f"\nof {data}" if data and data != "data" else ""
        return f"{Summary(self.record).text(GLANCE)}{of_data}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        from pgmlang.results.summary_view import GLANCE, Summary

        return mime_bundle(repr(self), picture_html(self._repr_svg_()), Summary(self.record).html(GLANCE))


def _refuse_to_make(kind: str, given: Any, of: type, cure: str) -> None:
    """Raises PgmError PGM0612 for an object that is made of something else than it holds."""
    if not isinstance(given, of):
        raise PgmError(Diagnostic("PGM0612", f"a {kind} is not made of a {type(given).__name__}", help=cure))


def _prior_draws(
    fit: Fit, bound: Binding | None, num_draws: int, seed: int, fixed: Mapping[str, float] | None
) -> Replicates:
    from pgmlang.criticism.replicates import drawn_from_prior
    from pgmlang.query.prior_rows import fresh_binding

    return drawn_from_prior(fresh_binding(fit, 1) if bound is None else bound, num_draws, seed, fixed)


def _is_binding(data: Any) -> bool:
    from pgmlang.binding.record import Binding

    return isinstance(data, Binding)

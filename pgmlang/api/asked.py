"""What is asked of a posterior: of a fit, of a model that gives everything, of a network of a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgmlang.api.calls import is_binding, of_the_model
from pgmlang.display import does_not_change
from pgmlang.signatures.arguments import checked_arguments

if TYPE_CHECKING:
    import numpy as np

    from pgmlang.binding.record import Binding
    from pgmlang.criticism.replicates import Replicates
    from pgmlang.drawing import Drawing
    from pgmlang.model import Model
    from pgmlang.posterior import Posterior
    from pgmlang.query import Answer
    from pgmlang.query.held_out import HeldOut
    from pgmlang.query.rows import Columns


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
        names another, or none (None), and a variable's column is the fit's unless ``mapping`` says another. Labels that are new are
        errors unless ``new_labels`` says ``"prior"`` (missing cells) or ``"drop"`` (their rows are left out)."""
        return self._bound(data, binding)

    @checked_arguments
    def bind_to_predict(self, data: Any, **binding: Any) -> Binding:
        """As `bind`, of rows whose missing cells are asked for: new labels of open sets say nothing unless ``new_labels`` is given,
        and ``missing="drop"`` leaves out the rows that lack an input alone."""
        return self._bound(data, binding, is_predicted=True)

    def _bound(self, data: Any, binding: dict[str, Any], *, is_predicted: bool = False) -> Binding:
        if is_binding(data):
            return data
        from pgmlang.binding.read import bind_data
        from pgmlang.results.fit import mapping_of, reading_of, weight_column_of

        if is_predicted or binding.get("new_labels", "error") != "error":
            binding = {**binding, "open_sets": self.posterior.open_sets, "is_predicted": is_predicted}
        fit = self.posterior.fit
        is_said = "counts" in binding or "weights" in binding
        by = None if is_said else weight_column_of(fit)
        return bind_data(
            self.model,
            data,
            known=fit.labels,
            kept=reading_of(fit),
            mapped_by=mapping_of(fit),
            weighed_by=by,
            **binding,
        )

    def _bind_weighed(self, data: Any, **binding: Any) -> Binding:
        """As `bind`, for what hangs on how often rows count: a table without the column by which the fit's rows count is warned
        of."""
        from pgmlang.binding.report import weight_warnings
        from pgmlang.query.result_frames import tell

        bound = self.bind(data, **binding)
        if not is_binding(data):
            tell(weight_warnings(bound))
        return bound

    @of_the_model
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

    @of_the_model
    def query(self, text: str, *, seed: int = 0) -> Answer:
        """Answers ``P(...)``, ``MAP(...)`` or ``E(...)``: about one fresh row, or the posterior of what the fit has values
        of. ``seed``: of the draws behind an answer that has a Monte Carlo error (``mcse``)."""
        from pgmlang.posterior import query

        return query(self.posterior, text, seed)

    @of_the_model
    def predict(self, data: Any, targets: Sequence[str] | None = None, *, seed: int = 0, **binding: Any) -> Any:
        """For every row, the posterior of what it does not say: labels with their probabilities and the log evidence,
        numbers with sd and a 90 % interval (``seed``: of the draws behind them). Labels of open sets that the fit has not
        seen say nothing, unless ``new_labels`` is ``error`` or ``drop``; said, it holds for the labels of closed sets too.
        ``missing="drop"`` leaves the rows that lack an input without an answer.

        A frame of the kind of ``data`` (pandas, with its index; polars; Arrow), for a path or columns pandas where it is
        installed, else Arrow: a row for each row of the data, missing where there is no answer; of variables of an outer plate a row
        for each of its elements, named by a column. Labels are what the fit's columns held (truth values, numbers, categories), so
        that they compare with the data. What `predict_columns` keeps as ``warnings`` is warned of (`PgmWarning`)."""
        from pgmlang.query.result_frames import result_frame

        bound = self.bind_to_predict(data, **binding)
        columns = self.predict_columns(bound, targets, seed=seed)
        return result_frame(columns, self.posterior.fit, data, bound.plate)

    @of_the_model
    def predict_columns(
        self, data: Any, targets: Sequence[str] | None = None, *, seed: int = 0, **binding: Any
    ) -> Columns:
        """As `predict`, as plain columns: numpy arrays of numbers, lists of labels as texts ("" for none), and the warnings."""
        from pgmlang.posterior import condition, predict

        bound = self.bind_to_predict(data, **binding)
        return predict(condition(self.posterior, bound, seed=seed), None if targets is None else list(targets))

    @of_the_model
    def score_rows(self, data: Any, seed: int = 0, **binding: Any) -> HeldOut:
        """As `score`, with the weights of the rows, their ``total`` and ``mean``, Monte Carlo errors, the name of the
        estimator and the plate whose elements the values are of."""
        from pgmlang.posterior import condition, score
        from pgmlang.query.held_out import held_out

        bound = self._bind_weighed(data, **binding)
        return held_out(score(condition(self.posterior, bound, seed=seed)), bound)

    @of_the_model
    def score(self, data: Any, *, seed: int = 0, **binding: Any) -> np.ndarray:
        """Log-likelihood of each row of new data (missing cells summed out), shape (rows,); NaN for a row that
        ``missing="drop"`` left out. ``seed``: of the draws behind an estimate. `score_rows` has their total by the rows'
        weights, and the Monte Carlo errors."""
        return self.score_rows(data, seed, **binding).values

    @of_the_model
    def sample(self, num_draws: int, *, seed: int | None = None, evidence: str = "") -> Any:
        """Joint draws of fresh rows, given evidence such as ``"wet = yes"``: a frame, pandas where it is installed, else
        Arrow."""
        from pgmlang.query.result_frames import result_frame

        return result_frame(self.sample_columns(num_draws, seed=seed, evidence=evidence), self.posterior.fit)

    @of_the_model
    def sample_columns(self, num_draws: int, *, seed: int | None = None, evidence: str = "") -> Columns:
        """As `sample`, as plain columns: numpy arrays of numbers and lists of labels."""
        from pgmlang.posterior import condition, sample
        from pgmlang.query import parse_evidence

        items = parse_evidence(evidence) if evidence.strip() else ()
        return sample(condition(self.posterior, evidence=items, seed=seed or 0), num_draws)

    @of_the_model
    def replicate(self, data: Any, num_draws: int = 100, *, seed: int = 0, **binding: Any) -> Replicates:
        """Replicated data sets: what is observed in these rows, drawn anew for the same inputs and groups, each by a draw of
        the fit (of a point by its estimates); a row that counts as several is as many. Raises PgmError PGM0602 for fields, PGM0708 for other groups than the fit's."""
        from pgmlang.criticism.replicates import replicated

        return replicated(self.posterior.fit, self._bind_weighed(data, **binding), num_draws, seed)

    @of_the_model
    def log_z(self, evidence: str = "") -> float:
        """log Z of a network of tables (the log probability of the evidence for a directed one)."""
        from pgmlang.posterior import log_z
        from pgmlang.query import parse_evidence

        return log_z(self.posterior, parse_evidence(evidence) if evidence.strip() else ())

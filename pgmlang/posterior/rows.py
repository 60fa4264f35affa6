"""Who answers for rows, and draws fresh ones: a row for each way, with its reasons against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pgmlang.binding.counted_rows import data_set_of
from pgmlang.binding.record import Binding
from pgmlang.binding.row_groups import counted_apart
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.gaussian import GaussianNetwork
from pgmlang.posterior.condition import Conditioned
from pgmlang.posterior.network_rows import predict_network_rows, score_network_rows
from pgmlang.posterior.record import Posterior
from pgmlang.query.rows import Columns, at_first_copies
from pgmlang.query.score import Score
from pgmlang.tables.from_model import iid_plate

if TYPE_CHECKING:
    from pgmlang.query.new_rows import NewRows


@dataclass(frozen=True)
class RowAnswerer:
    """Predictions and scores of bound rows, one way of finding them."""

    name: str
    reasons_against: Callable[[Posterior], Sequence[str]]
    predict: Callable[[Conditioned, Sequence[str] | None], Columns]
    score: Callable[[Conditioned], Score]


def _against_file(posterior: Posterior) -> Sequence[str]:
    if isinstance(posterior.network, GaussianNetwork):
        return ["its network holds numbers"]
    return [] if posterior.network is not None else ["it is no network of a file"]


def _against_tables(posterior: Posterior) -> Sequence[str]:
    return posterior.reasons_against_tables_of_rows


def _predict_tables(given: Conditioned, targets: Sequence[str] | None) -> Columns:
    from pgmlang.query.table_rows import TableRows

    posterior = given.posterior
    bound = _counted(given)
    columns = TableRows(bound, posterior.fit.parameters, posterior.one_row).predict(targets)
    return columns if bound is given.bound else at_first_copies(columns, given.bound)


def _score_tables(given: Conditioned) -> Score:
    from pgmlang.query.table_rows import TableRows

    posterior = given.posterior
    return TableRows(_counted(given), posterior.fit.parameters, posterior.one_row).score()


def _counted(given: Conditioned) -> Binding:
    """The rows, each as often as it counts where they hang together."""
    fit = given.posterior.fit
    return given.bound if iid_plate(fit.model, fit.parameters)[0] else counted_apart(given.bound)


def _against_gaussian(posterior: Posterior) -> Sequence[str]:
    from pgmlang.posterior.gaussian import reasons_against_rows

    return reasons_against_rows(posterior)


def _predict_gaussian(given: Conditioned, targets: Sequence[str] | None) -> Columns:
    from pgmlang.posterior.gaussian import predict_rows

    definitions = given.posterior.fit.model.definition_of
    return (
        _predict_new_rows(given, targets)
        if set(targets or ()) & set(definitions)
        else predict_rows(given, targets)
    )


def _score_gaussian(given: Conditioned) -> Score:
    from pgmlang.posterior.gaussian import score_rows

    return score_rows(given)


def _against_chain(posterior: Posterior) -> Sequence[str]:
    from pgmlang.posterior.gaussian_chains import reasons_against_chain

    return reasons_against_chain(posterior)


def _predict_chain(given: Conditioned, targets: Sequence[str] | None) -> Columns:
    from pgmlang.posterior.gaussian_chains import predict_chain

    is_other = set(targets or ()) & set(given.posterior.fit.model.definition_of) or given.bound.weights is not None
    return _predict_new_rows(given, targets) if is_other else predict_chain(given, targets)


def _score_chain(given: Conditioned) -> Score:
    from pgmlang.posterior.gaussian_chains import score_chain

    rows, names = given.bound, [v.name for v in given.posterior.fit.model.of_role("random")]
    is_whole = all(n in rows.values and n not in rows.missing for n in names)
    # where all is seen each row has a score of its own, given the rows before it
    return _score_new_rows(given) if rows.weights is not None or is_whole else score_chain(given)


def _against_switching(posterior: Posterior) -> Sequence[str]:
    from pgmlang.posterior.gaussian_sequences import reasons_against_switching

    return reasons_against_switching(posterior)


def _predict_switching(given: Conditioned, targets: Sequence[str] | None) -> Columns:
    from pgmlang.posterior.gaussian_sequences import LONG, log_evidence_of, predict_sequences, sequences_of

    is_other = set(targets or ()) & set(given.posterior.fit.model.definition_of)
    sequences = None if is_other else sequences_of(given, LONG)
    if sequences is None or log_evidence_of(sequences) is None:
        return _predict_new_rows(given, targets)
    return predict_sequences(given, sequences, targets)


def _score_switching(given: Conditioned) -> Score:
    from pgmlang.posterior.gaussian_sequences import score_sequences, sequences_of

    sequences = sequences_of(given)
    return _score_new_rows(given) if sequences is None else score_sequences(given, sequences)


def _against_normal(posterior: Posterior) -> Sequence[str]:
    return [] if posterior.fit.normal is not None else ["the fit keeps no normal posterior"]


def _predict_normal(given: Conditioned, targets: Sequence[str] | None) -> Columns:
    from pgmlang.query.normal_rows import predicted

    return predicted(given.posterior.fit, given.bound, targets) or _predict_new_rows(given, targets)


def _score_normal(given: Conditioned) -> Score:
    from pgmlang.query.normal_rows import scored

    return scored(given.posterior.fit, given.bound) or _score_new_rows(given)


def _against_fields(posterior: Posterior) -> Sequence[str]:
    return [] if posterior.has_fields else ["the model has no fields"]


def _predict_fields(given: Conditioned, targets: Sequence[str] | None) -> Columns:
    from pgmlang.query.field_predictions import predict_fields
    from pgmlang.query.field_rows import field_rows_of

    below = _predict_beside_fields(given, targets)
    if below is not None:
        return below
    return predict_fields(
        field_rows_of(given.posterior.fit, replace(given.bound, weights=None), given.seed), targets
    )


def _predict_beside_fields(given: Conditioned, targets: Sequence[str] | None) -> Columns | None:
    """Predictions of rows in which something below the fields is not said, where the fields are summed out."""
    from pgmlang.query.beside_fields import rows_beside_fields, unsaid_beside_fields
    from pgmlang.query.missing_patterns import predict_new_rows

    if not unsaid_beside_fields(given.bound):
        return None
    rows = rows_beside_fields(given.posterior.fit, replace(given.bound, weights=None), given.seed)
    return None if rows is None else predict_new_rows(rows, targets)


def _score_fields(given: Conditioned) -> Score:
    from pgmlang.query.field_rows import field_rows_of
    from pgmlang.query.field_scores import score_fields

    return score_fields(field_rows_of(given.posterior.fit, given.bound, given.seed))


def _against_points(posterior: Posterior) -> Sequence[str]:
    return [] if posterior.points else ["no fields stand beside latents that the fit has values of"]


def _predict_at_points(given: Conditioned, targets: Sequence[str] | None) -> Columns:
    from pgmlang.posterior.points import mean_columns, share_of_points

    below = _predict_beside_fields(given, targets)
    if below is not None:
        return below
    _need_known_elements(given)
    points = given.at_points()
    predictions = [row_answerer(p.posterior).predict(p, targets) for p in points]
    rows = given.bound
    if not _has_prior(given) or not any(n in rows.values for n in rows.observed):
        return mean_columns(predictions)
    # what the rows say tells which of the prior's draws they come from
    scores = [row_answerer(p.posterior).score(p).values for p in points]
    logs = [float(_weights_of(rows, len(values)) @ values) for values in scores]
    return mean_columns(predictions, share_of_points(np.array(logs)))


def _has_prior(given: Conditioned) -> bool:
    """Whether the points are draws of the prior, which the rows at hand tell more of."""
    return given.posterior.fit.is_given and len(given.posterior.points) > 1


def _need_known_elements(given: Conditioned) -> None:
    from pgmlang.posterior.points import need_known_elements

    need_known_elements(given.posterior.fit, given.posterior.points[0].fit, given.bound)


def _score_at_points(given: Conditioned) -> Score:
    from pgmlang.posterior.points import mean_score, score_under_prior

    _need_known_elements(given)
    scores = [row_answerer(p.posterior).score(p) for p in given.at_points()]
    if not _has_prior(given):
        return mean_score(scores)
    rows = given.bound
    return score_under_prior(scores, _weights_of(rows, len(scores[0].values)))


def _weights_of(rows: Binding, number: int) -> np.ndarray:
    """How much each of so many scores counts: rows by their weights, elements that rows are of once."""
    is_of_rows = rows.weights is not None and number == rows.layout.size(rows.plate)
    return np.asarray(rows.weights, dtype=float) if is_of_rows else np.ones(number)


def _against_nothing(posterior: Posterior) -> Sequence[str]:
    return []


def _predict_new_rows(given: Conditioned, targets: Sequence[str] | None) -> Columns:
    from pgmlang.query.missing_patterns import predict_new_rows
    from pgmlang.query.process_blocks import predict_in_blocks

    blocks = predict_in_blocks(given.posterior.fit, given.bound, given.seed, targets)
    if blocks is not None:
        return blocks
    rows, is_written_out = _each_by_itself(given)
    columns = predict_new_rows(rows, targets)
    return (
        at_first_copies(columns, given.bound) if is_written_out and columns.plate == given.bound.plate else columns
    )


def _score_new_rows(given: Conditioned) -> Score:
    from pgmlang.query.missing_patterns import score_new_rows

    return score_new_rows(_each_by_itself(given)[0])


def _each_by_itself(given: Conditioned) -> tuple[NewRows, bool]:
    """The rows without their weights, and whether they are written out, each as often as it counts: a weight is no power of
    what a row says of its own latents, and tells more only of what several rows share. Raises PgmError PGM0602 for rows that
    hang together and weights that are no whole numbers."""
    from pgmlang.query.new_rows import new_rows_of

    bound, fit = given.bound, given.posterior.fit
    rows = new_rows_of(fit, replace(bound, weights=None), given.seed)
    if bound.weights is None or not rows.hidden or rows.unit() == bound.plate:
        return rows, False
    return new_rows_of(fit, data_set_of(bound), given.seed), True


def need_observed(given: Conditioned) -> None:
    """Raises PgmError PGM0708 where the rows hold nothing that has a probability."""
    rows = given.bound
    if not any(n in rows.values for n in rows.observed):
        model = rows.model
        plates = {p.name for p in model.plates if p.is_rows}
        # a process over rows has them as its axis
        values = (v for v in model.of_role("random", "field") if v.plates or plates & set(model.array_axes(v)))
        names = ", ".join(f"`{v.name}`" for v in values)
        raise PgmError(Diagnostic("PGM0708", f"the data hold no value of {names}: there is nothing to be scored"))


ROW_ANSWERERS = (
    RowAnswerer("a network of a file", _against_file, predict_network_rows, score_network_rows),
    RowAnswerer("fields at points", _against_points, _predict_at_points, _score_at_points),
    RowAnswerer("tables", _against_tables, _predict_tables, _score_tables),
    RowAnswerer("conditional Gaussian networks", _against_gaussian, _predict_gaussian, _score_gaussian),
    RowAnswerer("chains of normal numbers", _against_chain, _predict_chain, _score_chain),
    RowAnswerer(
        "chains whose labels choose among normal numbers", _against_switching, _predict_switching, _score_switching
    ),
    RowAnswerer("numbers given what they share", _against_normal, _predict_normal, _score_normal),
    RowAnswerer("fields", _against_fields, _predict_fields, _score_fields),
    RowAnswerer("sums, closed forms and particles", _against_nothing, _predict_new_rows, _score_new_rows),
)


def row_answerer(posterior: Posterior) -> RowAnswerer:
    """The first without a reason against it; the last has none, and refuses itself what it cannot do."""
    return next(row for row in ROW_ANSWERERS if not row.reasons_against(posterior))

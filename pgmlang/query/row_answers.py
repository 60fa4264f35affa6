"""What a fit that is no network of tables says of newly bound rows: fields have a log Z, the others are drawn and summed."""

from __future__ import annotations

from collections.abc import Sequence

from pgmlang.binding.record import Binding
from pgmlang.query.field_predictions import predict_fields
from pgmlang.query.field_rows import field_rows_of
from pgmlang.query.field_scores import score_fields
from pgmlang.query.new_rows import new_rows_of
from pgmlang.query.row_predictions import predict_rows
from pgmlang.query.row_scores import score_rows
from pgmlang.query.rows import Columns
from pgmlang.query.score import Score
from pgmlang.results.fit import Fit


def predict(fit: Fit, binding: Binding, targets: Sequence[str] | None = None, seed: int = 0) -> Columns:
    """Predictions of what the rows leave open. Raises PgmError 06xx for targets and latents that cannot be inferred."""
    if _has_fields(fit):
        return predict_fields(field_rows_of(fit, binding, seed), targets)
    return predict_rows(new_rows_of(fit, binding, seed), targets)


def score(fit: Fit, binding: Binding, seed: int = 0) -> Score:
    """Held-out log-likelihoods of the rows. Raises PgmError PGM0602 for what cannot be summed out."""
    if _has_fields(fit):
        return score_fields(field_rows_of(fit, binding, seed))
    return score_rows(new_rows_of(fit, binding, seed))


def _has_fields(fit: Fit) -> bool:
    return any(True for _ in fit.model.of_role("field"))

"""Many further rows of a process, block by block: what is asked of each row is the same whether others are asked about or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.query.joint_rows import processes_beyond
from pgmlang.query.missing_patterns import predict_new_rows, written
from pgmlang.query.new_rows import new_rows_of
from pgmlang.query.process_rows import is_labelled
from pgmlang.query.rows import Columns
from pgmlang.results.fit import Fit

BLOCK = 128
"""Rows whose covariance is factorised at each draw together."""
MOST_TIED = 1_000
"""Most rows where what is seen of some tells of the others."""


def predict_in_blocks(fit: Fit, rows: Binding, seed: int, targets: Sequence[str] | None) -> Columns | None:
    """Predictions of rows that go on from the fit's by a process, where these are many and nothing was seen of them; None where they are
    to be answered as one. Raises PgmError PGM0611 for too many that hang together."""
    plates = {p.plate for p in processes_beyond(fit, rows)}
    if len(plates) != 1 or rows.weights is not None:
        return None
    (plate,) = plates
    known = fit.sizes[plate] if is_labelled(fit, rows, plate) else 0
    total = rows.sizes[plate]
    if total - known <= BLOCK:
        return None
    if any(n in rows.values for n in rows.observed):
        if total - known > MOST_TIED:
            message = (
                f"{total - known:,} rows of `{plate}` hang together, and what is seen of some tells of the others"
            )
            raise PgmError(
                Diagnostic(
                    "PGM0611", message, help=f"ask about at most {MOST_TIED:,} at once, or leave out what is seen"
                )
            )
        return None
    columns: dict[str, list[str] | np.ndarray] = {}
    of_plate, size = "", 0
    for number, start in enumerate(range(known, total, BLOCK)):
        chosen = np.r_[np.arange(known), np.arange(start, min(start + BLOCK, total))]
        part = predict_new_rows(new_rows_of(fit, rows.rows_of(plate, chosen), seed + number), targets)
        of_plate = part.plate or ""
        size = rows.sizes[of_plate]
        written(columns, part.columns, rows.layout.take(plate, chosen)[1][of_plate], size)
    return Columns(columns, plate=of_plate)

"""A fit as a folder: text, labels, safetensors and JSON; nothing that could run. What its writer and its reader share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.results.fit import Fit

SCHEMA = 2
"""Version of the folder's layout; a reader refuses later ones. 2: there may be draws (without any, 1 is written)."""

ERRORS = "standard_errors.safetensors"
PROCESS_ROWS = "process_rows.safetensors"


def point_values(fit: Fit) -> dict[str, np.ndarray]:
    """Estimates, and the deterministic names' values at them."""
    return {**fit.parameters, **fit.deterministic}


def not_a_fit(folder: Path, why: str) -> PgmError:
    return PgmError(
        Diagnostic("PGM0903", f"`{folder}` is not a fit: {why}", help="make one: `pgmc fit model.pgm data.csv`")
    )


def reason_of(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

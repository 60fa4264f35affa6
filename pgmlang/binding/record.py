"""What joining a Model to data gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.model import Model


@dataclass(frozen=True, eq=False)
class Binding:
    """A Model joined to data.

    ``model``: the Model with its open label sets and unsized dims filled in from the data (``Type.labels``,
    ``Dim.labels``), row plates still unsized. ``sizes``: elements of every plate and dim. ``labels``: names of the
    elements of plates and dims, where the data gives them. ``values``: every observed or input variable's array, of
    shape ``model.batch_axes(plates) + axes``: int64 codes into ``model.labels_of(type)`` for discrete types (bit 0/1,
    spin 0 for -1 and 1 for +1), -1 for a missing cell; float64 otherwise, NaN for missing. ``membership``:
    ``(row plate, parent plate)`` to the parent's element of each row. ``weights``: a row's weight in the
    log-likelihood (``--counts`` or ``--weights``; ``is_counts`` says which). ``missing``: variables with missing
    cells and how many. ``plate``: the row plate of the (innermost) table. ``rows``: the position in that table of each
    row bound, where some were dropped or a chain was put in order; None where row i is row i.
    """

    model: Model
    sizes: dict[str, int]
    labels: dict[str, tuple[str, ...]]
    values: dict[str, np.ndarray]
    membership: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    weights: np.ndarray | None = None
    is_counts: bool = False
    observed: tuple[str, ...] = ()
    latent: tuple[str, ...] = ()
    missing: dict[str, int] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    dropped_rows: int = 0
    renamed: tuple[tuple[str, str], ...] = ()
    source: str = ""
    fingerprint: str = ""
    warnings: tuple[Diagnostic, ...] = ()
    plate: str = ""
    rows: np.ndarray | None = None

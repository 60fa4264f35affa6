"""Probabilities of zero in learned tables: labels that no row had, in combinations that rows did have."""

from __future__ import annotations

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.results.fit import Fit
from pgmlang.results.summary import cell_name
from pgmlang.tables.learned import learned_tables

NOTHING = 1e-3
"""Expected counts below this share of a row, and of its total, are none."""


def zero_probabilities(fit: Fit) -> tuple[Diagnostic, ...]:
    """One warning with the number of zeros in tables without a prior, and the first. They are the maximum of the
    likelihood, on its bound: no standard error is known of them, and a row that has such a label is impossible."""
    number, first, span = 0, "", None
    for table in learned_tables(fit.model):
        counts = fit.parameters.get(table.counts_name)
        if counts is None or table.distribution.prior is not None or table.name not in fit.parameters:
            continue
        totals = counts.sum(axis=-1, keepdims=True)
        is_zero = (counts <= NOTHING * np.minimum(totals, 1.0)) & (totals > 0)
        if not is_zero.any():
            continue
        if not number:
            index = tuple(int(i) for i in np.unravel_index(int(is_zero.argmax()), is_zero.shape))
            first, span = cell_name(fit, table, is_zero.shape, index), table.distribution.span
        number += int(is_zero.sum())
    if not number:
        return ()
    more = "" if number == 1 else f" (and so are {number - 1:,} more)"
    message = f"{first} is 0, on its bound{more}: no row of the data shows it, and one that does is impossible"
    return (Diagnostic("PGM0802", message, span, help="give the tables a prior: `prior = 1`"),)

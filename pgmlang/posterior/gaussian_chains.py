"""Bound rows of posteriors whose rows are a chain of normal numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from pgmlang.infer.gaussian_chain_rows import GaussianChainRows
from pgmlang.posterior.condition import Conditioned
from pgmlang.posterior.gaussian import targets_of
from pgmlang.query.rows import Columns
from pgmlang.query.score import Score
from pgmlang.tables.elements import element_names
from pgmlang.tables.evaluate import Evaluator

if TYPE_CHECKING:
    from pgmlang.posterior.record import Posterior


def reasons_against_chain(posterior: Posterior) -> Sequence[str]:
    """Why bound rows are not answered for by a Kalman filter."""
    from pgmlang.gaussian.chain_network import chain_reasons

    if posterior.network is not None:
        return ("it is a network of a file",)
    if posterior.fit.draws:
        return ("the fit holds draws",)
    return tuple(dict.fromkeys(d.message for d in chain_reasons(posterior.fit.model, posterior.fit.parameters)))


def score_chain(given: Conditioned) -> Score:
    """The log-density of what is seen of each sequence."""
    rows = GaussianChainRows(given.bound, given.posterior.fit.parameters)
    return Score(rows.log_evidence(), rows.unit or "data", "exact, by a Kalman filter")


def predict_chain(given: Conditioned, targets: Sequence[str] | None) -> Columns:
    """Mean, sd and the middle 90 % of every number that rows leave open, given all that is seen of their sequence. Raises PgmError
    PGM0607 for targets, PGM0612 where nothing is open."""
    rows = GaussianChainRows(given.bound, given.posterior.fit.parameters)
    model, layout = given.bound.model, given.bound.layout
    hidden = tuple(p.name for p in model.plates if p.is_rows)
    evaluator = Evaluator(model, {}, layout)
    elements = {
        v.name: [
            (v.name, rows.blocks[v.name].first + k, text)
            for k, text in enumerate(element_names(evaluator, model, v, hidden)[: rows.blocks[v.name].count])
        ]
        for v in model.variables
        if v.name in rows.blocks
    }
    asked = targets_of(elements, [n for n in elements if rows.is_open(n)], targets)
    means, sds = rows.smoothed()
    columns: dict[str, list[str] | np.ndarray] = {}
    for _, i, text in asked:
        mean, sd = means[:, i], sds[:, i]
        columns |= {
            text: mean,
            f"{text}.sd": sd,
            f"{text}.q5": mean + ndtri(0.05) * sd,
            f"{text}.q95": mean + ndtri(0.95) * sd,
        }
    return Columns(columns, plate=given.bound.plate)

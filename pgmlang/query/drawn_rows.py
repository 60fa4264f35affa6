"""Fresh rows drawn given evidence: completed rows, resampled by their weights."""

from __future__ import annotations

import numpy as np
import torch

from pgmlang.query.fresh_row import CompletedRow, completed_row
from pgmlang.query.parse import Evidence
from pgmlang.query.rows import Columns, drawn_columns
from pgmlang.query.sequences import chain_of_rows, in_sequence, length_of
from pgmlang.results.fit import Fit

DRAWS = 4000
"""Draws of the globals, each with a row of its own, that are weighed together."""


def sample_given(fit: Fit, evidence: tuple[Evidence, ...], num_draws: int, seed: int) -> Columns:
    """Rows of the variables that rows have for themselves and of what the fit does not tell. Raises PgmError as
    `completed_row` does."""
    drawn: dict[str, list[torch.Tensor]] = {}
    evidence = in_sequence(fit.model, evidence)
    length = length_of(fit.model, (e.variable.name for e in evidence))
    left, turn = num_draws, 0
    while turn == 0 or left > 0:
        given = completed_row(fit, evidence, (), seed + turn, DRAWS, length)
        chosen = resampled_draws(given.weights, min(left, len(given.weights)), seed + turn)
        for name in _names(given):
            drawn.setdefault(name, []).append(given.values[name].index_select(0, chosen))
        left, turn = left - len(chosen), turn + 1
    columns: dict[str, list[str] | np.ndarray] = {}
    row = given.row
    chain = chain_of_rows(row.joint.model) if length > 1 else None
    plates = [p.name for p in row.joint.model.plates if p.is_rows and p.name != chain]
    for name, parts in drawn.items():
        columns.update(drawn_columns(row.joint, name, torch.cat(parts), plates))
    return Columns(columns)


def _names(given: CompletedRow) -> list[str]:
    model, row = given.row.joint.model, given.row
    rows = {p.name for p in model.plates if p.is_rows}
    return [
        v.name for v in model.of_role("random")
        if v.name in given.values and (rows & set(v.plates) or not row.is_known(v.name))
    ]  # fmt: skip


def resampled_draws(weights: np.ndarray, count: int, seed: int) -> torch.Tensor:
    """Which draws are taken by their weights, of shape (S,), by systematic resampling in random order (Douc and Cappe 2005)."""
    rng = np.random.default_rng(seed)
    total = len(weights)
    points = (rng.random() + np.arange(total)) / total
    picked = np.minimum(np.searchsorted(np.cumsum(weights), points), total - 1)
    return torch.as_tensor(rng.permutation(picked)[:count])

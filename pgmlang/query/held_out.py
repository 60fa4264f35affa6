"""Held-out log-likelihoods of a table: in its order, each by its weight, with their total, mean and Monte Carlo errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from pgmlang.binding.record import Binding
from pgmlang.diagnostics import Diagnostic
from pgmlang.query.rows import impossible_rows, row_order
from pgmlang.query.score import Score
from pgmlang.results.effective_draws import few_weighed
from pgmlang.results.precision import with_error


@dataclass(frozen=True, eq=False, repr=False)
class HeldOut:
    """``values``: log-likelihood of each element of ``plate``, shape (elements,); of the row plate in the order of the table,
    NaN for a row that was dropped; of all the data together one, and ``plate`` no plate of the model; ``unit``: what people
    call an element, ``row`` for those of the table. ``weights``: how
    often, or how much, each counts, 0 for what was dropped. ``estimator`` in words; ``mcse``: Monte Carlo error of each
    value, None where nothing is simulated; ``total_mcse``: of the total, whose elements share their draws. ``ess``: effective
    draws of the worst element, where they are weighed. ``elements``: names of the elements where they are not the rows. An
    array wherever numpy asks for one: ``np.asarray`` gives ``values``."""

    values: np.ndarray
    weights: np.ndarray
    plate: str
    unit: str
    estimator: str
    mcse: np.ndarray | None
    total_mcse: float | None
    ess: float | None
    elements: tuple[str, ...]
    is_of_elements: bool
    warnings: tuple[Diagnostic, ...]

    @property
    def total(self) -> float:
        """The sum of the values, each by its weight; minus infinity where one that counts is impossible."""
        return float(self.weights @ np.where(self.weights > 0, self.values, 0.0))

    @property
    def number(self) -> float:
        """The sum of the weights: how many rows (or elements of the plate) the total is of."""
        return float(self.weights.sum())

    @property
    def mean(self) -> float:
        """The total by ``number``; NaN of no rows at all."""
        return self.total / self.number if self.number else float("nan")

    @property
    def mean_mcse(self) -> float | None:
        """Monte Carlo error of ``mean``, None where nothing is simulated."""
        return None if self.total_mcse is None or not self.number else self.total_mcse / self.number

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype) if copy else np.asarray(self.values, dtype=dtype)

    def __repr__(self) -> str:
        lines = [("log-likelihood", with_error(self.total, self.total_mcse))]
        # rows that hang together have one score, and no mean
        if self.is_of_elements:
            lines += [
                (f"mean a {self.unit}", with_error(self.mean, self.mean_mcse)),
                ("rows" if self.unit == "row" else "elements", f"{self.number:,.0f}"),
            ]
        lines.append(("method", self.estimator))
        if self.ess is not None:
            lines.append(("effective draws", f"{self.ess:.1f} (of the worst {self.unit})"))
        return "\n".join(f"{head:<15} {text}" for head, text in lines)


def held_out(score: Score, binding: Binding) -> HeldOut:
    """The score of the rows of ``binding``, in the order of their table, with their weights."""
    number = len(score.values)
    values, weights, errors = score.values, np.ones(number), score.mcse
    is_of_rows = score.plate == binding.plate
    if is_of_rows and binding.weights is not None:
        weights = np.asarray(binding.weights, dtype=float)
    if not is_of_rows:
        # an element that no row is of
        weights = np.where(np.isnan(values), 0.0, weights)
    total_mcse = score.total_mcse(weights)
    if is_of_rows:
        values = row_order(values, binding)
        weights = np.nan_to_num(row_order(weights, binding))
        errors = None if errors is None else row_order(errors, binding)
    unit = "row" if is_of_rows else score.plate
    impossible = impossible_rows(np.where(weights > 0, values, 0.0), binding.model)
    return HeldOut(
        values, weights, score.plate, unit, score.estimator, errors, total_mcse, score.ess, score.elements,
        score.plate in binding.model.plate_by_name, (*impossible, *few_weighed(score.ess, f"the score of the worst {unit}")),
    )  # fmt: skip

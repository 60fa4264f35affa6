"""Standard errors of coefficients and sds by the observed information."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pgmlang.infer.gaussian_learning import Estimates, Expected, GaussianLearning
from pgmlang.tables.learned import learned_tables, prior_counts

MOST_ELEMENTS = 200
"""Elements of params up to which the information of incomplete rows is worked out, two E-steps for each."""
STEP = 1e-4
"""Steps of the differences, in standard errors of complete rows."""


def errors_of_complete(
    expected: Expected, coefficients: np.ndarray, sds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors of coefficients and of sds from what complete rows say, at the maximum."""
    p = len(coefficients)
    rows = np.concatenate(
        [np.zeros((0, 1 + p)), *(m / (1.0 if sd < 0 else sds[sd]) for sd, m in expected.squares.items())]
    )
    lengths = np.sqrt(np.square(rows[:, 1:]).sum(0))
    # the information of coefficients is never formed: nearly collinear predictors would cost it twice their digits
    root = np.linalg.inv(np.linalg.qr(rows[:, 1:] / lengths, mode="r")) / lengths[:, None]
    information = _information(expected, coefficients, sds)
    cross = root.T @ information[:p, p:]
    of_sds = np.linalg.inv(information[p:, p:] - cross.T @ cross)
    reach = root @ cross
    variances = np.square(root).sum(1) + np.einsum("ij,jk,ik->i", reach, of_sds, reach)
    return np.sqrt(variances), np.sqrt(np.diag(of_sds))


def _information(expected: Expected, coefficients: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """Minus the second derivatives of the expected log-likelihood by coefficients and sds."""
    p = len(coefficients)
    out = np.zeros((p + len(sds), p + len(sds)))
    for sd, rows in expected.squares.items():
        sigma = 1.0 if sd < 0 else sds[sd]
        slopes, residual = rows[:, 1:], rows[:, 0] + rows[:, 1:] @ coefficients
        out[:p, :p] += slopes.T @ slopes / sigma**2
        if sd >= 0:
            cross = -2 * slopes.T @ residual / sigma**3
            out[:p, p + sd] += cross
            out[p + sd, :p] += cross
            out[p + sd, p + sd] += 3 * np.square(residual).sum() / sigma**4 - expected.weights[sd] / sigma**2
    return out


def score_of(expected: Expected, coefficients: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """The gradient of the log-likelihood by coefficients and sds: that of the expected one of complete rows (Fisher's identity)."""
    p = len(coefficients)
    out = np.zeros(p + len(sds))
    for sd, rows in expected.squares.items():
        sigma = 1.0 if sd < 0 else sds[sd]
        slopes, residual = rows[:, 1:], rows[:, 0] + rows[:, 1:] @ coefficients
        out[:p] -= slopes.T @ residual / sigma**2
        if sd >= 0:
            out[p + sd] += np.square(residual).sum() / sigma**3 - expected.weights[sd] / sigma
    return out


@dataclass(frozen=True, eq=False)
class LogOdds:
    """The free numbers of learned tables: of each row the logarithms of its cells, but the greatest, over that. Rows and cells of no
    probability have none. ``cells``: by table the flat place of each cell, ``against``: of the greatest of its row."""

    tables: Mapping[str, np.ndarray]
    cells: Mapping[str, np.ndarray]
    against: Mapping[str, np.ndarray]

    @staticmethod
    def of(tables: Mapping[str, np.ndarray], counts: Mapping[str, np.ndarray]) -> LogOdds:
        cells, against = {}, {}
        for name, table in tables.items():
            flat, size = table.reshape(-1, table.shape[-1]), table.shape[-1]
            greatest = flat.argmax(1)
            is_free = (flat > 0) & (np.arange(size) != greatest[:, None])
            is_free &= counts[name].reshape(flat.shape).sum(1, keepdims=True) > 0
            cells[name] = np.flatnonzero(is_free)
            against[name] = (cells[name] // size) * size + greatest[cells[name] // size]
        return LogOdds(tables, cells, against)

    @property
    def count(self) -> int:
        return sum(map(len, self.cells.values()))

    def moved(self, steps: np.ndarray) -> dict[str, np.ndarray]:
        """The tables with these added to their free numbers."""
        out, first = {}, 0
        for name, table in self.tables.items():
            with np.errstate(divide="ignore"):
                logs = np.log(table).reshape(-1)
            cells = self.cells[name]
            logs[cells] += steps[first : first + len(cells)]
            first += len(cells)
            shares = np.exp(logs.reshape(table.shape))
            out[name] = shares / shares.sum(-1, keepdims=True)
        return out

    def score(
        self, tables: Mapping[str, np.ndarray], counts: Mapping[str, np.ndarray], priors: Mapping[str, float]
    ) -> np.ndarray:
        """The gradient of the log-likelihood and the prior by the free numbers."""
        parts = []
        for name, table in tables.items():
            cells = counts[name] + priors[name]
            gradient = cells - table * cells.sum(-1, keepdims=True)
            parts.append(gradient.reshape(-1)[self.cells[name]])
        return np.concatenate(parts) if parts else np.zeros(0)


def errors_of_incomplete(learning: GaussianLearning, at: Estimates) -> tuple[np.ndarray, np.ndarray] | None:
    """Standard errors where cells are missing: the information is the difference quotient of the score (Jamshidian and Jennrich
    2000), tables among what is not known. None where it is that of no maximum, or there are too many params."""
    p, q = len(at.coefficients), len(at.coefficients) + len(at.sds)
    centre = learning.expect(at)
    odds = LogOdds.of(at.tables, centre.counts)
    if q + odds.count > MOST_ELEMENTS or not q:
        return None
    priors = {t.name: prior_counts(t, at.tables[t.name].shape) for t in learned_tables(learning.binding.model)}
    place = np.concatenate([at.coefficients, at.sds, np.zeros(odds.count)])
    scale = np.sqrt(np.maximum(np.diag(_information(centre, at.coefficients, at.sds)), 1e-300))
    steps = STEP / np.concatenate([scale, np.full(odds.count, 1.0)])

    def score(values: np.ndarray) -> np.ndarray:
        there = Estimates(values[:p], values[p:q], odds.moved(values[q:]))
        expected = learning.expect(there)
        return np.concatenate(
            [score_of(expected, there.coefficients, there.sds), odds.score(there.tables, expected.counts, priors)]
        )

    information = np.empty((len(place), len(place)))
    for k, step in enumerate(steps):
        ahead, back = place.copy(), place.copy()
        ahead[k] += step
        back[k] -= step
        information[k] = (score(back) - score(ahead)) / (2 * step)
    information = 0.5 * (information + information.T)
    lengths = np.sqrt(np.abs(np.diag(information)))
    if not (lengths > 0).all() or not np.linalg.eigvalsh(information / np.outer(lengths, lengths)).min() > 1e-9:
        return None
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return errors[:p], errors[p:q]

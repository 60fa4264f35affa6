"""Standard errors of coefficients and sds by the observed information."""

from __future__ import annotations

import numpy as np

from pgmlang.infer.gaussian_learning import Estimates, Expected, GaussianLearning

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


def errors_of_incomplete(learning: GaussianLearning, at: Estimates) -> tuple[np.ndarray, np.ndarray] | None:
    """Standard errors where cells are missing: the information is the difference quotient of the score (Jamshidian and Jennrich
    2000). None where it is that of no maximum, or there are too many params."""
    p = len(at.coefficients)
    place = np.concatenate([at.coefficients, at.sds])
    if len(place) > MOST_ELEMENTS or not len(place):
        return None
    complete = _information(learning.expect(at), at.coefficients, at.sds)
    steps = STEP / np.sqrt(np.maximum(np.diag(complete), 1e-300))
    information = np.empty_like(complete)
    for k in range(len(place)):
        scores = []
        for side in (1, -1):
            moved = place.copy()
            moved[k] += side * steps[k]
            there = Estimates(moved[:p], moved[p:], at.tables)
            scores.append(score_of(learning.expect(there), there.coefficients, there.sds))
        information[k] = -(scores[0] - scores[1]) / (2 * steps[k])
    information = 0.5 * (information + information.T)
    values = np.linalg.eigvalsh(information / np.sqrt(np.outer(np.diag(complete), np.diag(complete))))
    if not values.min() > 1e-9:
        return None
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return errors[:p], errors[p:]

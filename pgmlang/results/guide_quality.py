"""What importance weights say of a variational answer: whether its guide stands for the posterior."""

from __future__ import annotations

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.results.psis import RELIABLE

POOR_ROWS = 0.5
"""The share of rows with a poor guide of their own above which a fit has not converged: a guide that networks give to every
row is never good for all of them."""


def share_of_poor_rows(shapes: np.ndarray) -> float:
    """The share of rows whose k-hat ``[rows]`` is not to be trusted; infinite ones are not."""
    return float(np.mean(~(shapes <= RELIABLE)))


def row_guide_doubts(shapes: np.ndarray) -> tuple[Diagnostic, ...]:
    """Why the guides of rows are not to be believed, by the k-hat ``[rows]`` of each; nothing where most are."""
    poor = share_of_poor_rows(shapes)
    if poor <= POOR_ROWS:
        return ()
    message = f"the guide is a poor fit in {poor:.0%} of {len(shapes)} rows: their Pareto k-hat is over {RELIABLE}"
    cure = "a wider network in the guide, or more epochs; `predict` weighs the guide's draws row by row"
    return (Diagnostic("PGM0801", message, help=cure),)


def guide_doubts(shape: float, cure: str) -> tuple[Diagnostic, ...]:
    """Why a guide of this k-hat is not to be believed (Yao, Vehtari, Simpson and Gelman 2018); nothing where it is."""
    if shape <= RELIABLE:
        return ()
    message = f"the guide is a poor fit: Pareto k-hat is {shape:.2f}, over {RELIABLE}, and its intervals are not to be trusted"
    return (Diagnostic("PGM0801", message, help=cure),)

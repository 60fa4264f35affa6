"""What importance weights say of a variational answer: whether its guide stands for the posterior."""

from __future__ import annotations

from pgmlang.diagnostics import Diagnostic
from pgmlang.results.psis import RELIABLE


def guide_doubts(shape: float, cure: str) -> tuple[Diagnostic, ...]:
    """Why a guide of this k-hat is not to be believed (Yao, Vehtari, Simpson and Gelman 2018); nothing where it is."""
    if shape <= RELIABLE:
        return ()
    message = f"the guide is a poor fit: Pareto k-hat is {shape:.2f}, over {RELIABLE}, and its intervals are not to be trusted"
    return (Diagnostic("PGM0801", message, help=cure),)

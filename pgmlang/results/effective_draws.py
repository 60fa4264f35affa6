"""How many effective draws a number needs, and the warning where it has fewer."""

from __future__ import annotations

import numpy as np

from pgmlang.diagnostics import Diagnostic

A_CHAIN, ENOUGH = 100, 400
"""Effective draws of a posterior by chains: so many a chain, at most this many in all (Vehtari, Gelman, Simpson, Carpenter
and Buerkner 2021, section 4)."""
FAR_TOO_FEW = 0.25
"""The share of these below which a fit has not converged."""
WEIGHED = 100
"""Effective draws of an estimate by weighted draws."""


def enough(chains: int) -> int:
    """The effective draws that a posterior by so many chains needs."""
    return min(A_CHAIN * chains, ENOUGH)


def few_in_chains(name: str, ess: np.ndarray, chains: int, where: str = "bulk") -> tuple[Diagnostic, ...]:
    """A warning where a scalar of ``name`` has fewer than enough in the bulk (or the tails) of its posterior, and that it has
    not converged where it has fewer than a quarter of these; NaN (of constants) are none."""
    known = ess[np.isfinite(ess)]
    if not known.size or known.min() >= enough(chains):
        return ()
    message = (
        f"`{name}` has {known.min():.0f} effective draws in the {where} of the posterior, under {enough(chains)}"
    )
    cure = "more `--draws` and `--warmup`"
    out = (Diagnostic("PGM0811", message, help=cure),)
    if known.min() >= FAR_TOO_FEW * enough(chains):
        return out
    return (*out, Diagnostic("PGM0801", "so few effective draws tell nothing of the posterior", help=cure))


def few_weighed(ess: float | None, of: str) -> tuple[Diagnostic, ...]:
    """A warning where an estimate stands on fewer weighted draws than enough; ``of``: what it is of, in words."""
    if ess is None or ess >= WEIGHED:
        return ()
    message = f"{of} stands on {ess:.1f} effective draws, under {WEIGHED}: its error is large, or not known"
    return (Diagnostic("PGM0811", message, help="fit by a method that draws from the posterior: `--method hmc`"),)

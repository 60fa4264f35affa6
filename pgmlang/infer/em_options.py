"""Options of expectation-maximisation."""

from __future__ import annotations

from dataclasses import dataclass

from pgmlang.infer.base import Options

DEFAULT_RESTARTS = 5
"""Random starts where there are latent variables; without them the start is that of the available cases."""
SHORT_RUNS, SHORT = 4, 6
"""Short runs for each of several starts, and their iterations: the better ones go on, since after a few iterations the order is
mostly that at the end (Biernacki, Celeux and Govaert 2003: em-EM)."""


def num_short_runs(restarts: int) -> int:
    """How many short runs there are before ``restarts`` starts go on: none before a single one."""
    return SHORT_RUNS * restarts if restarts > 1 else 0


def num_going_on(restarts: int) -> int:
    """How many of the short runs go on to the end: half as many as there are starts, the price of the short ones."""
    return (restarts + 1) // 2


@dataclass(frozen=True, kw_only=True)
class EmOptions(Options):
    """``tolerance``: converged when less than this, in nats, is still to be gained (by Aitken's extrapolation).
    ``restarts``: starts, the best one is kept; None: 5 with latent variables, else 1. Of several, each is the best of a few
    short runs (`SHORT_RUNS`). ``hard``: complete each row by its most probable values instead of in expectation.
    ``backend``: what sums labels out of densities, ``torch``, ``native`` (compiled loops), or ``auto``: loops where they can
    and the data are large enough to pay for compiling them."""

    max_iterations: int = 500
    tolerance: float = 1e-5
    restarts: int | None = None
    hard: bool = False
    backend: str = "auto"

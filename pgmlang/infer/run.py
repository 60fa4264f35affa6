"""The one loop that runs every method: trace, time limit, interruption."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pgmlang.diagnostics import Diagnostic
from pgmlang.infer.base import Kernel, Outcome

Progress = Callable[..., None]
"""Called as ``progress(iteration, log_likelihood, gain = ...)`` after each step."""


@dataclass(frozen=True)
class Run:
    """``status``: converged, not converged, or stopped (by the time limit or Ctrl-C; what was done is kept)."""

    outcome: Outcome
    status: str
    steps: int
    seconds: float
    warnings: tuple[Diagnostic, ...]


def run(
    kernel: Kernel, rng: np.random.Generator, max_time: float | None = None, progress: Progress | None = None
) -> Run:
    """Steps until the kernel is done. Before the first step is through an interruption goes to the caller."""
    start = time.monotonic()
    state: Any = kernel.init(rng)
    steps = 0
    stopped = ""
    try:
        while not kernel.done(state):
            state, info = kernel.step(state)
            steps += 1
            if progress is not None:
                progress(steps, info.log_likelihood, gain=info.gain)
            if max_time is not None and time.monotonic() - start >= max_time and not kernel.done(state):
                stopped = f"the time limit of {max_time:g} s"
                break
    except KeyboardInterrupt:
        if not steps:
            raise
        stopped = "Ctrl-C"
    outcome = kernel.conclude(state)
    warnings = list(outcome.warnings)
    if stopped:
        status = "stopped"
        warnings.append(
            Diagnostic("PGM0801", f"stopped by {stopped} after {steps} iterations; what was done is kept")
        )
    elif outcome.is_converged:
        status = "converged"
    else:
        status = "not converged"
        cure = "allow more with `--max-iterations`, or loosen `--tolerance`"
        warnings.append(Diagnostic("PGM0801", f"not converged after {steps} iterations", help=cure))
    return Run(outcome, status, steps, time.monotonic() - start, tuple(warnings))

"""The one loop that runs every method: trace, time limit, interruption."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pgmlang.diagnostics import Diagnostic, PgmError
from pgmlang.infer.base import Algorithm, Outcome, StepReport
from pgmlang.infer.checkpoint import Checkpoint
from pgmlang.lower.failures import led_to_model
from pgmlang.plan.deadline import NEVER, Deadline

Progress = Callable[..., None]
"""Called as ``progress(iteration, log_likelihood, label=, total=, figures=)`` after each step; ``figures`` is a function,
or None."""

PATIENCE = 200
"""Iterations after which an objective that was minus infinity all along is hopeless."""


@dataclass(frozen=True)
class Run:
    """``status``: converged, not converged, or stopped (what was done is kept); ``stopped_by``: ``time``,
    ``interrupt``, ``termination`` or nothing."""

    outcome: Outcome
    status: str
    steps: int
    seconds: float
    warnings: tuple[Diagnostic, ...]
    stopped_by: str = ""


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""


@led_to_model()
def run(
    kernel: Algorithm,
    rng: np.random.Generator,
    deadline: Deadline = NEVER,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    resumed: tuple[Any, int] | None = None,
) -> Run:
    """Steps until the kernel is done. Before the first step is through an interruption goes to the caller.

    ``checkpoint`` keeps the state now and then and when the run is stopped; ``resumed``: a state to go on from, with
    its number of steps. Raises PgmError PGM0803 when a step's log-likelihood is not a number or plus infinity, or minus
    infinity from the beginning.
    """
    start = saved = time.monotonic()
    state: Any = kernel.init(rng)
    steps = 0
    stopped = ""
    is_possible = resumed is not None
    if resumed is not None:
        state, steps = resumed
    try:
        while not kernel.done(state):
            state, info = kernel.step(state)
            steps += info.iterations
            if math.isfinite(info.log_likelihood):
                is_possible = True
            elif info.log_likelihood != -math.inf or (
                steps >= PATIENCE and not (is_possible or info.measure.may_be_impossible)
            ):
                raise _not_finite(info, steps)
            if progress is not None:
                progress(
                    steps, info.log_likelihood, label=info.measure.name, total=kernel.total,
                    figures=info.figures,
                )  # fmt: skip
            if checkpoint is not None and time.monotonic() - saved >= checkpoint.every:
                checkpoint.save(state, steps)
                saved = time.monotonic()
            if deadline.is_over() and not kernel.done(state):
                stopped = "time"
                break
    except KeyboardInterrupt as interruption:
        if not steps:
            raise
        stopped = "termination" if isinstance(interruption, Terminated) else "interrupt"
    if checkpoint is not None and stopped:
        checkpoint.save(state, steps)
    if steps and not (is_possible or stopped or info.measure.may_be_impossible):
        raise _not_finite(info, steps)
    outcome = kernel.conclude(state)
    status, warnings = _ended(outcome, stopped, steps, deadline)
    return Run(outcome, status, steps, time.monotonic() - start, warnings, stopped)


def _ended(outcome: Outcome, stopped: str, steps: int, deadline: Deadline) -> tuple[str, tuple[Diagnostic, ...]]:
    """How a run ended, and its warnings."""
    if stopped:
        words = {
            "interrupt": "Ctrl-C",
            "termination": "SIGTERM",
            "time": f"the time limit of {deadline.seconds or 0:g} s",
        }
        message = f"stopped by {words[stopped]} after {steps} iterations; what was done is kept"
        return "stopped", (*outcome.warnings, Diagnostic("PGM0804", message))
    if outcome.is_converged:
        return "converged", outcome.warnings
    if any(w.code == "PGM0801" for w in outcome.warnings):
        return "not converged", outcome.warnings
    cure = "allow more with `--max-iterations`, or loosen `--tolerance`"
    warning = Diagnostic("PGM0801", f"not converged after {steps} iterations", help=cure)
    return "not converged", (*outcome.warnings, warning)


def _not_finite(info: StepReport, steps: int) -> PgmError:
    cure = "look for a scale that may become zero, or values of the data far from all others"
    if info.log_likelihood == -math.inf:
        cure = "does the data lie within the distributions' supports, do probabilities sum to one, and do bounds hang on what is latent?"
    label = info.measure.name
    return PgmError(
        Diagnostic("PGM0803", f"the {label} is {info.log_likelihood} after {steps} iterations", help=cure)
    )
